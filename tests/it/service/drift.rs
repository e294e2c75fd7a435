//! What lies in the kernel is what was put there, or it is said and mended.

use aya::maps::{Array, Map, MapData};
use filter_common::{
    abi::{BASES4_CAPACITY, Control, WORDS_PER_ELEMENT, map},
    table::{Base, root4},
};

use super::{CONFIG, arrives, block, site};
use crate::support::{
    authority::Bundle,
    daemon::Site,
    layout::{BAD_4, GOOD_4, Layout},
    skipped,
};

fn pinned(site: &Site<'_>, name: &str) -> MapData {
    MapData::from_pin(site.pins().join("1").join(name)).unwrap()
}

/// Writes 0 over what the row of an address says, in the half in force: somebody's hand on the pins.
fn forge(site: &Site<'_>, address: &str) {
    let control: Array<MapData, [u64; 2]> =
        Map::Array(pinned(site, map::CONTROL)).try_into().unwrap();
    let half = Control::half(control.get(&0, 0).unwrap()[0]);
    let bases: Array<MapData, [u32; WORDS_PER_ELEMENT]> =
        Map::Array(pinned(site, map::V4_BASES)).try_into().unwrap();
    let mut values: Array<MapData, [u32; WORDS_PER_ELEMENT]> =
        Map::Array(pinned(site, map::V4_VALUES)).try_into().unwrap();
    let lanes = u32::try_from(WORDS_PER_ELEMENT).unwrap();
    let capacity = u32::try_from(BASES4_CAPACITY).unwrap();
    let address: std::net::Ipv4Addr = address.parse().unwrap();
    let base = half * capacity + root4(address.to_bits());
    let row = Base::from_bits(bases.get(&(base / lanes), 0).unwrap()[(base % lanes) as usize]);
    let rows = values.len() * lanes / 2;
    let index = half * rows + row.index();
    let mut element = values.get(&(index / lanes), 0).unwrap();
    assert_ne!(
        element[(index % lanes) as usize],
        0,
        "a row that says something"
    );
    element[(index % lanes) as usize] = 0;
    values.set(index / lanes, element, 0).unwrap();
}

fn drifts(site: &Site<'_>) -> u64 {
    let log = std::fs::read_to_string(site.path("state/audit.log")).unwrap();
    log.lines()
        .filter(|line| line.contains("\"drift\""))
        .count() as u64
}

#[test]
fn a_table_that_was_tampered_with_is_noticed_named_and_written_anew() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, authority) = site(&layout, CONFIG);
    let service = site.start();
    block(&site, &[BAD_4]);
    let other = authority.sign(&site, "1.jsonl", &Bundle::new(1, &["203.0.113.99"]));
    site.done(&["order", "apply", other.to_str().unwrap()]);
    assert!(!arrives(&layout, BAD_4) && arrives(&layout, GOOD_4));
    assert_eq!(drifts(&site), 0);
    let before = site.json(&["status"])["generation"]["number"].as_u64();

    forge(&site, BAD_4);
    assert!(arrives(&layout, BAD_4), "the hand on the pins was felt");
    // A look is taken every minute, and whenever the same is to be enforced once more.
    site.done(&["reload"]);
    assert!(!arrives(&layout, BAD_4) && arrives(&layout, GOOD_4));
    assert_eq!(drifts(&site), 1);
    let log = site.log();
    assert!(log.contains("V4_VALUES"), "{log}");
    // Only the feed whose entry was damaged is named.
    let audit = std::fs::read_to_string(site.path("state/audit.log")).unwrap();
    let drift = audit
        .lines()
        .find(|line| line.contains("\"drift\""))
        .unwrap();
    assert!(drift.contains("operator (1)"), "{drift}");
    assert!(!drift.contains("cert"), "{drift}");
    let after = site.json(&["status"])["generation"]["number"].as_u64();
    assert!(after > before, "{after:?}, {before:?}");

    // So it is at a start.
    service.kill();
    forge(&site, BAD_4);
    let _service = site.start();
    assert!(!arrives(&layout, BAD_4) && arrives(&layout, GOOD_4));
    assert_eq!(drifts(&site), 2);
    // What is right is left alone.
    let status = site.json(&["status"]);
    site.done(&["reload"]);
    let same = site.json(&["status"]);
    assert_eq!(same["generation"], status["generation"]);
    assert!(!status["alarms"].to_string().contains("drift"), "{status}");
}
