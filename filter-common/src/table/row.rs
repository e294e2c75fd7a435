//! How a row is written.

/// Where the rows of a root begin: their index, and for IPv6 the grain of the first stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct Base(u32);

impl Base {
    const INDEX: u32 = 0x00ff_ffff;
    const GRAIN_SHIFT: u32 = 24;

    /// Rows from `index`, below 2^24, on.
    #[must_use]
    pub const fn new(index: u32) -> Self {
        Self(index & Self::INDEX)
    }

    /// The first stage knows the addresses under this root by their upper bits, without the lowest
    /// `grain` less 1 of the upper 64. With grain 0 it knows nothing of them.
    #[must_use]
    pub const fn with_grain(self, grain: u8) -> Self {
        Self(self.0 & Self::INDEX | (grain as u32) << Self::GRAIN_SHIFT)
    }

    /// The index of the first row.
    #[inline(always)]
    #[must_use]
    pub const fn index(self) -> u32 {
        self.0 & Self::INDEX
    }

    /// See [`Base::with_grain`].
    #[inline(always)]
    #[must_use]
    pub const fn grain(self) -> u32 {
        self.0 >> Self::GRAIN_SHIFT
    }

    /// The word.
    #[must_use]
    pub const fn to_bits(self) -> u32 {
        self.0
    }

    /// From [`Base::to_bits`].
    #[inline(always)]
    #[must_use]
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }
}

/// What a row says: a number, and how far it holds.
///
/// From the lowest: 24 bits number, seven bits reach, one bit that tells a row that leads to deep rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct RowValue(u32);

impl RowValue {
    /// Numbers are below this.
    pub const NUMBERS: u32 = 1 << 24;

    const REACH_SHIFT: u32 = 24;
    const REACH: u32 = 0x7f;
    const TO_THE_NEXT: u32 = 0x7f;
    const DEEP: u32 = 1 << 31;

    /// The number holds up to the start of the next row.
    #[must_use]
    pub const fn to_the_next(number: u32) -> Self {
        Self(number & (Self::NUMBERS - 1) | Self::TO_THE_NEXT << Self::REACH_SHIFT)
    }

    /// The number holds for 2^`log2` addresses, `log2` below 64; behind them nothing does.
    #[must_use]
    pub const fn for_power_of_two(number: u32, log2: u32) -> Self {
        Self(number & (Self::NUMBERS - 1) | (log2 & 63) << Self::REACH_SHIFT)
    }

    /// The number is the index of the first [`Deep`] row of a group.
    #[must_use]
    pub const fn deep(self) -> Self {
        Self(self.0 | Self::DEEP)
    }

    /// The number.
    #[inline(always)]
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0 & (Self::NUMBERS - 1)
    }

    /// Whether it is the index of a deep row.
    #[inline(always)]
    #[must_use]
    pub const fn is_deep(self) -> bool {
        self.0 & Self::DEEP != 0
    }

    /// Whether it holds so far behind the row's start.
    #[inline(always)]
    #[must_use]
    pub const fn reaches(self, distance: u64) -> bool {
        let reach = self.0 >> Self::REACH_SHIFT & Self::REACH;
        reach == Self::TO_THE_NEXT || distance >> (reach & 63) == 0
    }

    /// The word.
    #[must_use]
    pub const fn to_bits(self) -> u32 {
        self.0
    }

    /// From [`RowValue::to_bits`].
    #[inline(always)]
    #[must_use]
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }
}

/// A row within one value of the upper 64 bits of an IPv6 address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Deep {
    /// The lower 64 bits of the first address.
    pub low: u64,
    /// What it says: [`RowValue::to_bits`], never deep.
    pub value: u32,
    /// Rows of the group, in its first row; 0 in the others.
    pub rows: u32,
}

const _: () = assert!(size_of::<Deep>() == 16);
