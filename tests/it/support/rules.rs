//! What is blocked: as a table for the kernel, and as a plain list to compare the table with.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use filter_common::{
    address::Family,
    limits::CLAUSES_PER_CELL_MAX,
    policy::PolicySet,
    settings::{Enforcement, InterfaceSettings, Role},
    table::{ClauseFlags, Place, PlaceRecord, Scope},
};
use filter_ctl::{
    policy::{perimeter::Perimeter, traffic::TrafficRule},
    rule::{self, RuleId, order::Ranking, text},
    table::{GuardTable, Table, TimedClause},
};
use ipnet::IpNet;

use super::plain;

/// A day from now: no test lasts that long.
pub(crate) fn tomorrow() -> i64 {
    jiff::Timestamp::now().as_second() + 86_400
}

/// One entry, with the slot that is charged for it.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) net: IpNet,
    pub(crate) slot: u32,
    pub(crate) from: bool,
    pub(crate) to: bool,
    pub(crate) protocol: Option<u8>,
    pub(crate) ports: Option<[u16; 2]>,
    pub(crate) until: i64,
    pub(crate) monitor: bool,
}

impl Rule {
    /// Blocks packets from and to a prefix or address.
    pub(crate) fn new(net: &str, slot: u32) -> Self {
        Self {
            net: parse(net),
            slot,
            from: true,
            to: true,
            protocol: None,
            ports: None,
            until: tomorrow(),
            monitor: false,
        }
    }

    pub(crate) const fn only_from(mut self) -> Self {
        self.to = false;
        self
    }

    pub(crate) const fn only_to(mut self) -> Self {
        self.from = false;
        self
    }

    pub(crate) const fn protocol(mut self, protocol: u8) -> Self {
        self.protocol = Some(protocol);
        self
    }

    pub(crate) const fn ports(mut self, first: u16, last: u16) -> Self {
        self.ports = Some([first, last]);
        self
    }

    pub(crate) const fn until(mut self, until: i64) -> Self {
        self.until = until;
        self
    }

    pub(crate) const fn monitor(mut self) -> Self {
        self.monitor = true;
        self
    }

    fn clause(&self) -> TimedClause {
        let flag = |set: bool, flag: u8| if set { flag } else { 0 };
        TimedClause {
            slot: self.slot,
            until: self.until,
            ports: self.ports.unwrap_or_default(),
            protocol: self.protocol.unwrap_or_default(),
            flags: flag(self.from, ClauseFlags::FROM)
                | flag(self.to, ClauseFlags::TO)
                | flag(self.monitor, ClauseFlags::MONITOR)
                | flag(self.protocol.is_some(), ClauseFlags::PROTOCOL)
                | flag(self.ports.is_some(), ClauseFlags::PORTS),
        }
    }
}

/// All that a generation consists of.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) entries: Vec<Rule>,
    pub(crate) never_block: Vec<(IpNet, Scope)>,
    pub(crate) settings: Vec<InterfaceSettings>,
    /// Policies, host groups, VLANs, translators, special-purpose space.
    pub(crate) perimeter: Perimeter,
}

impl Rules {
    /// On one interface, enforcing; no policy drops.
    pub(crate) fn new(entries: impl Into<Vec<Rule>>) -> Self {
        Self {
            entries: entries.into(),
            never_block: Vec::new(),
            settings: vec![InterfaceSettings::new(Enforcement::Enforce, Role::Upstream)],
            perimeter: Perimeter {
                upstream: PolicySet::default(),
                customer: PolicySet::default(),
                ..Perimeter::default()
            },
        }
    }

    pub(crate) fn never_block(mut self, net: &str, scope: Scope) -> Self {
        self.never_block.push((parse(net), scope));
        self
    }

    pub(crate) fn monitoring(mut self) -> Self {
        self.settings = vec![InterfaceSettings::new(Enforcement::Monitor, Role::Upstream)];
        self
    }

    /// The slots that its rules name.
    pub(crate) fn slots(&self) -> BTreeSet<u32> {
        self.entries.iter().map(|rule| rule.slot).collect()
    }

    /// The rules that cover an address, the most specific first; of the same prefix, in their order.
    pub(crate) fn covering(&self, address: IpAddr) -> Vec<&Rule> {
        let mut covering: Vec<&Rule> = self
            .entries
            .iter()
            .filter(|rule| rule.net.contains(&address))
            .collect();
        covering.sort_by_key(|rule| std::cmp::Reverse(rule.net.prefix_len()));
        covering
    }

    /// With these policies on every interface.
    pub(crate) const fn policies(mut self, policies: PolicySet) -> Self {
        self.perimeter.upstream = policies;
        self.perimeter.customer = policies;
        self
    }

    /// What holds for an address beside the orders: of each kind what the most specific prefix says,
    /// and of the scopes the stronger.
    pub(crate) fn place(&self, address: IpAddr) -> Place {
        let mut covering = self.placed();
        covering.retain(|(net, _)| net.contains(&address));
        covering.sort_by_key(|(net, _)| net.prefix_len());
        let around = covering.into_iter().map(|(_, place)| place);
        around.fold(Place::NONE, |around, place| place.inside(around))
    }

