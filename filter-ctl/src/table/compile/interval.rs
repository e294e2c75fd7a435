//! What the intervals of the two families have in common.

use ipnet::IpNet;

/// The beginning of an IPv4 interval and its value, which holds up to the start of the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row4 {
    start: u32,
    value: u32,
}

/// The beginning of an IPv6 interval and its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row6 {
    start: u128,
    value: u32,
}

/// Where an interval begins, and its value.
pub(super) trait Interval: Copy {
    /// An address as a number.
    type Start: Copy + Ord;

    /// See [`Interval::order`].
    type Order: Ord;

    /// The first address of all.
    const ZERO: Self::Start;

    fn new(start: Self::Start, value: u32) -> Self;
    fn start(&self) -> Self::Start;
    fn value(&self) -> u32;

    /// The first address past a prefix, unless it reaches to the last address of all.
    fn past(start: Self::Start, length: u8) -> Option<Self::Start>;

    /// What sorts prefixes for the sweep: by start, then by length.
    fn order<T>(prefix: &Prefix<Self::Start, T>) -> Self::Order;

    /// A prefix of this family as a number, host bits removed; `None` if it is of the other.
    fn prefix<T>(net: &IpNet, what: T) -> Option<Prefix<Self::Start, T>>;
}

/// A prefix as a number, with what is said of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prefix<S, T> {
    pub(super) start: S,
    pub(super) length: u8,
    pub(super) what: T,
}

impl Interval for Row4 {
    type Start = u32;
    type Order = u64;

    const ZERO: u32 = 0;

    fn new(start: u32, value: u32) -> Self {
        Self { start, value }
    }

    fn start(&self) -> u32 {
        self.start
    }

    fn value(&self) -> u32 {
        self.value
    }

    fn past(start: u32, length: u8) -> Option<u32> {
        start.checked_add(1u32.checked_shl(32 - u32::from(length))?)
    }

    fn order<T>(prefix: &Prefix<u32, T>) -> u64 {
        // One number sorts faster than two.
        u64::from(prefix.start) << 8 | u64::from(prefix.length)
    }

    fn prefix<T>(net: &IpNet, what: T) -> Option<Prefix<u32, T>> {
        match net {
            IpNet::V4(net) => Some(Prefix {
                start: net.network().to_bits(),
                length: net.prefix_len(),
                what,
            }),
            IpNet::V6(_) => None,
        }
    }
}

impl Interval for Row6 {
    type Start = u128;
    type Order = (u128, u8);

    const ZERO: u128 = 0;

    fn new(start: u128, value: u32) -> Self {
        Self { start, value }
    }

    fn start(&self) -> u128 {
        self.start
    }

    fn value(&self) -> u32 {
        self.value
    }

    fn past(start: u128, length: u8) -> Option<u128> {
        start.checked_add(1u128.checked_shl(128 - u32::from(length))?)
    }

    fn order<T>(prefix: &Prefix<u128, T>) -> (u128, u8) {
        (prefix.start, prefix.length)
    }

    fn prefix<T>(net: &IpNet, what: T) -> Option<Prefix<u128, T>> {
        match net {
            IpNet::V6(net) => Some(Prefix {
                start: net.network().to_bits(),
                length: net.prefix_len(),
                what,
            }),
            IpNet::V4(_) => None,
        }
    }
}
