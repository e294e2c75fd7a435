//! From what is configured, admitted and decided to what is desired: policy, then tables. Pure.

use std::{collections::BTreeMap, sync::Arc};

use filter_common::{
    limits::RULE_SLOTS_MAX,
    policy::PolicySet,
    settings::{Enforcement, InterfaceSettings, Role, Tunnels, VlanSettings},
    table::Scope,
};
use ipnet::IpNet;
use jiff::Timestamp;

use super::{
    feed_switch::FeedMode,
    local::Local,
    rules::{self, ConflictError},
};
use crate::{
    config::{ActionSetting, Config, NeverBlockSetting, RoleSetting, ScopeSetting},
    observe::{
        known::{KnownInterface, KnownVlan},
        ledger::{Ledger, LedgerError},
        rules::RuleSlots,
    },
    order::{FeedName, VerifiedOrder},
    policy::{
        HoldReason, NeverBlock, Perimeter, RuleSet,
        hold::HoldPolicy,
        merge::{FeedPolicy, PolicyInput, ShortestPrefix, earliest, merge},
        perimeter::HostGroup,
        special_space::special_space,
        special_use,
        traffic::TrafficRule,
    },
    rule::Rule,
    table::compile::{Capacity, CapacityError, Compiled, Part, compile},
};

/// The sources of a rule set: a bundle or list by its feed, an operator's order by its reference.
pub(crate) type Sources = BTreeMap<SourceKey, Arc<VerifiedOrder>>;

/// What tells one source from another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SourceKey {
    /// The bundle of a feed.
    Bundle(FeedName),
    /// The unsigned list of a feed.
    List(FeedName),
    /// An operator's order, by reference.
    Letter(Box<str>),
    /// What the table in force says of a feed that cannot be read.
    Table(FeedName),
}

impl SourceKey {
    /// The feed of a bundle or list.
    pub(crate) const fn feed(&self) -> Option<&FeedName> {
        match self {
            Self::Bundle(feed) | Self::List(feed) => Some(feed),
            Self::Letter(_) | Self::Table(_) => None,
        }
    }
}

/// A rule set that fits.
pub(crate) struct Plan {
    pub(crate) rules: RuleSet,
    pub(crate) compiled: Compiled,
    /// Rules that are not in force, because others are in their place.
    pub(crate) left_out: Vec<ConflictError>,
}

/// Plans what the sources and the operators' decisions amount to. Changes nothing. `before`, the rules of an
/// earlier plan or none, makes no difference but in time, see [`merge`].
pub(crate) fn plan(
    config: &Config,
    capacity: Capacity,
    ledger: &Ledger,
    sources: &Sources,
    local: &Local,
    before: &RuleSet,
    now: Timestamp,
) -> Result<Plan, CapacityError> {
    let never_block = never_block(config, local, now);
    let sources: Vec<Arc<VerifiedOrder>> = sources.values().map(Arc::clone).collect();
    let mut feeds = feed_policies(config, local);
    for source in &sources {
        let policy = || feed_policy(config, local, source.feed());
        feeds.entry(source.feed().clone()).or_insert_with(policy);
    }
    let withdrawals = local.policy_withdrawals();
    let approvals = local.policy_approvals(config.approval);
    let input = PolicyInput {
        sources: &sources,
        feeds: &feeds,
        never_block: &never_block,
        never_block_changes: next_exception_end(local, now),
        withdrawals: &withdrawals,
        guarded: &config.guarded,
        approvals: &approvals,
        now,
    };
    let mut rules = merge(&input, before);
    let chosen = rules::choose(config, local, now);
    rules.perimeter = perimeter(config, ledger);
    rules.perimeter.rules = traffic_rules(&chosen.rules, ledger.rule_slots())?;
    rules.rules = chosen.rules;
    rules.next_change = earliest(rules.next_change, chosen.next_end);
    let compiled = compile(&rules, &settings(ledger), ledger.slots(), capacity)?;
    rules.withhold(compiled.overflowed.clone());
    Ok(Plan {
        rules,
        compiled,
        left_out: chosen.left_out,
    })
}

/// Rules with the slots that they are counted under.
fn traffic_rules(rules: &[Rule], slots: &RuleSlots) -> Result<Vec<TrafficRule>, CapacityError> {
    let numbers = slots.assign(rules.iter().map(|rule| rule.id.as_str()));
    let numbers = numbers.ok_or(CapacityError {
        part: Part::RuleSlots,
        needed: RULE_SLOTS_MAX + 1,
        available: RULE_SLOTS_MAX,
    })?;
    let rules = rules.iter().zip(numbers);
    Ok(rules
        .map(|(rule, slot)| TrafficRule::new(rule, slot))
        .collect())
}

/// Everything that is never blocked: built in, configured, exempted by operators.
pub(crate) fn never_block(config: &Config, local: &Local, now: Timestamp) -> Vec<NeverBlock> {
    let mut never_block = special_use::built_in();
    never_block.extend(config.never_block.iter().map(|setting| {
        let (net, scope, reason) = match setting {
            NeverBlockSetting::Net(net) => (*net, ScopeSetting::Lists, ""),
            NeverBlockSetting::Full { net, scope, reason } => (*net, *scope, reason.as_str()),
        };
        let scope = match scope {
            ScopeSetting::Lists => Scope::Lists,
            ScopeSetting::All => Scope::All,
        };
        NeverBlock {
            net,
            scope,
            reason: format!("configuration: {reason}"),
        }
    }));
    never_block.extend(
        local
            .exceptions
            .iter()
            .filter(|exception| exception.holds(now))
            .map(|exception| NeverBlock {
                net: exception.net,
                scope: exception.scope(),
                reason: format!("exception: {}", exception.reason),
            }),
    );
    never_block
}

