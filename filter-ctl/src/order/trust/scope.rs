//! What a feed may ask for.

use std::collections::BTreeSet;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// The furthest `until` that any feed may be allowed, in days from its admission.
pub const UNTIL_DAYS_MAX: u16 = 180;
/// Entries of a bundle, unless the feed's scope says otherwise.
pub const ENTRIES_MAX_DEFAULT: u64 = 1_000_000;
/// The shortest IPv4 prefix that any feed may be allowed.
pub const SHORTEST_IPV4_FLOOR: u8 = 8;
/// The shortest IPv6 prefix that any feed may be allowed.
pub const SHORTEST_IPV6_FLOOR: u8 = 16;
/// How many addresses a prefix of the default shortest length covers, as [`Scope::addresses_max`]
/// counts them: a /24, or a /48 in /56s.
const ADDRESSES_PER_ENTRY_DEFAULT: u64 = 256;
/// What IPv6 prefixes are counted in.
const IPV6_UNIT_LENGTH: u8 = 56;

/// An address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
}

/// What a feed may ask for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scope {
    /// The families of its entries; at least one.
    pub families: BTreeSet<Family>,
    /// The shortest IPv4 prefix, from [`SHORTEST_IPV4_FLOOR`] to 32.
    pub shortest_ipv4: u8,
    /// The shortest IPv6 prefix, from [`SHORTEST_IPV6_FLOOR`] to 128.
    pub shortest_ipv6: u8,
    /// The most entries of a bundle. A bundle with more is refused whole.
    pub entries_max: u64,
    /// The most addresses that the entries of a bundle may cover together, overlaps counted twice. An
    /// IPv4 prefix counts its addresses; an IPv6 prefix counts its /56s, a subscriber's usual share,
    /// and a longer one counts as one. Without it: 256 times `entries_max`, which a bundle of /24s and
    /// /48s does not exceed. A bundle that covers more is refused whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub addresses_max: Option<u64>,
    /// The furthest `until`, in days from admission, from 1 to [`UNTIL_DAYS_MAX`].
    pub until_max_days: u16,
}

impl Default for Scope {
    fn default() -> Self {
        Self {
            families: BTreeSet::from([Family::Ipv4, Family::Ipv6]),
            shortest_ipv4: 24,
            shortest_ipv6: 48,
            entries_max: ENTRIES_MAX_DEFAULT,
            addresses_max: None,
            until_max_days: UNTIL_DAYS_MAX,
        }
    }
}

impl Scope {
    /// The most addresses in force, given or by default.
    #[must_use]
    pub fn addresses_limit(&self) -> u64 {
        let default = self.entries_max.saturating_mul(ADDRESSES_PER_ENTRY_DEFAULT);
        self.addresses_max.unwrap_or(default)
    }

    /// Whether entries of the prefix's family are allowed.
    #[must_use]
    pub fn allows_family(&self, net: &IpNet) -> bool {
        let family = match net {
            IpNet::V4(_) => Family::Ipv4,
            IpNet::V6(_) => Family::Ipv6,
        };
        self.families.contains(&family)
    }

    /// Whether the prefix is long enough.
    #[must_use]
    pub const fn allows_length(&self, net: &IpNet) -> bool {
        match net {
            IpNet::V4(net) => net.prefix_len() >= self.shortest_ipv4,
            IpNet::V6(net) => net.prefix_len() >= self.shortest_ipv6,
        }
    }

    /// How many addresses a prefix covers, as [`Self::addresses_max`] counts them.
    #[must_use]
    pub const fn addresses(net: &IpNet) -> u64 {
        let bits = match net {
            IpNet::V4(net) => 32 - net.prefix_len(),
            IpNet::V6(net) => IPV6_UNIT_LENGTH.saturating_sub(net.prefix_len()),
        };
        1 << bits
    }

    /// What is wrong with it, and what was expected.
    pub(super) fn check(&self) -> Result<(), &'static str> {
        if self.families.is_empty() {
            Err("`families` is empty: expected \"ipv4\", \"ipv6\" or both")
        } else if !(SHORTEST_IPV4_FLOOR..=32).contains(&self.shortest_ipv4) {
            Err("`shortest_ipv4` is out of range: expected 8 to 32")
        } else if !(SHORTEST_IPV6_FLOOR..=128).contains(&self.shortest_ipv6) {
            Err("`shortest_ipv6` is out of range: expected 16 to 128")
        } else if !(1..=UNTIL_DAYS_MAX).contains(&self.until_max_days) {
            Err("`until_max_days` is out of range: expected 1 to 180")
        } else if self.entries_max == 0 || self.addresses_max == Some(0) {
            Err("a limit of 0: expected `entries_max` and `addresses_max` to be at least 1")
        } else {
            Ok(())
        }
    }
}
