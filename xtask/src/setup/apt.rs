//! Debian's package manager, and what to say where it is not there or not ours to run.

use std::{fs, os::unix::fs::MetadataExt as _, path::Path, process::Command};

use anyhow::{Context as _, Result, anyhow, bail};

use super::say;
use crate::process::{in_path, output};

/// Packages that have to be installed.
pub(crate) struct Need {
    pub(crate) packages: Vec<String>,
    pub(crate) why: String,
    /// What to do where there are no such packages.
    pub(crate) elsewhere: String,
}

/// Debian's package manager.
#[derive(Default)]
pub(crate) struct Apt {
    /// A fresh machine has no package lists, and old ones name packages that are gone: they are
    /// fetched before the first installation, and once only.
    updated: bool,
}

impl Apt {
    /// Installs what `needs` says, or tells what to type where this cannot be done from here.
    pub(crate) fn install(&mut self, needs: &[Need]) -> Result<()> {
        for Need {
            packages,
            why,
            elsewhere: _,
        } in needs
        {
            say(&format!("{why} (packages: {})", packages.join(", ")));
        }
        let packages: Vec<&str> = needs
            .iter()
            .flat_map(|need| &need.packages)
            .map(String::as_str)
            .collect();
        if packages.is_empty() {
            return Ok(());
        }
        if !in_path("apt-get") {
            let steps: Vec<&str> = needs.iter().map(|need| need.elsewhere.as_str()).collect();
            bail!(
                "this is not Debian: nothing is installed.\n{}\n{AGAIN}",
                steps.join("\n")
            );
        }
        if effective_user()? != 0 {
            bail!(
                "only root can install packages. Type:\n    \
                 sudo apt-get update\n    \
                 sudo apt-get install --no-remove {}\n{AGAIN}",
                packages.join(" ")
            );
        }
        self.update()?;
        for Need {
            packages,
            why: _,
            elsewhere,
        } in needs
        {
            for package in packages {
                let policy = output(Command::new("apt-cache").args(["policy", package]))?;
                let version = candidate(&policy).ok_or_else(|| {
                    anyhow!("apt offers no package {package} here. {elsewhere}\n{AGAIN}")
                })?;
                say(&format!("installing {package} {version}"));
            }
        }
        // Should a package be in the way of another, the developer decides which one goes.
        output(
            apt_get()
                .args(["install", "--yes", "--no-install-recommends", "--no-remove"])
                .args(packages),
        )?;
        Ok(())
    }

    /// Fetches the package lists, which only root can.
    pub(crate) fn update_if_root(&mut self) -> Result<()> {
        if effective_user()? != 0 {
            return Ok(());
        }
        self.update()
    }

    fn update(&mut self) -> Result<()> {
        if !self.updated {
            say("running `apt-get update`");
            output(apt_get().arg("update"))?;
            self.updated = true;
        }
        Ok(())
    }
}

pub(super) const AGAIN: &str = "Then run `cargo xtask setup` again.";

pub(crate) fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn effective_user() -> Result<u32> {
    let process = Path::new("/proc/self");
    Ok(fs::metadata(process)
        .context("cannot tell the current user from /proc/self")?
        .uid())
}

/// The version that apt would install, from what `apt-cache policy` prints.
fn candidate(policy: &str) -> Option<&str> {
    let version = policy
        .lines()
        .find_map(|line| line.trim_start().strip_prefix("Candidate:"))?
        .trim();
    (version != "(none)").then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_of_packages() {
        let policy = "rustc-web:\n  Installed: (none)\n  Candidate: 1.96.0+dfsg1-1~deb12u2\n  \
                      Version table:\n     1.96.0+dfsg1-1~deb12u2 500\n";
        assert_eq!(candidate(policy), Some("1.96.0+dfsg1-1~deb12u2"));
        assert_eq!(
            candidate("x:\n  Installed: (none)\n  Candidate: (none)\n"),
            None
        );
        assert_eq!(candidate(""), None);
    }
}
