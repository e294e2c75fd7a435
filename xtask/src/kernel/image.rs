//! A kernel of the distribution, unpacked below the target directory and not installed.

use std::{
    env,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use crate::{
    paths::Paths,
    process,
    setup::apt::{Apt, apt_get},
};

/// Depends on the current kernel. The one for machines in clouds has the same BPF as the other, and is a
/// third of its size.
const META_PACKAGE: &str = "linux-image-cloud-amd64";

/// What package files end with.
const ARCHIVE: &str = ".deb";
/// A directory that gets its package's name when all of that is in it.
const UNFINISHED: &str = "unfinished";

/// What an unpacked kernel package has.
pub(super) struct Image {
    /// What the kernel calls itself, such as `6.1.0-44-cloud-amd64`.
    pub(super) release: String,
    pub(super) vmlinuz: PathBuf,
    /// The directory of its modules.
    pub(super) modules: PathBuf,
}

/// The kernel of this version: the one that is here, or else what the distribution has now.
pub(super) fn bring(paths: &Paths, version: &str) -> Result<Image> {
    if env::consts::ARCH != "x86_64" {
        bail!(
            "found a machine of {}; this is written for kernels of x86-64",
            env::consts::ARCH
        );
    }
    let place = paths.kernels();
    if let Some(image) = present(&place, version) {
        return Ok(image);
    }
    fetch(&place, version)?;
    present(&place, version).with_context(|| {
        format!(
            "the kernel package was unpacked in {} and has no kernel of version {version}",
            place.display()
        )
    })
}

/// The last unpacked kernel of this version.
fn present(place: &Path, version: &str) -> Option<Image> {
    let mut packages: Vec<String> = fs::read_dir(place)
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| is_of(name, version) && !name.ends_with(ARCHIVE))
        .collect();
    packages.sort();
    let package = packages.pop()?;
    let release = package.strip_prefix("linux-image-")?.to_owned();
    let root = place.join(&package);
    let vmlinuz = root.join("boot").join(format!("vmlinuz-{release}"));
    let modules = root.join("lib/modules").join(&release);
    vmlinuz.is_file().then_some(Image {
        release,
        vmlinuz,
        modules,
    })
}

fn fetch(place: &Path, version: &str) -> Result<()> {
    if !process::in_path("apt-get") {
        bail!("the kernel comes as a package of Debian 12, and there is no apt-get here");
    }
    Apt::default().update_if_root()?;
    let mut depends = Command::new("apt-cache");
    let depends = process::output(depends.args(["depends", META_PACKAGE]))?;
    let package = dependency(&depends)
        .with_context(|| format!("apt offers no package {META_PACKAGE} here"))?;
    if !is_of(package, version) {
        bail!("apt offers {package} here, and not a kernel of version {version}");
    }
    println!(
        "kernel: downloading {package}; it is unpacked in {} and not installed",
        place.display()
    );
    fs::create_dir_all(place).with_context(|| format!("cannot make {}", place.display()))?;
    process::output(apt_get().args(["download", package]).current_dir(place))?;
    let archive = archive(place, package)?;
    let unfinished = place.join(UNFINISHED);
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished)
            .with_context(|| format!("cannot remove {}", unfinished.display()))?;
    }
    let mut unpack = Command::new("dpkg-deb");
    process::output(unpack.arg("--extract").args([&archive, &unfinished]))?;
    fs::rename(&unfinished, place.join(package))
        .and_then(|()| fs::remove_file(&archive))
        .with_context(|| format!("cannot tidy up in {}", place.display()))
}

fn is_of(package: &str, version: &str) -> bool {
    package
        .strip_prefix("linux-image-")
        .and_then(|rest| rest.strip_prefix(version))
        .is_some_and(|rest| rest.starts_with('.'))
}

/// The kernel package in what `apt-cache depends` prints.
fn dependency(depends: &str) -> Option<&str> {
    depends.lines().find_map(|line| {
        let package = line.trim().strip_prefix("Depends: ")?;
        package.starts_with("linux-image-").then_some(package)
    })
}

/// The file that `apt-get download` has made: its name has the package's version too.
fn archive(place: &Path, package: &str) -> Result<PathBuf> {
    let is_it = |path: &PathBuf| {
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        name.strip_prefix(package)
            .is_some_and(|rest| rest.starts_with('_') && rest.ends_with(ARCHIVE))
    };
    fs::read_dir(place)
        .with_context(|| format!("cannot list {}", place.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(is_it)
        .with_context(|| {
            format!(
                "apt-get downloaded {package}, but not to {}",
                place.display()
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_package_is_what_the_meta_package_depends_on() {
        let depends = "linux-image-cloud-amd64\n  Depends: linux-image-6.1.0-44-cloud-amd64\n";
        assert_eq!(
            dependency(depends),
            Some("linux-image-6.1.0-44-cloud-amd64")
        );
        assert_eq!(dependency("linux-image-cloud-amd64\n"), None);
    }

    #[test]
    fn versions_are_whole_numbers() {
        for (package, version, is) in [
            ("linux-image-6.1.0-44-cloud-amd64", "6.1", true),
            ("linux-image-6.12.0-1-cloud-amd64", "6.1", false),
            ("linux-image-6.1.0-44-cloud-amd64", "6.12", false),
            ("linux-headers-6.1.0-44", "6.1", false),
        ] {
            assert_eq!(is_of(package, version), is, "{package} {version}");
        }
    }
}
