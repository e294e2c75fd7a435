//! Which modules of an unpacked kernel have to be loaded for a few that are wanted, and in what order.
//!
//! A kernel package has no `modules.dep`: its installation makes that. Each module says itself what
//! it depends on, and `modules.order` says where all of them lie.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use anyhow::{Context as _, Result};

/// What the modules of one kernel are called, and where they lie below its directory.
struct Index {
    paths: BTreeMap<String, String>,
}

/// The files to load, relative to `directory`, each behind those that it needs; and the wanted modules
/// that this kernel has neither as a file nor built in.
pub(super) fn load_order(directory: &Path, wanted: &[&str]) -> Result<(Vec<String>, Vec<String>)> {
    let read = |name: &str| {
        let path = directory.join(name);
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    };
    let index = Index::read(&read("modules.order")?);
    let built_in = Index::read(&read("modules.builtin")?);
    let missing = |name: &&str| {
        let (file, kernel) = (index.path(name), built_in.path(name));
        file.is_none() && kernel.is_none()
    };
    let absent = wanted.iter().copied().filter(missing);
    let absent = absent.map(str::to_owned).collect();
    let order = index.order(wanted, |path| {
        let path = directory.join(path);
        let module = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        depends(&module).with_context(|| {
            format!(
                "{} does not say what it depends on: is it compressed?",
                path.display()
            )
        })
    })?;
    Ok((order, absent))
}

impl Index {
    /// From a list of paths, as `modules.order` and `modules.builtin` are.
    fn read(list: &str) -> Self {
        let entry = |path: &str| Some((name(path)?, path.to_owned()));
        Self {
            paths: list.lines().filter_map(entry).collect(),
        }
    }

    fn path(&self, name: &str) -> Option<&str> {
        self.paths.get(name).map(String::as_str)
    }

    /// The paths of the wanted modules and of all that they need. What is not in the index is built
    /// into the kernel or missing, and left out.
    fn order(
        &self,
        wanted: &[&str],
        mut depends: impl FnMut(&str) -> Result<Vec<String>>,
    ) -> Result<Vec<String>> {
        let mut order = Vec::new();
        let mut seen = BTreeSet::new();
        // Each module is opened once, so that the number of modules is the limit.
        let mut stack: Vec<(String, bool)> = wanted
            .iter()
            .rev()
            .map(|name| ((*name).to_owned(), false))
            .collect();
        while let Some((name, is_ready)) = stack.pop() {
            let Some(path) = self.path(&name) else {
                continue;
            };
            if is_ready {
                order.push(path.to_owned());
            } else if seen.insert(name.clone()) {
                let needs = depends(path)?;
                stack.push((name, true));
                stack.extend(needs.into_iter().rev().map(|need| (need, false)));
            }
        }
        Ok(order)
    }
}

/// The name of a module by its file: the kernel writes underscores for hyphens.
fn name(path: &str) -> Option<String> {
    let file = path.rsplit('/').next()?;
    let (name, _) = file.split_once(".ko")?;
    Some(name.replace('-', "_"))
}

/// What a module says it depends on: `depends=a,b` between zero bytes, in its section `.modinfo`.
fn depends(module: &[u8]) -> Option<Vec<String>> {
    let line = module
        .split(|byte| *byte == 0)
        .find_map(|line| line.strip_prefix(b"depends="))?;
    let names = std::str::from_utf8(line).ok()?.split(',');
    let names = names.filter(|name| !name.is_empty());
    Some(names.map(|name| name.replace('-', "_")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER: &str = "kernel/net/802/garp.ko\n\
                         kernel/net/802/mrp.ko\n\
                         kernel/net/8021q/8021q.ko\n\
                         kernel/lib/two-words.ko\n\
                         kernel/drivers/net/veth.ko\n";

    fn order(wanted: &[&str]) -> Vec<String> {
        let needs = |path: &str| {
            let needs: &[&str] = match path {
                "kernel/net/8021q/8021q.ko" => &["garp", "mrp", "built_in"],
                "kernel/net/802/mrp.ko" => &["two_words"],
                // Two that need each other cannot be, and must not go on for ever.
                "kernel/lib/two-words.ko" => &["mrp"],
                _ => &[],
            };
            Ok(needs.iter().map(|need| (*need).to_owned()).collect())
        };
        Index::read(ORDER).order(wanted, needs).expect("an order")
    }

    #[test]
    fn what_is_needed_is_loaded_before() {
        assert_eq!(
            order(&["8021q", "veth", "mrp"]),
            [
                "kernel/net/802/garp.ko",
                "kernel/lib/two-words.ko",
                "kernel/net/802/mrp.ko",
                "kernel/net/8021q/8021q.ko",
                "kernel/drivers/net/veth.ko",
            ]
        );
        assert_eq!(order(&["ppp"]), Vec::<String>::new());
    }

    #[test]
    fn a_module_says_what_it_depends_on() {
        let module = b"\x7fELF\0license=GPL\0depends=mrp,two-words\0vermagic=6.1.0\0";
        assert_eq!(
            depends(module),
            Some(vec!["mrp".to_owned(), "two_words".to_owned()])
        );
        assert_eq!(depends(b"a\0depends=\0b"), Some(Vec::new()));
        assert_eq!(depends(b"\xfd7zXZ\0"), None);
    }
}
