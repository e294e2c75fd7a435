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
            | ((is_first && has_more) as u8) << 2
            | ((!is_first && !has_more) as u8) << 3
    }
}

/// What rules and limits ask of a packet beyond its flow. What is not known has a number of its own that
/// nothing can ask for.
///
/// One word and the label, because each field for itself would take a word of the stack wherever it is handed
/// on. From the lowest bit of the word: 16 bits length, 13 bits TCP flags, 17 bits ICMP message, 4 bits
/// fragment, 6 bits code point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Features {
    word: u64,
    label: u32,
}

impl Features {
    /// Flags that are not known: no TCP, or the header is not there.
    pub const NO_FLAGS: u16 = 1 << 12;
    /// No flow label: not IPv6.
    pub const NO_LABEL: u32 = 1 << 20;

    const FLAGS_SHIFT: u32 = 16;
    const MESSAGE_SHIFT: u32 = 29;
    const HAS_MESSAGE: u64 = 1 << 45;
    const FRAGMENT_SHIFT: u32 = 46;
    const DSCP_SHIFT: u32 = 50;

    /// Nothing known.
    pub const NONE: Self = Self {
        word: (Self::NO_FLAGS as u64) << Self::FLAGS_SHIFT,
        label: Self::NO_LABEL,
    };

    /// Those that the first bytes of an IPv4 header say (RFC 791).
    #[inline(always)]
    #[must_use]
    pub(super) const fn of_v4(traffic_class: u8, length: usize, fragment_field: u16) -> Self {
        /// The fragment offset, in units of 8 bytes.
        const OFFSET: u16 = 0x1fff;
        let is_first = fragment_field & OFFSET == 0;
        let has_more = fragment_field & 0x2000 != 0;
        let dont_fragment = (fragment_field >> 14 & 1) as u8;
        let fragment = dont_fragment | FragmentBits::of(is_first, has_more);
        Self::of_ip(length, traffic_class >> 2, fragment, Self::NO_LABEL)
    }

    /// Those that the first word of an IPv6 header says (RFC 8200).
    #[inline(always)]
    #[must_use]
    pub(super) const fn of_v6(first: [u8; 4], length: usize) -> Self {
        let word = u32::from_be_bytes(first);
        let dscp = (word >> 22 & 0x3f) as u8;
        Self::of_ip(length, dscp, 0, word & (Self::NO_LABEL - 1))
    }

    #[inline(always)]
    const fn of_ip(length: usize, dscp: u8, fragment: u8, label: u32) -> Self {
        let length = if length > IP_LENGTH_MAX {
            IP_LENGTH_MAX
        } else {
            length
        };
        Self {
            word: Self::NONE.word
                | length as u64
                | (fragment as u64) << Self::FRAGMENT_SHIFT
                | (dscp as u64) << Self::DSCP_SHIFT,
            label,
        }
    }

    /// From the bytes 12 and 13 of a TCP header.
    #[inline(always)]
    pub(super) const fn set_flags(&mut self, bytes: [u8; 2]) {
        let flags = u16::from_be_bytes(bytes) & (Self::NO_FLAGS - 1);
        self.word &= !((Self::NO_FLAGS as u64) << Self::FLAGS_SHIFT);
        self.word |= (flags as u64) << Self::FLAGS_SHIFT;
    }

    /// From the first two bytes of an ICMP message.
    #[inline(always)]
    pub(super) const fn set_message(&mut self, bytes: [u8; 2]) {
        self.word |= (u16::from_be_bytes(bytes) as u64) << Self::MESSAGE_SHIFT | Self::HAS_MESSAGE;
    }

    /// Adds bits of a fragment header.
    #[inline(always)]
    pub(super) const fn add_fragment(&mut self, bits: u8) {
        self.word |= (bits as u64) << Self::FRAGMENT_SHIFT;
    }

    /// The same, see [`super::Source::forget_number`].
    #[inline(always)]
    pub(super) fn forget(&mut self, forget: impl Fn(u64) -> u64) {
        self.word = forget(self.word);
    }

    /// Bytes of the IP packet with its header, as the header says; at most [`IP_LENGTH_MAX`].
    #[inline(always)]
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the lower 16 bits")]
    pub const fn length(&self) -> u16 {
        self.word as u16
    }

    /// The twelve TCP flags (RFC 9293, 3.1), or [`Features::NO_FLAGS`].
    #[inline(always)]
    #[must_use]
    pub const fn flags(&self) -> u16 {
        (self.word >> Self::FLAGS_SHIFT & 0x1fff) as u16
    }

    /// The type and the code of an ICMP or ICMPv6 message, where they were read.
    #[inline(always)]
    #[must_use]
    pub const fn message(&self) -> Option<[u8; 2]> {
        if self.word & Self::HAS_MESSAGE == 0 {
            None
        } else {
            let message = (self.word >> Self::MESSAGE_SHIFT & 0xffff) as u16;
            Some(message.to_be_bytes())
        }
    }

    /// See [`FragmentBits`].
    #[inline(always)]
    #[must_use]
    pub const fn fragment(&self) -> u8 {
        (self.word >> Self::FRAGMENT_SHIFT & 0xf) as u8
    }

    /// Differentiated services code point (RFC 2474), 6 bits.
    #[inline(always)]
    #[must_use]
    pub const fn dscp(&self) -> u8 {
        (self.word >> Self::DSCP_SHIFT & 0x3f) as u8
    }

    /// The flow label of IPv6 (RFC 6437), 20 bits, or [`Features::NO_LABEL`].
    #[inline(always)]
    #[must_use]
    pub const fn label(&self) -> u32 {
        self.label
    }

    /// Whether it is a fragment other than the first, which has no transport header.
    #[inline(always)]
    #[must_use]
    pub const fn is_later_fragment(&self) -> bool {
        self.fragment() & FragmentBits::IS_FRAGMENT != 0
    }
}
