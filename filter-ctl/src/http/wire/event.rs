//! Samples of what was dropped, and captures of them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::order::OrderId;

/// `GET /v1/events`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Events {
    /// Samples of each reason in a second; 0 for none.
    pub per_second: u32,
    /// Samples since the service started.
    pub total: u64,
    /// Packets of which no sample was made, because there were enough of their reason; since the maps were made, as
    /// of a few seconds ago.
    pub suppressed: u64,
    /// Samples that were lost before the service read them; alike.
    pub lost: u64,
    /// The last ones, oldest first.
    pub events: Vec<Event>,
}

/// A line of `GET /v1/events?follow=1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum EventLine {
    /// A packet.
    Event(Box<Event>),
    /// What this follower has missed.
    Lost(EventsLost),
}

/// Events that a follower was too slow for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventsLost {
    /// How many, since the last line.
    pub lost: u64,
}

/// A packet that was dropped, or would have been. The end of it that is inside is shown as its network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Its number, from 1 since the service started.
    pub seq: u64,
    /// When it came in.
    pub time: Timestamp,
    /// The generation that decided.
    pub generation: u64,
    /// The interface that it came in on.
    pub interface: String,
    /// Why.
    pub reason: String,
    /// `drop` or `would_drop`.
    pub verdict: String,
    /// The first orders, if it was for orders that are still known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub orders: Vec<OrderId>,
    /// Further orders.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub orders_more: u64,
    /// The rule, if it was for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The outermost VLAN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vlan: Option<u16>,
    /// Bytes of the frame, without the frame check sequence.
    pub length: u32,
    /// Bytes of the IP packet, as its header says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_length: Option<u32>,
    /// The source: an address, or a prefix where it is inside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The destination: an address, or a prefix where it is inside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<String>,
    /// The protocol behind the IP header and its extensions: a name or a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// The source port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_port: Option<u16>,
    /// The destination port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination_port: Option<u16>,
    /// The TCP flags that are set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp_flags: Option<Vec<String>>,
    /// The ICMP type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icmp_type: Option<u8>,
    /// The ICMP code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icmp_code: Option<u8>,
}

/// The longest capture, in seconds.
pub const CAPTURE_SECONDS_MAX: u32 = 300;
/// The most packets of a capture.
pub const CAPTURE_PACKETS_MAX: u32 = 1_000_000;

/// `POST /v1/capture`; the answer is a pcapng file, sent as it grows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaptureRequest {
    /// Seconds after which it ends.
    pub seconds: u32,
    /// Packets after which it ends.
    pub packets: u32,
    /// Packets of this reason only.
    #[serde(default)]
    pub reason: Option<String>,
    /// Whether addresses inside are left whole; goes to the audit log.
    #[serde(default)]
    pub whole_addresses: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks like this")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}
