//! What comes for protected destinations.

use std::{collections::BTreeMap, net::IpAddr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The longest measurement, in seconds.
pub const METER_SECONDS_MAX: u32 = 20;
/// Destinations that one answer lists; the others are counted.
pub const DESTINATIONS_LISTED_MAX: u16 = 1_000;

/// `GET /v1/meters`: rates over some seconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Meters {
    /// The end of that time.
    pub at: Timestamp,
    /// Its length.
    pub seconds: f64,
    /// Each host group.
    pub groups: Vec<GroupMeter>,
    /// The destinations with the most packets, first the busiest.
    pub destinations: Vec<DestinationMeter>,
    /// How many destinations had packets and a meter.
    pub destinations_total: u64,
}

/// A host group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupMeter {
    /// Its name.
    pub group: String,
    /// What came for it.
    #[serde(flatten)]
    pub rates: MeterRates,
}

/// A protected destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DestinationMeter {
    /// The address.
    pub address: IpAddr,
    /// The name of its host group.
    pub group: String,
    /// What came for it.
    #[serde(flatten)]
    pub rates: MeterRates,
}

/// Rates, before rules and limits drop any of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeterRates {
    /// Packets.
    pub packets_per_second: u64,
    /// Bytes of their frames.
    pub bytes_per_second: u64,
    /// Of these, what rules and limits dropped.
    pub dropped_packets_per_second: u64,
    /// Its bytes.
    pub dropped_bytes_per_second: u64,
    /// By class; those without packets are left out.
    pub classes: BTreeMap<String, ClassRate>,
}

/// Rates of a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassRate {
    /// Packets.
    pub packets_per_second: u64,
    /// Bytes of their frames.
    pub bytes_per_second: u64,
}
