//! While something stored cannot be read, what is in force stays, and taking blocking away does not wait.

use std::fs;

use super::{CONFIG, Layout, Site, arrives, block, site, skipped};
use crate::support::{
    authority::{Authority, Bundle},
    layout::{BAD_4, GOOD_4},
};

/// A service that has started over a damaged bundle of `cert`, which blocks these; `operator:1` blocks BAD_4.
fn damaged<'a>(
    layout: &'a Layout,
    nets: &[&str],
) -> (Site<'a>, Authority, crate::support::daemon::Daemon) {
    let (site, authority) = site(layout, CONFIG);
    let service = site.start();
    block(&site, &[BAD_4]);
    let bundle = authority.sign(&site, "1.jsonl", &Bundle::new(1, nets));
    site.done(&["order", "apply", bundle.to_str().unwrap()]);
    service.kill();
    let stored = fs::read_dir(site.path("state/feeds/cert")).unwrap();
    let mut stored = stored.map(|entry| entry.unwrap().path());
    let bundle = stored.find(|path| path.extension().is_some_and(|end| end == "jsonl"));
    fs::write(bundle.unwrap(), "torn").unwrap();
    let service = site.start();
    let alarms = site.json(&["status"])["alarms"].to_string();
    assert!(alarms.contains("state_damaged"), "{alarms}");
    (site, authority, service)
}

#[test]
fn a_withdrawal_does_not_wait_for_damage_to_be_mended_and_takes_nothing_else_away() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, _, service) = damaged(&layout, &[GOOD_4]);
    assert!(!arrives(&layout, BAD_4) && !arrives(&layout, GOOD_4));
    site.done(&["order", "withdraw", "operator:1", "--reason", "a mistake"]);
    assert!(arrives(&layout, BAD_4), "withdrawn");
    assert!(!arrives(&layout, GOOD_4), "the damaged feed's entry stays");
    service.kill();
    let _service = site.start();
    assert!(arrives(&layout, BAD_4) && !arrives(&layout, GOOD_4));
    // The damaged feed's own order, which only the table in force knows.
    site.done(&["order", "withdraw", "cert:7/2026", "--reason", "a mistake"]);
    assert!(arrives(&layout, GOOD_4));
    // And once it is mended it is withdrawn still.
    site.done(&["order", "apply", "1.jsonl"]);
    assert!(arrives(&layout, BAD_4) && arrives(&layout, GOOD_4));
    assert_eq!(site.json(&["status"])["alarms"].to_string(), "[]");
}

#[test]
fn an_address_that_a_damaged_feed_lists_too_stays_blocked_until_both_are_withdrawn() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, _, _service) = damaged(&layout, &[BAD_4, GOOD_4]);
    site.done(&["order", "withdraw", "operator:1", "--reason", "a mistake"]);
    assert!(!arrives(&layout, BAD_4) && !arrives(&layout, GOOD_4));
    site.done(&["exception", "add", BAD_4, "--reason", "a bank"]);
    assert!(arrives(&layout, BAD_4) && !arrives(&layout, GOOD_4));
    site.done(&["panic", "off", "--feed", "cert", "--reason", "enough"]);
    assert!(arrives(&layout, GOOD_4), "a feed that is off only counts");
    // What would block more waits.
    let ended = site.cli(&["order", "add", "--reference", "2", "--until", "1d", GOOD_4]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
}

#[test]
fn a_decision_that_cannot_be_carried_out_yet_says_so_and_no_file_of_decisions_is_written_over() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, _) = site(&layout, CONFIG);
    let service = site.start();
    block(&site, &[BAD_4, GOOD_4]);
    service.kill();
    let file = site.path("state/withdrawals.json");
    fs::write(&file, "torn").unwrap();
    let _service = site.start();
    let ended = site.cli(&[
        "order",
        "withdraw",
        "operator:1",
        "--reason",
        "x",
        "-o",
        "json",
    ]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stdout.contains("withdrawals.json"), "{ended:?}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "torn");
    let said = site.done(&["exception", "add", GOOD_4, "--reason", "a bank"]);
    assert!(said.contains("NOT YET IN FORCE"), "{said}");
    assert!(!arrives(&layout, BAD_4) && !arrives(&layout, GOOD_4));
}
