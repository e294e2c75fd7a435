//! A host group says for its own hosts what the role of the interface says for all.

use std::net::IpAddr;

use filter_common::{
    policy::{
        Policy,
        PolicyAction::{self, Drop, Monitor, Pass},
        PolicySet,
    },
    settings::{Enforcement, Role},
};
use filter_ctl::policy::perimeter::HostGroup;

use super::{ROLES, expected, only, put, rules, samples, samples::Case};
use crate::support::{
    kernel::{Kernel, SMALL},
    skipped,
};

/// A group of hosts that speaks of one policy.
fn group(
    name: &str,
    hosts: impl IntoIterator<Item = IpAddr>,
    speaks: &[(Policy, PolicyAction)],
) -> HostGroup {
    let mut policies = PolicySet::default();
    for (policy, action) in speaks {
        policies.put(*policy, *action);
    }
    let mut networks: Vec<_> = hosts.into_iter().map(Into::into).collect();
    networks.sort_unstable();
    networks.dedup();
    HostGroup {
        name: name.to_owned(),
        networks,
        policies,
        ..HostGroup::default()
    }
}

/// Another policy than this, for a group that does not speak of it.
fn another(policy: Policy) -> Policy {
    if policy == Policy::TtlZero {
        Policy::PortZero
    } else {
        Policy::TtlZero
    }
}

#[test]
fn a_host_group_overrides_the_role_for_the_inside_end() {
    if skipped() {
        return;
    }
    let mut kernel = Kernel::empty(SMALL);
    for role in ROLES {
        let cases = samples::all(role);
        for policy in Policy::ALL.iter().copied() {
            let own: Vec<&Case> = cases.iter().filter(|case| case.policy == policy).collect();
            for (of_role, of_group) in
                [(Pass, Drop), (Drop, Pass), (Drop, Monitor), (Monitor, Drop)]
            {
                let inside = own.iter().filter_map(|case| case.inside(role));
                let mut rules = rules(Enforcement::Enforce, role);
                put(&mut rules, role, only(policy, of_role));
                let first = group("first", ["192.0.2.1".parse().unwrap()], &[]);
                let second = group("second", inside, &[(policy, of_group)]);
                rules.perimeter.groups = vec![first, second];
                kernel.publish(&rules);
                for case in &own {
                    // What has no addresses is of no group.
                    let action = if case.ends.is_some() {
                        of_group
                    } else {
                        of_role
                    };
                    let set = only(policy, action);
                    let outcome = expected(case, false, |policy| set.action(policy));
                    let what = format!("{}, {of_role:?} and {of_group:?}", case.name);
                    kernel.check(&what, &case.frame, &outcome);
                }
            }
        }
    }
}

#[test]
fn the_group_of_the_outside_end_and_of_silence_change_nothing() {
    if skipped() {
        return;
    }
    let mut kernel = Kernel::empty(SMALL);
    for role in ROLES {
        let cases = samples::all(role);
        for policy in Policy::ALL.iter().copied() {
            let own: Vec<&Case> = cases.iter().filter(|case| case.policy == policy).collect();
            let inside: Vec<IpAddr> = own.iter().filter_map(|case| case.inside(role)).collect();
            let outside = own.iter().filter_map(|case| case.outside(role));
            let outside = outside.filter(|end| !inside.contains(end));
            let mut rules = rules(Enforcement::Enforce, role);
            put(&mut rules, role, only(policy, Drop));
            let other = [(another(policy), Pass)];
            rules.perimeter.groups = vec![
                group("outside", outside, &[(policy, Pass)]),
                group("silent", inside.clone(), &other),
            ];
            kernel.publish(&rules);
            for case in own {
                let set = only(policy, Drop);
                let outcome = expected(case, false, |policy| set.action(policy));
                kernel.check(&case.name, &case.frame, &outcome);
            }
        }
    }
}

/// Of nested groups the most specific speaks, and only that one.
#[test]
fn of_nested_groups_the_most_specific_speaks() {
    if skipped() {
        return;
    }
    let mut kernel = Kernel::empty(SMALL);
    let policy = Policy::PortZero;
    let mut rules = rules(Enforcement::Enforce, Role::Upstream);
    put(&mut rules, Role::Upstream, only(policy, Pass));
    let wide = |action| {
        let mut wide = group("wide", [], &[(policy, action)]);
        wide.networks = vec!["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap()];
        wide
    };
    let cases = samples::all(Role::Upstream);
    let own: Vec<&Case> = cases.iter().filter(|case| case.policy == policy).collect();
    let inside = own.iter().filter_map(|case| case.inside(Role::Upstream));
    let inside: Vec<IpAddr> = inside.collect();
    for (narrow, action) in [
        (vec![(policy, Pass)], Pass),
        (vec![(policy, Monitor)], Monitor),
        // Silent: then the role's holds, not the wider group's.
        (vec![], Pass),
    ] {
        let narrow = group("narrow", inside.clone(), &narrow);
        rules.perimeter.groups = vec![wide(Drop), narrow];
        kernel.publish(&rules);
        for case in &own {
            let set = only(policy, action);
            let outcome = expected(case, false, |policy| set.action(policy));
            kernel.check(&case.name, &case.frame, &outcome);
        }
    }
    rules.perimeter.groups = vec![wide(Drop)];
    kernel.publish(&rules);
    for case in own {
        let set = only(policy, Drop);
        let outcome = expected(case, false, |policy| set.action(policy));
        kernel.check(&case.name, &case.frame, &outcome);
    }
}
