//! The same rules by the product's own compiler.

use std::{ops::Deref, sync::Arc};

use filter_ctl::{
    order::{Direction, EntriesBuilder, FeedName, OrderId, OrderInfo, PortRange, Terms},
    policy::{NeverBlock, RuleList, RuleOrder, RuleSet},
    table::{
        Table,
        compile::{Capacity, Compiled, compile},
        slots::SlotLedger,
    },
};

use super::{
    host::speaks_of,
    oracle::Question,
    rules::{Rule, Rules},
};

/// A compiled table, with the meaning of its slots.
#[derive(Clone, Debug)]
pub(crate) struct CompiledRules {
    compiled: Compiled,
}

impl Deref for CompiledRules {
    type Target = Table;

    fn deref(&self) -> &Table {
        &self.compiled.table
    }
}

impl CompiledRules {
    pub(crate) fn new(rules: &Rules, capacity: Capacity) -> Self {
        let ledger = SlotLedger::default();
        let compiled = compile(&rule_set(rules), &rules.settings, &ledger, capacity).unwrap();
        assert!(compiled.overflowed.is_empty(), "no cell is too long");
        Self { compiled }
    }

    /// The slots in use.
    pub(crate) fn slots(&self) -> impl Iterator<Item = u32> {
        self.compiled.slots.iter().map(|(slot, _)| *slot)
    }

    /// The numbers that slots of the hand-made table have here, sorted. Each order has its own.
    pub(crate) fn renumbered(&self, slots: &[u32]) -> Vec<u32> {
        let mut numbers: Vec<u32> = slots
            .iter()
            .map(|slot| {
                let mut known = self.compiled.slots.iter();
                let order = [id(*slot)];
                known.find(|(_, orders)| **orders == order).unwrap().0
            })
            .collect();
        numbers.sort_unstable();
        numbers
    }

    /// Whether each order that a slot means covers an end that the orders were asked about.
    pub(crate) fn slot_covers(&self, slot: u32, rules: &Rules, questions: &[Question]) -> bool {
        let mut slots = self.compiled.slots.iter();
        let Some((_, orders)) = slots.find(|(number, _)| *number == slot) else {
            return false;
        };
        let covers = |rule: &Rule| {
            questions.iter().any(|Question { ends, flow }| {
                let mut ends = ends.iter().enumerate();
                ends.any(|(index, end)| {
                    end.is_some_and(|end| rule.net.contains(&end))
                        && speaks_of(rule, flow, index == 0)
                })
            })
        };
        orders.iter().all(|order| {
            let mut own = rules.entries.iter().filter(|rule| id(rule.slot) == *order);
            own.any(covers)
        })
    }
}

/// The order that a slot number of the hand-made table stands for.
fn id(slot: u32) -> OrderId {
    OrderId {
        feed: FeedName::operator(),
        reference: slot.to_string().into(),
    }
}

fn rule_set(rules: &Rules) -> RuleSet {
    let last = rules
        .entries
        .iter()
        .map(|rule| rule.slot)
        .max()
        .unwrap_or(0);
    let orders = (0..=last).map(|slot| RuleOrder {
        id: id(slot),
        info: OrderInfo {
            reference: slot.to_string().into(),
            issuer: "test".into(),
            basis: "".into(),
            reason: "".into(),
        },
    });
    let never_block = rules.never_block.iter().map(|(net, scope)| NeverBlock {
        net: *net,
        scope: *scope,
        reason: "test".to_owned(),
    });
    RuleSet {
        orders: orders.map(Arc::new).collect(),
        lists: vec![list(rules, last, false), list(rules, last, true)],
        never_block: never_block.collect(),
        // No policy drops, as in the table of the tests' own.
        perimeter: rules.perimeter.clone(),
        ..RuleSet::default()
    }
}

/// The rules that are enforced, or those that are only counted, as entries of one source.
fn list(rules: &Rules, last: u32, monitor: bool) -> RuleList {
    let mut entries = EntriesBuilder::default();
    for (index, rule) in rules.entries.iter().enumerate() {
        if rule.monitor == monitor {
            entries.push(&index.to_string(), rule.net, terms(rule));
        }
    }
    RuleList::new(entries.finish(), (0..=last).collect(), monitor)
}

fn terms(rule: &Rule) -> Terms {
    let ports = rule.ports.map(|[first, last]| PortRange { first, last });
    Terms {
        direction: match (rule.from, rule.to) {
            (true, false) => Direction::From,
            (false, true) => Direction::To,
            _ => Direction::Both,
        },
        protocol: rule.protocol,
        ports: ports.into_iter().collect(),
        until: jiff::Timestamp::from_second(rule.until).unwrap(),
        since: jiff::Timestamp::UNIX_EPOCH,
        reason: None,
        order: rule.slot,
    }
}
