//! What the decision hands to the functions that loop, and takes back: each fits into one word.

use super::Effects;
use crate::table::{End, PlaceRecord};

/// What the tables say of one end of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The number of what holds for it beside the orders, see [`super::Tables::place`].
    pub place: u32,
    /// The number, from 1, of its first clause; 0 for none. Below 2^19.
    pub number: u32,
}

impl Listing {
    pub(super) const NONE: Self = Self {
        place: 0,
        number: 0,
    };
    const BITS: u32 = 32;
    const NUMBER_BITS: u32 = Self::BITS - PlaceRecord::NUMBER_BITS;

    #[inline(always)]
    const fn to_bits(self) -> u64 {
        (self.place << Self::NUMBER_BITS | self.number) as u64
    }

    #[inline(always)]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the upper bits belong to the other end"
    )]
    const fn from_bits(bits: u64) -> Self {
        let bits = bits as u32;
        Self {
            place: bits >> Self::NUMBER_BITS,
            number: bits & ((1 << Self::NUMBER_BITS) - 1),
        }
    }
}

/// What the tables say of both ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// Of the sender.
    pub source: Listing,
    /// Of the receiver.
    pub destination: Listing,
}

impl Ends {
    /// As one word.
    #[inline(always)]
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        self.source.to_bits() | self.destination.to_bits() << Listing::BITS
    }

    /// From [`Ends::to_bits`].
    #[inline(always)]
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self {
            source: Listing::from_bits(bits),
            destination: Listing::from_bits(bits >> Listing::BITS),
        }
    }
}

/// The question whether an order drops a packet for one of its ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query {
    /// The number, from 1, of the end's first clause.
    pub number: u32,
    /// Which end it is.
    pub end: End,
    /// The transport protocol, if known.
    pub protocol: Option<u8>,
    /// The port at that end, if known.
    pub port: Option<u16>,
    /// Whether every match is only counted.
    pub monitors: bool,
}

impl Query {
    const PORT_SHIFT: u32 = 32;
    const PROTOCOL_SHIFT: u32 = 48;
    const DESTINATION: u64 = 1 << 56;
    const PROTOCOL_KNOWN: u64 = 1 << 57;
    const PORT_KNOWN: u64 = 1 << 58;
    const MONITORS: u64 = 1 << 59;

    /// As one word.
    #[inline(always)]
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        let mut bits = self.number as u64;
        if let End::Destination = self.end {
            bits |= Self::DESTINATION;
        }
        if let Some(protocol) = self.protocol {
            bits |= (protocol as u64) << Self::PROTOCOL_SHIFT | Self::PROTOCOL_KNOWN;
        }
        if let Some(port) = self.port {
            bits |= (port as u64) << Self::PORT_SHIFT | Self::PORT_KNOWN;
        }
        if self.monitors {
            bits |= Self::MONITORS;
        }
        bits
    }

    /// From [`Query::to_bits`].
    #[inline(always)]
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "each field is cut out of the word"
    )]
    pub const fn from_bits(bits: u64) -> Self {
        Self {
            number: bits as u32,
            end: if bits & Self::DESTINATION == 0 {
                End::Source
            } else {
                End::Destination
            },
            protocol: if bits & Self::PROTOCOL_KNOWN == 0 {
                None
            } else {
                Some((bits >> Self::PROTOCOL_SHIFT) as u8)
            },
            port: if bits & Self::PORT_KNOWN == 0 {
                None
            } else {
                Some((bits >> Self::PORT_SHIFT) as u16)
            },
            monitors: bits & Self::MONITORS != 0,
        }
    }
}

/// The answer to a [`Query`]: one word, because a walk only ever adds bits to it. The low 32 are the slot of
/// the orders that drop, and the upper 24 that of the first that would have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judgement(pub(super) u64);

impl Judgement {
    pub(super) const DROP: u64 = 1 << 32;
    pub(super) const WOULD_DROP: u64 = 1 << 33;
    pub(super) const DECIDED: u64 = 1 << 34;
    const WOULD_SLOT_SHIFT: u32 = 40;

    /// As one word.
    #[inline(always)]
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        self.0
    }

    /// From [`Judgement::to_bits`].
    #[inline(always)]
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The slot of the orders that drop the packet.
    #[inline(always)]
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the slot is the low 32 bits"
    )]
    pub const fn drop(self) -> Option<u32> {
        if self.0 & Self::DROP == 0 {
            None
        } else {
            Some(self.0 as u32)
        }
    }

    /// The slot of the first orders that would have dropped it, were they or the interface not monitored.
    #[inline(always)]
    #[must_use]
    pub const fn would_drop(self) -> Option<u32> {
        if self.0 & Self::WOULD_DROP == 0 {
            None
        } else {
            Some((self.0 >> Self::WOULD_SLOT_SHIFT) as u32)
        }
    }

    /// Notes that orders of this slot would have dropped it. The first are kept.
    ///
    /// Without a branch, which the verifier would follow both ways at every clause.
    #[inline(always)]
    pub(super) fn note_would_drop<E: Effects>(self, slot: u32, effects: &E) -> Self {
        let first = effects.forget((!self.0 / Self::WOULD_DROP) & 1);
        let slot = (u64::from(slot) * first) << Self::WOULD_SLOT_SHIFT;
        Self(effects.forget(self.0 | Self::WOULD_DROP | slot))
    }

    /// Whether an order decided about it that drops where the interface enforces: nothing further is
    /// asked, so that what a monitored interface counts is what it would drop.
    #[inline(always)]
    #[must_use]
    pub const fn decided(self) -> bool {
        self.0 & Self::DECIDED != 0
    }
}

const _: () = {
    assert!(crate::limits::CLAUSES_MAX < 1 << Listing::NUMBER_BITS);
    assert!(crate::limits::SLOTS_MAX <= 1 << (u64::BITS - Judgement::WOULD_SLOT_SHIFT));
};
