//! What is dropped can be looked at: some of it, in bounded numbers, with its reason, and without an address
//! inside.

mod capture;
mod privacy;
mod top;

use std::time::Instant;

use serde_json::Value;

use super::{CONFIG, arrives, block, dropped, site};
use crate::support::{
    daemon::{Site, until},
    layout::{BAD_4, BAD_6, CUSTOMER_4, CUSTOMER_6, Layout},
    packet::Flow,
    skipped,
};

/// Enough for every frame of a test.
const MANY: &str = "[samples]\nper_second = 1000\n";

/// The document of `events`.
fn document(site: &Site<'_>) -> Value {
    site.json(&["events"])
}

/// The events so far.
fn events(site: &Site<'_>) -> Vec<Value> {
    document(site)["events"].as_array().unwrap().clone()
}

/// Waits for so many events in all, and returns the last ones.
fn expect_events(site: &Site<'_>, count: u64) -> Vec<Value> {
    until("the events", || document(site)["total"] == count);
    events(site)
}

/// UDP from the blocked host to the customer.
fn blocked(remote: &str, inside: &str) -> Vec<u8> {
    let flow = Flow::udp(remote, inside, [40_000, 53]);
    Layout::inbound(&flow, b"x").bytes()
}

#[test]
fn a_dropped_packet_is_told_with_its_order_and_the_end_inside_as_its_network() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, _) = site(&layout, CONFIG);
    let _service = site.start();
    block(&site, &[BAD_4, BAD_6]);
    let (upstream, customer) = (layout.tap_upstream(), layout.tap_customer());
    upstream.send(&blocked(BAD_4, CUSTOMER_4));
    upstream.send(&blocked(BAD_6, CUSTOMER_6));
    let outbound = Flow::udp(CUSTOMER_4, BAD_4, [40_000, 53]).frame(b"x");
    customer.send(&Layout::from_customer(outbound).bytes());
    let events = expect_events(&site, 3);
    let seen = |interface: &str, family: &str| {
        let found = events.iter().find(|event| {
            let source = event["source"].as_str().unwrap();
            event["interface"] == interface && source.contains(family)
        });
        found.unwrap_or_else(|| panic!("{interface} {family}: {events:?}"))
    };
    let inbound = seen("up0", ".");
    for (field, expected) in [
        ("reason", "order"),
        ("verdict", "drop"),
        ("source", BAD_4),
        ("destination", "192.0.2.0/24"),
        ("protocol", "udp"),
    ] {
        assert_eq!(inbound[field], expected, "{inbound}");
    }
    assert_eq!(inbound["orders"][0], "operator:1");
    assert_eq!(
        (&inbound["source_port"], &inbound["destination_port"]),
        (&40_000.into(), &53.into())
    );
    assert_eq!(seen("up0", ":")["destination"], "2001:db8:200::/48");
    let outbound = seen("cust0", ".");
    assert_eq!(outbound["source"], "192.0.2.0/24");
    assert_eq!(outbound["destination"], BAD_4);
    let text = site.done(&["events", "--reason", "order"]);
    assert_eq!(text.lines().count(), 3, "{text}");
    assert!(
        text.contains("up0 drop order operator:1: 203.0.113.7.40000 > 192.0.2.0/24.53 udp"),
        "{text}"
    );
    let ended = site.cli(&["events", "--reason", "clean"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
}

#[test]
fn a_monitored_interface_tells_what_it_would_drop() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let config = CONFIG.replacen(
        "mode = \"native\"",
        "mode = \"native\"\naction = \"monitor\"",
        1,
    );
    let (site, _) = site(&layout, &config);
    let _service = site.start();
    block(&site, &[BAD_4]);
    layout.tap_upstream().send(&blocked(BAD_4, CUSTOMER_4));
    let told = || {
        let all = events(&site);
        let would = all.into_iter();
        would
            .into_iter()
            .find(|event| event["verdict"] == "would_drop")
    };
    until("an event", || told().is_some());
    let first = told().unwrap();
    assert_eq!(first["reason"], "order");
    assert_eq!(first["orders"][0], "operator:1");
}

#[test]
fn what_a_monitored_feed_would_drop_is_told_with_its_order() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, _) = site(&layout, CONFIG);
    let _service = site.start();
    for (reference, net) in [("1", BAD_4), ("2", BAD_6)] {
        site.done(&[
            "order",
            "add",
            net,
            "--reference",
            reference,
            "--until",
            "1d",
        ]);
    }
    site.done(&["panic", "off", "--feed", "operator"]);
    // A rule that passes what would have been dropped is not what would have dropped it.
    site.done(&["rule", "add", "proto udp then pass"]);
    let upstream = layout.tap_upstream();
    upstream.send(&blocked(BAD_4, CUSTOMER_4));
    upstream.send(&blocked(BAD_6, CUSTOMER_6));
    // They pass, so the customer's answers, which would be dropped too, are told as well.
    let told = |source: &str| {
        let mut events = events(&site).into_iter();
        events.find(|event| event["interface"] == "up0" && event["source"] == source)
    };
    for (source, order) in [(BAD_4, "operator:1"), (BAD_6, "operator:2")] {
        until("the event", || told(source).is_some());
        let event = told(source).unwrap();
        assert_eq!(event["verdict"], "would_drop", "{event}");
        assert_eq!(event["reason"], "order", "{event}");
        assert_eq!(event["orders"], serde_json::json!([order]), "{event}");
        assert!(event["rule"].is_null(), "{event}");
    }
}

