//! Tests of the simulation on the host: scenes made by hand, packets written by hand.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    packet::{Options, Simulation},
    scene::{Choice, Scene, SceneError},
    state::State,
    wire::Summary,
};
use crate::{
    capture::{LinkType, Record},
    config::{Config, load::parse},
    daemon::{
        desired::SourceKey,
        local::{Exception, Local, WithdrawalRecord},
    },
    order::{Direction, EntriesBuilder, FeedName, OrderInfo, Provenance, Terms, VerifiedOrder},
};

const LISTED: [u8; 4] = [203, 0, 113, 7];
const OTHER: [u8; 4] = [8, 8, 8, 8];
const INSIDE: [u8; 4] = [9, 9, 9, 9];

fn now() -> Timestamp {
    "2026-11-23T08:00:00Z".parse().unwrap()
}

fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

fn config(text: &str) -> Config {
    parse(text).unwrap().config
}

/// An operator's order that blocks an address from a day ago for two days.
fn letter(reference: &str, address: [u8; 4]) -> (SourceKey, Arc<VerifiedOrder>) {
    let terms = Terms {
        direction: Direction::Both,
        protocol: None,
        ports: Box::default(),
        until: now() + hours(24),
        since: now() - hours(24),
        reason: None,
        order: 0,
    };
    let mut entries = EntriesBuilder::default();
    entries.push("1", std::net::IpAddr::from(address).into(), terms);
    let info = OrderInfo {
        reference: reference.into(),
        issuer: "a court".into(),
        basis: "".into(),
        reason: "".into(),
    };
    let order = VerifiedOrder::for_test(
        FeedName::operator(),
        Provenance::Operator { uid: 0 },
        now(),
        vec![info],
        entries.finish(),
        Vec::new(),
    );
    (SourceKey::Letter(reference.into()), Arc::new(order))
}

fn listed() -> State {
    State {
        sources: [letter("1", LISTED)].into(),
        ..State::default()
    }
}

fn scene(text: &str, state: State, at: Option<Timestamp>) -> Scene {
    let choice = Choice {
        interface: None,
        at,
        now: now(),
    };
    Scene::new(&config(text), state, choice).unwrap()
}

/// UDP from port 53 to port 40000, 46 bytes.
fn udp(source: [u8; 4], destination: [u8; 4]) -> Vec<u8> {
    let mut frame = vec![0; 12];
    frame.extend([0x08, 0x00, 0x45, 0, 0, 32, 0, 0, 0, 0, 64, 17, 0, 0]);
    frame.extend([source, destination].concat());
    frame.extend([0, 53, 0x9c, 0x40, 0, 12, 0, 0, 1, 2, 3, 4]);
    frame
}

/// The lines of these frames, each with its length on the wire, and the summary.
fn judge(scene: Scene, cut_headers: bool, frames: &[(&[u8], usize)]) -> (Vec<Value>, Summary) {
    let options = Options {
        kernel: false,
        cut_headers,
    };
    let mut simulation = Simulation::new(scene, options).unwrap();
    let mut lines = Vec::new();
    for (number, (frame, length)) in (1..).zip(frames) {
        let record = Record {
            number,
            time: Some(now()),
            frame,
            length: *length,
            link: LinkType::ETHERNET,
        };
        let judged = simulation.judge(&record).unwrap();
        assert_eq!(judged.difference, None);
        lines.push(serde_json::to_value(&judged.line).unwrap());
    }
    (lines, simulation.summary(None))
}

/// Verdict and reason of one whole frame.
fn verdict(scene: Scene, frame: &[u8]) -> [String; 2] {
    let (lines, _) = judge(scene, false, &[(frame, frame.len())]);
    ["verdict", "reason"].map(|field| lines[0][field].as_str().unwrap().to_owned())
}

#[test]
fn a_line_says_everything_and_the_summary_adds_it_up() {
    let mut state = listed();
    state.sources.extend([letter("2", LISTED)]);
    let frames = [udp(LISTED, INSIDE), udp(OTHER, INSIDE)];
    let frames: Vec<_> = frames.iter().map(|frame| (&frame[..], 46)).collect();
    let (lines, summary) = judge(scene("", state, None), false, &frames);
    let dropped = json!({
        "n": 1,
        "verdict": "drop",
        "reason": "order",
        "order": "operator:1",
        "orders": ["operator:1", "operator:2"],
        "feed": "operator",
        "rule": null,
        "rules": [],
        "time": "2026-11-23T08:00:00Z",
        "length": 46,
        "vlan": null,
        "source": "203.0.113.7",
        "destination": "9.9.9.9",
        "protocol": "udp",
        "source_port": 53,
        "destination_port": 40_000,
        "inner": null,
        // 203.0.113.0/24 is for documentation.
        "odd": ["bogon_source"],
        "would_drop": [],
    });
    assert_eq!(lines[0], dropped);
    assert_eq!(
        (
            &lines[1]["verdict"],
            &lines[1]["reason"],
            &lines[1]["orders"]
        ),
        (&json!("pass"), &json!("clean"), &json!([]))
    );
    assert_eq!(
        serde_json::to_value(&summary).unwrap(),
        json!({
            "packets": 2,
            "dropped": 1,
            "passed": 1,
            "undecided": 0,
            "by_reason": {"clean": 1, "order": 1},
            "by_order": {"operator:1": 1, "operator:2": 1},
            "by_rule": {},
            "would_drop": 0,
            "interface": "upstream",
            "at": "2026-11-23T08:00:00Z",
            "error": null,
        })
    );
}

