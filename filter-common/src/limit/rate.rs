//! A limit, and how much of it is used up.
//!
//! The usual token bucket, written as its complement: a *level* that each packet raises by its cost and that
//! falls with time. A packet whose cost does not fit under the burst is over the limit, and raises nothing.
//!
//! Time is the kernel's count of ticks, because reading it is a plain load. How long a tick is differs from
//! kernel to kernel, so levels are counted in [`UNITS_PER_SECOND`], of which each usual tick has a whole number:
//! nothing is lost to rounding, and a limit is the same on every machine.

/// What a packet costs, or a byte: so many units, that fall off at so many per second for each packet or byte per
/// second. A tick has 30, 12, 10 or 3 of them, at 100, 250, 300 or 1,000 ticks per second.
pub const UNITS_PER_SECOND: u32 = 3_000;

/// The longest frame that a network carries: a jumbo frame with its headers.
const FRAME_BYTES_MAX: u16 = 9_216;

/// The kernel's time, as limits count it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tick {
    /// The kernel's count.
    pub count: u64,
    /// How many of [`UNITS_PER_SECOND`] a tick has.
    pub units: u32,
}

impl Tick {
    /// So many ticks are a second.
    #[inline(always)]
    #[must_use]
    pub const fn per_second(self) -> u32 {
        match UNITS_PER_SECOND.checked_div(self.units) {
            Some(ticks) => ticks,
            None => UNITS_PER_SECOND,
        }
    }
}

/// A limit, in the units of [`Limit::cost`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Limit {
    /// By how much the level falls with each unit of time.
    pub rate: u32,
    /// Above this the level does not rise; 0 where there is no limit.
    pub burst: u32,
    /// What each packet costs, before the shift.
    pub packet_cost: u32,
    /// What each of its bytes costs, before the shift.
    pub byte_cost: u16,
    /// By how many bits costs are shifted down, so that high rates fit.
    pub shift: u16,
}

impl Limit {
    /// No limit.
    pub const NONE: Self = Self {
        rate: 0,
        burst: 0,
        packet_cost: 0,
        byte_cost: 0,
        shift: 0,
    };

    /// The limit of so many packets per second, and at once. Rates past what the words hold count in coarser
    /// units; up to a burst of 1,000 seconds the rate is exact to 0.3 %.
    #[must_use]
    pub const fn packets(per_second: u64, burst: u64) -> Self {
        Self::scaled(per_second, burst, UNITS_PER_SECOND, 0)
    }

    /// The limit of so many bytes per second, and at once.
    #[must_use]
    pub const fn bytes(per_second: u64, burst: u64) -> Self {
        Self::scaled(per_second, burst, 0, UNITS_PER_SECOND)
    }

    #[expect(clippy::cast_possible_truncation, reason = "shifted until it fits")]
    const fn scaled(rate: u64, burst: u64, packet_cost: u32, byte_cost: u32) -> Self {
        let burst = burst.saturating_mul(UNITS_PER_SECOND as u64);
        let greatest = if burst > rate { burst } else { rate };
        let mut shift = 0;
        while shift < Self::SHIFT_MAX && greatest >> shift > Self::BURST_MAX {
            shift += 1;
        }
        Self {
            rate: min(rate >> shift, Self::BURST_MAX) as u32,
            burst: min(burst >> shift, Self::BURST_MAX) as u32 | 1,
            packet_cost,
            byte_cost: byte_cost as u16,
            shift,
        }
    }

    /// So that a level, a burst and the cost of a packet fit into 32 bits together.
    const BURST_MAX: u64 = (1 << 31) - 1;
    const SHIFT_MAX: u16 = 24;

    /// Whether there is one.
    #[inline(always)]
    #[must_use]
    pub const fn is_some(&self) -> bool {
        self.burst != 0
    }

    /// What a packet of so many bytes costs, rounded to the nearest.
    #[inline(always)]
    #[must_use]
    pub const fn cost(&self, bytes: u16) -> u64 {
        let cost = self.packet_cost as u64 + self.byte_cost as u64 * bytes as u64;
        let shift = self.shift as u32 & 31;
        (cost + (1 << shift >> 1)) >> shift
    }
}

const fn min(a: u64, b: u64) -> u64 {
    if a < b { a } else { b }
}

