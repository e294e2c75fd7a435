//! The first and only file system of the machine: what the tests need and nothing else.

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use super::{cpio::Archive, image::Image, modules};
use crate::{paths::Paths, process};

/// Where the controller lies in it.
pub(super) const FILTER_CTL: &str = "/levee/filter-ctl";

/// The programs that the tests run.
const PROGRAMS: [&str; 3] = ["ip", "mount", "umount"];

/// The time zone of the default configuration.
const TIME_ZONE: &str = "/usr/share/zoneinfo/UTC";

/// Where programs of the system are, also for users whose PATH has only some of these.
const SYSTEM_PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// The devices that the tests make. A kernel that lacks one skips the tests that need it.
const MODULES: [&str; 3] = ["veth", "8021q", "bonding"];

/// The console's number: without that device the first process has no standard error.
const CONSOLE: [u32; 2] = [5, 1];

/// What was built for it.
pub(super) struct Contents {
    /// The first process.
    pub(super) guest: PathBuf,
    pub(super) tests: PathBuf,
    pub(super) filter_ctl: PathBuf,
}

/// Writes the file system and says where it is.
pub(super) fn make(paths: &Paths, image: &Image, contents: &Contents) -> Result<PathBuf> {
    let mut archive = Archive::default();
    archive.device("dev/console", CONSOLE)?;
    let mut libraries = BTreeSet::new();
    for (from, to) in [
        (&contents.guest, "/init"),
        (&contents.tests, "/levee/it"),
        (&contents.filter_ctl, FILTER_CTL),
    ] {
        add(&mut archive, from, to)?;
        libraries.extend(libraries_of(from)?);
    }
    for program in PROGRAMS {
        let path = find(program)?;
        add(&mut archive, &path, &format!("/bin/{program}"))?;
        libraries.extend(libraries_of(&path)?);
    }
    for library in libraries {
        add(&mut archive, Path::new(&library), &library)?;
    }
    add(&mut archive, Path::new(TIME_ZONE), TIME_ZONE)?;
    archive.file("etc/passwd", b"root:x:0:0:root:/:/bin/false\n")?;
    archive.file("etc/group", b"root:x:0:\n")?;

    let (order, absent) = modules::load_order(&image.modules, &MODULES)?;
    for module in absent {
        println!("kernel: Linux {} has no module {module}", image.release);
    }
    let mut list = String::new();
    for module in order {
        let to = format!("/lib/modules/{module}");
        add(&mut archive, &image.modules.join(&module), &to)?;
        list.push_str(&to);
        list.push('\n');
    }
    archive.file("levee/modules", list.as_bytes())?;

    let path = paths.kernels().join("root.cpio");
    fs::write(&path, archive.finish()?)
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

fn add(archive: &mut Archive, from: &Path, to: &str) -> Result<()> {
    let content = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
    archive.file(to.trim_start_matches('/'), &content)
}

fn find(program: &str) -> Result<PathBuf> {
    let Some(path) = env::split_paths(SYSTEM_PATH)
        .map(|directory| directory.join(program))
        .find(|path| path.is_file())
    else {
        bail!("the tests run `{program}`, which is in none of {SYSTEM_PATH}");
    };
    Ok(path)
}

fn libraries_of(program: &Path) -> Result<Vec<String>> {
    let listing = process::output(Command::new("ldd").arg(program))?;
    libraries(&listing)
        .map(|line| line.with_context(|| format!("of what {} needs", program.display())))
        .collect()
}

/// The paths in what `ldd` prints. The library of the kernel itself has none.
fn libraries(listing: &str) -> impl Iterator<Item = Result<String>> {
    listing.lines().filter_map(|line| {
        let line = line.trim();
        if line.ends_with("=> not found") {
            return Some(Err(anyhow::anyhow!("a library is missing: {line}")));
        }
        let (names, _address) = line.rsplit_once(" (")?;
        let path = names.rsplit(" => ").next()?;
        path.starts_with('/').then(|| Ok(path.to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_and_the_loader_are_found() {
        let listing = "\tlinux-vdso.so.1 (0x00007ffd5d9f2000)\n\
                       \tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f1c)\n\
                       \t/lib64/ld-linux-x86-64.so.2 (0x00007f1d)\n";
        let found: Result<Vec<String>> = libraries(listing).collect();
        assert_eq!(
            found.expect("all are there"),
            [
                "/lib/x86_64-linux-gnu/libc.so.6",
                "/lib64/ld-linux-x86-64.so.2"
            ]
        );
    }

    #[test]
    fn a_missing_library_is_an_error() {
        let found: Result<Vec<String>> = libraries("\tlibmnl.so.0 => not found\n").collect();
        let error = found.expect_err("one is missing").to_string();
        assert!(error.contains("libmnl.so.0"), "{error}");
    }
}
