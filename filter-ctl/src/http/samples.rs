//! Documents for tests: what a service might answer.

use std::collections::BTreeMap;

use ipnet::IpNet;
use jiff::Timestamp;

use super::wire::{
    Alarm, ApplyReport, Count, CoveringEntry, Explanation, FeedStats, FeedStatus, Generation,
    InterfaceStats, InterfaceStatus, NeverBlockEntry, OrderDetail, OrderStats, OrderSummary,
    ReasonStats, RuleAtEnd, RuleEntry, Stats, Status, Totals, WithheldEntry,
};
use crate::{
    kernel::attach::Mode,
    order::{Direction, FeedName, OrderId},
};

pub(crate) fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

pub(crate) fn feed() -> FeedName {
    FeedName::try_from("ncsc".to_owned()).unwrap()
}

pub(crate) fn id() -> OrderId {
    OrderId::try_from("ncsc:298/VNCERT-DPUC".to_owned()).unwrap()
}

const fn count(packets: u64, bytes: u64) -> Count {
    Count { packets, bytes }
}

pub(crate) fn status() -> Status {
    Status {
        version: "0.1.0".to_owned(),
        service: true,
        started_at: Some(time("2026-11-20T08:00:00Z")),
        bypass: false,
        generation: Some(Generation {
            number: 42,
            digest: "5f3c".repeat(16),
            published_at: time("2026-11-23T08:00:05Z"),
            entries: Some(1_000_002),
            v4_rows: Some(1_700_000),
            v6_rows: Some(12),
            v4_prefixes: Some(1_000_000),
            v6_prefixes: Some(2),
        }),
        interfaces: vec![
            InterfaceStatus {
                name: "eth0".to_owned(),
                role: "upstream".to_owned(),
                mode: Mode::Native,
                action: "enforce".to_owned(),
                attached: true,
                enforces: Some(true),
                error: None,
            },
            InterfaceStatus {
                name: "eth1".to_owned(),
                role: "customer".to_owned(),
                mode: Mode::Generic,
                action: "monitor".to_owned(),
                attached: false,
                enforces: Some(false),
                error: Some("interface eth1 does not exist".to_owned()),
            },
        ],
        feeds: vec![FeedStatus {
            feed: feed(),
            mode: "enforce".to_owned(),
            epoch: Some(1),
            seq: Some(42),
            admitted_at: Some(time("2026-11-23T08:00:04Z")),
            expires_at: Some(time("2026-11-24T08:00:00Z")),
            desired: 1_000_003,
            enforced: 1_000_000,
            withheld: 3,
            held: 0,
            alarms: Vec::new(),
            refused_bundles: 0,
            last_refusal: None,
            paused: None,
            last_success: None,
            held_update: None,
            drift: 0,
        }],
        alarms: vec![Alarm {
            code: "feed_stale".to_owned(),
            subject: "ncsc".to_owned(),
            message: "the last bundle expired at 2026-11-24T08:00:00Z".to_owned(),
            detail: None,
        }],
        deadlines: Vec::new(),
        overdue: 0,
    }
}

pub(crate) fn stats() -> Stats {
    let totals = Totals {
        packets: 9_876_543_210,
        bytes: 7_654_321_098_765,
        passed: count(9_875_308_643, 7_654_246_998_765),
        dropped: count(1_234_567, 74_100_000),
        would_drop: count(12, 720),
    };
    let reasons = vec![
        ReasonStats {
            reason: "clean".to_owned(),
            verdict: "pass".to_owned(),
            packets: 9_875_308_643,
            bytes: 7_654_246_998_765,
            would_drop: count(0, 0),
        },
        ReasonStats {
            reason: "order".to_owned(),
            verdict: "drop".to_owned(),
            packets: 1_234_567,
            bytes: 74_100_000,
            would_drop: count(12, 720),
        },
    ];
    Stats {
        at: time("2026-11-23T12:00:00Z"),
        totals,
        interfaces: vec![InterfaceStats {
            name: "eth0".to_owned(),
            totals,
            reasons: reasons.clone(),
        }],
        reasons,
        feeds: vec![FeedStats {
            feed: feed(),
            packets: 1_234_567,
            bytes: 74_100_000,
            would_drop: count(12, 720),
        }],
        orders: vec![OrderStats {
            id: id(),
            feed: feed(),
            reference: "298/VNCERT-DPUC".to_owned(),
            packets: 1_234_567,
            bytes: 74_100_000,
            would_drop: count(12, 720),
        }],
        rules: Vec::new(),
    }
}

