//! With the default policies a provider's network works, and what nobody sends on purpose is dropped.

use filter_common::{
    policy::{Policy, PolicyAction, PolicySet},
    settings::{Enforcement, InterfaceSettings},
    verdict::Reason,
};

use super::{ROLES, expected, rules, samples};
use crate::support::{
    kernel::{Kernel, SMALL},
    packet::Tag,
    rules::Rules,
    skipped,
    traffic::{control, users},
};

/// The policies that drop unless the operator says otherwise.
const DROP: [Policy; 16] = [
    Policy::TooManyTags,
    Policy::TooManyLabels,
    Policy::BadPppoe,
    Policy::Land,
    Policy::MartianSource,
    Policy::ExtensionLimit,
    Policy::Ipv4SourceRoute,
    Policy::BadFragment,
    Policy::OverlappingFragment,
    Policy::TinyFragment,
    Policy::TruncatedTransport,
    Policy::TcpNull,
    Policy::TcpXmas,
    Policy::TcpSynFin,
    Policy::TcpSynRst,
    Policy::TunnelUnread,
];

fn with_defaults(rules: Rules) -> Rules {
    rules.policies(PolicySet::defaults())
}

#[test]
fn good_traffic_passes_by_default_both_ways() {
    if skipped() {
        return;
    }
    let mut kernel = Kernel::empty(SMALL);
    let samples = [users::all(), control::routing(), control::link()].concat();
    for role in ROLES {
        // Looking into tunnels makes nothing odd either, and is off by default.
        let looking = with_defaults(rules(Enforcement::Enforce, role));
        let mut plain = looking.clone();
        plain.settings = vec![InterfaceSettings::new(Enforcement::Enforce, role)];
        for rules in [plain, looking] {
            kernel.publish(&rules);
            for sample in &samples {
                let outcome = kernel.run(&sample.frame);
                assert!(!outcome.dropped, "{} on {role:?}: {outcome:?}", sample.name);
                let would = outcome.would_drop || !outcome.would_policies.is_empty();
                assert!(!would, "{} on {role:?}: {outcome:?}", sample.name);
                kernel.check(&sample.name, &sample.frame, &outcome.decided());
                let tag = [&sample.frame[..12], &Tag::q(7).bytes(), &sample.frame[12..]].concat();
                assert!(!kernel.run(&tag).dropped, "{} in a VLAN", sample.name);
            }
        }
    }
}

/// Most of what passes is not even odd: a name in the counters means something.
#[test]
fn little_of_good_traffic_is_odd() {
    if skipped() {
        return;
    }
    let mut kernel = Kernel::with(&with_defaults(rules(Enforcement::Enforce, ROLES[0])));
    for sample in [users::all(), control::routing(), control::link()].concat() {
        let Reason::Policy(policy) = kernel.run(&sample.frame).reason else {
            continue;
        };
        let speaks_of_good_traffic = matches!(
            policy,
            Policy::MartianDestination
                | Policy::BogonSource
                | Policy::TcpSynWithData
                | Policy::TcpSynWithoutOptions
                | Policy::IcmpFragment
                | Policy::Ipv4Options
                | Policy::Fragment
        );
        assert!(speaks_of_good_traffic, "{}: {}", sample.name, policy.name());
    }
}

#[test]
fn by_default_only_what_nobody_sends_on_purpose_is_dropped() {
    if skipped() {
        return;
    }
    let action = |policy: Policy| {
        if DROP.contains(&policy) {
            PolicyAction::Drop
        } else {
            PolicyAction::Pass
        }
    };
    let mut kernel = Kernel::empty(SMALL);
    for role in ROLES {
        kernel.publish(&with_defaults(rules(Enforcement::Enforce, role)));
        for case in samples::all(role) {
            let outcome = expected(&case, false, action);
            kernel.check(&case.name, &case.frame, &outcome);
        }
    }
}
