//! What the table must mean, said in the plainest way: for each packet, look at every rule.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use filter_common::{table::Scope, verdict::Reason};

use super::plain::{Rule, RuleSet};
use crate::order::{Direction, PortRange};

/// A packet as the model sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) protocol: u8,
    /// Those of the packet; `None` in a fragment other than the first.
    pub(super) ports: Option<[u16; 2]>,
}

/// What shall become of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) reason: Reason,
    /// The orders charged.
    pub(super) charged: Vec<String>,
    /// The orders told that they would drop it, once for each condition, sorted.
    pub(super) told: Vec<String>,
}

/// Where a condition stands among those that match one address: the most specific prefix first; of one
/// prefix what is monitored; then the fewest ports, one protocol before all, one direction before both.
type Place = (std::cmp::Reverse<u8>, bool, u32, bool, bool, u16);

fn place(rule: &Rule, ports: Option<&PortRange>) -> Place {
    (
        std::cmp::Reverse(rule.net.prefix_len()),
        !rule.monitor,
        // More than all ports: fragments as well.
        ports.map_or(65_537, |range| u32::from(range.last - range.first) + 1),
        rule.protocol.is_none(),
        rule.direction == Direction::Both,
        ports.map_or(0, |range| range.first),
    )
}

pub(super) fn scope_of(rules: &RuleSet, address: IpAddr) -> Option<Scope> {
    let covering = rules.never_block.iter();
    let covering = covering.filter(|entry| entry.net.contains(&address));
    covering.map(|entry| entry.scope).max()
}

/// Decides about a packet `unix` seconds into Unix time. The rules in `without` do not count.
pub(super) fn decide(rules: &RuleSet, without: &[usize], seen: Seen, unix: i64) -> Outcome {
    let mut outcome = Outcome {
        reason: Reason::Clean,
        charged: Vec::new(),
        told: Vec::new(),
    };
    let ends = [
        (seen.source, Direction::From, 0),
        (seen.destination, Direction::To, 1),
    ];
    if ends
        .map(|(address, ..)| scope_of(rules, address))
        .contains(&Some(Scope::All))
    {
        outcome.reason = Reason::NeverBlock;
        return outcome;
    }
    for (address, direction, port) in ends {
        if scope_of(rules, address).is_some() {
            continue;
        }
        let mut matching: BTreeMap<Place, BTreeSet<String>> = BTreeMap::new();
        for (index, rule) in rules.rules.iter().enumerate() {
            let speaks = rule.net.contains(&address)
                && (rule.direction == direction || rule.direction == Direction::Both)
                && rule
                    .protocol
                    .is_none_or(|protocol| protocol == seen.protocol)
                && unix < hour_after(rule)
                && !without.contains(&index);
            if !speaks {
                continue;
            }
            let has_ports = matches!(seen.protocol, 6 | 17 | 33 | 132 | 136);
            let port = seen.ports.filter(|_| has_ports).map(|ports| ports[port]);
            let order = rules.orders[rule.order as usize].id.reference.to_string();
            if rule.ports.is_empty() {
                matching.entry(place(rule, None)).or_default().insert(order);
            } else if let Some(port) = port
                && let Some(range) = rule
                    .ports
                    .iter()
                    .find(|r| r.first <= port && port <= r.last)
            {
                matching
                    .entry(place(rule, Some(range)))
                    .or_default()
                    .insert(order);
            }
        }
        for ((_, enforced, ..), orders) in matching {
            let orders: Vec<_> = orders.into_iter().collect();
            if enforced {
                outcome.reason = Reason::Order;
                outcome.charged = orders;
                return outcome;
            }
            outcome.told.extend(orders);
            outcome.told.sort_unstable();
        }
    }
    outcome
}

/// The whole hour up to which the kernel holds a rule.
fn hour_after(rule: &Rule) -> i64 {
    let seconds = rule.until.as_second();
    if seconds % 3_600 == 0 && rule.until.subsec_nanosecond() == 0 {
        seconds
    } else {
        (seconds / 3_600 + 1) * 3_600
    }
}
