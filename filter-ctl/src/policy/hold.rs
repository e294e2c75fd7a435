//! Guard rails that hold an entry until a person has looked at it.
//!
//! An entry is held for each [`HoldReason`] that applies to it. It is let through by an [`Approval`] that names
//! the entry, its prefix, its direction, protocol and ports, and all of these reasons; so an entry that comes to
//! mean other packets, or a further reason, waits anew. A later end alone does not.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{merge::ShortestPrefix, protected::Protected};
use crate::order::{Direction, OrderId, Terms};

/// Why an entry waits for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldReason {
    /// Its prefix is shorter than the guard rail of its feed.
    ShortPrefix,
    /// It overlaps the operator's own space, or customers'.
    OwnSpace,
    /// It is wider than a host route and overlaps space that many share, such as a cloud's.
    SharedInfrastructure,
}

impl HoldReason {
    /// Every reason, in the order in which they are told.
    pub const ALL: [Self; 3] = [
        Self::ShortPrefix,
        Self::OwnSpace,
        Self::SharedInfrastructure,
    ];

    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ShortPrefix => "short_prefix",
            Self::OwnSpace => "own_space",
            Self::SharedInfrastructure => "shared_infrastructure",
        }
    }
}

/// The guard rails of a feed; by default none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HoldPolicy {
    /// Shorter prefixes wait.
    pub shortest: ShortestPrefix,
    /// Whether what overlaps own space waits.
    pub own_space: bool,
    /// Whether what overlaps shared infrastructure waits, unless it is a host route.
    pub shared_infrastructure: bool,
}

/// The space that the guard rails look at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guarded {
    pub(super) own: Protected,
    pub(super) shared: Protected,
}

impl Guarded {
    /// Of these prefixes: own space, and shared infrastructure.
    #[must_use]
    pub fn new(own: &[IpNet], shared: &[IpNet]) -> Self {
        Self {
            own: Protected::of(own.iter().copied()),
            shared: Protected::of(shared.iter().copied()),
        }
    }

    /// Every reason for which a prefix waits. Takes O(log n) for `n` guarded ranges.
    #[must_use]
    pub fn reasons(&self, policy: &HoldPolicy, net: &IpNet) -> Vec<HoldReason> {
        let found = Found {
            short: !policy.shortest.allows(net),
            own: self.own.overlaps(net),
            shared: self.shared.overlaps(net),
            host: net.prefix_len() == net.max_prefix_len(),
        };
        found.reasons(policy).collect()
    }
}

/// What is found of an entry, whatever its feed's guard rails are.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "four facts about an entry that do not exclude each other"
)]
pub(super) struct Found {
    pub(super) short: bool,
    pub(super) own: bool,
    pub(super) shared: bool,
    pub(super) host: bool,
}

impl Found {
    /// The reasons that follow.
    pub(super) fn reasons(self, policy: &HoldPolicy) -> impl Iterator<Item = HoldReason> {
        let Self {
            short,
            own,
            shared,
            host,
        } = self;
        let (own_space, infrastructure) = (policy.own_space, policy.shared_infrastructure);
        HoldReason::ALL
            .into_iter()
            .filter(move |reason| match reason {
                HoldReason::ShortPrefix => short,
                HoldReason::OwnSpace => own && own_space,
                HoldReason::SharedInfrastructure => shared && infrastructure && !host,
            })
    }
}

/// What persons have decided about an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// The order.
    pub order: OrderId,
    /// The issuer's name of the entry.
    pub entry: Box<str>,
    /// The prefix that they have seen.
    pub net: IpNet,
    /// The decision.
    pub decision: Decision,
}

/// Which packets an entry meant when persons looked at it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeenTerms {
    dir: Direction,
    proto: Option<u8>,
    /// First and last of each range.
    ports: Vec<(u16, u16)>,
}

impl SeenTerms {
    /// Those of an entry.
    #[must_use]
    pub fn of(terms: &Terms) -> Self {
        let ports = terms.ports.iter();
        Self {
            dir: terms.direction,
            proto: terms.protocol,
            ports: ports.map(|range| (range.first, range.last)).collect(),
        }
    }

    /// Whether an entry means the same packets by now.
    #[must_use]
    pub fn covers(&self, terms: &Terms) -> bool {
        *self == Self::of(terms)
    }
}

/// A decision about an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It may pass in spite of these reasons, as long as it means the packets that were seen.
    Approved(Vec<HoldReason>, SeenTerms),
    /// It stays out, whatever the guard rails say by now.
    Rejected,
}
