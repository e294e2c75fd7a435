//! What the file amounts to: host groups with what their profiles say, and all rules.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use filter_common::address::Family;

use super::{
    Config, HostGroupConfig,
    profile::{GroupRule, InForce, Profile, ProfileName, Shelf, shelf::built_in},
    rule::ConfiguredRule,
    validate::Findings,
};
use crate::rule::{RULES_MAX, RuleName, TEXT_MAX, order::Ranking};

/// Completes a configuration that was read.
pub(super) fn resolve(config: &mut Config, shelf: &Shelf, findings: &mut Findings) {
    let mut profiles = BTreeMap::new();
    for (index, group) in config.host_groups.iter_mut().enumerate() {
        let path = format!("host_group.{index}");
        let profile = group.profile.as_ref().and_then(|name| {
            let found = profiles
                .entry(name.clone())
                .or_insert_with(|| find(shelf, name));
            match found {
                Ok(profile) => Some(Arc::clone(profile)),
                Err(sentences) => {
                    for sentence in sentences {
                        findings.problem(format!("{path}.profile"), sentence.clone());
                    }
                    None
                }
            }
        });
        // Of a profile that is missing no rule is missed.
        if group.profile.is_some() && profile.is_none() {
            continue;
        }
        if let Some(profile) = &profile
            && let (Some(file), Some(_)) = (&profile.file, built_in(&profile.name))
        {
            let message = format!(
                "{} takes the place of the built-in profile {}",
                file.display(),
                profile.name
            );
            findings.warning(format!("{path}.profile"), message);
        }
        let rules = own_rules(group, profile.as_deref(), &path, findings);
        group.in_force = InForce::new(profile, &group.policies, &group.limits, &rules);
    }
    config.rules = rules(config, findings);
}

fn find(shelf: &Shelf, name: &ProfileName) -> Result<Arc<Profile>, Vec<String>> {
    let found = shelf.find(name);
    found.map(Arc::new).map_err(|error| error.sentences())
}

/// The rules that a group writes, completed by those of its profile.
fn own_rules(
    group: &HostGroupConfig,
    profile: Option<&Profile>,
    path: &str,
    findings: &mut Findings,
) -> BTreeMap<RuleName, GroupRule> {
    let theirs = profile.map_or_else(BTreeMap::new, |profile| profile.text.rules());
    let mut own = BTreeMap::new();
    for (name, setting) in &group.rules {
        match setting.over(theirs.get(name)) {
            Ok(rule) => {
                own.insert(name.clone(), rule);
            }
            Err(missing) => {
                let of_profile = profile.map_or_else(String::new, |profile| {
                    let names: Vec<&str> = theirs.keys().map(RuleName::as_str).collect();
                    format!(
                        ", and profile {} has only {}",
                        profile.name,
                        names.join(", ")
                    )
                });
                let message = format!("rule {name} has no `{missing}`{of_profile}");
                findings.problem(format!("{path}.rules.{name}"), message);
            }
        }
    }
    own
}

/// All rules, unless there are too many.
fn rules(config: &Config, findings: &mut Findings) -> Vec<ConfiguredRule> {
    let of_groups = config.host_groups.iter().map(count).sum::<usize>();
    let count = config.written_rules.len() + of_groups;
    if count > RULES_MAX {
        let of_groups = match of_groups {
            0 => String::new(),
            some => format!(", {some} of them by host groups, a rule for each network"),
        };
        findings.problem(
            "rule",
            format!("{count} rules are configured{of_groups}; at most {RULES_MAX} can be in force"),
        );
        return Vec::new();
    }
    let mut rules = Vec::with_capacity(count);
    for (index, rule) in config.written_rules.iter().enumerate() {
        rules.push((format!("rule.{index}"), rule.configured()));
    }
    for (index, group) in config.host_groups.iter().enumerate() {
        for (name, setting) in &group.in_force.rules {
            let written = setting.value();
            for rule in written.for_networks(&group.name, name, &group.networks) {
                let reason = written.reason.clone();
                let path = format!("host_group.{index}.rules.{name}");
                rules.push((path, ConfiguredRule { rule, reason }));
            }
        }
    }
    compare(&rules, findings);
    rules.into_iter().map(|(_, rule)| rule).collect()
}

/// How many rules a group makes.
fn count(group: &HostGroupConfig) -> usize {
    let is_v4 = |net: &&ipnet::IpNet| net.addr().is_ipv4();
    let v4 = group.networks.iter().filter(is_v4).count();
    let v6 = group.networks.len() - v4;
    let rules = group.in_force.rules.values();
    rules
        .map(|rule| {
            let of = |family, networks| {
                let some = rule.value().of_family(family).is_some();
                if some { networks } else { 0 }
            };
            of(Family::V4, v4) + of(Family::V6, v6)
        })
        .sum()
}

/// Whether rules that are each sound go together.
fn compare(rules: &[(String, ConfiguredRule)], findings: &mut Findings) {
    let mut seen = HashSet::new();
    let mut ranking = Ranking::default();
    for (path, ConfiguredRule { rule, .. }) in rules {
        if !seen.insert(&rule.id) {
            let message = format!("rule {} is configured twice", rule.id);
            findings.problem(format!("{path}.id"), message);
        }
        if rule.text.len() > TEXT_MAX {
            let message = format!(
                "rule {} is {} bytes long: expected at most {TEXT_MAX}; split it",
                rule.id,
                rule.text.len()
            );
            findings.problem(format!("{path}.match"), message);
        }
        if let Err(duplicate) = ranking.insert(rule.clone()) {
            findings.problem(format!("{path}.match"), duplicate.to_string());
        }
    }
}
