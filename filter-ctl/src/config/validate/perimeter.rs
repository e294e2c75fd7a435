//! Policies, host groups, VLANs and translators.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use filter_common::{
    limits::HOST_GROUPS_MAX,
    policy::{Policy, PolicyAction},
    table::Place,
};
use ipnet::IpNet;

use super::{Findings, host_bits};
use crate::config::{
    Config, HostGroupConfig, InterfaceConfig, NeverBlockSetting, ScopeSetting,
    profile::{GroupRule, Setting},
};
use crate::rule::{GROUP_NAME_MAX, is_group_name};

/// Prefixes of host groups per family, all groups together. A configuration with more is refused.
pub(super) const GROUP_NETWORKS_MAX: usize = 4_096;
/// NAT64 prefixes. A configuration with more is refused.
const NAT64_PREFIXES_MAX: usize = 64;
/// The identifiers that a tag can give a VLAN (IEEE 802.1Q): 0 means none, 4095 is reserved.
const VLAN_IDS: std::ops::RangeInclusive<u16> = 1..=4_094;

/// Looks at all of it.
pub(super) fn validate(config: &Config, findings: &mut Findings) {
    for (index, interface) in config.interfaces.iter().enumerate() {
        vlans(index, interface, findings);
    }
    nat64(config, findings);
    groups(config, findings);
    for (role, actions) in [
        ("upstream", &config.policies.upstream),
        ("customer", &config.policies.customer),
    ] {
        let action = |policy| actions.0.get(&policy).copied();
        policies(&format!("policies.{role}"), action, findings);
    }
}

fn vlans(interface: usize, settings: &InterfaceConfig, findings: &mut Findings) {
    let mut seen = BTreeSet::new();
    for (index, vlan) in settings.vlans.iter().enumerate() {
        let path = format!("interface.{interface}.vlan.{index}");
        let id = vlan.id;
        if !VLAN_IDS.contains(&id) {
            findings.problem(
                format!("{path}.id"),
                format!(
                    "{id} is no VLAN: expected {} to {}",
                    VLAN_IDS.start(),
                    VLAN_IDS.end()
                ),
            );
        } else if !seen.insert(id) {
            findings.problem(
                format!("{path}.id"),
                format!("VLAN {id} of {} is configured twice", settings.name),
            );
        }
        if vlan.role.is_none() && vlan.action.is_none() {
            findings.warning(
                path,
                format!("VLAN {id} has neither a role nor an action, so nothing differs there"),
            );
        }
    }
}

fn nat64(config: &Config, findings: &mut Findings) {
    for (index, net) in config.nat64_prefixes.iter().enumerate() {
        let path = format!("nat64_prefixes.{index}");
        host_bits(&path, *net, findings);
        let fits = match net {
            IpNet::V4(_) => false,
            IpNet::V6(net) => Place::nat64(net.prefix_len()).is_some(),
        };
        if !fits {
            findings.problem(
                path,
                format!(
                    "{net} is no prefix of a NAT64: expected IPv6 with a length of 32, 40, 48, 56, 64 \
                     or 96 (RFC 6052), such as 64:ff9b::/96"
                ),
            );
        }
    }
    for (index, setting) in config.never_block.iter().enumerate() {
        let NeverBlockSetting::Full { net, scope, .. } = setting else {
            continue;
        };
        let mut translators = config.nat64_prefixes.iter();
        let inside = translators.find(|nat64| net.contains(*nat64) || nat64.contains(net));
        if let (ScopeSetting::All, Some(nat64)) = (scope, inside) {
            findings.warning(
                format!("never_block.{index}"),
                format!(
                    "{net} always passes, so behind the translator {nat64} no order is asked about the \
                     IPv4 addresses there"
                ),
            );
        }
    }
    let count = config.nat64_prefixes.len();
    if count > NAT64_PREFIXES_MAX {
        findings.problem(
            "nat64_prefixes",
            format!("{count} prefixes are listed; at most {NAT64_PREFIXES_MAX} fit"),
        );
    }
}

fn groups(config: &Config, findings: &mut Findings) {
    let groups = &config.host_groups;
    if groups.len() > HOST_GROUPS_MAX {
        findings.problem(
            "host_group",
            format!(
                "{} host groups are configured; at most {HOST_GROUPS_MAX} fit",
                groups.len()
            ),
        );
    }
    let mut names = BTreeSet::new();
    let mut owners: HashMap<IpNet, &str> = HashMap::new();
    let mut counts = BTreeMap::from([("IPv4", 0), ("IPv6", 0)]);
    for (index, group) in groups.iter().enumerate() {
        let path = |key: &str| format!("host_group.{index}.{key}");
        let name = group.name.as_str();
        if !is_group_name(name) {
            findings.problem(
                path("name"),
                format!(
                    "{name:?} is no name: expected 1 to {GROUP_NAME_MAX} letters, digits, `-`, `_` \
                     or `.`"
                ),
            );
        } else if !names.insert(name) {
            findings.problem(
                path("name"),
                format!("host group {name} is configured twice"),
            );
        }
        if group.networks.is_empty() {
            findings.problem(
                path("networks"),
                format!("host group {name} has no network"),
            );
        }
        for (number, net) in group.networks.iter().enumerate() {
            let path = path(&format!("networks.{number}"));
            host_bits(&path, *net, findings);
            let family = if net.addr().is_ipv4() { "IPv4" } else { "IPv6" };
            *counts.entry(family).or_default() += 1;
            if let Some(other) = owners.insert(net.trunc(), name) {
                findings.problem(path, format!("{net} is in host group {other} already"));
            }
        }
        let settings = &group.in_force.policies;
        let action = |policy| settings.get(&policy).map(|setting| *setting.value());
        policies(&path("policies"), action, findings);
        rules_inside(config, index, group, findings);
    }
    for (family, count) in counts {
        if count > GROUP_NETWORKS_MAX {
            findings.problem(
                "host_group",
                format!("{count} {family} prefixes are listed; at most {GROUP_NETWORKS_MAX} fit"),
            );
        }
    }
}

/// Warns of rules that hold where another group's policies and limits do.
fn rules_inside(config: &Config, index: usize, group: &HostGroupConfig, findings: &mut Findings) {
    let is_on = |rule: &Setting<GroupRule>| rule.value().then.on().is_some();
    if !group.in_force.rules.values().any(is_on) {
        return;
    }
    for other in config
        .host_groups
        .iter()
        .filter(|other| other.name != group.name)
    {
        let mut inside = other.networks.iter();
        let is_inside = |net: &&IpNet| group.networks.iter().any(|around| around.contains(*net));
        if let Some(net) = inside.find(is_inside) {
            findings.warning(
                format!("host_group.{index}.networks"),
                format!(
                    "{net} of host group {other} lies in host group {name}, whose rules hold there too, while \
                     its policies and limits do not",
                    other = other.name,
                    name = group.name
                ),
            );
        }
    }
}

/// Warns of what drops good traffic.
fn policies(path: &str, action: impl Fn(Policy) -> Option<PolicyAction>, findings: &mut Findings) {
    for (policy, what) in [
        (
            Policy::Fragment,
            "drops every fragment: large answers of name servers, tunnels and voice among them",
        ),
        (
            Policy::OtherEthertype,
            "drops every frame of a protocol that is not opened, whatever it is",
        ),
        (
            Policy::Truncated,
            "drops every frame whose addresses cannot be read",
        ),
    ] {
        if action(policy) == Some(PolicyAction::Drop) {
            let name = policy.name();
            findings.warning(format!("{path}.{name}"), format!("this {what}"));
        }
    }
}
