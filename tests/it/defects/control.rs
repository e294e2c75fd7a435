//! What a network lives on passes, also where a filter is told to drop all it can.

use filter_common::{
    policy::{Policy, PolicyAction, PolicySet},
    settings::{Enforcement, InterfaceSettings, Role},
    table::Scope,
    verdict::Reason,
};
use filter_ctl::policy::{perimeter::Perimeter, special_space::special_space};

use crate::support::{
    kernel::Kernel,
    packet::{Frame, Layer, link::ethertype, wrap},
    rules::{Rule, Rules},
    skipped,
    traffic::{HOST_4, HOST_6, PEER_4, PEER_6, Sample, control, users},
};

const ROLES: [Role; 2] = [Role::Upstream, Role::Customer];

/// With special-purpose space known, as the service has it.
fn on(role: Role, mut rules: Rules) -> Rules {
    rules.settings = vec![InterfaceSettings::new(Enforcement::Enforce, role)];
    rules.perimeter.special = special_space();
    rules
}

fn defaults(role: Role) -> Rules {
    let mut rules = Rules::new([]);
    rules.perimeter = Perimeter::default();
    on(role, rules)
}

/// Everything is listed but the router's own neighbours, and every policy drops.
fn everything_drops(role: Role) -> Rules {
    let mut all = PolicySet::default();
    for policy in Policy::ALL {
        all.put(*policy, PolicyAction::Drop);
    }
    let lists = [Rule::new("0.0.0.0/0", 4), Rule::new("::/0", 6)];
    let mut rules = on(role, Rules::new(lists).policies(all));
    for neighbour in [
        HOST_4,
        PEER_4,
        HOST_6,
        PEER_6,
        "fe80::/10",
        "224.0.0.0/24",
        "ff02::/16",
    ] {
        rules = rules.never_block(neighbour, Scope::Lists);
    }
    rules
}

fn passes(kernel: &mut Kernel, sample: &Sample, why: &str) -> Reason {
    let outcome = kernel.run(&sample.frame);
    assert!(!outcome.dropped, "{}, {why}: {outcome:?}", sample.name);
    let reason = outcome.reason;
    kernel.check(&sample.name, &sample.frame, &outcome.decided());
    reason
}

#[test]
fn d6_fragments_and_control_ethertypes_survive_the_defaults() {
    if skipped() {
        return;
    }
    let unknown = [0x88e5, 0x88e7, 0x894f, 0x22f3, 0xabcd, 0x05dd].map(|ethertype| Sample {
        name: format!("EtherType {ethertype:#06x}"),
        frame: Frame::new(ethertype, [0x45; 60]).bytes(),
    });
    let labels = (1..=9).map(|count| Sample {
        name: format!("{count} labels around what is unknown"),
        frame: wrap(
            &[Layer::mpls(vec![16; count])],
            ethertype::IPV4,
            vec![0x50; 60],
        )
        .bytes(),
    });
    let odd: Vec<Sample> = unknown.into_iter().chain(labels).collect();
    for role in ROLES {
        let mut kernel = Kernel::with(&defaults(role));
        for sample in control::link().iter().chain(&users::all()).chain(&odd) {
            passes(&mut kernel, sample, "by default");
        }
    }
}

#[test]
fn d7_arp_nd_lldp_lacp_bfd_bgp_pass_whatever_is_listed_or_dropped() {
    if skipped() {
        return;
    }
    for role in ROLES {
        let mut kernel = Kernel::with(&defaults(role));
        for sample in control::link().iter().chain(&control::routing()) {
            passes(&mut kernel, sample, "by default");
        }
        kernel.publish(&everything_drops(role));
        for sample in control::link() {
            let reason = passes(&mut kernel, &sample, "with everything dropped");
            let by_name = !matches!(reason, Reason::Clean | Reason::Policy(_));
            assert!(by_name, "{}: {reason:?}", sample.name);
        }
        for sample in control::routing() {
            passes(&mut kernel, &sample, "with everything dropped");
        }
    }
}
