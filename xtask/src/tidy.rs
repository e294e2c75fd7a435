//! `cargo xtask tidy`: the house rules that neither rustfmt nor clippy knows.
//!
//! [`rules`] holds those about one file's text; here are those that look at more than one file.

mod rules;

use std::{
    ffi::OsStr,
    fmt, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use crate::{paths::Paths, process};

/// A file in the tree, and its text.
struct File {
    /// Relative to the root of the workspace.
    path: String,
    text: String,
}

/// Something in a file that a rule is about.
#[derive(Debug, Eq, PartialEq)]
struct Finding {
    /// Counted from one.
    line: usize,
    message: String,
    severity: Severity,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Severity {
    /// Worth a thought; does not fail the run.
    Note,
    Error,
}

impl Finding {
    fn error(line: usize, message: impl Into<String>) -> Self {
        Self {
            line,
            message: message.into(),
            severity: Severity::Error,
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Note => "note",
            Self::Error => "error",
        })
    }
}

pub(crate) fn run(paths: &Paths) -> Result<()> {
    let files = files(&paths.root)?;
    let mut errors = 0;
    let mut report = |path: &str,
                      Finding {
                          line,
                          message,
                          severity,
                      }: Finding| {
        println!("{path}:{line}: {severity}: {message}");
        errors += usize::from(severity == Severity::Error);
    };
    for file in &files {
        for finding in rules::of_one_file(&file.path, &file.text) {
            report(&file.path, finding);
        }
        for finding in broken_links(&paths.root, file) {
            report(&file.path, finding);
        }
    }
    for (path, finding) in undocumented_metrics(&files) {
        report(path, finding);
    }
    if errors > 0 {
        bail!("tidy found {errors} errors in {} files", files.len());
    }
    println!("tidy: {} files are in order", files.len());
    Ok(())
}

/// The text files that are in the repository or could be added to it.
fn files(root: &Path) -> Result<Vec<File>> {
    let mut command = Command::new("git");
    command
        .current_dir(root)
        // In a container the tree often belongs to another user; listing it runs nothing of it.
        .args(["-c", "safe.directory=*", "ls-files", "-z"])
        .args([
            "--cached",
            "--others",
            "--exclude-standard",
            "--deduplicate",
        ]);
    let listing = process::output(&mut command)?;
    let mut files = Vec::new();
    for path in listing.split_terminator('\0') {
        let absolute = root.join(path);
        // Submodules are directories; a file deleted but not yet committed is not there.
        if !absolute.is_file() {
            continue;
        }
        let bytes = fs::read(&absolute).with_context(|| format!("cannot read {path}"))?;
        if let Ok(text) = String::from_utf8(bytes) {
            files.push(File {
                path: path.to_owned(),
                text,
            });
        }
    }
    Ok(files)
}

/// Relative links of a Markdown file that lead nowhere.
fn broken_links(root: &Path, file: &File) -> Vec<Finding> {
    let path = Path::new(&file.path);
    if path.extension() != Some(OsStr::new("md")) {
        return Vec::new();
    }
    let directory = path.parent().unwrap_or(Path::new(""));
    rules::relative_links(&file.text)
        .into_iter()
        .filter(|(_, link)| !exists(root, directory, link))
        .map(|(line, link)| Finding::error(line, format!("the link to `{link}` leads nowhere")))
        .collect()
}

/// A link that starts with a slash is relative to the root, as forges show it.
fn exists(root: &Path, directory: &Path, link: &str) -> bool {
    let path: PathBuf = match link.strip_prefix('/') {
        Some(rest) => root.join(rest),
        None => root.join(directory).join(link),
    };
    path.exists()
}

/// Metrics that the controller registers and the manual does not name.
fn undocumented_metrics(files: &[File]) -> Vec<(&str, Finding)> {
    let Some(manual) = files.iter().find(|file| file.path == "docs/metrics.md") else {
        return Vec::new();
    };
    let documented = rules::metric_names(&manual.text);
    let mut findings = Vec::new();
    for file in files
        .iter()
        .filter(|file| file.path.starts_with("filter-ctl/src/metrics"))
    {
        for (line, name) in rules::quoted_metric_names(&file.text) {
            if !documented.contains(name) {
                let message = format!("the metric `{name}` is not in docs/metrics.md");
                findings.push((file.path.as_str(), Finding::error(line, message)));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn each_registered_metric_is_in_the_manual() {
        let code = file(
            "filter-ctl/src/metrics/feed.rs",
            "//! Feeds.\n\nlet a = \"levee_feed_age_seconds\";\nlet b = \"levee_feed\";\n",
        );
        let manual = file("docs/metrics.md", "- `levee_feed_age_seconds`: age\n");
        let files = [code, manual];
        let findings = undocumented_metrics(&files);
        let message = "the metric `levee_feed` is not in docs/metrics.md";
        assert_eq!(
            findings,
            [("filter-ctl/src/metrics/feed.rs", Finding::error(4, message))]
        );
        assert_eq!(undocumented_metrics(&files[..1]), []);
    }

    #[test]
    fn links_are_relative_to_their_file_or_to_the_root() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let text = "[a](main.rs) [b](../Cargo.toml#x) [c](/src) [d](nowhere.md)\n";
        let findings = broken_links(root, &file("src/x.md", text));
        assert_eq!(
            findings,
            [Finding::error(1, "the link to `nowhere.md` leads nowhere")]
        );
    }
}
