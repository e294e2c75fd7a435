//! What the bench on the host and these programs must agree on.

/// Elements of the map `COUNTS`: what a program found for the packets it saw.
pub(crate) mod count {
    /// Not listed, or passed.
    pub(crate) const MISS: u32 = 0;
    /// Listed, or dropped.
    pub(crate) const HIT: u32 = 1;
    /// Neither: a packet that is no IP, or a source that is missing.
    pub(crate) const ODD: u32 = 2;
}

/// Where a frame that is sent has its IP header.
pub(crate) const IP_OFFSET: usize = 14;

/// Where a processor is in the sources that it gives to frames.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct Cursor {
    /// Frames so far.
    pub(crate) frames: u64,
    /// The index of the next source.
    pub(crate) next: u32,
    /// Sources in use.
    pub(crate) sources: u32,
}