pub(crate) fn covering_entry() -> CoveringEntry {
    CoveringEntry {
        id: id(),
        entry: "e2".to_owned(),
        feed: feed(),
        issuer: "VNCERT/CC".to_owned(),
        reference: "298/VNCERT-DPUC".to_owned(),
        basis: "Decree 53/2022".to_owned(),
        reason: "botnet C2".to_owned(),
        net: net("203.0.113.0/24"),
        dir: Direction::To,
        proto: Some("tcp".to_owned()),
        ports: vec!["443".to_owned(), "8000-8010".to_owned()],
        mode: "enforce".to_owned(),
        paused: false,
        since: time("2026-11-23T08:00:04Z"),
        until: time("2026-12-30T00:00:00Z"),
        dropped: count(1_234_567, 74_100_000),
    }
}

pub(crate) fn withheld_entry() -> WithheldEntry {
    WithheldEntry {
        id: id(),
        entry: "e7".to_owned(),
        net: net("192.0.2.0/24"),
        status: "refused".to_owned(),
        reason: Some("never_block".to_owned()),
    }
}

pub(crate) fn explanation() -> Explanation {
    Explanation {
        address: "203.0.113.7".parse().unwrap(),
        stands_for: None,
        host_group: None,
        limits: BTreeMap::new(),
        policies: BTreeMap::new(),
        rules: Vec::new(),
        rules_total: 0,
        blocked: true,
        not_dropping: None,
        orders: vec![covering_entry()],
        never_block: None,
        withheld: Vec::new(),
        generation: Some(42),
    }
}

pub(crate) fn never_block_entry() -> NeverBlockEntry {
    NeverBlockEntry {
        net: net("203.0.113.0/28"),
        scope: "lists".to_owned(),
        origin: "exception".to_owned(),
        reason: "our resolver".to_owned(),
        until: Some(time("2026-12-01T00:00:00Z")),
        by: Some("alice (uid 1000)".to_owned()),
    }
}

pub(crate) fn rule_entry() -> RuleEntry {
    RuleEntry {
        id: "ntp".to_owned().try_into().unwrap(),
        rank: 1,
        text: "proto = udp sport = 123 length >= 468 then drop".to_owned(),
        nlri: "0a03811106817b0a9301d4".to_owned(),
        origin: "added".to_owned(),
        since: Some(time("2026-11-23T08:00:04Z")),
        until: Some(time("2026-11-23T10:00:04Z")),
        by: Some("alice (uid 1000)".to_owned()),
        reason: "reflection".to_owned(),
        matched: count(12_345, 12_345_000),
        dropped: count(12_000, 12_000_000),
    }
}

pub(crate) fn rule_at_end() -> RuleAtEnd {
    RuleAtEnd {
        dir: Direction::Both,
        by_prefix: false,
        action: "drop".to_owned(),
        rule: rule_entry(),
    }
}

pub(crate) fn order_summary() -> OrderSummary {
    OrderSummary {
        id: id(),
        feed: feed(),
        issuer: "VNCERT/CC".to_owned(),
        reference: "298/VNCERT-DPUC".to_owned(),
        basis: "Decree 53/2022".to_owned(),
        reason: "botnet C2".to_owned(),
        status: "partial".to_owned(),
        enforced: 2,
        withheld: 1,
        since: Some(time("2026-11-23T08:00:04Z")),
        until: Some(time("2026-12-30T00:00:00Z")),
        dropped: count(1_234_567, 74_100_000),
        would_drop: count(0, 0),
    }
}

pub(crate) fn order_detail() -> OrderDetail {
    OrderDetail {
        summary: order_summary(),
        entries: vec![covering_entry()],
        not_enforced: vec![withheld_entry()],
        letter: None,
    }
}

pub(crate) fn apply_report() -> ApplyReport {
    ApplyReport {
        feed: feed(),
        status: "enforced".to_owned(),
        epoch: Some(1),
        seq: Some(42),
        orders: vec![id()],
        received: 3,
        enforced: 2,
        withheld: vec![withheld_entry()],
        withheld_total: 1,
        paused: false,
        generation: Some(42),
        received_at: time("2026-11-23T08:00:04Z"),
        admitted_at: time("2026-11-23T08:00:04.25Z"),
        enforced_at: Some(time("2026-11-23T08:00:05.5Z")),
    }
}
