//! Feeds that stand still: whatever is killed meanwhile, what is withdrawn ends and nothing else begins.

use std::fs;

use jiff::SignedDuration;
use serde_json::Value;

use super::{CONFIG, Layout, Site, arrives, delta, site, skipped, until};
use crate::support::{
    authority::Bundle,
    layout::{BAD_4, GOOD_4},
    publisher::{Publisher, Reply},
};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

fn feed(site: &Site<'_>, name: &str) -> Value {
    site.json(&["feed", "show", name])
}

fn has_alarm(site: &Site<'_>, code: &str) -> bool {
    let status = site.json(&["status"]);
    let alarms = status["alarms"].as_array().unwrap();
    alarms.iter().any(|alarm| alarm["code"] == code)
}

fn roll_back(site: &Site<'_>, name: &str) -> Value {
    site.json(&["order", "rollback", name, "--reason", "blocks a bank"])
}

/// Asserts what arrives of a blocked and of a good host.
fn arrive(layout: &Layout, bad: bool, good: bool, when: &str) {
    assert_eq!(arrives(layout, BAD_4), bad, "{BAD_4} {when}");
    assert_eq!(arrives(layout, GOOD_4), good, "{GOOD_4} {when}");
}

#[test]
fn a_feed_that_was_rolled_back_stays_there_and_only_withdrawals_apply() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, authority) = site(&layout, CONFIG);
    let service = site.start();
    let apply = |path: &std::path::Path| site.json(&["order", "apply", path.to_str().unwrap()]);
    let first = Bundle::new(1, &[BAD_4]);
    apply(&authority.sign(&site, "1.jsonl", &first));
    let mut second = first.clone();
    second.seq = 2;
    second.block(GOOD_4, HOUR);
    apply(&delta(&site, &authority, [&first, &second], "2.jsonl"));
    arrive(&layout, false, false, "by the second bundle");

    let before = site.json(&["status"])["generation"]["number"].as_u64();
    let changed = roll_back(&site, "cert");
    assert!(changed["generation"].as_u64() > before, "{changed}");
    arrive(&layout, false, true, "after the rollback");
    assert!(has_alarm(&site, "feed_paused"));
    let shown = feed(&site, "cert");
    assert_eq!(
        (&shown["seq"], &shown["paused"]["seq"]),
        (&1.into(), &2.into())
    );
    let withheld = &site.json(&["explain", GOOD_4])["withheld"][0];
    assert_eq!(withheld["status"], "paused");
    let refused = site.cli(&["order", "rollback", "cert", "--reason", "x", "-o", "json"]);
    assert_eq!(refused.code, Some(3), "{refused:?}");
    assert!(refused.stdout.contains("no_such_state"), "{refused:?}");

    service.kill();
    let service = site.start();
    arrive(&layout, false, true, "after a kill");
    site.done(&["reload"]);
    arrive(&layout, false, true, "after a reload");

    // What comes meanwhile is admitted, on its base, and waits.
    let mut third = second.clone();
    third.seq = 3;
    third.block("203.0.113.99", HOUR);
    let report = apply(&delta(&site, &authority, [&second, &third], "3.jsonl"));
    assert_eq!(report["status"], "paused");
    assert_eq!(feed(&site, "cert")["paused"]["seq"], 3);
    assert_eq!(site.json(&["explain", "203.0.113.99"])["blocked"], false);
    arrive(&layout, false, true, "after a further bundle");

    // What it withdraws is withdrawn.
    let mut fourth = third.clone();
    fourth.seq = 4;
    fourth.entries.remove(0);
    apply(&delta(&site, &authority, [&third, &fourth], "4.jsonl"));
    arrive(&layout, true, true, "withdrawn");
    service.kill();
    let _service = site.start();
    arrive(&layout, true, true, "withdrawn, after a kill");

    site.done(&["feed", "sync", "cert"]);
    arrive(&layout, true, false, "after the pause");
    assert!(!has_alarm(&site, "feed_paused"));
    let shown = feed(&site, "cert");
    assert_eq!((&shown["seq"], &shown["paused"]), (&4.into(), &Value::Null));
    let log = fs::read_to_string(site.path("state/audit.log")).unwrap();
    for action in ["\"rollback\"", "\"feed_sync\"", "blocks a bank"] {
        assert!(log.contains(action), "{action}");
    }
}

#[test]
fn two_rollbacks_go_two_states_back_and_one_that_cannot_be_read_is_refused_by_name() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, authority) = site(&layout, CONFIG);
    let _service = site.start();
    for (seq, nets) in [
        (1, vec![BAD_4]),
        (2, vec![BAD_4, GOOD_4]),
        (3, vec![BAD_4, GOOD_4, "203.0.113.99"]),
    ] {
        let path = authority.sign(&site, &format!("{seq}.jsonl"), &Bundle::new(seq, &nets));
        site.done(&["order", "apply", path.to_str().unwrap()]);
    }
    site.done(&["feed", "pause", "cert", "--reason", "a look first"]);
    arrive(&layout, false, false, "paused in place");
    roll_back(&site, "cert");
    assert_eq!(feed(&site, "cert")["seq"], 2);
    arrive(&layout, false, false, "one state back");
    roll_back(&site, "cert");
    assert_eq!(feed(&site, "cert")["seq"], 1);
    arrive(&layout, false, true, "two states back");

    let stored = fs::read_dir(site.path("state/feeds/cert")).unwrap();
    let mut stored = stored.map(|entry| entry.unwrap().path());
    let second = stored.find(|path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with("1-2-") && path.extension().is_some_and(|end| end == "jsonl")
    });
    fs::write(second.unwrap(), b"torn").unwrap();
    let arguments = [
        "order", "rollback", "cert", "--to", "2", "--reason", "x", "-o", "json",
    ];
    let refused = site.cli(&arguments);
    assert_eq!(refused.code, Some(3), "{refused:?}");
    assert!(refused.stdout.contains("state_unusable"), "{refused:?}");
    assert!(refused.stdout.contains("1/2"), "{refused:?}");
    assert_eq!(feed(&site, "cert")["seq"], 1);
    arrive(&layout, false, true, "as before");
}

#[test]
fn a_list_is_rolled_back_too_and_what_its_publisher_removes_ends() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, _) = site(&layout, CONFIG);
    let ca = site.path("ca.pem");
    let publisher = Publisher::new(&layout.router, &ca);
    site.configure(&format!("{CONFIG}{}", publisher.feed()));
    let serve = |nets: &str| publisher.answers(Reply::Body("text/plain", nets.to_owned()));
    serve(&format!("{BAD_4}\n"));
    let service = site.start();
    until("the list is enforced", || !arrives(&layout, BAD_4));
    serve(&format!("{BAD_4}\n{GOOD_4}\n"));
    site.done(&["feed", "sync", "list"]);
    until("the update is enforced", || !arrives(&layout, GOOD_4));

    let changed = roll_back(&site, "list");
    assert!(changed["generation"].is_u64(), "{changed}");
    arrive(&layout, false, true, "after the rollback");
    service.kill();
    let service = site.start();
    arrive(&layout, false, true, "after a kill");

    let sha256 = |site: &Site<'_>| feed(site, "list")["paused"]["sha256"].clone();
    let before = sha256(&site);
    service.kill();
    serve(&format!("{GOOD_4}\n"));
    // A start fetches at once.
    let _service = site.start();
    until("the next version is admitted", || sha256(&site) != before);
    arrive(&layout, true, true, "removed by its publisher");
    site.done(&["feed", "sync", "list"]);
    arrive(&layout, true, false, "after the pause");
}
