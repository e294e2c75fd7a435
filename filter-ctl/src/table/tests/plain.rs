//! Rules written down one by one, as the model reads them, and the set that the compiler reads.

use std::sync::Arc;

use filter_common::settings::InterfaceSettings;
use ipnet::IpNet;
use jiff::Timestamp;

use crate::{
    order::{Direction, EntriesBuilder, PortRange, Terms},
    policy::{self, NeverBlock, RuleList, RuleOrder, RuleRef},
    table::{
        compile::{self, Capacity, CapacityError, Compiled},
        slots::SlotLedger,
    },
};

/// One entry in force.
#[derive(Clone, Debug)]
pub(in crate::table) struct Rule {
    pub(in crate::table) net: IpNet,
    pub(in crate::table) direction: Direction,
    pub(in crate::table) protocol: Option<u8>,
    pub(in crate::table) ports: Box<[PortRange]>,
    pub(in crate::table) until: Timestamp,
    pub(in crate::table) monitor: bool,
    /// An index of orders.
    pub(in crate::table) order: u32,
    pub(in crate::table) entry: Box<str>,
}

/// What shall hold.
#[derive(Clone, Debug, Default)]
pub(in crate::table) struct RuleSet {
    pub(in crate::table) orders: Vec<RuleOrder>,
    pub(in crate::table) rules: Vec<Rule>,
    pub(in crate::table) never_block: Vec<NeverBlock>,
}

impl RuleSet {
    /// As two sources, one of which is only counted.
    pub(in crate::table) fn merged(&self) -> policy::RuleSet {
        let orders: Vec<u32> = (0..).zip(&self.orders).map(|(number, _)| number).collect();
        let list = |monitor| {
            let mut entries = EntriesBuilder::default();
            for (index, rule) in self.rules.iter().enumerate() {
                let terms = Terms {
                    direction: rule.direction,
                    protocol: rule.protocol,
                    ports: rule.ports.clone(),
                    until: rule.until,
                    since: Timestamp::UNIX_EPOCH,
                    reason: None,
                    order: rule.order,
                };
                if rule.monitor == monitor {
                    entries.push(&format!("{}#{index:08}", rule.entry), rule.net, terms);
                }
            }
            RuleList::new(entries.finish(), orders.clone(), monitor)
        };
        policy::RuleSet {
            orders: self.orders.iter().cloned().map(Arc::new).collect(),
            lists: vec![list(false), list(true)],
            never_block: self.never_block.clone(),
            ..policy::RuleSet::default()
        }
    }

    /// The indexes of rules of the merged set.
    pub(in crate::table) fn indexes<'a>(
        &self,
        rules: impl IntoIterator<Item = &'a RuleRef>,
    ) -> Vec<usize> {
        let mut rules = rules.into_iter().peekable();
        if rules.peek().is_none() {
            return Vec::new();
        }
        let merged = self.merged();
        let index = |at: &RuleRef| index_of(merged.rule(*at).entry.id);
        let mut indexes: Vec<usize> = rules.map(index).collect();
        indexes.sort_unstable();
        indexes
    }
}

/// The index of the rule that an entry of the merged set was made of.
pub(in crate::table) fn index_of(id: &str) -> usize {
    let index = id
        .rsplit_once('#')
        .and_then(|(_, index)| index.parse().ok());
    index.expect("an entry of a merged set")
}

pub(in crate::table) fn compile(
    rules: &RuleSet,
    settings: &[InterfaceSettings],
    slots: &SlotLedger,
    capacity: Capacity,
) -> Result<Compiled, CapacityError> {
    compile::compile(&rules.merged(), settings, slots, capacity)
}
