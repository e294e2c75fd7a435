//! What the entering of letters promises.

use ipnet::IpNet;
use jiff::{Timestamp, tz::TimeZone};

use crate::order::{
    Direction, FeedName, OrderInfo, PortRange, Provenance, RefusalReason, letter::*,
};

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn letter(entered_at: &str, entries: &[(&str, &str)]) -> Letter {
    let entered_at = time(entered_at);
    let entry = |(net, until): &(&str, &str)| {
        let net: IpNet = net.parse().expect("a prefix");
        let until = parse_until(until, entered_at, &TimeZone::UTC).ok();
        LetterEntry::new(net, until)
    };
    Letter {
        info: OrderInfo {
            reference: "298/VNCERT-DPUC".into(),
            issuer: "VNCERT/CC".into(),
            basis: "".into(),
            reason: "C2".into(),
        },
        uid: 1000,
        user: "an".to_owned(),
        entered_at,
        deadline: None,
        date: None,
        not_enforceable: Vec::new(),
        entries: entries.iter().map(entry).collect(),
    }
}

fn entered(existing: Option<&OperatorOrder>, letter: &Letter) -> Entered {
    enter(existing, letter, &LetterLimits::default()).expect("entered")
}

#[test]
fn a_letter_becomes_an_order_of_the_operator() {
    let letter = letter(
        "2026-11-23T09:00:00Z",
        &[("203.0.113.7/32", "30d"), ("2001:db8::/48", "2026-12-30")],
    );
    let Entered {
        order,
        added,
        renewed,
        refused,
    } = entered(None, &letter);
    assert_eq!((added, renewed, refused.len()), (2, 0, 0));
    let verified = order.verified().expect("verified");
    assert_eq!(*verified.feed(), FeedName::operator());
    assert_eq!(*verified.provenance(), Provenance::Operator { uid: 1000 });
    let entries: Vec<_> = verified
        .entries()
        .by_id()
        .map(|entry| entry.terms)
        .collect();
    assert_eq!(entries[0].until, time("2026-12-23T09:00:00Z"));
    assert_eq!(entries[1].until, time("2026-12-31T00:00:00Z"));
    assert_eq!(entries[0].since, letter.entered_at);
    assert_eq!(verified.order_id(0).to_string(), "operator:298/VNCERT-DPUC");

    let text = serde_json::to_string(&order).expect("text");
    assert_eq!(
        serde_json::from_str::<OperatorOrder>(&text).expect("an order"),
        order
    );
}

#[test]
fn a_second_list_under_the_same_number_is_added_and_renews() {
    let first = letter(
        "2026-11-23T09:00:00Z",
        &[("203.0.113.7/32", "30d"), ("203.0.113.8/32", "1h")],
    );
    let first = entered(None, &first).order;
    let mut second = letter(
        "2026-11-24T09:00:00Z",
        &[
            ("203.0.113.7/32", "60d"),
            ("203.0.113.8/32", "60d"),
            ("203.0.113.9/32", "60d"),
            ("203.0.113.9/32", "60d"),
        ],
    );
    second.info.reason = "".into();
    second.info.basis = "Law 24".into();
    second.deadline = Some(time("2026-12-01T00:00:00Z"));
    second.uid = 1001;
    let Entered {
        order,
        added,
        renewed,
        refused,
    } = entered(Some(&first), &second);
    assert_eq!((added, renewed, refused.len()), (1, 3, 0));
    let ids: Vec<_> = order.entries.iter().map(|entry| &*entry.id).collect();
    assert_eq!(ids.len(), 3);
    assert_eq!(ids[0], &*first.entries[0].id);
    let since: Vec<_> = order.entries.iter().map(|entry| entry.since).collect();
    // The second had ended in between, and begins anew.
    assert_eq!(
        since,
        [first.entered_at, second.entered_at, second.entered_at]
    );
    assert_eq!((&*order.info.reason, &*order.info.basis), ("C2", "Law 24"));
    assert_eq!((order.uid, order.deadline), (1000, second.deadline));
    assert_eq!(order.changed_at, second.entered_at);
    assert_eq!(order.entries[0].until, Some(time("2027-01-23T09:00:00Z")));
}

#[test]
fn the_same_number_by_another_authority_is_refused() {
    let first = letter("2026-11-23T09:00:00Z", &[("203.0.113.7/32", "30d")]);
    let existing = entered(None, &first).order;
    let mut other = first.clone();
    other.info.issuer = "Court".into();
    let refused = |letter: &Letter| {
        enter(Some(&existing), letter, &LetterLimits::default()).expect_err("refused")
    };
    assert_eq!(refused(&other).code(), "other_issuer");
    other.info.reference = "299".into();
    assert_eq!(refused(&other).code(), "other_order");
}

