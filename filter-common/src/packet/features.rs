//! What rules and limits ask of a packet beyond its ends, protocol and ports.

use crate::limits::IP_LENGTH_MAX;

/// Bits of [`Features::fragment`], as in the fragment component of RFC 8955, 4.2.2.12.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FragmentBits;

impl FragmentBits {
    /// The header forbids fragmentation; IPv4 only.
    pub const DONT_FRAGMENT: u8 = 1;
    /// A fragment other than the first.
    pub const IS_FRAGMENT: u8 = 2;
    /// The first of several fragments.
    pub const FIRST_FRAGMENT: u8 = 4;
    /// The last of several fragments.
    pub const LAST_FRAGMENT: u8 = 8;

    /// The bits of a packet that begins at an offset or not, and goes on in further fragments or not.
    #[inline(always)]
    #[must_use]
    pub const fn of(is_first: bool, has_more: bool) -> u8 {
        (!is_first as u8) << 1
            | ((is_first & has_more) as u8) << 2
            | ((!is_first & !has_more) as u8) << 3
    }
}

/// What rules and limits ask of a packet beyond its flow. What is not known has a number of its own that
/// nothing can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Features {
    /// Bytes of the IP packet with its header, as the header says; at most [`IP_LENGTH_MAX`].
    pub length: u16,
    /// The twelve TCP flags (RFC 9293, 3.1), or [`Features::NO_FLAGS`].
    pub flags: u16,
    /// ICMP or ICMPv6 type and code, the type in the upper byte; of meaning with
    /// [`Features::has_message`] only.
    pub message: u16,
    /// 1 where `message` was read.
    has_message: u8,
    /// See [`FragmentBits`].
    pub fragment: u8,
    /// The flow label of IPv6 (RFC 6437), 20 bits, or [`Features::NO_LABEL`].
    pub label: u32,
    /// Differentiated services code point (RFC 2474), 6 bits.
    pub dscp: u8,
    reserved: [u8; 3],
}

impl Features {
    /// Flags that are not known: no TCP, or the header is not there.
    pub const NO_FLAGS: u16 = 1 << 12;
    /// No flow label: not IPv6.
    pub const NO_LABEL: u32 = 1 << 20;

    /// Nothing known.
    pub const NONE: Self = Self {
        length: 0,
        flags: Self::NO_FLAGS,
        message: 0,
        has_message: 0,
        fragment: 0,
        label: Self::NO_LABEL,
        dscp: 0,
        reserved: [0; 3],
    };

    /// Those that the first bytes of an IPv4 header say (RFC 791).
    #[inline(always)]
    #[must_use]
    pub(super) const fn of_v4(traffic_class: u8, length: usize, fragment_field: u16) -> Self {
        let is_first = fragment_field & 0x1fff == 0;
        let has_more = fragment_field & 0x2000 != 0;
        let dont_fragment = (fragment_field >> 14 & 1) as u8;
        let mut features = Self::NONE;
        features.set_length(length);
        features.dscp = traffic_class >> 2;
        features.fragment = dont_fragment | FragmentBits::of(is_first, has_more);
        features
    }

    /// Those that the first word of an IPv6 header says (RFC 8200).
    #[inline(always)]
    #[must_use]
    pub(super) const fn of_v6(first: [u8; 4], length: usize) -> Self {
        let word = u32::from_be_bytes(first);
        let mut features = Self::NONE;
        features.set_length(length);
        features.dscp = (word >> 22 & 0x3f) as u8;
        features.label = word & 0x000f_ffff;
        features
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "bounded before")]
    const fn set_length(&mut self, length: usize) {
        self.length = if length > IP_LENGTH_MAX {
            IP_LENGTH_MAX as u16
        } else {
            length as u16
        };
    }

    /// From the bytes 12 and 13 of a TCP header.
    #[inline(always)]
    pub(super) const fn set_flags(&mut self, bytes: [u8; 2]) {
        self.flags = u16::from_be_bytes(bytes) & (Self::NO_FLAGS - 1);
    }

    /// From the first two bytes of an ICMP message.
    #[inline(always)]
    pub(super) const fn set_message(&mut self, bytes: [u8; 2]) {
        self.message = u16::from_be_bytes(bytes);
        self.has_message = 1;
    }

    /// ICMP type and code, where they were read.
    #[inline(always)]
    #[must_use]
    pub const fn has_message(&self) -> bool {
        self.has_message != 0
    }

    /// Whether it is a fragment other than the first, which has no transport header.
    #[inline(always)]
    #[must_use]
    pub const fn is_later_fragment(&self) -> bool {
        self.fragment & FragmentBits::IS_FRAGMENT != 0
    }
}

const _: () = assert!(size_of::<Features>() == 16);
