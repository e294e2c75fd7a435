//! The settings of fetching.

use super::Findings;
use crate::{
    config::{
        FeedConfig, FeedFormat,
        pull::{LIST_ENTRIES_MAX, REFRESH_SECONDS_MIN, TTL_SECONDS_MAX, is_fetchable},
    },
    order::trust::{SHORTEST_IPV4_FLOOR, SHORTEST_IPV6_FLOOR},
};

/// Looks at one feed.
pub(super) fn validate(index: usize, feed: &FeedConfig, findings: &mut Findings) {
    let key = |name: &str| format!("feed.{index}.{name}");
    match &feed.url {
        Some(url) if !is_fetchable(url) => findings.problem(
            key("url"),
            format!("{url} is not fetched: expected https, or http to a loopback address"),
        ),
        None if feed.format != FeedFormat::Bundle => {
            findings.problem(
                key("format"),
                "a list is fetched: expected a `url` beside it",
            );
        }
        _ => {}
    }
    if let Some(path) = &feed.ca_file {
        super::absolute(&key("ca_file"), path, findings);
    }
    for (name, text) in [("reference", &feed.reference), ("issuer", &feed.issuer)] {
        let is_good =
            |text: &String| (1..=256).contains(&text.len()) && !text.chars().any(char::is_control);
        if text.as_ref().is_some_and(|text| !is_good(text)) {
            let problem = "expected 1 to 256 bytes without control characters";
            findings.problem(key(name), problem);
        }
    }
    let refresh = feed
        .refresh
        .map_or(REFRESH_SECONDS_MIN, |refresh| refresh.0);
    for (name, value, least, most) in [
        ("refresh", refresh, REFRESH_SECONDS_MIN, 86_400),
        ("ttl", feed.ttl.0, REFRESH_SECONDS_MIN, TTL_SECONDS_MAX),
        ("entries_max", feed.entries_max, 1, LIST_ENTRIES_MAX),
        (
            "shortest_ipv4",
            feed.shortest_ipv4.into(),
            SHORTEST_IPV4_FLOOR.into(),
            32,
        ),
        (
            "shortest_ipv6",
            feed.shortest_ipv6.into(),
            SHORTEST_IPV6_FLOOR.into(),
            128,
        ),
        ("add_max_percent", feed.add_max_percent, 0, 1_000),
        ("remove_max_percent", feed.remove_max_percent, 0, 100),
    ] {
        if !(least..=most).contains(&value) {
            let unit = match name {
                "refresh" | "ttl" => " seconds",
                _ => "",
            };
            findings.problem(
                key(name),
                format!("{value}{unit}: expected {least} to {most}"),
            );
        }
    }
}
