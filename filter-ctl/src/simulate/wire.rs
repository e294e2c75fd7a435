//! The JSON of a simulation: a line for each packet, and a last one with the summary. Stable, as the
//! documents of the control socket are: fields are added, never renamed or removed.

use std::{borrow::Cow, collections::BTreeMap, net::IpAddr};

use jiff::Timestamp;
use serde::Serialize;

use crate::{
    http::wire::Refusal,
    order::{FeedName, OrderId},
};

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It goes on.
    Pass,
    /// It is discarded.
    Drop,
    /// The capture does not have enough of it.
    Undecided,
}

impl Outcome {
    /// The name in output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Drop => "drop",
            Self::Undecided => "undecided",
        }
    }
}

/// A packet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line<'a> {
    /// Its number in the capture, from 1.
    pub n: u64,
    /// What becomes of it.
    pub verdict: Outcome,
    /// Why.
    pub reason: &'static str,
    /// The order that drops it, the first where several share its counter.
    pub order: Option<&'a OrderId>,
    /// All of them.
    pub orders: &'a [OrderId],
    /// The feed of that order.
    pub feed: Option<&'a FeedName>,
    /// The rule that decides.
    pub rule: Option<&'a str>,
    /// Every rule that it matches, up to the one that decides.
    pub rules: Vec<&'a str>,
    /// When it was captured.
    pub time: Option<Timestamp>,
    /// Bytes of its frame on the wire.
    pub length: u64,
    /// The identifier in its outermost VLAN tag.
    pub vlan: Option<u16>,
    /// Who speaks to whom.
    #[serde(flatten)]
    pub ends: Ends,
    /// The same of the packet in a tunnel that was opened.
    pub inner: Option<Ends>,
    /// The policies that apply, whatever they do.
    pub odd: Vec<&'static str>,
    /// The orders and policies that would have dropped it and are only monitored, or are on an
    /// interface that is.
    pub would_drop: Vec<Cow<'a, str>>,
}

/// Who speaks to whom; what is unknown is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Ends {
    /// The sender.
    pub source: Option<IpAddr>,
    /// The receiver.
    pub destination: Option<IpAddr>,
    /// The transport protocol, by name or number.
    pub protocol: Option<Cow<'static, str>>,
    /// The sender's port.
    pub source_port: Option<u16>,
    /// The receiver's port.
    pub destination_port: Option<u16>,
}

/// The last line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LastLine {
    /// What became of all packets.
    pub summary: Summary,
}

/// What became of all packets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Packets of the capture.
    pub packets: u64,
    /// Those that are dropped.
    pub dropped: u64,
    /// Those that pass.
    pub passed: u64,
    /// Those of which the capture does not have enough.
    pub undecided: u64,
    /// Packets by reason, those that are undecided included.
    pub by_reason: BTreeMap<&'static str, u64>,
    /// Packets dropped by each order; one of several orders counts for each of them.
    pub by_order: BTreeMap<OrderId, u64>,
    /// Packets by the rule that decides about them.
    pub by_rule: BTreeMap<String, u64>,
    /// Packets that would have been dropped by what is only monitored.
    pub would_drop: u64,
    /// The interface they came in on.
    pub interface: String,
    /// The moment as of which orders held.
    pub at: Timestamp,
    /// How the program agrees with the host, where it was run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel: Option<KernelSummary>,
    /// Why the capture was not read to its end, if it was not.
    pub error: Option<Refusal>,
}

/// How the program agrees with the host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct KernelSummary {
    /// Packets that both have judged.
    pub compared: u64,
    /// Packets that the host alone has judged, because the kernel runs no frame of their length.
    pub not_run: u64,
    /// Packets that they judged differently.
    pub differences: u64,
    /// The numbers of the first of those.
    pub different: Vec<u64>,
}
