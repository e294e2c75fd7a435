//! What a feed's settings say of fetching it: where from, how often, and how a list is judged.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use reqwest::Url;
use serde::{Deserialize, Deserializer, de::Error as _};

use super::FeedConfig;
use crate::order::{
    OrderInfo,
    list::ListFormat,
    verify::{ListCaps, ListTerms},
};

/// The shortest time between two fetches, in seconds.
pub const REFRESH_SECONDS_MIN: u32 = 30;
/// The longest time for which an entry of a list holds, in seconds: 7 days.
pub const TTL_SECONDS_MAX: u32 = 7 * 86_400;
/// The most entries of a list that can be asked for.
pub const LIST_ENTRIES_MAX: u32 = 1_000_000;

/// A time span: a number and `s`, `m`, `h` or `d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period(pub u32);

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse_period(&text).map(Self).ok_or_else(|| {
            D::Error::custom(format!(
                "`{text}` is no time span: expected a number and s, m, h or d, such as 5m"
            ))
        })
    }
}

fn parse_period(text: &str) -> Option<u32> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| number.parse::<u32>().ok()?.checked_mul(seconds))?
}

/// What is behind a feed's URL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FeedFormat {
    /// A signed bundle, with its signatures beside it.
    #[default]
    Bundle,
    /// An unsigned list, one prefix a line.
    Plain,
    /// The unsigned list Spamhaus DROP, as JSON lines.
    DropJson,
}

impl FeedFormat {
    /// How the list is written, if it is one.
    #[must_use]
    pub const fn list(self) -> Option<ListFormat> {
        match self {
            Self::Bundle => None,
            Self::Plain => Some(ListFormat::Plain),
            Self::DropJson => Some(ListFormat::DropJson),
        }
    }
}

/// Where a feed is fetched from, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullConfig {
    /// The address of the bundle or list.
    pub url: Url,
    /// What is there.
    pub format: FeedFormat,
    /// The time between two fetches, before jitter.
    pub refresh: Duration,
    /// The proxy to go through; none without it, whatever the environment says.
    pub proxy: Option<Url>,
    /// Certificates to believe instead of the system's.
    pub ca_file: Option<PathBuf>,
}

impl FeedConfig {
    /// How this feed is fetched, if it is.
    #[must_use]
    pub fn pull(&self) -> Option<PullConfig> {
        let seconds = self.refresh.map_or(
            if self.format == FeedFormat::Bundle {
                300
            } else {
                3_600
            },
            |Period(seconds)| seconds,
        );
        Some(PullConfig {
            url: self.url.clone()?,
            format: self.format,
            refresh: Duration::from_secs(seconds.into()),
            proxy: self.proxy.clone(),
            ca_file: self.ca_file.clone(),
        })
    }

    /// How its list is judged, if it is one.
    #[must_use]
    pub fn list_terms(&self) -> Option<ListTerms> {
        let host = self.url.as_ref().and_then(Url::host_str);
        let text = |set: &Option<String>, default: &str| set.as_deref().unwrap_or(default).into();
        Some(ListTerms {
            format: self.format.list()?,
            ttl_seconds: self.ttl.0,
            shortest_ipv4: self.shortest_ipv4,
            shortest_ipv6: self.shortest_ipv6,
            entries_max: self.entries_max,
            can_be_empty: self.can_be_empty,
            order: OrderInfo {
                reference: text(&self.reference, "list"),
                issuer: text(&self.issuer, host.unwrap_or(self.name.as_str())),
                basis: Box::default(),
                reason: "published list".into(),
            },
        })
    }

    /// How much of its list may change at once.
    #[must_use]
    pub const fn list_caps(&self) -> ListCaps {
        ListCaps {
            add_max_percent: self.add_max_percent,
            remove_max_percent: self.remove_max_percent,
        }
    }
}

/// Whether a URL may be fetched: https, or http to this very machine.
#[must_use]
pub fn is_fetchable(url: &Url) -> bool {
    match url.scheme() {
        "https" => url.host_str().is_some(),
        "http" => {
            let host = url.host_str().unwrap_or_default();
            let host = host.trim_matches(['[', ']']);
            host.parse::<IpAddr>().is_ok_and(|host| host.is_loopback())
        }
        _ => false,
    }
}

pub(super) fn optional_url<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Url>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let url = text.parse();
    url.map(Some)
        .map_err(|error| D::Error::custom(format!("`{text}` is no URL: {error}")))
}

pub(super) const fn default_ttl() -> Period {
    Period(48 * 3_600)
}
pub(super) const fn default_shortest_ipv4() -> u8 {
    24
}
pub(super) const fn default_shortest_ipv6() -> u8 {
    48
}
pub(super) const fn default_entries_max() -> u32 {
    250_000
}
pub(super) const fn default_add_max_percent() -> u32 {
    20
}
pub(super) const fn default_remove_max_percent() -> u32 {
    10
}
