//! What is odd about a packet is named, and what is done about it is what the operator says.
//!
//! [`samples`] is the table: for every policy frames to which it applies and near misses. Each goes
//! through the kernel, in one buffer and in two, and through the host.

mod defaults;
mod groups;
mod hidden;
mod order;
mod samples;

use filter_common::{
    policy::{Policies, Policy, PolicyAction, PolicySet},
    settings::{Enforcement, InterfaceSettings, Role, Tunnels},
    verdict::Reason,
};
use filter_ctl::policy::special_space::special_space;

use crate::support::{
    kernel::{Kernel, Outcome, SMALL},
    rules::Rules,
    skipped, wrapping,
};
use samples::Case;

const ROLES: [Role; 2] = [Role::Upstream, Role::Customer];

/// Nothing is listed; special-purpose space is known, and tunnels are looked into.
fn rules(enforcement: Enforcement, role: Role) -> Rules {
    let mut rules = Rules::new([]);
    let settings = InterfaceSettings::new(enforcement, role);
    rules.settings = vec![settings.looking_into(Tunnels::ALL)];
    rules.perimeter.special = special_space();
    rules
}

/// What interfaces of one role do; those of the other do the opposite.
fn put(rules: &mut Rules, role: Role, set: PolicySet) {
    let mut opposite = PolicySet::default();
    for policy in Policy::ALL {
        opposite.put(
            *policy,
            match set.action(*policy) {
                PolicyAction::Drop => PolicyAction::Pass,
                PolicyAction::Pass | PolicyAction::Monitor => PolicyAction::Drop,
            },
        );
    }
    let [upstream, customer] = match role {
        Role::Upstream => [set, opposite],
        Role::Customer => [opposite, set],
    };
    rules.perimeter.upstream = upstream;
    rules.perimeter.customer = customer;
}

/// Every policy passes but one.
fn only(policy: Policy, action: PolicyAction) -> PolicySet {
    all(|other| {
        if other == policy {
            action
        } else {
            PolicyAction::Pass
        }
    })
}

fn all(action: impl Fn(Policy) -> PolicyAction) -> PolicySet {
    let mut set = PolicySet::default();
    for policy in Policy::ALL {
        set.put(*policy, action(*policy));
    }
    set
}

/// What comes of a case, each policy asked in the order of the numbers.
fn expected(case: &Case, monitors: bool, action: impl Fn(Policy) -> PolicyAction) -> Outcome {
    let odd = || Policy::ALL.iter().filter(|policy| case.odd.has(**policy));
    let mut outcome = Outcome::pass(
        odd()
            .next()
            .map_or(case.reason, |first| Reason::Policy(*first)),
    );
    let mut would = Policies::NONE;
    for policy in odd() {
        match action(*policy) {
            PolicyAction::Pass => {}
            PolicyAction::Monitor => would.add(*policy),
            PolicyAction::Drop if monitors => {
                would.add(*policy);
                break;
            }
            PolicyAction::Drop => {
                outcome = Outcome::refused(*policy);
                break;
            }
        }
    }
    outcome.would_policies = would;
    outcome.decided()
}

#[test]
fn every_policy_has_frames_to_which_it_applies_and_near_misses() {
    for role in ROLES {
        let cases = samples::all(role);
        for policy in Policy::ALL {
            let of = |applies| {
                let own = cases.iter().filter(move |case| case.policy == *policy);
                own.filter(move |case| case.applies() == applies).count()
            };
            assert!(of(true) > 0, "no frame for {}", policy.name());
            assert!(of(false) > 0, "no near miss of {}", policy.name());
        }
    }
}

/// Under each action, and through both roles, of which the other would do the opposite.
#[test]
fn each_policy_does_what_it_says_to_what_it_speaks_of_and_to_nothing_else() {
    if skipped() {
        return;
    }
    let mut kernel = Kernel::empty(SMALL);
    for role in ROLES {
        let cases = samples::all(role);
        for policy in Policy::ALL.iter().copied() {
            for action in PolicyAction::ALL.iter().copied() {
                let mut rules = rules(Enforcement::Enforce, role);
                put(&mut rules, role, only(policy, action));
                kernel.publish(&rules);
                for case in cases.iter().filter(|case| case.policy == policy) {
                    let set = only(policy, action);
                    let outcome = expected(case, false, |policy| set.action(policy));
                    let dropped = case.applies() && action == PolicyAction::Drop;
                    assert_eq!(outcome.dropped, dropped, "{}", case.name);
                    let what = format!("{}, {action:?} on {role:?}", case.name);
                    kernel.check(&what, &case.frame, &outcome);
                }
            }
        }
    }
}

#[test]
fn what_is_odd_about_a_packet_is_so_in_every_wrapping() {
    if skipped() {
        return;
    }
    let mut rules = rules(Enforcement::Enforce, Role::Upstream);
    put(&mut rules, Role::Upstream, all(|_| PolicyAction::Drop));
    let mut kernel = Kernel::with(&rules);
    let cases = samples::all(Role::Upstream);
    for link in wrapping::links() {
        for case in &cases {
            // What lies past the header window depends on the wrapping.
            let near_the_window = case.policy == Policy::TruncatedTransport;
            let Some((ethertype, packet)) = &case.packet else {
                continue;
            };
            if near_the_window || !link.has_room_for(packet.len()) {
                continue;
            }
            let frame = link.frame(*ethertype, packet.clone()).unpadded();
            let outcome = expected(case, false, |_| PolicyAction::Drop);
            let what = format!("{}, {}", case.name, link.name);
            assert_eq!(
                kernel.run(&frame).decided(),
                outcome,
                "{what}: {frame:02x?}"
            );
        }
    }
}

#[test]
fn a_monitoring_interface_counts_what_policies_would_drop_and_drops_nothing() {
    if skipped() {
        return;
    }
    let mut kernel = Kernel::empty(SMALL);
    for role in ROLES {
        for action in [PolicyAction::Drop, PolicyAction::Monitor] {
            let mut rules = rules(Enforcement::Monitor, role);
            put(&mut rules, role, all(|_| action));
            kernel.publish(&rules);
            for case in samples::all(role) {
                let outcome = expected(&case, true, |_| action);
                assert!(!outcome.dropped, "{}", case.name);
                kernel.check(&case.name, &case.frame, &outcome);
            }
        }
    }
}
