//! What waits for persons, asked for by persons: users of the machine who are in the groups, or not.

use super::{CONFIG, arrives, site};
use crate::support::{
    authority::Bundle,
    layout::{BAD_4, GOOD_4, Layout},
    people::{ALICE, BOB, CAROL},
    skipped,
};

const APPROVE: [&str; 5] = ["order", "approve", "cert:7/2026", "--reason", "called them"];

#[test]
fn what_two_persons_must_approve_two_persons_must_approve() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let config = format!("own_space = [\"{BAD_4}/32\"]\n{CONFIG}");
    let (site, authority) = site(&layout, &config);
    let site = site.with_people();
    let service = site.start();
    let bundle = authority.sign(&site, "1.jsonl", &Bundle::new(1, &[BAD_4, GOOD_4]));
    let ended = site.cli(&["order", "apply", bundle.to_str().unwrap()]);
    assert_eq!(ended.code, Some(3), "a part of it is held: {ended:?}");
    let held = |when: &str| {
        assert!(arrives(&layout, BAD_4), "{when}");
        assert!(!arrives(&layout, GOOD_4), "{when}: the rest does not wait");
        assert_eq!(site.json(&["feed", "show", "cert"])["held"], 1, "{when}");
    };
    held("before anybody has looked at it");

    let refused = |uid: u32, reason: &str| {
        let ended = match uid {
            0 => site.cli(&APPROVE),
            uid => site.cli_as(uid, &APPROVE),
        };
        assert_eq!(ended.code, Some(3), "{uid}: {ended:?}");
        assert!(ended.stderr.contains(reason), "{uid}: {ended:?}");
        held(reason);
    };
    refused(0, "root is not counted");
    refused(CAROL, "levee-admin");
    let ended = site.cli_as(ALICE, &APPROVE);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    held("after the first");
    refused(ALICE, "has approved all of");
    refused(0, "root is not counted");
    service.kill();
    let _service = site.start();
    held("after a restart");
    refused(ALICE, "has approved all of");

    let ended = site.cli_as(BOB, &APPROVE);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(!arrives(&layout, BAD_4) && !arrives(&layout, GOOD_4));
    let state = site.path("state").display().to_string();
    let records = site.done(&[
        "audit",
        "show",
        "--action",
        "approve",
        "--state-dir",
        &state,
    ]);
    let who: Vec<bool> = records
        .lines()
        .map(|line| line.contains("alice") && line.contains(&ALICE.to_string()))
        .collect();
    assert_eq!(who, [true, false], "{records}");
    assert!(
        records.contains("bob") && records.contains("called them"),
        "{records}"
    );

    // What takes blocking away waits for nobody, and one person who may change things is enough.
    let ended = site.cli_as(CAROL, &["order", "withdraw", "cert:7/2026"]);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(!arrives(&layout, BAD_4));
    let ended = site.cli_as(BOB, &["order", "withdraw", "cert:7/2026"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(arrives(&layout, BAD_4) && arrives(&layout, GOOD_4));
}

#[test]
fn one_who_rejects_undoes_an_approval_and_an_unheard_prefix_waits_anew() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let config = format!("own_space = [\"203.0.113.0/24\"]\n{CONFIG}");
    let (site, authority) = site(&layout, &config);
    let site = site.with_people();
    let _service = site.start();
    let apply = |seq: u64, net: &str| {
        let name = format!("{seq}.jsonl");
        let bundle = authority.sign(&site, &name, &Bundle::new(seq, &[net]));
        let ended = site.cli(&["order", "apply", bundle.to_str().unwrap()]);
        ended.code
    };
    let decide = |uid: u32, verb: &str, entry: &[&str]| {
        let arguments = ["order", verb, "cert:7/2026", "--reason", "x"];
        site.cli_as(uid, &[&arguments[..], entry].concat()).code
    };
    assert_eq!(apply(1, BAD_4), Some(3));
    assert_eq!(decide(ALICE, "approve", &[]), Some(0));
    assert_eq!(decide(BOB, "reject", &[]), Some(0));
    assert_eq!(decide(BOB, "approve", &["--entry", "e0"]), Some(0));
    assert!(arrives(&layout, BAD_4), "alice has to say it again");
    assert_eq!(decide(ALICE, "approve", &["--entry", "e0"]), Some(0));
    assert!(!arrives(&layout, BAD_4));
    // The same entry with another prefix is not what they have seen.
    assert_eq!(apply(2, GOOD_4), Some(3));
    assert!(arrives(&layout, BAD_4) && arrives(&layout, GOOD_4));
    assert_eq!(decide(ALICE, "approve", &[]), Some(0));
    assert!(arrives(&layout, GOOD_4));
    assert_eq!(decide(BOB, "approve", &[]), Some(0));
    assert!(!arrives(&layout, GOOD_4));
}

