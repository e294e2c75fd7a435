//! What the numbers in a sample mean.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use crate::{order::OrderId, policy::hold::Guarded, table::Slot};

/// Generations whose names are kept. A sample of an older one says no order and no rule: its numbers may have
/// been given to others since.
pub const GENERATIONS_MAX: usize = 3;

/// The names of a generation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Its number.
    pub generation: u64,
    /// The orders of each slot, by slot.
    pub slots: BTreeMap<Slot, Arc<[OrderId]>>,
    /// Rules by slot.
    pub rules: BTreeMap<u32, String>,
    /// Interfaces by number.
    pub interfaces: BTreeMap<u32, String>,
    /// Whose own space is inside, besides the end that the interface's role and the host groups say.
    pub guarded: Arc<Guarded>,
}

impl Names {
    /// The orders of a slot.
    #[must_use]
    pub fn orders(&self, slot: Slot) -> &[OrderId] {
        self.slots.get(&slot).map_or(&[], |orders| orders)
    }
}

/// The names of the last generations.
#[derive(Clone, Debug, Default)]
pub struct Known(VecDeque<Names>);

impl Known {
    /// Takes the names of a generation, in place of what was known of it.
    pub fn learn(&mut self, names: Names) {
        self.0.retain(|known| known.generation != names.generation);
        while self.0.len() >= GENERATIONS_MAX {
            self.0.pop_front();
        }
        self.0.push_back(names);
    }

    /// Those of a generation, if they are still known.
    #[must_use]
    pub fn of(&self, generation: u64) -> Option<&Names> {
        self.0.iter().find(|names| names.generation == generation)
    }

    /// The newest ones: for what holds in every generation.
    #[must_use]
    pub fn newest(&self) -> Option<&Names> {
        self.0.back()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_a_forgotten_generation_mean_nothing() {
        let order = OrderId::try_from("test:a".to_owned()).unwrap();
        let mut known = Known::default();
        for generation in 1..=4 {
            known.learn(Names {
                generation,
                slots: [(7, [order.clone()].into())].into(),
                ..Names::default()
            });
        }
        assert!(known.of(1).is_none());
        assert_eq!(known.of(2).unwrap().orders(7), [order]);
        assert_eq!(known.of(4).unwrap().orders(8), []);
        assert_eq!(known.newest().unwrap().generation, 4);
    }
}
