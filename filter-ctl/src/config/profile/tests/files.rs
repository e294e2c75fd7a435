//! Profiles in files: which of them holds, and what is said of those that are broken.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{group, name};
use crate::config::{
    load::{Loaded, load},
    profile::{ProfileError, ProfileName, Shelf, shelf::PROFILE_FILES_MAX},
};

/// A configuration beside a directory of profiles.
struct Site(tempfile::TempDir);

impl Site {
    fn new(profiles: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("profiles")).unwrap();
        for (name, text) in profiles {
            fs::write(directory.path().join("profiles").join(name), text).unwrap();
        }
        Self(directory)
    }

    fn profiles(&self) -> PathBuf {
        self.0.path().join("profiles")
    }

    fn load(&self, profile: &str) -> Result<Loaded, String> {
        let path = self.0.path().join("levee.toml");
        let directory = self.profiles();
        let text = format!("profile_dir = {directory:?}\n{}", group(profile, ""));
        fs::write(&path, text).unwrap();
        load(&path).map_err(|error| error.to_string())
    }
}

const OWN: &str = "description = \"d\"\nmay_break = [\"b\"]\nlimits = { udp = \"1 pps\" }\n";

#[test]
fn a_file_of_the_directory_is_a_profile_and_comes_before_a_built_in_one() {
    let site = Site::new(&[
        ("voice.toml", OWN),
        ("resolver.toml", OWN),
        ("README", ""),
        ("Voice.toml", ""),
    ]);
    let names = Shelf::with(&site.profiles()).names().unwrap();
    let names: Vec<&str> = names.iter().map(ProfileName::as_str).collect();
    assert_eq!(names, ["access-network", "resolver", "voice", "web-server"]);
    for profile in ["voice", "resolver"] {
        let Loaded { config, warnings } = site.load(profile).unwrap();
        let in_force = &config.host_groups[0].in_force;
        let file = site.profiles().join(format!("{profile}.toml"));
        let found = in_force.profile.as_ref().unwrap();
        assert_eq!(found.file.as_ref(), Some(&file));
        assert_eq!(in_force.limits.len(), 1);
        let replaces = "takes the place of the built-in profile resolver";
        let said = warnings
            .iter()
            .any(|warning| warning.message.contains(replaces));
        assert_eq!(said, profile == "resolver", "{warnings:?}");
    }
    let error = site.load("video").unwrap_err();
    let directory = site.profiles();
    let expected = format!(
        "line 5: host_group.profile: `video` is no profile: expected one of access-network, resolver, voice, \
         web-server, or a file {}",
        directory.join("video.toml").display()
    );
    assert!(error.ends_with(&expected), "{error}");
}

#[test]
fn a_broken_file_is_named_with_line_and_field_and_only_where_it_is_used() {
    let broken = "description = \"\"\nlimits = { udp = \"1 ppm\", tcp = \"1 pps\" }\nrule = 1\n\
                  [rules.a]\nmatch = \"dport 70000\"\n";
    let bare = "description = \" \"\n[rules.a]\nmatch = \"dport 7\"\n";
    let site = Site::new(&[("broken.toml", broken), ("bare.toml", bare)]);
    site.load("web-server").unwrap();
    let error = site.load("broken").unwrap_err();
    let file = |name: &str| site.profiles().join(name).display().to_string();
    for expected in [
        "line 2: limits: `udp`: column 3: `ppm`",
        "line 2: limits: `tcp` is no class of traffic",
        "line 3: rule: unknown field `rule`",
        "line 5: rules.a.match: column 7: `70000`",
    ] {
        let line = format!(
            "line 5: host_group.profile: {}: {expected}",
            file("broken.toml")
        );
        assert!(error.contains(&line), "{expected}: {error}");
    }
    let error = site.load("bare").unwrap_err();
    for expected in [
        "line 1: description: expected what the profile is for",
        "may_break: expected what of good traffic the profile may break",
        "line 2: rules.a: rule a has no `then`",
    ] {
        let line = format!("{}: {expected}", file("bare.toml"));
        assert!(error.contains(&line), "{expected}: {error}");
    }
}

#[test]
fn files_and_their_number_are_bounded() {
    let comment = "#".repeat(64 << 10);
    let site = Site::new(&[("long.toml", &comment)]);
    let error = site.load("long").unwrap_err();
    assert!(
        error.contains("expected what the profile is for"),
        "{error}"
    );
    fs::write(site.profiles().join("long.toml"), comment + "#").unwrap();
    let error = site.load("long").unwrap_err();
    assert!(
        error.contains("long.toml has more than 65536 bytes"),
        "{error}"
    );
    let shelf = Shelf::with(&site.profiles());
    for number in 1..=PROFILE_FILES_MAX {
        assert!(shelf.names().is_ok(), "{number}");
        fs::write(site.profiles().join(format!("p{number}.toml")), OWN).unwrap();
    }
    assert!(matches!(shelf.names(), Err(ProfileError::TooMany(_))));
    // What is named is found nevertheless.
    assert!(shelf.find(&name("p1")).is_ok());
    let nowhere = Shelf::with(Path::new("/nonexistent/profiles"));
    assert_eq!(nowhere.names().unwrap().len(), 3);
}