#[test]
fn the_guard_rails_refuse_one_by_one_and_take_nothing_away() {
    use RefusalReason::{Expired, NoUntil, PrefixTooShort, UntilTooFar};
    let entries = [
        ("203.0.113.7/32", "none"),
        ("203.0.113.8/32", "2026-11-22"),
        ("203.0.113.9/32", "181d"),
        ("203.0.0.0/23", "30d"),
        ("2001:db8::/47", "30d"),
        ("203.0.113.10/32", "180d"),
    ];
    let first = letter("2026-11-23T09:00:00Z", &entries);
    let Entered {
        order,
        added,
        refused,
        ..
    } = entered(None, &first);
    let reasons: Vec<_> = refused
        .iter()
        .map(|refused| (refused.index, refused.reason))
        .collect();
    let expected = [
        NoUntil,
        Expired,
        UntilTooFar,
        PrefixTooShort,
        PrefixTooShort,
    ];
    assert_eq!(
        reasons,
        expected.into_iter().enumerate().collect::<Vec<_>>()
    );
    assert_eq!(added, 1);
    let verified = order.verified().expect("verified");
    assert_eq!((verified.entries().len(), verified.refused().len()), (1, 5));

    // A renewal that is refused leaves what is in force; a refused entry can be put right.
    let second = letter(
        "2026-11-24T09:00:00Z",
        &[("203.0.113.10/32", "200d"), ("203.0.113.7/32", "1d")],
    );
    let Entered {
        order,
        renewed,
        refused,
        ..
    } = entered(Some(&order), &second);
    assert_eq!(
        (renewed, refused.len(), refused[0].reason),
        (1, 1, UntilTooFar)
    );
    let verified = order.verified().expect("verified");
    let until: Vec<_> = verified
        .entries()
        .by_id()
        .map(|entry| (entry.terms.until, entry.terms.since))
        .collect();
    assert_eq!(
        until,
        [
            (time("2026-11-25T09:00:00Z"), second.entered_at),
            (time("2027-05-22T09:00:00Z"), first.entered_at),
        ]
    );
    assert_eq!(verified.refused().len(), 4);
}

#[test]
fn a_letter_that_cannot_be_taken_exactly_is_refused() {
    let good = letter("2026-11-23T09:00:00Z", &[("203.0.113.7/32", "30d")]);
    let code = |change: &dyn Fn(&mut Letter)| {
        let mut letter = good.clone();
        change(&mut letter);
        let limits = LetterLimits {
            entries_max: 2,
            ..LetterLimits::default()
        };
        enter(None, &letter, &limits)
            .map_err(|error| error.code())
            .map(drop)
    };
    assert_eq!(code(&|_| ()), Ok(()));
    assert_eq!(
        code(&|letter| letter.info.reference = " ".into()),
        Err("malformed")
    );
    assert_eq!(
        code(&|letter| letter.info.issuer = "".into()),
        Err("malformed")
    );
    assert_eq!(
        code(&|letter| letter.info.basis = "x".repeat(1025).into()),
        Err("malformed")
    );
    assert_eq!(
        code(&|letter| letter.user = "x".repeat(257)),
        Err("malformed")
    );
    assert_eq!(code(&|letter| letter.entries.clear()), Err("no_entries"));
    let domain = || Indicator {
        kind: Kind::Domain,
        text: "evil.example".to_owned(),
    };
    assert_eq!(
        code(&|letter| {
            letter.entries.clear();
            letter.not_enforceable.push(domain());
        }),
        Ok(())
    );
    assert_eq!(
        code(&|letter| letter.entries[0].net = "203.0.113.7/24".parse().expect("a prefix")),
        Err("host_bits")
    );
    let port = PortRange {
        first: 443,
        last: 443,
    };
    assert_eq!(
        code(&|letter| letter.entries[0].ports = vec![port]),
        Err("malformed_ports")
    );
    assert_eq!(
        code(&|letter| {
            letter.entries[0].protocol = Some(6);
            letter.entries[0].ports = vec![port, PortRange { first: 0, last: 1 }];
        }),
        Err("malformed_ports")
    );
    assert_eq!(
        code(&|letter| {
            for n in 1..=2 {
                letter.entries.push(LetterEntry {
                    protocol: Some(n),
                    direction: Direction::To,
                    ..letter.entries[0].clone()
                });
            }
        }),
        Err("too_many_entries")
    );
}

#[test]
fn a_document_changed_by_other_hands_is_not_used() {
    let good = entered(
        None,
        &letter(
            "2026-11-23T09:00:00Z",
            &[("203.0.113.7/32", "30d"), ("203.0.113.8/32", "30d")],
        ),
    );
    let code = |change: &dyn Fn(&mut OperatorOrder)| {
        let mut order = good.order.clone();
        change(&mut order);
        order.verified().map_err(|error| error.code()).map(drop)
    };
    assert_eq!(code(&|_| ()), Ok(()));
    assert_eq!(code(&|order| order.version = 2), Err("unsupported_version"));
    assert_eq!(
        code(&|order| order.info.issuer = "".into()),
        Err("malformed")
    );
    assert_eq!(
        code(&|order| order.entries[0].until = None),
        Err("damaged_entry")
    );
    assert_eq!(
        code(&|order| order.entries[0].id = order.entries[1].id.clone()),
        Err("damaged_entry")
    );
    assert_eq!(
        code(&|order| order.entries[0].net = "203.0.113.7/24".parse().expect("a prefix")),
        Err("damaged_entry")
    );
}
