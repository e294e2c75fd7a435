//! The text of `feed list` and `feed show`.

use jiff::Timestamp;

use super::{
    distance, fields, number, optional_time, outside,
    table::{Side, Table},
    time_and_distance,
};
use crate::http::wire::{Alarm, FeedStatus};

/// A line for each feed.
#[must_use]
pub fn table(feeds: &[FeedStatus], now: Timestamp) -> String {
    let mut table = Table::new(&[
        ("NAME", Side::Left),
        ("MODE", Side::Left),
        ("DESIRED", Side::Right),
        ("ENFORCED", Side::Right),
        ("DRIFT", Side::Right),
        ("WITHHELD", Side::Right),
        ("HELD", Side::Right),
        ("EPOCH/SEQ", Side::Right),
        ("ADMITTED", Side::Left),
        ("AGE", Side::Right),
        ("EXPIRES", Side::Left),
        ("REFUSED", Side::Right),
        ("ALARMS", Side::Left),
    ]);
    for feed in feeds {
        let alarms: Vec<&str> = feed.alarms.iter().map(|alarm| &*alarm.code).collect();
        table.row([
            feed.feed.to_string(),
            mode(feed),
            number(feed.desired),
            number(feed.enforced),
            number(feed.drift),
            number(feed.withheld),
            number(feed.held),
            sequence(feed),
            optional_time(feed.admitted_at),
            age(feed, now),
            optional_time(feed.expires_at),
            number(feed.refused_bundles),
            alarms.join(" "),
        ]);
    }
    table.render(2)
}

/// How long ago its publisher was last heard of: the last fetch that succeeded, else the last admission.
fn age(feed: &FeedStatus, now: Timestamp) -> String {
    let last = feed.last_success.max(feed.admitted_at);
    let seconds = |last: Timestamp| now.as_second().saturating_sub(last.as_second());
    last.map_or_else(
        || "-".to_owned(),
        |last| distance(seconds(last).unsigned_abs()),
    )
}

/// The message of an alarm, with what has changed since it was raised.
#[must_use]
pub fn alarm_text(alarm: &Alarm) -> String {
    match &alarm.detail {
        Some(detail) => format!("{}; {detail}", alarm.message),
        None => alarm.message.clone(),
    }
}

/// `enforce` and so on, and whether it stands still.
fn mode(feed: &FeedStatus) -> String {
    let paused = feed.paused.as_ref().map_or("", |_| ", paused");
    format!("{}{paused}", feed.mode)
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
        paused,
        last_success,
        held_update,
        drift,
    } = feed;
    let at = |time: &Option<Timestamp>| {
        time.map_or_else(|| "-".to_owned(), |time| time_and_distance(time, now))
    };
    let refusal = last_refusal.as_ref().map_or_else(String::new, |refusal| {
        format!("{} ({})", outside(&refusal.error), refusal.code)
    });
    let alarms: Vec<String> = alarms
        .iter()
        .map(|alarm| format!("{}: {}", alarm.code, outside(&alarm_text(alarm))))
        .collect();
    let pause = paused.as_ref().map_or_else(String::new, |paused| {
        format!(
            "by {} since {}: {}",
            outside(&paused.by),
            time_and_distance(paused.since, now),
            outside(&paused.reason)
        )
    });
    let latest = paused.as_ref().map_or_else(String::new, |paused| {
        let digest = paused.sha256.as_deref().map(|sha256| &sha256[..8]);
        let digest = digest.unwrap_or("nothing").to_owned();
        let number = paused.epoch.zip(paused.seq);
        let name = number.map_or(digest, |(epoch, seq)| format!("{epoch}/{seq}"));
        format!("{name}, {}", at(&paused.admitted_at))
    });
    let update = held_update.as_ref().map_or_else(String::new, |update| {
        let digest: String = update.sha256.chars().take(16).collect();
        format!(
            "+{} -{} of {}, fetched {}; `filter-ctl feed approve {name} --update {digest}` or `feed reject` so",
            number(update.added),
            number(update.removed),
            number(update.before),
            time_and_distance(update.fetched_at, now)
        )
    });
    let success = last_success
        .as_ref()
        .map_or_else(String::new, |time| time_and_distance(*time, now));
    let all = [
        ("Feed", name.to_string()),
        ("Mode", mode.clone()),
        ("Paused", pause),
        ("Waiting", latest),
        ("Epoch/seq", sequence(feed)),
        ("Admitted", at(admitted_at)),
        ("Last success", success),
        ("Expires", at(expires_at)),
        ("Desired", number(*desired)),
        ("Enforced", number(*enforced)),
        ("Drift", number(*drift)),
        ("Withheld", number(*withheld)),
        ("Held", number(*held)),
        ("Held update", update),
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
Drift            0
Withheld         3
Held             0
Refused bundles  1
Last refusal     the signature is not\\u{a}that of the bundle (bad_signature)
"
        );
    }
}
