//! The text of `feed list` and `feed show`.

use jiff::Timestamp;

use super::{
    fields, number, optional_time, outside,
    table::{Side, Table},
    time_and_distance,
};
use crate::http::wire::FeedStatus;

/// A line for each feed.
#[must_use]
pub fn table(feeds: &[FeedStatus]) -> String {
    let mut table = Table::new(&[
        ("NAME", Side::Left),
        ("MODE", Side::Left),
        ("ENFORCED", Side::Right),
        ("WITHHELD", Side::Right),
        ("HELD", Side::Right),
        ("EPOCH/SEQ", Side::Right),
        ("ADMITTED", Side::Left),
        ("EXPIRES", Side::Left),
        ("REFUSED", Side::Right),
    ]);
    for feed in feeds {
        table.row([
            feed.feed.to_string(),
            feed.mode.clone(),
            number(feed.enforced),
            number(feed.withheld),
            number(feed.held),
            sequence(feed),
            optional_time(feed.admitted_at),
            optional_time(feed.expires_at),
            number(feed.refused_bundles),
        ]);
    }
    table.render(2)
}

fn sequence(feed: &FeedStatus) -> String {
    match (feed.epoch, feed.seq) {
        (Some(epoch), Some(seq)) => format!("{epoch}/{seq}"),
        _ => "-".to_owned(),
    }
}

/// One feed in full, as of `now`.
#[must_use]
pub fn text(feed: &FeedStatus, now: Timestamp) -> String {
    let FeedStatus {
        feed: name,
        mode,
        epoch: _,
        seq: _,
        admitted_at,
        expires_at,
        desired,
        enforced,
        withheld,
        held,
        alarms,
        refused_bundles,
        last_refusal,
    } = feed;
    let at = |time: &Option<Timestamp>| {
        time.map_or_else(|| "-".to_owned(), |time| time_and_distance(time, now))
    };
    let refusal = last_refusal.as_ref().map_or_else(String::new, |refusal| {
        format!("{} ({})", outside(&refusal.error), refusal.code)
    });
    let alarms: Vec<String> = alarms
        .iter()
        .map(|alarm| format!("{}: {}", alarm.code, outside(&alarm.message)))
        .collect();
    let all = [
        ("Feed", name.to_string()),
        ("Mode", mode.clone()),
        ("Epoch/seq", sequence(feed)),
        ("Admitted", at(admitted_at)),
        ("Expires", at(expires_at)),
        ("Desired", number(*desired)),
        ("Enforced", number(*enforced)),
        ("Withheld", number(*withheld)),
        ("Held", number(*held)),
        ("Refused bundles", number(*refused_bundles)),
        ("Last refusal", refusal),
        ("Alarms", alarms.join("; ")),
    ];
    fields(0, &all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{
        samples,
        wire::{Refusal, RefusalKind},
    };

    #[test]
    fn a_feed_in_full() {
        let mut feed = samples::status().feeds.remove(0);
        feed.refused_bundles = 1;
        feed.last_refusal = Some(Refusal {
            kind: RefusalKind::Refused,
            code: "bad_signature".to_owned(),
            error: "the signature is not\nthat of the bundle".to_owned(),
        });
        assert_eq!(
            text(&feed, samples::time("2026-11-23T09:00:04Z")),
            "\
Feed             ncsc
Mode             enforce
Epoch/seq        1/42
Admitted         2026-11-23 08:00:04Z (60 min ago)
Expires          2026-11-24 08:00:00Z (in 22 h)
Desired          1,000,003
Enforced         1,000,000
Withheld         3
Held             0
Refused bundles  1
Last refusal     the signature is not\\u{a}that of the bundle (bad_signature)
"
        );
    }
}