#[test]
fn the_rule_that_is_told_is_the_one_that_would_drop_and_not_a_later_one_that_lets_pass() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, _) = site(&layout, &format!("{CONFIG}{MANY}"));
    let _service = site.start();
    let add = |text: &str, id: &str| site.done(&["rule", "add", text, "--id", id]);
    add("dst 192.0.2.0/24 then monitor", "watched");
    add("dst 192.0.2.0/24 sport 40000 then monitor", "narrow");
    add("proto udp then limit 1 Mpps continue", "limited");
    let upstream = layout.tap_upstream();
    upstream.send(&blocked(BAD_4, CUSTOMER_4));
    let told = |event: &Value| (event["verdict"].clone(), event["rule"].clone());
    let events = expect_events(&site, 1);
    assert_eq!(told(&events[0]), ("would_drop".into(), "narrow".into()));
    add("dport 53 then drop", "dropped");
    upstream.send(&blocked(BAD_4, CUSTOMER_4));
    let events = expect_events(&site, 2);
    assert_eq!(told(&events[1]), ("drop".into(), "dropped".into()));
}

#[test]
fn a_flood_makes_a_bounded_number_of_samples_and_every_other_packet_is_accounted_for() {
    const RATE: u64 = 20;
    const PACKETS: u64 = 100_000;
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, _) = site(
        &layout,
        &format!("{CONFIG}[samples]\nper_second = {RATE}\n"),
    );
    let _service = site.start();
    block(&site, &[BAD_4]);
    let (upstream, frame) = (layout.tap_upstream(), blocked(BAD_4, CUSTOMER_4));
    let begin = Instant::now();
    for _ in 0..PACKETS {
        upstream.send(&frame);
    }
    until("all of it is dropped", || dropped(&site) == PACKETS);
    // The bucket was full, and the rate went on as long as packets came.
    let most = RATE + RATE * (begin.elapsed().as_secs() + 1) + 1;
    let count = |document: &Value, field: &str| document[field].as_u64().unwrap();
    until("every packet is a sample, suppressed or lost", || {
        let events = document(&site);
        let kept = count(&events, "total");
        assert!(kept <= most, "{kept} samples, at most {most}");
        kept + count(&events, "suppressed") + count(&events, "lost") == PACKETS
    });
    let document = document(&site);
    assert!(count(&document, "total") >= RATE, "{document}");
    assert!(count(&document, "suppressed") > 0, "{document}");
}

#[test]
fn without_samples_nothing_is_told_and_a_capture_says_why() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, _) = site(&layout, &format!("{CONFIG}[samples]\nper_second = 0\n"));
    let service = site.start();
    block(&site, &[BAD_4]);
    assert!(!arrives(&layout, BAD_4));
    assert_eq!(document(&site)["total"], 0);
    let ended = site.cli(&["capture", "--write", "none.pcapng"]);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.stderr.contains("per_second"), "{ended:?}");
    assert!(!site.path("none.pcapng").exists());
    site.configure(CONFIG);
    service.reload();
    until("the reload makes samples", || {
        arrives(&layout, BAD_4);
        document(&site)["total"].as_u64().unwrap() > 0
    });
}

#[test]
fn samples_go_on_after_a_crash_and_when_other_maps_take_over() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, _) = site(&layout, CONFIG);
    let service = site.start();
    block(&site, &[BAD_4]);
    let (upstream, frame) = (layout.tap_upstream(), blocked(BAD_4, CUSTOMER_4));
    upstream.send(&frame);
    expect_events(&site, 1);
    service.kill();
    upstream.send(&frame);
    let service = site.start();
    let events = expect_events(&site, 1);
    assert_eq!(
        events[0]["orders"][0], "operator:1",
        "dropped while nobody looked"
    );
    drop(service);
    site.configure(&format!("{CONFIG}[capacity]\nipv4 = 4096\n"));
    let _service = site.start();
    upstream.send(&frame);
    let events = expect_events(&site, 1);
    assert_eq!(events[0]["orders"][0], "operator:1", "by the new maps");
}

#[test]
fn followers_see_what_comes_and_one_that_comes_late_begins_where_it_wants() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, _) = site(&layout, &format!("{CONFIG}{MANY}"));
    let _service = site.start();
    block(&site, &[BAD_4]);
    let (upstream, frame) = (layout.tap_upstream(), blocked(BAD_4, CUSTOMER_4));
    let _follower = site.background(&["events", "--follow", "-o", "json"], "followed");
    let followed = || std::fs::read_to_string(site.path("followed")).unwrap();
    // Until it is there it sees nothing.
    until("the follower sees an event", || {
        upstream.send(&frame);
        followed().lines().count() > 2
    });
    let text = followed();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for pair in lines.windows(2) {
        let [before, after] = [&pair[0], &pair[1]].map(|event| event["seq"].as_u64().unwrap());
        assert_eq!(after, before + 1, "none is missing");
    }
    assert_eq!(lines[0]["destination"], "192.0.2.0/24");
}
