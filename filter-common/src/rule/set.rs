//! A set of rules.

use crate::{limits::RULES_MAX, rule::DIMENSIONS};

/// Words of a set.
pub const RULE_WORDS: usize = RULES_MAX / 64;

/// A set of rules: bit `n % 64` of word `n / 64` stands for the rule of rank `n`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct RuleBits {
    /// Bit `n` is set if word `n` is not 0.
    pub summary: u64,
    /// The set.
    pub words: [u64; RULE_WORDS],
}

impl RuleBits {
    /// Adds the rule of this rank, below [`RULES_MAX`].
    pub const fn add(&mut self, rank: usize) {
        self.words[rank / 64] |= 1 << (rank % 64);
        self.summary |= 1 << (rank / 64);
    }

    /// Takes away the rule of this rank, below [`RULES_MAX`].
    pub const fn remove(&mut self, rank: usize) {
        self.words[rank / 64] &= !(1 << (rank % 64));
        if self.words[rank / 64] == 0 {
            self.summary &= !(1 << (rank / 64));
        }
    }

    /// Whether the rule of this rank is in it.
    #[must_use]
    pub const fn has(&self, rank: usize) -> bool {
        self.words[rank / 64] >> (rank % 64) & 1 != 0
    }

    /// Those in either.
    #[must_use]
    pub fn or(mut self, other: &Self) -> Self {
        self.summary |= other.summary;
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word |= other;
        }
        self
    }
}

/// What is said of all rules of a generation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct RuleSetHeader {
    /// How many there are; with none, nothing else counts.
    pub rules: u32,
    /// The dimensions that any of them asks about, bit `n` for the dimension with number `n`.
    pub dimensions: u32,
    /// How many flow labels begin a new set, see [`crate::rule::flow_label_number`].
    pub labels: u32,
    /// Zero.
    pub reserved: u32,
}

const _: () = {
    assert!(RULES_MAX.is_multiple_of(64) && RULE_WORDS <= 64);
    assert!(DIMENSIONS <= 32);
    assert!(size_of::<RuleBits>() == 136);
};