    /// Every prefix of which something is said beside the orders.
    fn placed(&self) -> Vec<(IpNet, Place)> {
        let never = self.never_block.iter();
        let never = never.map(|(net, scope)| (*net, Place::scope(*scope)));
        never.chain(self.perimeter.places()).collect()
    }

    /// The table, made the slowest and plainest way.
    pub(crate) fn table(&self) -> Table {
        let mut runs = Runs::default();
        let mut value = |address: IpAddr| runs.of(&self.covering(address));
        let rule_nets: Vec<IpNet> = self.entries.iter().map(|rule| rule.net).collect();
        let placed: Vec<IpNet> = self.placed().into_iter().map(|(net, _)| net).collect();
        let [v4, v6] =
            [Family::V4, Family::V6].map(|family| intervals(&rule_nets, family, &mut value));
        let mut records = vec![PlaceRecord::default()];
        let mut place = |address: IpAddr| {
            let record = PlaceRecord::new(self.place(address), 0, 0);
            let known = records.iter().position(|known| *known == record);
            let number = known.unwrap_or_else(|| {
                records.push(record);
                records.len() - 1
            });
            u32::try_from(number).unwrap()
        };
        let [places4, places6] =
            [Family::V4, Family::V6].map(|family| intervals(&placed, family, &mut place));
        Table {
            marks_v4: plain::marks(&v4),
            v4: plain::rows_v4(&v4),
            // No grain, so nobody asks.
            filter_v6: Vec::new(),
            v6: plain::rows_v6(&v6),
            places_v4: plain::rows_v4(&places4),
            places_v6: plain::rows_v6(&places6),
            places: records,
            guard: GuardTable::default(),
            clauses: runs.clauses,
            settings: self.settings.clone(),
            policies: self.perimeter.policies(),
            vlans: self.perimeter.vlan_words(),
        }
    }
}

/// The clauses of all intervals, equal ones once.
#[derive(Default)]
struct Runs {
    clauses: Vec<TimedClause>,
    numbers: BTreeMap<Vec<String>, u32>,
}

impl Runs {
    fn of(&mut self, rules: &[&Rule]) -> u32 {
        assert!(rules.len() <= CLAUSES_PER_CELL_MAX);
        let Some((last, before)) = rules.split_last() else {
            return 0;
        };
        let key = rules.iter().map(|rule| format!("{rule:?}")).collect();
        let next = u32::try_from(self.clauses.len() + 1).unwrap();
        *self.numbers.entry(key).or_insert_with(|| {
            self.clauses.extend(before.iter().map(|rule| rule.clause()));
            let mut clause = last.clause();
            clause.flags |= ClauseFlags::LAST;
            self.clauses.push(clause);
            next
        })
    }
}

/// Rules for traffic in the order of their evaluation, each counted under the slot that is written beside it.
pub(crate) fn traffic_rules<'a>(
    written: impl IntoIterator<Item = (u32, &'a str)>,
) -> Vec<TrafficRule> {
    let mut ranking = Ranking::default();
    let mut slots = BTreeMap::new();
    for (number, (slot, written)) in (0..).zip(written) {
        let id = RuleId::numbered(number);
        slots.insert(id.as_str().to_owned(), slot);
        let written = text::parse(written).unwrap_or_else(|error| panic!("{error}: {written}"));
        let rule = rule::Rule::new(id, written, None);
        ranking
            .insert(rule)
            .unwrap_or_else(|known| panic!("a rule is written twice: {known:?}"));
    }
    let rules = ranking.into_rules();
    let slot = |rule: &rule::Rule| slots[rule.id.as_str()];
    rules
        .iter()
        .map(|rule| TrafficRule::new(rule, slot(rule)))
        .collect()
}

/// A prefix, or an address as the prefix that holds only it.
pub(crate) fn parse(net: &str) -> IpNet {
    net.parse::<IpNet>()
        .unwrap_or_else(|_| net.parse::<IpAddr>().unwrap().into())
}

/// The address as a number.
fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    }
}

const fn bits(family: Family) -> u32 {
    match family {
        Family::V4 => 32,
        Family::V6 => 128,
    }
}

fn address(family: Family, number: u128) -> IpAddr {
    match family {
        Family::V4 => IpAddr::V4(u32::try_from(number).unwrap().into()),
        Family::V6 => IpAddr::V6(number.into()),
    }
}

/// Where what holds may change, with what holds from there on.
fn intervals(
    nets: &[IpNet],
    family: Family,
    value: &mut impl FnMut(IpAddr) -> u32,
) -> Vec<(u128, u32)> {
    let last = u128::MAX >> (128 - bits(family));
    let mut starts = BTreeSet::from([0]);
    for net in nets {
        if net.network().is_ipv4() == (family == Family::V4) {
            starts.insert(number(net.network()));
            let end = number(net.broadcast());
            if end < last {
                starts.insert(end + 1);
            }
        }
    }
    starts
        .into_iter()
        .map(|start| (start, value(address(family, start))))
        .collect()
}
