//! Lists that nobody signs: how long they hold, and a long history with what mirrors have served among it.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};

use crate::order::{FeedName, OrderInfo, list::ListFormat, verify::*};

const CAPS: ListCaps = ListCaps {
    add_max_percent: 20,
    remove_max_percent: 10,
};

fn feed() -> FeedName {
    FeedName::try_from("drop".to_owned()).unwrap()
}

fn terms() -> ListTerms {
    ListTerms {
        format: ListFormat::Plain,
        ttl_seconds: 172_800,
        shortest_ipv4: 24,
        shortest_ipv6: 48,
        entries_max: 10_000,
        can_be_empty: false,
        order: OrderInfo {
            reference: "list".into(),
            issuer: "x".into(),
            basis: "".into(),
            reason: "".into(),
        },
    }
}

fn text(numbers: impl Iterator<Item = u32>) -> String {
    let mut text = "; a list\n".to_owned();
    for number in numbers {
        writeln!(text, "20.{}.{}.0/24", number >> 8, number & 255).unwrap();
    }
    text
}

#[test]
fn a_history_of_300_versions_holds_and_refuses_exactly_the_implausible_ones() {
    let mut now: Timestamp = "2026-11-25T00:00:00Z".parse().unwrap();
    let (mut first, mut last) = (0, 1_000);
    let mut good: Option<AdmittedList> = None;
    let (mut held, mut refused) = (Vec::new(), Vec::new());
    for version in 0..300_u32 {
        now += SignedDuration::from_hours(1);
        // A real list: up to 8 % go, up to 16 % come, and most often far less.
        (first, last) = match version % 50 {
            10 => (first + (last - first) * 8 / 100, last),
            30 => (first, last + (last - first) * 8 / 100),
            _ => (first + version % 4, last + version % 4),
        };
        let whole = text(first..last);
        let bytes = match version {
            20 => "Could not connect: ".to_owned(),
            60 => String::new(),
            100 => whole[..whole.len() / 2 - 3].to_owned(),
            // At the end of a line nothing shows the cut but how much is missing.
            140 => text(first..first + (last - first) / 2),
            180 => text(first..last + (last - first)),
            220 => "<html>504</html>\n".to_owned(),
            _ => whole,
        };
        let before = good.as_ref().map(|good| (&good.mark, &*good.order));
        match admit_list(
            &feed(),
            &bytes.as_bytes().to_vec().into(),
            &terms(),
            before,
            now,
        ) {
            Err(_) => refused.push(version),
            Ok(new) if new.change.is_some_and(|change| !change.is_within(&CAPS)) => {
                held.push(version);
            }
            Ok(new) => good = Some(new),
        }
    }
    assert_eq!(refused, [20, 60, 100, 220]);
    assert_eq!(held, [140, 180]);
    assert_eq!(
        good.unwrap().order.entries().len(),
        usize::try_from(last - first).unwrap()
    );
}

#[test]
fn seen_again_it_holds_longer_and_since_stays() {
    let now: Timestamp = "2026-11-25T00:00:00Z".parse().unwrap();
    let bytes = text(0..10);
    let list = admit_list(
        &feed(),
        &bytes.as_bytes().to_vec().into(),
        &terms(),
        None,
        now,
    )
    .unwrap();
    let later = now + SignedDuration::from_hours(3);
    let before = Some((&list.mark, &*list.order));
    let again = admit_list(
        &feed(),
        &bytes.as_bytes().to_vec().into(),
        &terms(),
        before,
        later,
    )
    .unwrap();
    let entry = again.order.entries().at(0);
    assert_eq!(entry.terms.since, now);
    assert_eq!(entry.terms.until, later + SignedDuration::from_hours(48));

    let much_later = later + SignedDuration::from_hours(49);
    let before = Some((&again.mark, &*again.order));
    let back = admit_list(
        &feed(),
        &bytes.as_bytes().to_vec().into(),
        &terms(),
        before,
        much_later,
    )
    .unwrap();
    assert_eq!(back.order.entries().at(0).terms.since, much_later);
}

#[test]
fn a_short_prefix_is_refused_alone_and_a_restart_reads_the_same() {
    let now: Timestamp = "2026-11-25T00:00:00Z".parse().unwrap();
    let bytes = b"20.0.0.0/12\n20.1.0.0/24\n".to_vec();
    let list = admit_list(&feed(), &bytes.clone().into(), &terms(), None, now).unwrap();
    assert_eq!(
        (list.order.entries().len(), list.order.refused().len()),
        (1, 1)
    );
    let committed = CommittedList {
        feed: feed(),
        mark: list.mark.clone(),
        since: Some(encode_since(&list.order)),
        input: bytes.into(),
    };
    let (order, odd) = readmit_list(&committed).unwrap();
    assert_eq!((order, odd), (list.order, None));
    let damaged = CommittedList {
        input: b"20.1.0.0/24\n".to_vec().into(),
        ..committed
    };
    assert!(readmit_list(&damaged).is_err());
}
