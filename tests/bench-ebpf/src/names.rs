//! What the bench on the host and these programs call each other by.

/// Elements of `COUNTS`: what a program found for the packets it saw.
pub(crate) mod count {
    /// Not listed, or passed.
    pub(crate) const MISS: u32 = 0;
    /// Listed, or dropped.
    pub(crate) const HIT: u32 = 1;
    /// Neither: a packet that is no IP, or a source that is missing.
    pub(crate) const ODD: u32 = 2;
    /// Elements.
    pub(crate) const ENTRIES: u32 = 3;
}

/// Where a frame that is sent has its IP header.
pub(crate) const IP_OFFSET: usize = 14;
/// Where an IPv4 header has its source.
pub(crate) const V4_SOURCE: usize = IP_OFFSET + 12;
/// Where an IPv6 header has its source.
pub(crate) const V6_SOURCE: usize = IP_OFFSET + 8;
/// Where an IPv4 header has its checksum.
pub(crate) const V4_CHECKSUM: usize = IP_OFFSET + 10;
/// Hosts that frames go to: the last bits of the destination are those of a count.
pub(crate) const DESTINATIONS: u32 = 4_096;
