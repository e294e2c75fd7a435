//! What holds for an address beside the orders.

use super::Scope;
use crate::{
    address::Address,
    limits::{HOST_GROUPS_MAX, PLACES_MAX},
};

/// What the registries of special-purpose addresses say of an address (RFC 6890).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Special {
    /// No source on the public Internet: private, shared, documentation.
    Bogon = 1,
    /// A group or a broadcast: a destination, never a source.
    Group = 2,
    /// No host at all: neither source nor destination.
    Nowhere = 3,
}

/// What the operator and the registries say of an address, in one word of [`Place::BITS`] bits.
///
/// From the lowest: two bits [`Scope`], six the host group, three the NAT64 prefix length, two
/// [`Special`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Place(u32);

impl Place {
    /// Bits in use.
    pub const BITS: u32 = 13;

    const SCOPE: u32 = 0b11;
    const GROUP: u32 = 0b1111_1100;
    const GROUP_SHIFT: u32 = 2;
    const NAT64: u32 = 0b111_0000_0000;
    const NAT64_SHIFT: u32 = 8;
    const SPECIAL: u32 = 0b1_1000_0000_0000;
    const SPECIAL_SHIFT: u32 = 11;

    /// Nothing.
    pub const NONE: Self = Self(0);

    /// From [`Place::to_bits`].
    #[inline(always)]
    #[must_use]
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits & ((1 << Self::BITS) - 1))
    }

    /// The word.
    #[inline(always)]
    #[must_use]
    pub const fn to_bits(self) -> u32 {
        self.0
    }

    /// Never blocked, as far as `scope` goes.
    #[must_use]
    pub const fn scope(scope: Scope) -> Self {
        Self(scope as u32)
    }

    /// In a host group, from 1. `None` past [`HOST_GROUPS_MAX`].
    #[must_use]
    pub const fn group(number: u32) -> Option<Self> {
        if number == 0 || number as usize > HOST_GROUPS_MAX {
            None
        } else {
            Some(Self(number << Self::GROUP_SHIFT))
        }
    }

    /// In a NAT64 prefix of this length. `None` for lengths that RFC 6052 does not know.
    #[must_use]
    pub const fn nat64(length: u8) -> Option<Self> {
        let code = match length {
            32 => 1,
            40 => 2,
            48 => 3,
            56 => 4,
            64 => 5,
            96 => 6,
            _ => return None,
        };
        Some(Self(code << Self::NAT64_SHIFT))
    }

    /// Special, as the registries say.
    #[must_use]
    pub const fn special(special: Special) -> Self {
        Self((special as u32) << Self::SPECIAL_SHIFT)
    }

    /// This place inside a wider one: the stronger scope holds, and otherwise what is said here.
    #[must_use]
    pub const fn inside(self, around: Self) -> Self {
        const fn field(inner: u32, outer: u32, mask: u32) -> u32 {
            if inner & mask == 0 {
                outer & mask
            } else {
                inner & mask
            }
        }
        let scope = if self.0 & Self::SCOPE > around.0 & Self::SCOPE {
            self.0 & Self::SCOPE
        } else {
            around.0 & Self::SCOPE
        };
        Self(
            scope
                | field(self.0, around.0, Self::GROUP)
                | field(self.0, around.0, Self::NAT64)
                | field(self.0, around.0, Self::SPECIAL),
        )
    }

    /// Whether no order can block it.
    #[inline(always)]
    #[must_use]
    pub const fn is_never_blocked(self) -> bool {
        self.0 & Self::SCOPE != 0
    }

    /// Whether every packet with this end passes.
    #[inline(always)]
    #[must_use]
    pub const fn always_passes(self) -> bool {
        self.0 & Self::SCOPE == Scope::All as u32
    }

    /// The never-block part alone: 0 or a [`Scope`].
    #[inline(always)]
    #[must_use]
    pub const fn scope_bits(self) -> u32 {
        self.0 & Self::SCOPE
    }

    /// The host group, from 1; 0 for none.
    #[inline(always)]
    #[must_use]
    pub const fn group_number(self) -> u32 {
        (self.0 & Self::GROUP) >> Self::GROUP_SHIFT
    }

    /// What the registries say: 0 or a [`Special`].
    #[inline(always)]
    #[must_use]
    pub const fn special_bits(self) -> u32 {
        (self.0 & Self::SPECIAL) >> Self::SPECIAL_SHIFT
    }

    /// Whether it is in a NAT64 prefix.
    #[inline(always)]
    #[must_use]
    pub const fn is_nat64(self) -> bool {
        self.0 & Self::NAT64 != 0
    }

    /// The IPv4 address inside an IPv6 address at this place (RFC 6052, 2.2); bits 64 to 71 are skipped.
    #[inline(always)]
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "each address is 32 bits of the words"
    )]
    pub const fn embedded_v4(self, address: Address) -> Option<Address> {
        let Address { high, low } = address;
        let v4 = match (self.0 & Self::NAT64) >> Self::NAT64_SHIFT {
            1 => high as u32,
            2 => ((high << 8) as u32) | (low >> 48) as u32 & 0xff,
            3 => ((high << 16) as u32) | (low >> 40) as u32 & 0xffff,
            4 => ((high << 24) as u32) | (low >> 32) as u32 & 0x00ff_ffff,
            5 => (low >> 24) as u32,
            6 => low as u32,
            _ => return None,
        };
        Some(Address {
            high: 0,
            low: v4 as u64,
        })
    }
}

/// All that is said of an address beside the orders: what the number of a row of places leads to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct PlaceRecord {
    /// See [`Place::to_bits`].
    place: u32,
    /// The set of rules whose destination it can be, see [`crate::rule`].
    pub rules_to: u16,
    /// The set of rules whose source it can be.
    pub rules_from: u16,
    /// With [`PlaceRecord::has_buckets`], what the lower 32 bits of the address are added to, to give the
    /// number of its line of buckets.
    pub buckets: u32,
    has_buckets: u32,
}

impl PlaceRecord {
    /// Bits of the number of a record.
    pub const NUMBER_BITS: u32 = PLACES_MAX.ilog2();

    /// A place, and the rules that an address there can be an end of.
    #[must_use]
    pub const fn new(place: Place, rules_to: u16, rules_from: u16) -> Self {
        Self {
            place: place.to_bits(),
            rules_to,
            rules_from,
            buckets: 0,
            has_buckets: 0,
        }
    }

    /// With buckets for each address. `buckets` is the number of the line of the network's first address, less
    /// the lower 32 bits of that address.
    #[must_use]
    pub const fn with_buckets(mut self, buckets: u32) -> Self {
        self.buckets = buckets;
        self.has_buckets = 1;
        self
    }

    /// Whether each address has a line of buckets of its own.
    #[inline(always)]
    #[must_use]
    pub const fn has_buckets(&self) -> bool {
        self.has_buckets != 0
    }

    /// What the operator and the registries say.
    #[inline(always)]
    #[must_use]
    pub const fn place(&self) -> Place {
        Place::from_bits(self.place)
    }
}

const _: () = assert!(PLACES_MAX.is_power_of_two() && size_of::<PlaceRecord>() == 16);
const _: () = assert!(HOST_GROUPS_MAX == (Place::GROUP >> Place::GROUP_SHIFT) as usize);
