//! What is known of a frame once it has been opened.

use super::{Features, Flow};
use crate::{
    policy::{Policies, Policy},
    verdict::{POLICY_REASONS, Reason},
};

/// A frame, opened.
///
/// Flat, and every field has a value, whatever the frame is: in an enum the compiler would leave the
/// fields of the other variant unwritten, copy them nevertheless, and the verifier would refuse that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The VLAN identifier in its outermost tag that has one; 0 where there is none.
    pub vlan: u16,
    /// Why it is opened no further; a reason's number that is not 0.
    stop: u32,
    /// The IP packet in it, if `stop` is 0.
    packet: Packet,
}

impl Frame {
    /// A frame that ends before it says what it carries.
    pub const CUT: Self = Self::stopped(0, Stop::TRUNCATED);

    #[inline(always)]
    pub(super) const fn stopped(vlan: u16, stop: Stop) -> Self {
        Self::stopped_at(vlan, stop, Flow::NONE)
    }

    #[inline(always)]
    pub(super) const fn stopped_at(vlan: u16, stop: Stop, flow: Flow) -> Self {
        Self {
            vlan,
            stop: stop.number(),
            packet: Packet {
                outer: flow,
                features: Features::NONE,
                inner: flow,
                offsets: 0,
                is_tunnel: false,
                doubtful: false,
                odd: Policies::NONE,
            },
        }
    }

    #[inline(always)]
    pub(super) const fn of(vlan: u16, packet: Packet) -> Self {
        Self {
            vlan,
            stop: 0,
            packet,
        }
    }

    /// Why it is opened no further; then [`Frame::packet`] is nothing.
    #[inline(always)]
    #[must_use]
    pub const fn stop(&self) -> Option<Stop> {
        if self.stop == 0 {
            None
        } else {
            Some(Stop::from_number(self.stop))
        }
    }

    /// The IP packet that it carries; of no meaning if there is a [`Frame::stop`].
    #[inline(always)]
    #[must_use]
    pub const fn packet(&self) -> &Packet {
        &self.packet
    }

    /// Who speaks to whom in it, where that was read: also in neighbour discovery, which the lists do not
    /// speak of.
    #[must_use]
    pub const fn flow(&self) -> Option<&Flow> {
        const NEIGHBOR_DISCOVERY: u32 = Reason::NeighborDiscovery.number();
        match self.stop {
            0 | NEIGHBOR_DISCOVERY => Some(&self.packet.outer),
            _ => None,
        }
    }

    /// What it carries.
    #[must_use]
    pub const fn content(&self) -> Classified {
        match self.stop() {
            Some(stop) => Classified::Stopped(stop),
            None => Classified::Ip(self.packet),
        }
    }
}

/// What a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Classified {
    /// An IP packet.
    Ip(Packet),
    /// Nothing the lists can speak of.
    Stopped(Stop),
}

impl Classified {
    /// Nothing the lists can speak of, for this reason.
    #[must_use]
    pub const fn stopped(reason: Reason) -> Self {
        Self::Stopped(Stop::reason(reason))
    }
}

/// Why a frame is opened no further.
///
/// The number of a reason, which says whether it is a policy's. A number, because it lies in a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop(u32);

impl Stop {
    /// The frame ends before the addresses.
    pub const TRUNCATED: Self = Self::policy(Policy::Truncated);

    /// It is none of the lists' business.
    #[inline(always)]
    pub(super) const fn reason(reason: Reason) -> Self {
        Self(reason.number())
    }

    /// It cannot be, or must not be.
    #[inline(always)]
    pub(super) const fn policy(policy: Policy) -> Self {
        Self(POLICY_REASONS + policy as u32)
    }

    /// The number of the reason.
    #[inline(always)]
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// From [`Stop::number`].
    #[inline(always)]
    #[must_use]
    pub const fn from_number(number: u32) -> Self {
        Self(number)
    }

    /// The policies that speak of it.
    #[inline(always)]
    #[must_use]
    pub const fn policies(self) -> Policies {
        if self.0 < POLICY_REASONS {
            Policies::NONE
        } else {
            Policies::from_bits(1 << ((self.0 - POLICY_REASONS) & 63))
        }
    }
}

/// What the decision needs of an IP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// The packet as it is on the wire.
    pub outer: Flow,
    /// What else rules and limits ask of it.
    pub features: Features,
    /// See [`Packet::inner`]; the outer again where there is none, because every field of what lies in
    /// registers has to have a value.
    pub(super) inner: Flow,
    /// See [`Packet::ip_at`] and [`Packet::upper_at`], in the upper half.
    pub(super) offsets: u32,
    pub(super) is_tunnel: bool,
    /// Whether it may as well be an Ethernet frame in a pseudowire without a control word (RFC 4928). Orders
    /// speak of it, or it would be a way to hide; policies do not, because what seems odd may be nothing of
    /// the kind.
    pub doubtful: bool,
    /// What is odd about it.
    pub odd: Policies,
}

impl Packet {
    /// Where its IP header begins in the frame.
    #[inline(always)]
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the lower half")]
    pub const fn ip_at(&self) -> u16 {
        self.offsets as u16
    }

    /// Where its transport header begins in the frame; 0 where that is not known.
    #[inline(always)]
    #[must_use]
    pub const fn upper_at(&self) -> u16 {
        (self.offsets >> 16) as u16
    }

    /// Both offsets, which are below the header window.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "below the header window")]
    pub(super) const fn offsets(ip_at: usize, upper_at: usize) -> u32 {
        ip_at as u32 | (upper_at as u32) << 16
    }

    /// The packet inside it, if it is a tunnel that was opened.
    #[inline(always)]
    #[must_use]
    pub const fn inner(&self) -> Option<&Flow> {
        if self.is_tunnel {
            Some(&self.inner)
        } else {
            None
        }
    }
}
