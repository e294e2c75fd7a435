//! Metrics, in the text format that Prometheus scrapes.
//!
//! They are rendered at scrape time from the documents that `status` and `stats` print, and from
//! [`Extras`], so that no number is kept twice. Names and labels are stable; docs/metrics.md lists
//! them all, and no label carries an address.
//!
//! - here: what goes in and what comes out;
//! - [`durations`]: how long things took;
//! - `family`: one metric with its series;
//! - `list`: every metric; `traffic`: those of samples and meters; [`TrustExtras`]: those of the trust file.

pub mod durations;
mod family;
mod list;
#[cfg(test)]
mod tests;
mod traffic;
mod trust;

use std::collections::BTreeMap;

use jiff::Timestamp;
use prometheus::{
    Encoder as _, TextEncoder, core::Collector as _, process_collector::ProcessCollector,
    proto::MetricFamily,
};

pub use self::{durations::Durations, trust::TrustExtras};
use crate::{
    http::{
        push::monitor::PushCounts,
        wire::{Stats, Status},
    },
    kernel::samples::Tallies,
    observe::groups::GroupTally,
    order::FeedName,
};

/// The `Content-Type` of what [`render`] returns.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What the metrics say beyond the documents of `status` and `stats`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Extras {
    /// Rows that one half of the IPv4 table holds.
    pub v4_rows_capacity: u64,
    /// Rows that one half of the IPv6 table holds.
    pub v6_rows_capacity: u64,
    /// IPv4 prefixes that fit.
    pub v4_prefixes_capacity: u64,
    /// IPv6 prefixes that fit.
    pub v6_prefixes_capacity: u64,
    /// Rule sets that were refused because they did not fit.
    pub capacity_errors: u64,
    /// How often the kernel held something else than was put there.
    pub drifts: u64,
    /// The trust file in force.
    pub trust: TrustExtras,
    /// Bundles refused since the service started.
    pub refused_bundles: Vec<RefusedBundles>,
    /// What the fetching of feeds has come to.
    pub pulls: Vec<PullCount>,
    /// Requests to the listener for authorities.
    pub push: PushCounts,
    /// Records of the audit log that could not be written since the service started.
    pub audit_failures: u64,
    /// The nearest deadlines of letters on which no report was sent.
    pub deadlines: Vec<Deadline>,
    /// How many of all such deadlines have passed.
    pub overdue: u64,
    /// Samples of what was dropped.
    pub samples: SampleCounts,
    /// What has come for each host group.
    pub groups: BTreeMap<String, GroupTally>,
    /// From the receipt of an order to its enforcement.
    pub enforce: Durations,
    /// From the receipt of what takes blocking away to its enforcement.
    pub unblock: Durations,
    /// Inputs that are kept as evidence.
    pub evidence: EvidenceCounts,
    /// The writing of a generation into the kernel.
    pub publish: Durations,
}

/// What is kept as evidence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EvidenceCounts {
    /// Inputs.
    pub inputs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What could not be kept or removed since the service started.
    pub failures: u64,
    /// What was removed before its time since the service started.
    pub removed_early: u64,
}

/// Samples of what was dropped, and what no sample was made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SampleCounts {
    /// Since the service started, by reason.
    pub by_reason: BTreeMap<&'static str, u64>,
    /// Since the maps were made.
    pub tallies: Tallies,
}

/// What the fetching of a feed has come to since the service started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullCount {
    /// The feed.
    pub feed: FeedName,
    /// Failures by the stable name of the reason.
    pub failures: BTreeMap<String, u64>,
    /// When the publisher last had something good.
    pub last_success: Option<Timestamp>,
}

/// How long there is until a report is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// The reference, short and no address.
    pub order: String,
    /// Seconds; negative once it has passed.
    pub seconds: i64,
}

/// Bundles of a feed that were refused for the same reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedBundles {
    /// The feed.
    pub feed: FeedName,
    /// The stable name of the reason.
    pub code: String,
    /// How many.
    pub count: u64,
}

/// What a scrape is made of.
#[derive(Clone, Copy, Debug)]
pub struct Sample<'a> {
    /// The document of `status`.
    pub status: &'a Status,
    /// The document of `stats`.
    pub stats: &'a Stats,
    /// The rest.
    pub extras: &'a Extras,
}

/// The text of a scrape.
pub fn render(sample: &Sample<'_>) -> Result<String, prometheus::Error> {
    let mut families: Vec<MetricFamily> = list::families(sample)
        .into_iter()
        .filter_map(family::Family::build)
        .collect();
    families.extend(ProcessCollector::for_self().collect());
    families.retain(|family| !family.get_metric().is_empty());
    let mut text = Vec::new();
    TextEncoder::new().encode(&families, &mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}
