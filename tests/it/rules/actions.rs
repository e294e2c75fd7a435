//! What rules do with the packets that they match: drop, pass, monitor, and limit to a rate, in packets and in
//! bits.

use filter_common::{
    limit::{CLASSES, Limit},
    verdict::{Action, Reason},
};
use filter_ctl::policy::perimeter::{HostGroup, Perimeter};

use super::no_policies;
use crate::{
    limits::{SECOND, assert_near, passed_of},
    support::{
        packet::{Flow, Frame, Tag},
        rules::{parse, traffic_rules},
        skipped,
        timed::Timed,
    },
};

/// Rules in the order of evaluation, which is the one they are written in; slots by their ranks.
fn rules(texts: &[&str]) -> Perimeter {
    let rules = traffic_rules((0..).zip(texts.iter().copied()));
    let slots = rules.iter().map(|rule| rule.record.slot);
    assert!(slots.is_sorted(), "{texts:?}");
    Perimeter {
        rules,
        ..no_policies()
    }
}

fn packet(port: u16, payload: usize) -> Frame {
    Flow::udp("203.0.113.7", "192.0.2.9", [40_000, port]).frame(&vec![0x5a; payload])
}

fn udp(port: u16) -> Vec<u8> {
    packet(port, 64).bytes()
}

/// What a rule has matched and dropped.
fn counted(timed: &Timed, slot: u32) -> [u64; 2] {
    let counter = timed.instance.rule_counter(slot).unwrap().unwrap();
    [counter.matched_packets, counter.dropped_packets]
}

#[test]
fn a_rule_that_passes_a_packet_spares_it_the_rules_and_limits_behind_it() {
    if skipped() {
        return;
    }
    let limits = [Limit::packets(1, 1); CLASSES];
    let mut timed = Timed::new(Perimeter {
        // A packet of a class and second.
        groups: vec![HostGroup {
            name: "inside".to_owned(),
            networks: vec![parse("192.0.2.0/24")],
            limits,
            ..HostGroup::default()
        }],
        ..rules(&[
            "dst 192.0.2.9/32 dport = 53 then pass",
            "dst 192.0.2.9/32 dport = 54 then pass continue",
            "dst 192.0.2.9/32 dport = 55 then drop",
            "dst 192.0.2.0/24 dport <= 54 then drop",
        ])
    });
    timed.at(5 * SECOND);
    assert_eq!(timed.send(&udp(53), 5), 5, "neither the drop nor the limit");
    assert!(!timed.passes(&udp(54)), "the next rule is asked");
    assert!(!timed.passes(&udp(55)));
    assert_eq!(timed.send(&udp(56), 5), 1, "no rule spares it the limit");
    let slots = [0, 1, 2, 3].map(|slot| counted(&timed, slot));
    assert_eq!(slots, [[5, 0], [1, 0], [1, 1], [1, 1]]);
    assert_eq!(timed.dropped(Reason::Rule), 2);
    assert_eq!(timed.dropped(Reason::LimitUdp), 4);
}

#[test]
fn a_monitored_rule_counts_what_it_would_drop_and_asks_the_next() {
    if skipped() {
        return;
    }
    let mut timed = Timed::new(rules(&[
        "dst 192.0.2.9/32 dport = 53 then monitor",
        "dst 192.0.2.9/32 sport = 40000 then monitor",
        "dst 192.0.2.0/24 dport = 54 then drop",
    ]));
    assert!(timed.passes(&udp(53)));
    assert!(!timed.passes(&udp(54)));
    let slots = [0, 1, 2].map(|slot| counted(&timed, slot));
    assert_eq!(slots, [[1, 0], [2, 0], [1, 1]]);
    let counter = timed
        .instance
        .verdict_counter(0, Reason::Rule, Action::Drop);
    let counter = counter.unwrap();
    assert_eq!(
        [counter.packets, counter.would_packets],
        [1, 2],
        "one was dropped; both would have been, had the monitored rules dropped"
    );
}