#[test]
fn orders_hold_from_their_beginning_to_their_end() {
    let frame = udp(INSIDE, LISTED);
    for (at, expected) in [
        (now() - hours(25), "pass"),
        (now() - hours(24), "drop"),
        (now() + hours(23), "drop"),
        (now() + hours(24), "pass"),
    ] {
        let [verdict, _] = verdict(scene("", listed(), Some(at)), &frame);
        assert_eq!(verdict, expected, "{at}");
    }
    // Without a moment, what is stored is in force, whatever the clock says.
    let choice = Choice {
        interface: None,
        at: None,
        now: now() - hours(100),
    };
    let scene = Scene::new(&Config::default(), listed(), choice).unwrap();
    assert_eq!(verdict(scene, &frame)[0], "drop");
}

#[test]
fn decisions_hold_from_their_beginning() {
    let frame = udp(INSIDE, LISTED);
    let withdrawn = WithdrawalRecord {
        order: "operator:1".to_owned().try_into().unwrap(),
        entry: None,
        reason: String::new(),
        by: String::new(),
        at: now(),
    };
    let exempt = Exception {
        net: std::net::IpAddr::from(LISTED).into(),
        all: false,
        reason: String::new(),
        until: None,
        by: String::new(),
        at: now(),
    };
    let locals = [
        Local {
            withdrawals: vec![withdrawn],
            ..Local::default()
        },
        Local {
            exceptions: vec![exempt],
            ..Local::default()
        },
    ];
    for local in locals {
        for (at, expected) in [(now() - hours(1), "drop"), (now(), "pass")] {
            let state = State {
                local: local.clone(),
                ..listed()
            };
            let [verdict, _] = verdict(scene("", state, Some(at)), &frame);
            assert_eq!(verdict, expected, "{at} {local:?}");
        }
    }
}

#[test]
fn monitored_interfaces_say_what_they_would_drop() {
    let text = "[[interface]]\nname = \"a\"\nrole = \"customer\"\naction = \"monitor\"\n";
    let [from_listed, land] = [udp(LISTED, INSIDE), udp(OTHER, OTHER)];
    let frames = [(&from_listed[..], 46), (&land[..], 46)];
    let (lines, summary) = judge(scene(text, listed(), None), false, &frames);
    assert_eq!(lines[0]["would_drop"], json!(["operator:1"]));
    assert_eq!(lines[1]["would_drop"], json!(["land"]));
    assert_eq!((summary.dropped, summary.would_drop), (0, 2));
}

#[test]
fn the_interface_is_the_one_that_is_meant() {
    let two = "[[interface]]\nname = \"a\"\nrole = \"upstream\"\naction = \"monitor\"\n\
               [[interface]]\nname = \"b\"\nrole = \"upstream\"\n";
    let of = |text: &str, interface| {
        let choice = Choice {
            interface,
            at: None,
            now: now(),
        };
        Scene::new(&config(text), listed(), choice)
    };
    let frame = udp(LISTED, INSIDE);
    for (interface, name, notes, expected) in [
        (None, "a", 1, "pass"),
        (Some("a"), "a", 0, "pass"),
        (Some("b"), "b", 0, "drop"),
    ] {
        let scene = of(two, interface).unwrap();
        assert_eq!(
            (scene.interface_name.as_str(), scene.notes.len()),
            (name, notes)
        );
        assert_eq!(verdict(scene, &frame)[0], expected);
    }
    let error = of(two, Some("c")).map(drop).unwrap_err();
    assert!(matches!(error, SceneError::Interface { .. }));
    assert!(error.to_string().ends_with("one of a, b"), "{error}");
    let scene = of("", None).unwrap();
    assert_eq!(scene.notes.len(), 1);
    assert_eq!(verdict(scene, &frame)[0], "drop");
}

#[test]
fn a_cut_packet_is_undecided_unless_its_headers_are_there() {
    let frame = udp(LISTED, INSIDE);
    let clean = udp(OTHER, INSIDE);
    // Of 46 bytes: the addresses end at 34, the UDP header at 42.
    for (captured, expected) in [
        (20, ["undecided", "undecided"]),
        (36, ["undecided", "undecided"]),
        (42, ["drop", "pass"]),
        (46, ["drop", "pass"]),
    ] {
        let frames = [(&frame[..captured], 46), (&clean[..captured], 46)];
        let (lines, summary) = judge(scene("", listed(), None), true, &frames);
        let verdicts = [&lines[0], &lines[1]].map(|line| line["verdict"].as_str().unwrap());
        assert_eq!(verdicts, expected, "{captured} bytes");
        let (lines, _) = judge(scene("", listed(), None), false, &frames);
        if captured < 46 {
            assert_eq!(lines[0]["reason"], "snap_length");
            assert_eq!(lines[0]["order"], Value::Null);
        }
        assert_eq!(summary.packets, 2);
    }
}

#[test]
fn what_is_not_ip_has_no_addresses() {
    let mut frame = vec![0; 60];
    frame[12..14].copy_from_slice(&[0x08, 0x06]);
    let (lines, _) = judge(scene("", State::default(), None), false, &[(&frame, 60)]);
    assert_eq!(lines[0]["reason"], "arp");
    assert_eq!(lines[0]["source"], Value::Null);
    // Shorter than an Ethernet header.
    assert_eq!(
        verdict(scene("", State::default(), None), &[0; 5]),
        ["pass", "truncated"]
    );
}
