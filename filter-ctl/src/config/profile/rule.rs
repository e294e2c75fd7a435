//! Rules of host groups and profiles: without a destination, for they get the networks of the group.

use std::fmt;

use filter_common::address::Family;
use ipnet::IpNet;
use serde::{Deserialize, Deserializer, de::Error};

use super::Switched;
use crate::{
    config::rule::Then,
    rule::{Matching, Rule, RuleId, RuleName, Written, text},
};

/// A rule as it is written. What is left out is as in the profile's rule of that name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RuleSetting {
    /// The packets that are meant, among those to the group.
    #[serde(rename = "match", deserialize_with = "matching")]
    pub matching: Option<Matching>,
    /// What is done about them; `none` for as if there were no such rule.
    #[serde(deserialize_with = "then")]
    pub then: Option<Switched<Then>>,
    /// Why.
    pub reason: Option<String>,
}

/// A rule for whichever networks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRule {
    /// The packets that are meant, among those to the group.
    pub matching: Matching,
    /// What is done about them.
    pub then: Switched<Then>,
    /// Why.
    pub reason: String,
}

impl RuleSetting {
    /// The rule, field by field over that of the profile, or the field that neither has.
    pub(in crate::config) fn over(
        &self,
        profile: Option<&GroupRule>,
    ) -> Result<GroupRule, &'static str> {
        let matching = self
            .matching
            .as_ref()
            .or(profile.map(|rule| &rule.matching));
        let then = self.then.or(profile.map(|rule| rule.then));
        let reason = self.reason.as_ref().or(profile.map(|rule| &rule.reason));
        Ok(GroupRule {
            matching: matching.ok_or("match")?.clone(),
            then: then.ok_or("then")?,
            reason: reason.cloned().unwrap_or_default(),
        })
    }
}

impl GroupRule {
    /// What it does, and to which packets of a family; nothing where it is off, or no packet of the family can match.
    pub(in crate::config) fn of_family(&self, family: Family) -> Option<Written> {
        let Then { action, terminal } = *self.then.on()?;
        let matching = Matching {
            family: Some(family),
            ..self.matching.clone()
        };
        let meant = self.matching.family.is_none_or(|own| own == family);
        (meant && matching.check().is_ok()).then_some(Written {
            matching,
            action,
            terminal,
        })
    }

    /// The rules of the group, one for each network that it can match packets to.
    pub(in crate::config) fn for_networks<'a>(
        &'a self,
        group: &'a str,
        name: &'a RuleName,
        networks: &'a [IpNet],
    ) -> impl Iterator<Item = Rule> + 'a {
        let [v4, v6] = [Family::V4, Family::V6].map(|family| self.of_family(family));
        networks.iter().filter_map(move |net| {
            let mut written = if net.addr().is_ipv4() { &v4 } else { &v6 }.clone()?;
            written.matching.destination = Some(*net);
            Some(Rule::new(
                RuleId::of_group(group, name, *net),
                written,
                None,
            ))
        })
    }
}

impl fmt::Display for GroupRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} then {}", self.matching, self.then)
    }
}

fn matching<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Matching>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let matching = text::parse_matching(&text).map_err(D::Error::custom)?;
    if let Some(net) = matching.destination {
        let message = format!(
            "`dst {net}`: expected no destination, because a rule of a host group or a profile gets the \
             networks of the group"
        );
        return Err(D::Error::custom(message));
    }
    Ok(Some(matching))
}

fn then<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Switched<Then>>, D::Error> {
    let text = String::deserialize(deserializer)?;
    Switched::parse(&text, Then::parse)
        .map(Some)
        .map_err(D::Error::custom)
}
