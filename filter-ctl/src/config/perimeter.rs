//! What the operator says of the network itself: policies, host groups, VLANs, tunnels.

use std::{collections::BTreeMap, fmt};

use filter_common::{
    limit::Class,
    policy::{Policy, PolicyAction, PolicySet},
    settings::Tunnels,
};
use ipnet::IpNet;
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};

use super::{
    ActionSetting, RoleSetting,
    never_block::net_or_address,
    profile::{InForce, ProfileName, RuleSetting, Switched},
};
use crate::rule::{Rate, RuleName, text::parse_rate};

/// What is done about odd packets, by the role of the interface they come in on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PoliciesConfig {
    /// On interfaces that face the Internet.
    pub upstream: PolicyActions,
    /// On interfaces that face customers.
    pub customer: PolicyActions,
}

/// Actions of the policies that are named; the others keep what they have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyActions(pub BTreeMap<Policy, PolicyAction>);

impl PolicyActions {
    /// These actions on top of others.
    #[must_use]
    pub fn over(&self, mut set: PolicySet) -> PolicySet {
        for (policy, action) in &self.0 {
            set.put(*policy, *action);
        }
        set
    }
}

impl<'de> Deserialize<'de> for PolicyActions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ActionsVisitor)
    }
}

struct ActionsVisitor;

impl<'de> Visitor<'de> for ActionsVisitor {
    type Value = PolicyActions;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table of policies such as { land = \"drop\" }")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut actions = BTreeMap::new();
        while let Some((PolicyName(policy), PolicyActionSetting(action))) = map.next_entry()? {
            actions.insert(policy, action);
        }
        Ok(PolicyActions(actions))
    }
}

struct PolicyName(Policy);

impl<'de> Deserialize<'de> for PolicyName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let policy = Policy::ALL.iter().find(|policy| policy.name() == text);
        policy.copied().map(Self).ok_or_else(|| {
            let names: Vec<&str> = Policy::ALL.iter().map(|policy| policy.name()).collect();
            D::Error::custom(format!(
                "`{text}` is no policy: expected one of {}",
                names.join(", ")
            ))
        })
    }
}

struct PolicyActionSetting(PolicyAction);

impl<'de> Deserialize<'de> for PolicyActionSetting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let action = PolicyAction::ALL
            .iter()
            .find(|action| action.name() == text);
        action.copied().map(Self).ok_or_else(|| {
            D::Error::custom(format!(
                "`{text}` is no action of a policy: expected drop, pass or monitor"
            ))
        })
    }
}

/// Networks inside that are protected alike.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostGroupConfig {
    /// Its name.
    pub name: String,
    /// Its prefixes.
    #[serde(deserialize_with = "nets")]
    pub networks: Vec<IpNet>,
    /// The profile of which it has all that it does not say itself.
    pub profile: Option<ProfileName>,
    /// What it says is done about odd packets of these networks, on top of what the role says.
    #[serde(default)]
    pub(super) policies: PolicyActions,
    /// What it says each of their addresses may receive.
    #[serde(default)]
    pub(super) limits: ClassLimits,
    /// What it says is done about packets to them by what they are.
    #[serde(default)]
    pub(super) rules: BTreeMap<RuleName, RuleSetting>,
    /// What holds for it, once its profile is found.
    #[serde(skip)]
    pub in_force: InForce,
}

/// Limits by class of traffic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClassLimits(pub BTreeMap<Class, Switched<Rate>>);

impl<'de> Deserialize<'de> for ClassLimits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let texts = BTreeMap::<String, String>::deserialize(deserializer)?;
        let mut limits = BTreeMap::new();
        for (name, rate) in texts {
            let class = Class::ALL.iter().find(|class| class.name() == name);
            let class = class.ok_or_else(|| {
                let names: Vec<&str> = Class::ALL.iter().map(|class| class.name()).collect();
                D::Error::custom(format!(
                    "`{name}` is no class of traffic: expected one of {}",
                    names.join(", ")
                ))
            })?;
            let rate = Switched::parse(&rate, parse_rate)
                .map_err(|error| D::Error::custom(format!("`{name}`: {error}")))?;
            let over = |rate: &Rate| rate.burst.is_some_and(|burst| burst > rate.per_second);
            if rate.on().is_some_and(over) {
                return Err(D::Error::custom(format!(
                    "`{name}`: the burst is more than a second lets pass"
                )));
            }
            limits.insert(*class, rate);
        }
        Ok(Self(limits))
    }
}

/// A VLAN of a trunk with settings of its own. What is left out is as on the trunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VlanConfig {
    /// The identifier in the outermost tag that names one.
    pub id: u16,
    /// Which side of the network it faces.
    pub role: Option<RoleSetting>,
    /// Whether matches drop.
    pub action: Option<ActionSetting>,
}

/// A kind of tunnel to look into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub enum TunnelSetting {
    /// IPv4 or IPv6 in GRE.
    #[serde(rename = "gre")]
    Gre,
    /// IPv4 in IPv4.
    #[serde(rename = "ipip")]
    Ipip,
    /// IPv6 in IPv4.
    #[serde(rename = "6in4")]
    SixInFour,
    /// IPv4 in IPv6.
    #[serde(rename = "4in6")]
    FourInSix,
    /// IPv6 in IPv6.
    #[serde(rename = "6in6")]
    SixInSix,
}

impl TunnelSetting {
    /// The name in configuration and output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gre => "gre",
            Self::Ipip => "ipip",
            Self::SixInFour => "6in4",
            Self::FourInSix => "4in6",
            Self::SixInSix => "6in6",
        }
    }

    /// As the data path has it.
    #[must_use]
    pub const fn tunnels(self) -> Tunnels {
        match self {
            Self::Gre => Tunnels::GRE,
            Self::Ipip => Tunnels::IPIP,
            Self::SixInFour => Tunnels::SIX_IN_FOUR,
            Self::FourInSix => Tunnels::FOUR_IN_SIX,
            Self::SixInSix => Tunnels::SIX_IN_SIX,
        }
    }
}

/// Reads a list of prefixes; an address alone is a prefix of its full length.
pub(super) fn nets<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    texts.iter().map(|text| net_or_address(text)).collect()
}
