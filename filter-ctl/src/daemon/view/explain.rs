//! What holds for one address, by every step of the decision that asks for addresses.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use super::{View, withheld_entry};
use crate::{
    http::wire::{Explanation, RuleAtEnd, WithheldEntry},
    order::{OrderId, OrderInfo, VerifiedOrder},
    policy::perimeter::HostGroup,
    table::explain::{covering, never_block_of},
};

/// Rules that are listed for an address; the others are counted.
const RULES_LISTED_MAX: usize = 50;

impl View {
    /// See [`super::handle::Handle::explain`]. Looks at everything that is withheld once, or twice for an
    /// address behind a NAT64 prefix.
    #[must_use]
    pub fn explain(&self, address: IpAddr) -> Explanation {
        let perimeter = &self.rules.perimeter;
        let stands_for = match address {
            IpAddr::V4(_) => None,
            IpAddr::V6(address) => perimeter.embedded_v4(address),
        };
        // Rules and limits ask the packet as it is on the wire only.
        let group = perimeter.group_of(address);
        let mut explanation = Explanation {
            address,
            stands_for,
            host_group: group.map(|group| group.name.clone()),
            limits: group.map_or_else(BTreeMap::new, limits),
            policies: group.map_or_else(BTreeMap::new, policies),
            rules: Vec::new(),
            rules_total: 0,
            blocked: false,
            not_dropping: self.status.not_dropping().map(str::to_owned),
            orders: Vec::new(),
            never_block: None,
            withheld: Vec::new(),
            generation: self
                .status
                .generation
                .as_ref()
                .map(|generation| generation.number),
        };
        self.explain_one(address, &mut explanation);
        if let Some(address) = stands_for {
            self.explain_one(address.into(), &mut explanation);
        }
        explanation.blocked &= explanation.not_dropping.is_none();
        self.explain_rules(address, &mut explanation);
        explanation
    }

    /// Which rules can match packets from or to an address.
    fn explain_rules(&self, address: IpAddr, explanation: &mut Explanation) {
        let rules = self.rules.rules.iter().zip(self.rule_entries.iter());
        let mut meeting: Vec<_> = rules
            .filter_map(|(rule, entry)| Some((rule.matching.at(address)?, rule, entry)))
            .collect();
        explanation.rules_total = meeting.len() as u64;
        meeting.sort_by_key(|(at, ..)| !at.by_prefix);
        let listed = meeting.into_iter().take(RULES_LISTED_MAX);
        let listed = listed.map(|(at, rule, entry)| RuleAtEnd {
            dir: at.direction,
            by_prefix: at.by_prefix,
            action: rule.action.to_string(),
            rule: self.counted(entry),
        });
        explanation.rules.extend(listed);
    }

    /// What the lists say of one address, on top of what they say of those before. Protection is only for
    /// the address itself.
    fn explain_one(&self, address: IpAddr, explanation: &mut Explanation) {
        let covering = covering(&self.rules, address);
        let never_block = never_block_of(&self.rules, address).and_then(|found| {
            let mut entries = self.never_block.iter();
            entries.find(|entry| entry.net == found.net).cloned()
        });
        let enforcing = covering.iter().any(|rule| !rule.monitor);
        explanation.blocked |= enforcing && never_block.is_none();
        explanation.never_block = explanation.never_block.take().or(never_block);
        let entries = covering.iter().map(|rule| self.covering_entry(rule));
        explanation.orders.extend(entries);
        let withheld = self.rules.withheld();
        let withheld = withheld.filter(|entry| entry.net.contains(&address));
        explanation
            .withheld
            .extend(withheld.map(|entry| withheld_entry(&entry)));
        explanation.withheld.extend(self.waiting_at(address));
    }

    /// What feeds that stand still have sent about an address, and what is not in force of it.
    fn waiting_at(&self, address: IpAddr) -> impl Iterator<Item = WithheldEntry> {
        self.not_in_force(move |latest| latest.entries().covering(address))
    }

    /// What a feed that stands still has sent of an order, and what is not in force of it.
    pub(super) fn waiting_of(&self, id: &OrderId) -> impl Iterator<Item = WithheldEntry> {
        self.not_in_force(move |latest| {
            let is_it =
                |order: &OrderInfo| *latest.feed() == id.feed && order.reference == id.reference;
            let Some(order) = latest.orders().iter().position(is_it) else {
                return Vec::new();
            };
            let entries = latest.entries();
            let positions = entries.positions_by_id().iter().copied();
            let is_mine = |position: &u32| entries.at(*position).terms.order as usize == order;
            positions.filter(is_mine).collect()
        })
    }

    /// Of what feeds that stand still have sent last, these entries, as far as they are not in force.
    fn not_in_force(
        &self,
        wanted: impl Fn(&VerifiedOrder) -> Vec<u32>,
    ) -> impl Iterator<Item = WithheldEntry> {
        self.waiting.iter().flat_map(move |latest| {
            let same = |source: &&Arc<VerifiedOrder>| {
                source.feed() == latest.feed()
                    && std::mem::discriminant(source.provenance())
                        == std::mem::discriminant(latest.provenance())
            };
            let in_force = self.sources.iter().find(same);
            let wanted = wanted(latest).into_iter();
            let entries = wanted.map(|position| latest.entries().at(position));
            let waits = entries.filter(move |entry| {
                in_force.is_none_or(|source| source.entries().find(entry.id).is_none())
            });
            waits.map(|entry| WithheldEntry {
                id: latest.order_id(entry.terms.order),
                entry: entry.id.to_owned(),
                net: entry.net,
                status: "paused".to_owned(),
                reason: None,
            })
        })
    }
}

/// The limits of a host group, in the words of the configuration.
fn limits(group: &HostGroup) -> BTreeMap<String, String> {
    let rates = group.rates.iter();
    rates
        .map(|(class, rate)| (class.name().to_owned(), rate.to_string()))
        .collect()
}

/// What a host group says of policies, in the words of the configuration.
fn policies(group: &HostGroup) -> BTreeMap<String, String> {
    let named = group.policies.named.iter();
    named
        .map(|policy| {
            let action = group.policies.action(policy);
            (policy.name().to_owned(), action.name().to_owned())
        })
        .collect()
}
