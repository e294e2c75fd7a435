//! What the data path is told per interface and generation.

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

/// The settings of one interface, as they lie in the settings map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct InterfaceSettings {
    enforcement: u8,
    role: u8,
    reserved: [u8; 6],
}

impl InterfaceSettings {
    /// The record for an interface.
    #[must_use]
    pub const fn new(enforcement: Enforcement, role: Role) -> Self {
        Self {
            enforcement: enforcement as u8,
            role: role as u8,
            reserved: [0; 6],
        }
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
    #[must_use]
    pub const fn role(self) -> Role {
        if self.role == Role::Customer as u8 {
            Role::Customer
        } else {
            Role::Upstream
        }
    }
}

const _: () = assert!(size_of::<InterfaceSettings>() == 8);
