//! What a rule does.

use crate::limit::Limit;

/// What is done with a packet that a rule matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum RuleAction {
    /// It passes, and no further rule or limit is asked.
    Pass = 0,
    /// It is dropped.
    Drop = 1,
    /// It is counted as what would have been dropped, and the evaluation goes on.
    Monitor = 2,
    /// It is dropped where it is over the rule's limit.
    Limit = 3,
}

/// A rule, as the data path has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct RuleRecord {
    /// Of [`RuleAction::Limit`].
    pub limit: Limit,
    /// The number of its counter and its bucket; it keeps that for as long as it exists.
    pub slot: u32,
    /// A [`RuleAction`], plus [`RuleRecord::CONTINUES`].
    pub flags: u32,
}

impl RuleRecord {
    /// The evaluation goes on behind it, unless it dropped the packet (RFC 8955, 7.3: the terminal action).
    pub const CONTINUES: u32 = 1 << 8;

    /// A rule.
    #[must_use]
    pub const fn new(slot: u32, action: RuleAction, continues: bool, limit: Limit) -> Self {
        let continues = continues || matches!(action, RuleAction::Monitor);
        Self {
            limit,
            slot,
            flags: action as u32 | if continues { Self::CONTINUES } else { 0 },
        }
    }

    /// The action as a number: a damaged record passes.
    #[inline(always)]
    #[must_use]
    pub const fn action(&self) -> u32 {
        self.flags & 0xff
    }

    /// Whether the evaluation goes on behind it.
    #[inline(always)]
    #[must_use]
    pub const fn continues(&self) -> bool {
        self.flags & Self::CONTINUES != 0
    }
}

const _: () = assert!(size_of::<RuleRecord>() == 24);