pub(super) fn next_exception_end(local: &Local, now: Timestamp) -> Option<Timestamp> {
    local
        .exceptions
        .iter()
        .filter(|exception| exception.holds(now))
        .filter_map(|e| e.until)
        .min()
}

fn feed_policies(config: &Config, local: &Local) -> BTreeMap<FeedName, FeedPolicy> {
    let configured = config.feeds.iter().map(|feed| &feed.name);
    // A feed that is no longer configured may still have orders, and be switched off.
    let off = local.feeds_off.iter().map(|off| &off.feed);
    let operator = FeedName::operator();
    let names = configured.chain(off).chain([&operator]);
    names
        .map(|feed| (feed.clone(), feed_policy(config, local, feed)))
        .collect()
}

/// How a feed is treated.
pub(super) fn feed_policy(config: &Config, local: &Local, feed: &FeedName) -> FeedPolicy {
    let configured = config.feeds.iter().find(|known| known.name == *feed);
    let hold = if *feed == FeedName::operator() {
        config.orders.hold
    } else {
        configured.map(|feed| feed.hold).unwrap_or_default()
    };
    let waits = |reason| config.approval.persons(reason) > 0;
    let shortest = if waits(HoldReason::ShortPrefix) {
        ShortestPrefix {
            v4: hold.shorter_than_ipv4,
            v6: hold.shorter_than_ipv6,
        }
    } else {
        ShortestPrefix::default()
    };
    FeedPolicy {
        monitor: FeedMode::of(config, local, feed) != FeedMode::Enforce,
        hold: HoldPolicy {
            shortest,
            own_space: hold.own_space && waits(HoldReason::OwnSpace),
            shared_infrastructure: hold.shared_infrastructure
                && waits(HoldReason::SharedInfrastructure),
        },
    }
}

/// Notes all configured interfaces in the ledger, so that they have numbers and settings.
pub(crate) fn note_interfaces(config: &Config, ledger: &mut Ledger) -> Result<(), LedgerError> {
    let tunnels = config.tunnels.iter();
    let tunnels = tunnels.fold(Tunnels::NONE, |all, one| all.or(one.tunnels()));
    for interface in &config.interfaces {
        let is_customer = |role| role == RoleSetting::Customer;
        let is_monitor = |action| action == ActionSetting::Monitor;
        let vlans = interface.vlans.iter().map(|vlan| KnownVlan {
            id: vlan.id,
            monitor: is_monitor(vlan.action.unwrap_or(interface.action)),
            customer: is_customer(vlan.role.unwrap_or(interface.role)),
        });
        ledger.interface(&interface.name, |number| KnownInterface {
            number,
            monitor: is_monitor(interface.action),
            customer: is_customer(interface.role),
            tunnels: tunnels.to_bits(),
            vlans: vlans.collect(),
        })?;
    }
    Ok(())
}

const fn enforcement(monitor: bool) -> Enforcement {
    if monitor {
        Enforcement::Monitor
    } else {
        Enforcement::Enforce
    }
}

const fn role(customer: bool) -> Role {
    if customer {
        Role::Customer
    } else {
        Role::Upstream
    }
}

/// The settings of every interface that was ever filtered, by number: one that is no longer configured
/// goes on as it was.
fn settings(ledger: &Ledger) -> Vec<InterfaceSettings> {
    let mut settings = vec![InterfaceSettings::default(); ledger.interfaces().len()];
    for known in ledger.interfaces().values() {
        let mut own = InterfaceSettings::new(enforcement(known.monitor), role(known.customer))
            .looking_into(Tunnels::from_bits(known.tunnels));
        if !known.vlans.is_empty() {
            own = own.with_vlans();
        }
        settings[known.number as usize] = own;
    }
    settings
}

/// What the configuration says of the network itself.
fn perimeter(config: &Config, ledger: &Ledger) -> Perimeter {
    let defaults = PolicySet::defaults();
    let groups = config.host_groups.iter().map(|group| HostGroup {
        name: group.name.clone(),
        networks: group.networks.clone(),
        policies: group.policies.over(PolicySet::default()),
        limits: group.limits.limits(),
    });
    let nat64 = config.nat64_prefixes.iter().filter_map(|net| match net {
        IpNet::V4(_) => None,
        IpNet::V6(net) => Some(*net),
    });
    let vlans = ledger.interfaces().values().flat_map(|known| {
        let vlans = known.vlans.iter();
        vlans.map(|vlan| {
            let settings = VlanSettings::new(enforcement(vlan.monitor), role(vlan.customer));
            (known.number, vlan.id, settings)
        })
    });
    Perimeter {
        upstream: config.policies.upstream.over(defaults),
        customer: config.policies.customer.over(defaults),
        groups: groups.collect(),
        nat64: nat64.collect(),
        vlans: vlans.collect(),
        special: special_space(),
        reflectors: config.reflector_ports.clone(),
        rules: Vec::new(),
    }
}
