//! One half of the maps of rules, as the evaluation reads them.

use filter_common::{
    abi::{RULE_BITS_CAPACITY, RULE_LABELS_CAPACITY, STARTS_PER_ELEMENT, WORDS_PER_ELEMENT},
    rule::{FIELD_CLASSES, RuleBits, RuleSetHeader, RuleTables, flow_label_number},
};

use crate::{buckets::forget, maps};

/// The rules of a generation.
pub(crate) struct HalfRules {
    half: u32,
}

impl HalfRules {
    #[inline(always)]
    pub(crate) fn new(half: u32) -> Self {
        Self { half }
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
    fn forget(&self, number: u64) -> u64 {
        forget(number)
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
    fn label_number(&self, label: u32, count: u32) -> u32 {
        levee_label(self.half, label, count) as u32
    }

    #[inline(always)]
    fn set(&self, number: u32) -> Option<&RuleBits> {
        maps::RULE_BITS.get(self.half * RULE_BITS_CAPACITY as u32 + number)
    }
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn levee_label(half: u32, label: u32, count: u32) -> u64 {
    let rules = HalfRules::new(half & 1);
    let number = flow_label_number(label, count, |index| rules.label_start(index));
    u64::from(number)
}
