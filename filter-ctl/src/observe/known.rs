//! What is remembered of interfaces: one that is taken out of the configuration goes on as it was.

use serde::{Deserialize, Serialize};

/// An interface that was filtered at some time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownInterface {
    /// Its number, never given to another.
    pub number: u32,
    /// Whether its matches were only counted when it was last configured.
    pub monitor: bool,
    /// Whether it faced customers.
    pub customer: bool,
    /// The tunnels it looked into, as [`filter_common::settings::Tunnels::to_bits`] has them.
    #[serde(default)]
    pub tunnels: u8,
    /// The VLANs that had settings of their own.
    #[serde(default)]
    pub vlans: Vec<KnownVlan>,
}

/// A VLAN of a trunk with settings of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownVlan {
    /// Its identifier.
    pub id: u16,
    /// Whether its matches were only counted.
    pub monitor: bool,
    /// Whether it faced customers.
    pub customer: bool,
}

impl KnownInterface {
    /// One of which nothing but the number is known: it enforces, as one that faces upstream.
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self {
            number,
            monitor: false,
            customer: false,
            tunnels: 0,
            vlans: Vec::new(),
        }
    }
}
