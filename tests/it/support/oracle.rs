//! The decision without any table: each rule, prefix and policy is looked at in turn.
//!
//! Only the parser is the product's. What is decided about a packet is written down here again, from
//! what the manual says and in other terms, so that a mistake in either shows.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use filter_common::{
    address::{Address, Family},
    packet::{Classified, Flow, classify},
    policy::{Policies, Policy, PolicyAction, PolicySet},
    settings::{InterfaceSettings, Role, VlanSettings},
    table::{Scope, Special},
    verdict::{Action, Reason, Verdict},
};
use ipnet::{IpNet, Ipv6Net};

use super::{
    host::{Decision, ends, reason_of, speaks_of},
    rules::{Rule, Rules},
};

/// Rules, ready to be asked.
pub(crate) struct Oracle {
    rules: Rules,
    vlans: BTreeMap<u16, VlanSettings>,
}

/// Addresses that the orders are asked about, and the flow whose protocol and ports count for them.
pub(crate) struct Question {
    /// Source and destination; `None` for an end that is not asked about.
    pub(crate) ends: [Option<IpAddr>; 2],
    pub(crate) flow: Flow,
}

impl Oracle {
    pub(crate) fn new(rules: &Rules) -> Self {
        let mut rules = rules.clone();
        // The most specific first, so that the first that covers an address is the one that counts.
        rules
            .entries
            .sort_by_key(|rule| std::cmp::Reverse(rule.net.prefix_len()));
        let perimeter = &mut rules.perimeter;
        perimeter
            .special
            .sort_by_key(|(net, _)| std::cmp::Reverse(net.prefix_len()));
        perimeter
            .nat64
            .sort_by_key(|net| std::cmp::Reverse(net.prefix_len()));
        let vlans = perimeter.vlans.iter();
        let own = vlans.filter(|(interface, ..)| *interface == 0);
        Self {
            vlans: own.map(|(_, id, settings)| (*id, *settings)).collect(),
            rules,
        }
    }

    /// What is decided about a frame on interface 0.
    pub(crate) fn decide(&self, frame: &[u8]) -> Decision {
        let settings = self.rules.settings[0];
        let opened = classify(frame, settings.tunnels());
        let settings = self.on_vlan(settings, opened.vlan);
        let packet = match opened.content() {
            Classified::Ip(packet) => packet,
            Classified::Stopped(stop) => {
                let mut decision = passes(reason_of(stop));
                let role = self.of_role(settings.role());
                judge(&mut decision, stop.policies(), settings, |policy| {
                    role.action(policy)
                });
                return decision;
            }
        };
        let outer = ends(&packet.outer);
        if outer.iter().any(|end| self.scope(*end) == Some(Scope::All)) {
            return passes(Reason::NeverBlock);
        }
        let mut decision = passes(Reason::Clean);
        for question in self.questions(frame) {
            if self.ask(&question, settings, &mut decision) {
                return decision;
            }
        }
        if packet.doubtful {
            // It may be no IP packet at all, so nothing is said of what is odd about it.
            decision.verdict.number = Reason::MplsPseudowire.number();
            return decision;
        }
        let odd = packet.odd.or(self.out_of_place(outer));
        let inside = match settings.role() {
            Role::Upstream => outer[1],
            Role::Customer => outer[0],
        };
        let role = self.of_role(settings.role());
        let group = self.group(inside);
        judge(&mut decision, odd, settings, |policy| match group {
            Some(group) if group.named.has(policy) => group.action(policy),
            _ => role.action(policy),
        });
        decision
    }

    /// What the orders are asked about a frame, in turn.
    pub(crate) fn questions(&self, frame: &[u8]) -> Vec<Question> {
        let opened = classify(frame, self.rules.settings[0].tunnels());
        let Classified::Ip(packet) = opened.content() else {
            return Vec::new();
        };
        let flow = packet.outer;
        let outer = ends(&flow);
        let mut questions = vec![Question {
            ends: outer.map(Some),
            flow,
        }];
        let translated = outer.map(|end| self.translated(end));
        if translated.iter().any(Option::is_some) {
            // The translator makes ICMP of ICMPv6 (RFC 7915, 5.2).
            let nobody = Address::default();
            questions.push(Question {
                ends: translated,
                flow: flow.between(Family::V4, nobody, nobody),
            });
        }
        if let Some(inner) = packet.inner() {
            questions.push(Question {
                ends: ends(inner).map(Some),
                flow: *inner,
            });
        }
        questions
    }

    /// Whether an order decided.
    fn ask(
        &self,
        question: &Question,
        settings: InterfaceSettings,
        decision: &mut Decision,
    ) -> bool {
        for (index, end) in question.ends.into_iter().enumerate() {
            let Some(end) = end else {
                continue;
            };
            if self.scope(end).is_some() {
                continue;
            }
            let speaks = |rule: &&Rule| speaks_of(rule, &question.flow, index == 0);
            let covering = self.rules.entries.iter();
            let covering = covering.filter(|rule| rule.net.contains(&end));
            for rule in covering.filter(speaks) {
                if rule.monitor || settings.monitors() {
                    if decision.would.is_empty() {
                        decision.verdict.would_slot = rule.slot;
                    }
                    decision.verdict.would_reasons |= 1 << Reason::Order.number();
                    decision.would.push(rule.slot);
                } else {
                    decision.verdict.action = Action::Drop;
                    decision.verdict.number = Reason::Order.number();
                    decision.verdict.slot = rule.slot;
                }
                if !rule.monitor {
                    return true;
                }
            }
        }
        false
    }