#[test]
fn a_limit_that_is_kept_ends_the_rules_unless_it_continues() {
    if skipped() {
        return;
    }
    for (continues, passes, behind) in [("", 5, 0), (" continue", 0, 5)] {
        let limit = format!("dst 192.0.2.9/32 dport = 53 then limit 10 pps burst 5{continues}");
        let mut timed = Timed::new(rules(&[&limit, "dst 192.0.2.0/24 then drop"]));
        timed.at(5 * SECOND);
        assert_eq!(timed.send(&udp(53), 20), passes, "{limit}");
        assert_eq!(counted(&timed, 0), [20, 15], "{limit}");
        assert_eq!(counted(&timed, 1), [behind, behind], "{limit}");
        // A tenth of a second is a packet.
        timed.at(5 * SECOND + 100);
        timed.send(&udp(53), 3);
        assert_eq!(counted(&timed, 0), [23, 17], "{limit}");
    }
}

#[test]
fn each_rule_has_a_rate_of_its_own_for_all_that_it_matches() {
    if skipped() {
        return;
    }
    let mut timed = Timed::new(rules(&[
        "dst 192.0.2.0/24 dport = 53 then limit 10 pps burst 5",
        "dst 192.0.2.0/24 dport = 54 then limit 10 pps burst 3",
    ]));
    timed.at(5 * SECOND);
    assert_eq!(timed.send(&udp(53), 10), 5);
    let elsewhere = Flow::udp("203.0.113.7", "192.0.2.10", [40_000, 53]).frame(&[0; 64]);
    assert_eq!(timed.send(&elsewhere.bytes(), 10), 0, "the same rule");
    assert_eq!(timed.send(&udp(54), 10), 3);
    assert_eq!(timed.send(&udp(55), 10), 10);
}

/// As an interface sees them: one flow, or many, untagged and tagged.
fn flows(count: u16, payload: usize) -> Vec<Vec<u8>> {
    let tags = [&[][..], &[Tag::q(7)], &[Tag::ad(7), Tag::q(8)]];
    (0..count)
        .map(|number| {
            let source = format!("203.0.113.{}", number % 250 + 1);
            let flow = Flow::udp(&source, "192.0.2.9", [1_024 + number, 53]);
            let frame = flow.frame(&vec![0x5a; payload]);
            frame.tagged(tags[usize::from(number) % 3]).bytes()
        })
        .collect()
}

#[test]
fn a_rate_in_packets_is_kept_to_five_percent_over_ten_seconds_by_one_flow_or_many() {
    if skipped() {
        return;
    }
    for rate in [1_000, 7_777, 20_000] {
        for count in [1, 1_000] {
            let rule = format!("dst 192.0.2.9/32 then limit {rate} pps");
            let mut timed = Timed::new(rules(&[&rule]));
            let got = passed_of(&mut timed, &flows(count, 64), 4 * rate, 10);
            assert_near(got, 10 * rate, &format!("{rule}, {count} flows"));
            assert_eq!(counted(&timed, 0), [40 * rate, 40 * rate - got]);
        }
    }
}

/// The bits are those of frames, as in the counters: with Ethernet header and tags.
#[test]
fn a_rate_in_bits_is_kept_to_five_percent_over_ten_seconds_whatever_the_length() {
    if skipped() {
        return;
    }
    for payload in [36, 472, 1_372] {
        for count in [1, 999] {
            // A third of the flows has one tag, and another has two.
            let tags = if count == 1 { 0 } else { 4 };
            let bits = 8 * (14 + tags + 20 + 8 + payload as u64);
            let rate = 2_000 * bits;
            let rule = format!("dst 192.0.2.9/32 then limit {rate} bit/s");
            let mut timed = Timed::new(rules(&[&rule]));
            let got = passed_of(&mut timed, &flows(count, payload), 8_000, 10);
            assert_near(got, 20_000, &format!("{rule}, {count} flows"));
        }
    }
}
