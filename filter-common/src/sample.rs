//! Samples: some of the packets that were dropped, or would have been.
//!
//! A sample holds headers and nothing behind them: the link header, the fixed part of the IP header, and of
//! TCP, UDP and ICMP the fixed part of theirs. What lies in between, options and extension headers, may hold
//! addresses and is left out. The address inside is cut to its network before the sample leaves
//! the kernel, and checksums, from which the rest could be computed, are zero.

use crate::limit::Limit;

/// Bytes of link header that a sample has room for. Of a longer one nothing is kept.
pub const LINK_BYTES: usize = 64;
/// Bytes of IP header.
pub const IP_BYTES: usize = 40;
/// Bytes of transport header.
pub const TRANSPORT_BYTES: usize = 20;
/// Bits that are left of an IPv4 address inside.
pub const MASKED_V4: u32 = 24;
/// Bits that are left of an IPv6 address inside.
pub const MASKED_V6: u32 = 48;
/// Bytes of the ring in which samples wait for their reader. When it is full, samples are lost and counted.
pub const RING_BYTES: usize = 1 << 18;

/// A sample, as it lies in the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Sample {
    /// Nanoseconds of CLOCK_BOOTTIME.
    pub time: u64,
    /// The generation that decided.
    pub generation: u64,
    /// The number of the interface that it came in on.
    pub interface: u32,
    /// Why: the number of a reason.
    pub reason: u32,
    /// The slot of the orders, or of the rule.
    pub slot: u32,
    /// See [`SampleFlags`].
    pub flags: u32,
    /// Bytes of the frame.
    pub frame_length: u32,
    /// The VLAN identifier; 0 for none.
    pub vlan: u16,
    /// Bytes of the link header, of which only up to [`LINK_BYTES`] are kept.
    pub link_length: u16,
    /// Bytes of the IP header that are kept; 0 where none was found.
    pub ip_length: u16,
    /// Bytes of the transport header that are kept.
    pub transport_length: u16,
    /// The protocol behind the IP header and its extensions; 255 where not known.
    pub protocol: u16,
    /// Zero.
    pub reserved: u16,
    /// The link header.
    pub link: [u8; LINK_BYTES],
    /// The IP header.
    pub ip: [u8; IP_BYTES],
    /// The transport header.
    pub transport: [u8; TRANSPORT_BYTES],
    /// Zero.
    pub padding: [u8; 4],
}

impl Sample {
    /// Cuts the addresses inside to their networks, and takes the checksums away.
    #[inline(always)]
    pub fn mask(&mut self) {
        let source = self.flags & SampleFlags::SOURCE_INSIDE != 0;
        let destination = self.flags & SampleFlags::DESTINATION_INSIDE != 0;
        if self.ip_length == 20 {
            self.ip[10] = 0;
            self.ip[11] = 0;
            if source {
                self.ip[15] = 0;
            }
            if destination {
                self.ip[19] = 0;
            }
        } else if self.ip_length == 40 {
            if source {
                let mut at = 8 + MASKED_V6 as usize / 8;
                while at < 24 {
                    self.ip[at] = 0;
                    at += 1;
                }
            }
            if destination {
                let mut at = 24 + MASKED_V6 as usize / 8;
                while at < 40 {
                    self.ip[at] = 0;
                    at += 1;
                }
            }
        }
        let checksum = match self.transport_length {
            20 => 16,
            8 => 6,
            4 => 2,
            _ => return,
        };
        self.transport[checksum] = 0;
        self.transport[checksum + 1] = 0;
    }
}

/// Bits of [`Sample::flags`].
#[derive(Clone, Copy, Debug)]
pub struct SampleFlags;

impl SampleFlags {
    /// It was dropped; without it, it would have been.
    pub const DROPPED: u32 = 1;
    /// The source is inside.
    pub const SOURCE_INSIDE: u32 = 2;
    /// The destination is inside.
    pub const DESTINATION_INSIDE: u32 = 4;
    /// Addresses inside are whole.
    pub const WHOLE: u32 = 8;
}

/// What the data path is told about samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Sampling {
    /// How many there are of each reason; with no limit there are none.
    pub limit: Limit,
    /// Seconds of CLOCK_BOOTTIME up to which addresses inside are left whole; 0 for never.
    pub whole_until: u64,
}

/// What makes a sample of a packet, in one word: from the lowest, 8 bits action, 8 bits reason, 8 bits
/// flags, and from bit 32 the slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome(u64);

impl Outcome {
    /// Set where there is something to sample.
    const SAMPLED: u64 = 1 << 24;

    /// Rules and limits are still to be asked.
    pub const UNDECIDED: Self = Self(1 << 25);

    /// Whether rules and limits are still to be asked.
    #[inline(always)]
    #[must_use]
    pub const fn is_undecided(self) -> bool {
        self.0 & Self::UNDECIDED.0 != 0
    }

    /// A packet of which no sample is made.
    #[inline(always)]
    #[must_use]
    pub const fn of(action: u32) -> Self {
        Self(action as u64 & 0xff)
    }

    /// One of which a sample is made.
    #[inline(always)]
    #[must_use]
    pub const fn sampled(self, reason: u32, slot: u32, flags: u32) -> Self {
        Self(
            self.0
                | Self::SAMPLED
                | (reason as u64 & 0xff) << 8
                | (flags as u64 & 0xff) << 16
                | (slot as u64) << 32,
        )
    }

    /// The word.
    #[inline(always)]
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        self.0
    }

    /// From the word.
    #[inline(always)]
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// What is done with the packet.
    #[inline(always)]
    #[must_use]
    pub const fn action(self) -> u32 {
        (self.0 & 0xff) as u32
    }

    /// Whether a sample is made.
    #[inline(always)]
    #[must_use]
    pub const fn is_sampled(self) -> bool {
        self.0 & Self::SAMPLED != 0
    }

    /// See [`Sample::reason`].
    #[inline(always)]
    #[must_use]
    pub const fn reason(self) -> u32 {
        (self.0 >> 8 & 0xff) as u32
    }

    /// See [`Sample::flags`].
    #[inline(always)]
    #[must_use]
    pub const fn flags(self) -> u32 {
        (self.0 >> 16 & 0xff) as u32
    }

    /// See [`Sample::slot`].
    #[inline(always)]
    #[must_use]
    pub const fn slot(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

const _: () = {
    assert!(MASKED_V4 == 24 && MASKED_V6.is_multiple_of(8));
    assert!(size_of::<Sample>() == 176);
    assert!(size_of::<Sampling>() == 24);
};