    fn on_vlan(&self, settings: InterfaceSettings, vlan: u16) -> InterfaceSettings {
        match self.vlans.get(&vlan) {
            Some(own) if vlan != 0 && settings.has_vlans() => settings.on(*own),
            _ => settings,
        }
    }

    const fn of_role(&self, role: Role) -> &PolicySet {
        match role {
            Role::Upstream => &self.rules.perimeter.upstream,
            Role::Customer => &self.rules.perimeter.customer,
        }
    }

    /// The stronger of the never-block entries around an address.
    fn scope(&self, address: IpAddr) -> Option<Scope> {
        let around = self.rules.never_block.iter();
        let around = around.filter(|(net, _)| net.contains(&address));
        around
            .map(|(_, scope)| *scope)
            .max_by_key(|scope| *scope as u32)
    }

    /// The policies of the host group of an address: of the one with the longest prefix around it.
    fn group(&self, address: IpAddr) -> Option<&PolicySet> {
        let groups = self.rules.perimeter.groups.iter();
        let networks = groups.flat_map(|group| group.networks.iter().map(move |net| (net, group)));
        let around = networks.filter(|(net, _)| net.contains(&address));
        let nearest = around.max_by_key(|(net, _)| net.prefix_len());
        nearest.map(|(_, group)| &group.policies)
    }

    /// What the registries say of an address.
    fn special(&self, address: IpAddr) -> Option<Special> {
        let mut space = self.rules.perimeter.special.iter();
        let nearest = space.find(|(net, _)| net.contains(&address));
        nearest.map(|(_, special)| *special)
    }

    /// The IPv4 address that an IPv6 address stands for: the four bytes behind the prefix, of which the
    /// ninth byte of the address is none.
    fn translated(&self, address: IpAddr) -> Option<IpAddr> {
        let IpAddr::V6(address) = address else {
            return None;
        };
        let around = |net: &&Ipv6Net| net.contains(&address);
        let prefix = self.rules.perimeter.nat64.iter().find(around)?;
        let bytes = address.octets();
        let places = (usize::from(prefix.prefix_len()) / 8..16).filter(|place| *place != 8);
        let mut embedded = [0; 4];
        for (byte, place) in embedded.iter_mut().zip(places) {
            *byte = bytes[place];
        }
        Some(Ipv4Addr::from(embedded).into())
    }

    /// The policies about addresses that should not be where they are.
    fn out_of_place(&self, [from, to]: [IpAddr; 2]) -> Policies {
        let [source, destination] = [from, to].map(|end| self.special(end));
        let to_group = destination == Some(Special::Group);
        let mut odd = Policies::NONE;
        match source {
            // A host without an address yet speaks to a group.
            Some(Special::Group | Special::Nowhere) if !(from.is_unspecified() && to_group) => {
                odd.add(Policy::MartianSource);
            }
            Some(Special::Bogon) if !(of_one_link(from) && (to_group || of_one_link(to))) => {
                odd.add(Policy::BogonSource);
            }
            _ => {}
        }
        if destination == Some(Special::Nowhere) {
            odd.add(Policy::MartianDestination);
        }
        odd
    }
}

/// Whether no router forwards what has this IPv6 address at one end.
fn of_one_link(address: IpAddr) -> bool {
    let link_groups = Ipv6Net::new_assert(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0), 16);
    match address {
        IpAddr::V4(_) => false,
        IpAddr::V6(address) => {
            address.is_unicast_link_local()
                || address.is_unspecified()
                || IpNet::from(link_groups).contains(&IpAddr::V6(address))
        }
    }
}

/// Asks the policies in the order of their numbers, up to the first that drops.
fn judge(
    decision: &mut Decision,
    odd: Policies,
    settings: InterfaceSettings,
    action: impl Fn(Policy) -> PolicyAction,
) {
    let odd = || {
        Policy::ALL
            .iter()
            .copied()
            .filter(|policy| odd.has(*policy))
    };
    if let Some(first) = odd().next() {
        decision.verdict.number = Reason::Policy(first).number();
    }
    for policy in odd() {
        match action(policy) {
            PolicyAction::Pass => {}
            PolicyAction::Monitor => decision.verdict.would.add(policy),
            PolicyAction::Drop => {
                if settings.monitors() {
                    decision.verdict.would.add(policy);
                } else {
                    decision.verdict.action = Action::Drop;
                    decision.verdict.number = Reason::Policy(policy).number();
                }
                return;
            }
        }
    }
}

fn passes(reason: Reason) -> Decision {
    Decision {
        verdict: Verdict::pass(reason),
        would: Vec::new(),
    }
}
