//! One half of the maps of rules, as the evaluation reads them.

use filter_common::{
    abi::{RULE_BITS_CAPACITY, RULE_LABELS_CAPACITY, STARTS_PER_ELEMENT, WORDS_PER_ELEMENT},
    rule::{FIELD_CLASSES, RULE_WORDS, RuleSetHeader, RuleTables},
};

use crate::maps;

/// The rules of a generation.
pub(crate) struct HalfRules {
    half: u32,
}

impl HalfRules {
    #[inline(always)]
    pub(crate) fn new(half: u32) -> Self {
        Self { half }
    }

    #[inline(always)]
    fn set(&self, set: u32) -> u32 {
        self.half * RULE_BITS_CAPACITY as u32 + set
    }
}

impl RuleTables for HalfRules {
    #[inline(always)]
    fn header(&self) -> RuleSetHeader {
        maps::RULE_HEADER
            .get(self.half)
            .copied()
            .unwrap_or_default()
    }

    #[inline(always)]
    fn class(&self, index: u32) -> u32 {
        const LANES: u32 = STARTS_PER_ELEMENT as u32;
        let index = self.half * FIELD_CLASSES as u32 + index;
        match maps::RULE_CLASSES.get(index / LANES) {
            Some(classes) => u32::from(classes[(index % LANES) as usize]),
            None => 0,
        }
    }

    #[inline(always)]
    fn label_start(&self, index: u32) -> u32 {
        const LANES: u32 = WORDS_PER_ELEMENT as u32;
        let index = self.half * RULE_LABELS_CAPACITY as u32 + index;
        match maps::RULE_LABELS.get(index / LANES) {
            Some(starts) => starts[(index % LANES) as usize],
            None => u32::MAX,
        }
    }

    #[inline(always)]
    fn summary(&self, set: u32) -> u64 {
        match maps::RULE_BITS.get(self.set(set)) {
            Some(bits) => bits.summary,
            None => 0,
        }
    }

    #[inline(always)]
    fn word(&self, set: u32, word: u32) -> u64 {
        const { assert!(RULE_WORDS.is_power_of_two()) };
        match maps::RULE_BITS.get(self.set(set)) {
            Some(bits) => bits.words[word as usize & (RULE_WORDS - 1)],
            None => 0,
        }
    }
}