/// The word of a bucket: from the lowest, 32 bits level, 16 bits tick of the last change, 16 bits tag.
///
/// The tick has 16 bits, so a bucket that is touched again after a multiple of 65,536 ticks, which is 65 s at
/// 1,000 ticks per second, may count as touched just now: then it is as full as it was. More bits would be those of
/// the tag, or of the level and so of high rates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Use(u64);

impl Use {
    const TICK_SHIFT: u32 = 32;
    const TAG_SHIFT: u32 = 48;

    /// From the word.
    #[inline(always)]
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The word.
    #[inline(always)]
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        self.0
    }

    /// Unused, with this tag.
    #[inline(always)]
    #[must_use]
    pub const fn new(tag: u16, tick: Tick) -> Self {
        Self((tag as u64) << Self::TAG_SHIFT | (tick.count & 0xffff) << Self::TICK_SHIFT)
    }

    /// Who uses it.
    #[inline(always)]
    #[must_use]
    pub const fn tag(self) -> u16 {
        (self.0 >> Self::TAG_SHIFT) as u16
    }

    /// Ticks since the last change.
    #[inline(always)]
    #[must_use]
    pub const fn age(self, tick: Tick) -> u64 {
        tick.count.wrapping_sub(self.0 >> Self::TICK_SHIFT) & 0xffff
    }

    /// The level as it was left.
    #[inline(always)]
    #[must_use]
    pub const fn level(self) -> u64 {
        self.0 & 0xffff_ffff
    }

    /// With what a packet of this cost makes of it; `None` where it is over the limit.
    ///
    /// A level above what this limit can leave is one of another limit, which had the bucket before: it counts as the
    /// highest that this one can leave, or it would take what another unit or rate takes to fall.
    #[inline(always)]
    #[must_use]
    pub const fn with(self, limit: &Limit, cost: u64, tick: Tick) -> Option<Self> {
        let fallen = self.age(tick) * tick.units as u64 * limit.rate as u64;
        let level = self.level();
        let most = limit.cost(FRAME_BYTES_MAX);
        let most = if most > limit.burst as u64 {
            most
        } else {
            limit.burst as u64
        };
        let level = if level > most { most } else { level };
        let level = level.saturating_sub(fallen);
        // A packet that costs more than the burst passes an empty bucket, or it never would; the level stays
        // above the burst until it is paid.
        if level != 0 && level + cost > limit.burst as u64 {
            return None;
        }
        let level = if level + cost > u32::MAX as u64 {
            u32::MAX as u64
        } else {
            level + cost
        };
        Some(Self(Self::new(self.tag(), tick).0 | level))
    }
}

/// Attempts to change a bucket that other CPUs change at the same time. Past it the cost is added to whatever
/// the others left, so that nothing is forgotten, and the packet passes: so a CPU adds a packet to a burst at
/// most.
pub const BUCKET_TRIES: usize = 4;

/// The word of a bucket, which other CPUs change at the same time.
///
/// A trait, because the kernel's target has no atomic exchange in the language.
pub trait Bucket {
    /// What is there.
    fn word(&self) -> u64;
    /// Puts `after` there if `before` still is, and says whether it was.
    fn replace(&self, before: u64, after: u64) -> bool;
    /// Adds to what is there.
    fn add(&self, cost: u64);
}

#[cfg(target_has_atomic = "64")]
impl Bucket for core::sync::atomic::AtomicU64 {
    fn word(&self) -> u64 {
        self.load(core::sync::atomic::Ordering::Relaxed)
    }

    fn replace(&self, before: u64, after: u64) -> bool {
        use core::sync::atomic::Ordering::Relaxed;
        self.compare_exchange(before, after, Relaxed, Relaxed)
            .is_ok()
    }

    fn add(&self, cost: u64) {
        self.fetch_add(cost, core::sync::atomic::Ordering::Relaxed);
    }
}

/// Whether a packet of this cost is within the limit, and if so, charges it.
///
/// Takes [`BUCKET_TRIES`] rounds at most, and one read where it is over the limit.
#[inline(always)]
pub fn take(bucket: &impl Bucket, limit: &Limit, cost: u64, tick: Tick) -> bool {
    for _ in 0..BUCKET_TRIES {
        let before = bucket.word();
        let Some(after) = Use(before).with(limit, cost, tick) else {
            return false;
        };
        if bucket.replace(before, after.0) {
            return true;
        }
    }
    bucket.add(cost);
    true
}
