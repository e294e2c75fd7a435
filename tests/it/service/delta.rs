//! Deltas, as an authority makes them with the command and an operator applies them.

use super::{CONFIG, arrives, delta, site};
use crate::support::{
    authority::Bundle,
    layout::{BAD_4, GOOD_4, Layout},
    skipped,
};

#[test]
fn a_delta_blocks_and_unblocks_on_its_base_and_a_crash_loses_nothing_of_it() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, authority) = site(&layout, CONFIG);
    let service = site.start();
    let mut first = Bundle::new(1, &[BAD_4]);
    let snapshot = authority.sign(&site, "1.jsonl", &first);
    site.done(&["order", "apply", snapshot.to_str().unwrap()]);
    assert!(!arrives(&layout, BAD_4) && arrives(&layout, GOOD_4));

    // The same entry under the same name, and one more.
    let mut second = first.clone();
    second.seq = 2;
    second.block(GOOD_4, jiff::SignedDuration::from_hours(1));
    let on_first = delta(&site, &authority, [&first, &second], "2.jsonl");
    site.done(&["order", "apply", on_first.to_str().unwrap()]);
    assert!(!arrives(&layout, BAD_4) && !arrives(&layout, GOOD_4));

    // Another delta on the first bundle comes too late.
    first.entries.clear();
    first.seq = 1;
    let mut other = second.clone();
    other.seq = 3;
    let late = delta(&site, &authority, [&first, &other], "late.jsonl");
    let ended = site.cli(&["order", "apply", late.to_str().unwrap(), "-o", "json"]);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.stdout.contains("\"wrong_base\""), "{ended:?}");
    assert!(!arrives(&layout, BAD_4) && !arrives(&layout, GOOD_4));

    service.kill();
    let _service = site.start();
    assert!(!arrives(&layout, BAD_4) && !arrives(&layout, GOOD_4));
    assert_eq!(site.json(&["status"])["alarms"], serde_json::json!([]));

    // What was read back is a base like any other.
    let mut third = second.clone();
    third.seq = 3;
    third.entries.truncate(1);
    let on_second = delta(&site, &authority, [&second, &third], "3.jsonl");
    site.done(&["order", "apply", on_second.to_str().unwrap()]);
    assert!(!arrives(&layout, BAD_4) && arrives(&layout, GOOD_4));
}
