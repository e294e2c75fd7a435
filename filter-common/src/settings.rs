//! What the data path is told per interface and generation.

use crate::limits::VLAN_IDS;

/// Whether matches drop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Enforcement {
    /// A match drops the packet.
    Enforce = 0,
    /// A match counts as `would_drop` and the evaluation goes on.
    Monitor = 1,
}

/// Which side of the network an interface faces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Role {
    /// Transit, peering, the Internet.
    Upstream = 0,
    /// The operator's own customers.
    Customer = 1,
}

/// Tunnels into which is looked, one level deep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Tunnels(u8);

impl Tunnels {
    /// None.
    pub const NONE: Self = Self(0);
    /// IPv4 or IPv6 in GRE (RFC 2784, RFC 2890).
    pub const GRE: Self = Self(1);
    /// IPv4 in IPv4 (RFC 2003).
    pub const IPIP: Self = Self(2);
    /// IPv6 in IPv4 (RFC 4213).
    pub const SIX_IN_FOUR: Self = Self(4);
    /// IPv4 in IPv6 (RFC 2473).
    pub const FOUR_IN_SIX: Self = Self(8);
    /// IPv6 in IPv6 (RFC 2473).
    pub const SIX_IN_SIX: Self = Self(16);
    /// All of them.
    pub const ALL: Self = Self(31);

    /// Those in either.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// From [`Tunnels::to_bits`].
    #[inline(always)]
    #[must_use]
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits & Self::ALL.0)
    }

    /// As bits.
    #[inline(always)]
    #[must_use]
    pub const fn to_bits(self) -> u8 {
        self.0
    }

    /// Whether all of `other` are in it.
    #[inline(always)]
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// Steps of the evaluation that a generation may be without.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Guards(u8);

impl Guards {
    /// None.
    pub const NONE: Self = Self(0);
    /// There are rules.
    pub const RULES: Self = Self(1);
    /// There are host groups with limits.
    pub const LIMITS: Self = Self(2);
    /// There are host groups whose traffic is metered.
    pub const METERS: Self = Self(4);

    /// Those in either.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// From [`Guards::to_bits`].
    #[inline(always)]
    #[must_use]
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits & 7)
    }

    /// As bits.
    #[inline(always)]
    #[must_use]
    pub const fn to_bits(self) -> u8 {
        self.0
    }

    /// Whether all of `other` are in it.
    #[inline(always)]
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether there are none.
    #[inline(always)]
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// The settings of one interface, as they lie in the settings map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct InterfaceSettings {
    enforcement: u8,
    role: u8,
    has_vlans: u8,
    tunnels: Tunnels,
    guards: Guards,
    reserved: [u8; 3],
}

impl InterfaceSettings {
    /// The record for an interface without settings by VLAN, that looks into no tunnel.
    #[must_use]
    pub const fn new(enforcement: Enforcement, role: Role) -> Self {
        Self {
            enforcement: enforcement as u8,
            role: role as u8,
            has_vlans: 0,
            tunnels: Tunnels::NONE,
            guards: Guards::NONE,
            reserved: [0; 3],
        }
    }

    /// With a look into these tunnels.
    #[must_use]
    pub const fn looking_into(mut self, tunnels: Tunnels) -> Self {
        self.tunnels = tunnels;
        self
    }

    /// With these steps behind the orders.
    #[must_use]
    pub const fn guarded(mut self, guards: Guards) -> Self {
        self.guards = guards;
        self
    }

    /// The steps behind the orders that there are.
    #[inline(always)]
    #[must_use]
    pub const fn guards(self) -> Guards {
        self.guards
    }

    /// With settings of their own for some VLANs.
    #[must_use]
    pub const fn with_vlans(mut self) -> Self {
        self.has_vlans = 1;
        self
    }

    /// Whether matches on this interface are only counted.
    ///
    /// Any value but [`Enforcement::Monitor`] enforces: a damaged record must not switch protection off.
    #[inline(always)]
    #[must_use]
    pub const fn monitors(self) -> bool {
        self.enforcement == Enforcement::Monitor as u8
    }

    /// Which side the interface faces.
    #[inline(always)]
    #[must_use]
    pub const fn role(self) -> Role {
        if self.role == Role::Customer as u8 {
            Role::Customer
        } else {
            Role::Upstream
        }
    }

    /// The tunnels to look into.
    #[inline(always)]
    #[must_use]
    pub const fn tunnels(self) -> Tunnels {
        self.tunnels
    }

    /// Whether some VLANs have settings of their own.
    #[inline(always)]
    #[must_use]
    pub const fn has_vlans(self) -> bool {
        self.has_vlans != 0
    }

    /// These settings with role and enforcement of a VLAN, where it has its own.
    #[inline(always)]
    #[must_use]
    pub const fn on(mut self, vlan: VlanSettings) -> Self {
        if vlan.0 & VlanSettings::PRESENT != 0 {
            self.enforcement = vlan.0 >> 1 & 1;
            self.role = vlan.0 >> 2 & 1;
        }
        self
    }
}

/// Role and enforcement of one VLAN of a trunk, in four bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VlanSettings(u8);

impl VlanSettings {
    const PRESENT: u8 = 1;

    /// Those of a VLAN that has its own.
    #[must_use]
    pub const fn new(enforcement: Enforcement, role: Role) -> Self {
        Self(Self::PRESENT | (enforcement as u8) << 1 | (role as u8) << 2)
    }

    /// Those of VLAN `id` in the word that holds it, see [`VLANS_PER_WORD`].
    #[inline(always)]
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "four bits of the word")]
    pub const fn in_word(word: u64, id: u16) -> Self {
        Self((word >> (id as u32 % VLANS_PER_WORD * 4)) as u8 & 15)
    }

    /// These settings at their place in the word that holds VLAN `id`.
    #[must_use]
    pub const fn to_word(self, id: u16) -> u64 {
        (self.0 as u64) << (id as u32 % VLANS_PER_WORD * 4)
    }
}

/// VLANs whose settings share a word of the VLAN map.
pub const VLANS_PER_WORD: u32 = 16;

/// Words of the VLAN map that one interface has.
pub const VLAN_WORDS: usize = VLAN_IDS / VLANS_PER_WORD as usize;

const _: () = assert!(size_of::<InterfaceSettings>() == 8);
