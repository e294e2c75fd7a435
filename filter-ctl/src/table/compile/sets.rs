//! Sets of orders, each stored once.

use std::collections::HashMap;

/// The sets so far; their members are ranks.
#[derive(Default)]
pub(super) struct Sets {
    pub(super) members: Vec<Box<[u32]>>,
    numbers: HashMap<Box<[u32]>, u32>,
}

impl Sets {
    /// The number of a set, which is sorted.
    pub(super) fn number(&mut self, set: &[u32]) -> u32 {
        if let Some(&number) = self.numbers.get(set) {
            return number;
        }
        let new = u32::try_from(self.members.len()).unwrap_or(u32::MAX);
        self.members.push(set.into());
        self.numbers.insert(set.into(), new);
        new
    }
}