#[test]
fn an_approval_that_names_what_was_seen_covers_nothing_that_came_since() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let config = format!("own_space = [\"203.0.113.0/24\"]\n{CONFIG}[approval]\nown_space = 1\n");
    let (site, authority) = site(&layout, &config);
    let _service = site.start();
    let apply = |seq: u64, nets: &[&str]| {
        let name = format!("{seq}.jsonl");
        let bundle = authority.sign(&site, &name, &Bundle::new(seq, nets));
        let ended = site.cli(&["order", "apply", bundle.to_str().unwrap()]);
        assert_eq!(ended.code, Some(3), "held: {ended:?}");
    };
    let seen = || {
        let holds = site.json(&["order", "holds"]);
        let text = |value: &serde_json::Value| value["seen"].as_str().expect("seen").to_owned();
        (text(&holds["orders"][0]), text(&holds["entries"][0]))
    };
    let approve = |more: &[&str]| {
        let ended = site.cli(&[&APPROVE[..], more].concat());
        if ended.code == Some(3) {
            assert!(ended.stderr.contains("not what was seen"), "{ended:?}");
        }
        ended.code
    };
    apply(1, &[BAD_4]);
    let (order, entry) = seen();
    // Another entry waits by now, and the first one still means the same.
    apply(2, &[BAD_4, GOOD_4]);
    assert_eq!(approve(&["--seen", &order]), Some(3));
    assert!(arrives(&layout, BAD_4) && arrives(&layout, GOOD_4));
    assert_eq!(approve(&["--entry", "e0", "--seen", &entry]), Some(0));
    assert!(!arrives(&layout, BAD_4) && arrives(&layout, GOOD_4));
    // The entry of that name is another prefix by now.
    apply(3, &[GOOD_4]);
    assert_eq!(approve(&["--entry", "e0", "--seen", &entry]), Some(3));
    assert!(arrives(&layout, GOOD_4));
    let (order, _) = seen();
    assert_eq!(approve(&["--seen", &order]), Some(0));
    assert!(!arrives(&layout, GOOD_4));
}

#[test]
fn a_rehearsal_tells_what_would_be_withheld_and_enforces_nothing() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let config =
        format!("own_space = [\"{BAD_4}/32\"]\nnever_block = [\"192.0.2.0/24\"]\n{CONFIG}");
    let (site, authority) = site(&layout, &config);
    let _service = site.start();
    let mut bundle = Bundle::new(1, &[BAD_4, "192.0.2.9", GOOD_4]);
    bundle.test = true;
    let bundle = authority.sign(&site, "1.jsonl", &bundle);
    let ended = site.cli(&["-o", "json", "order", "apply", bundle.to_str().unwrap()]);
    let report: serde_json::Value = serde_json::from_str(&ended.stdout).expect("a report");
    assert_eq!(report["status"], "test", "{report}");
    let withheld: Vec<_> = report["withheld"].as_array().unwrap().iter().collect();
    let reasons: Vec<_> = withheld
        .iter()
        .map(|entry| entry["reason"].clone())
        .collect();
    assert_eq!(reasons, ["own_space", "never_block"], "{report}");
    assert_eq!(report["withheld_total"], 2, "{report}");
    assert!(arrives(&layout, BAD_4) && arrives(&layout, GOOD_4));
    assert_eq!(site.json(&["order", "holds"])["total"], 0);
}
