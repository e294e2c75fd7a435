//! An older build over the pins of a newer one.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use filter_common::abi::ABI_VERSION;

use super::{dropped_on_pins, instances, link};
use crate::{
    service::{CONFIG, arrives, block, dropped, site},
    support::{
        bpffs::set_abi,
        layout::{BAD_4, DOWN, Layout, UP},
        skipped,
    },
};

/// Every file below a directory, with its content where it has one.
fn tree(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(tree(&path));
        }
        let bytes = fs::read(&path).unwrap_or_default();
        files.insert(path, bytes);
    }
    files
}

#[test]
fn a_newer_version_is_left_as_it_is_and_every_command_says_what_it_cannot_read() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, _) = site(&layout, CONFIG);
    let service = site.start();
    block(&site, &[BAD_4]);
    assert!(!arrives(&layout, BAD_4));
    service.kill();
    let config = site.config();
    let config = config.to_str().unwrap();
    assert_eq!(dropped_on_pins(&site), 1);
    let newer = ABI_VERSION + 1;
    set_abi(&site.pins().join("1"), newer);
    // Not even this is removed: the newer version may be about to use it.
    fs::create_dir(site.pins().join("2")).unwrap();

    let links = || [UP, DOWN].map(|name| link(&site, name));
    let before = (tree(&site.pins()), tree(&site.path("state")), links());
    let says = |text: &str| {
        let versions =
            format!("have ABI version {newer}, this filter-ctl reads version {ABI_VERSION}");
        assert!(text.contains(&versions), "{text}");
        assert!(text.contains("they go on filtering as they are"), "{text}");
    };
    let ended = site.cli(&["run", "--config", config]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    says(&ended.stderr);
    for command in [
        &["status"][..],
        &["stats"],
        &["panic", "off"],
        &["panic", "on"],
    ] {
        let ended = site.cli(&[command, &["--config", config]].concat());
        assert_eq!(ended.code, Some(4), "{command:?}: {ended:?}");
        says(&ended.stderr);
    }
    assert_eq!(
        (tree(&site.pins()), tree(&site.path("state")), links()),
        before
    );
    assert!(!arrives(&layout, BAD_4), "the kernel goes on");

    // What an engineer may need at any time works on every version, and throws nothing away.
    let ended = site.cli(&["detach", "--all", "--config", config]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    says(&ended.stderr);
    assert!(arrives(&layout, BAD_4));
    assert_eq!(instances(&site), [1, 2]);

    // The version that wrote them finds its counts.
    set_abi(&site.pins().join("1"), ABI_VERSION);
    let _service = site.start();
    assert!(!arrives(&layout, BAD_4));
    assert_eq!(dropped(&site), 3);
}
