//! What a rule asks of a packet.

use std::cmp::Ordering;

use filter_common::table::ClauseFlags;

use crate::order::{Direction, PortRange, Terms};

/// What a clause asks of a packet, its deadline aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Condition {
    /// [`ClauseFlags`], without `LAST`.
    pub(super) flags: u8,
    /// The protocol; 0 without the flag.
    pub(super) protocol: u8,
    /// The ports; 0 without the flag.
    pub(super) ports: [u16; 2],
}

impl Condition {
    /// The condition of a rule with these terms, its ports aside.
    pub(super) fn without_ports(terms: &Terms, monitor: bool) -> Self {
        let mut flags = match terms.direction {
            Direction::From => ClauseFlags::FROM,
            Direction::To => ClauseFlags::TO,
            Direction::Both => ClauseFlags::FROM | ClauseFlags::TO,
        };
        if monitor {
            flags |= ClauseFlags::MONITOR;
        }
        if terms.protocol.is_some() {
            flags |= ClauseFlags::PROTOCOL;
        }
        Self {
            flags,
            protocol: terms.protocol.unwrap_or(0),
            ports: [0, 0],
        }
    }

    /// The condition for one range of ports.
    pub(super) fn with_ports(self, ports: PortRange) -> Self {
        Self {
            flags: self.flags | ClauseFlags::PORTS,
            ports: [ports.first, ports.last],
            ..self
        }
    }

    const fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Whether a packet that matches `self` is dropped, so that nothing after it matters.
    pub(super) const fn enforces(self) -> bool {
        !self.has(ClauseFlags::MONITOR)
    }

    /// Whether `self` matches every packet that `other` matches.
    pub(super) const fn contains(self, other: Self) -> bool {
        let ends = ClauseFlags::FROM | ClauseFlags::TO;
        let directions = other.flags & ends & !self.flags == 0;
        let protocol = !self.has(ClauseFlags::PROTOCOL)
            || (other.has(ClauseFlags::PROTOCOL) && self.protocol == other.protocol);
        let ports = !self.has(ClauseFlags::PORTS)
            || (other.has(ClauseFlags::PORTS)
                && self.ports[0] <= other.ports[0]
                && other.ports[1] <= self.ports[1]);
        directions && protocol && ports
    }

    /// The order within one prefix. Monitored conditions come first, so that what is enforced does not
    /// keep them from being counted; then the narrower ones, so that they are the ones charged.
    ///
    /// No condition contains a different one that comes after it, other than a monitored one.
    pub(super) fn order(self, other: Self) -> Ordering {
        let key = |condition: Self| {
            let [first, last] = condition.ports;
            (
                condition.enforces(),
                if condition.has(ClauseFlags::PORTS) {
                    last.saturating_sub(first)
                } else {
                    u16::MAX
                },
                !condition.has(ClauseFlags::PORTS),
                !condition.has(ClauseFlags::PROTOCOL),
                condition.has(ClauseFlags::FROM) && condition.has(ClauseFlags::TO),
                condition.flags,
                condition.protocol,
                first,
            )
        };
        key(self).cmp(&key(other))
    }
}
