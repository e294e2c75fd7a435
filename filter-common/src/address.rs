//! Addresses as the tables see them.

/// The two families of the Internet Protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Family {
    /// RFC 791.
    V4 = 4,
    /// RFC 8200.
    V6 = 6,
}

/// An address in host byte order: an IPv4 address is the low 32 bits of `low`.
///
/// Two words and no `u128`, because the BPF target has no 128-bit shifts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(C)]
pub struct Address {
    /// The upper 64 bits; 0 for IPv4.
    pub high: u64,
    /// The lower 64 bits.
    pub low: u64,
}

impl Address {
    /// Reads an IPv4 address from its four bytes on the wire.
    #[inline(always)]
    #[must_use]
    pub const fn from_v4(bytes: [u8; 4]) -> Self {
        Self {
            high: 0,
            low: u32::from_be_bytes(bytes) as u64,
        }
    }

    /// Reads an IPv6 address from its sixteen bytes on the wire.
    #[inline(always)]
    #[must_use]
    pub const fn from_v6(bytes: [u8; 16]) -> Self {
        let (high, low) = bytes.split_at(8);
        Self {
            high: word(high),
            low: word(low),
        }
    }

    /// The IPv4 address as a number; meaningless for IPv6.
    #[inline(always)]
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "an IPv4 address is the low 32 bits"
    )]
    pub const fn v4(self) -> u32 {
        self.low as u32
    }
}

/// The number in eight bytes on the wire.
#[inline(always)]
const fn word(bytes: &[u8]) -> u64 {
    match bytes.first_chunk() {
        Some(bytes) => u64::from_be_bytes(*bytes),
        None => 0,
    }
}
