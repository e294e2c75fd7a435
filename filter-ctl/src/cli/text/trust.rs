//! The text of `trust show` and `trust verify`.

use jiff::Timestamp;

use super::{
    fields, outside,
    table::{Side, Table},
    time_and_distance,
};
use crate::http::wire::{TrustKeyStatus, TrustRoot, TrustStatus};

/// A trust file, as of `now`.
#[must_use]
pub fn text(trust: &TrustStatus, now: Timestamp) -> String {
    let TrustStatus {
        version,
        expires,
        sha256,
        taken_at,
        by,
        signers,
        root,
        keys,
        feeds,
    } = trust;
    let at = |time: &Option<Timestamp>| {
        time.map_or_else(|| "-".to_owned(), |time| time_and_distance(time, now))
    };
    let root = root.as_ref().map_or_else(
        || "none: any change of the file is the operator's own".to_owned(),
        |TrustRoot { keys, threshold }| format!("{threshold} of {}", listed(keys)),
    );
    let all = [
        (
            "Version",
            version.map_or_else(|| "-".to_owned(), |version| version.to_string()),
        ),
        ("Expires", at(expires)),
        ("Root", root),
        ("In force since", at(taken_at)),
        (
            "Put there by",
            by.as_deref()
                .map_or_else(|| "-".to_owned(), |by| outside(by).into_owned()),
        ),
        ("Signed by", listed(signers)),
        ("SHA-256", sha256.clone().unwrap_or_else(|| "-".to_owned())),
    ];
    let mut text = fields(0, &all);
    let mut table = Table::new(&[
        ("KEY", Side::Left),
        ("ID", Side::Left),
        ("STATE", Side::Left),
    ]);
    for key in keys {
        let name = outside(&key.name).into_owned();
        table.row([name, key.id.clone(), state(key, now)]);
    }
    text += "\nKeys\n";
    text += &table.render(2);
    let mut table = Table::new(&[
        ("FEED", Side::Left),
        ("SIGNED BY", Side::Left),
        ("SHORTEST", Side::Left),
        ("ENTRIES", Side::Right),
        ("UNTIL", Side::Right),
    ]);
    for feed in feeds {
        let scope = &feed.scope;
        table.row([
            feed.feed.to_string(),
            format!("{} of {}", feed.threshold, listed(&feed.keys)),
            format!("/{} and /{}", scope.shortest_ipv4, scope.shortest_ipv6),
            super::number(scope.entries_max),
            format!("{} d", scope.until_max_days),
        ]);
    }
    text += "\nFeeds\n";
    text + &table.render(2)
}

fn listed(names: &[String]) -> String {
    match names {
        [] => "-".to_owned(),
        names => outside(&names.join(", ")).into_owned(),
    }
}

fn state(key: &TrustKeyStatus, now: Timestamp) -> String {
    match (key.revoked, key.expires) {
        (Some(revoked), _) if revoked <= now && key.revoked_reason.is_empty() => {
            format!("revoked {}", time_and_distance(revoked, now))
        }
        (Some(revoked), _) if revoked <= now => format!(
            "revoked {}: {}",
            time_and_distance(revoked, now),
            outside(&key.revoked_reason)
        ),
        (Some(revoked), _) => format!("to be revoked {}", time_and_distance(revoked, now)),
        (None, Some(expires)) if expires <= now => {
            format!("expired {}", time_and_distance(expires, now))
        }
        (None, Some(expires)) => format!("good until {}", time_and_distance(expires, now)),
        (None, None) => "good".to_owned(),
    }
}
