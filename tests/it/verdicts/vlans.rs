//! On a trunk, role and action are those of the VLAN where it has its own.

use filter_common::{
    policy::{Policy, PolicyAction, PolicySet},
    settings::{Enforcement, InterfaceSettings, Role, VlanSettings},
    verdict::Reason,
};
use filter_ctl::policy::perimeter::HostGroup;

use crate::support::{
    kernel::{Kernel, Outcome},
    packet::{Flow, Frame, Layer, Tag, wrap},
    rules::{Rule, Rules},
    skipped,
};

const BAD: &str = "203.0.113.7";
const INSIDE: &str = "192.0.2.1";

/// A trunk on interface 0 that enforces, but not in VLANs 15, 100 and 4,094.
fn trunk(rules: Rules) -> Rules {
    let mut rules = rules;
    let settings = InterfaceSettings::new(Enforcement::Enforce, Role::Upstream);
    rules.settings = vec![settings.with_vlans()];
    let monitor = VlanSettings::new(Enforcement::Monitor, Role::Upstream);
    let enforce = VlanSettings::new(Enforcement::Enforce, Role::Upstream);
    rules.perimeter.vlans = vec![
        (0, 15, monitor),
        (0, 16, enforce),
        (0, 100, monitor),
        (0, 4_094, monitor),
        // Of another interface.
        (1, 17, monitor),
    ];
    rules
}

fn dropped() -> Outcome {
    Outcome::drop(1)
}

fn only_counted() -> Outcome {
    Outcome::pass(Reason::Clean).would(&[1]).decided()
}

#[test]
fn a_vlan_that_monitors_drops_nothing_on_a_trunk_that_enforces() {
    if skipped() {
        return;
    }
    let mut kernel = Kernel::with(&trunk(Rules::new([Rule::new(BAD, 1)])));
    let frame = Flow::udp(BAD, INSIDE, [53, 4_000]).frame(&[0; 32]);
    for (tags, expected) in [
        (vec![], dropped()),
        (vec![Tag::q(100)], only_counted()),
        // Priority and drop bit are not of the identifier.
        (vec![Tag::q(0xf064)], only_counted()),
        (vec![Tag::q(15)], only_counted()),
        (vec![Tag::q(4_094)], only_counted()),
        (vec![Tag::q(16)], dropped()),
        (vec![Tag::q(17)], dropped()),
        (vec![Tag::q(14)], dropped()),
        (vec![Tag::q(99)], dropped()),
        (vec![Tag::q(101)], dropped()),
        (vec![Tag::q(356)], dropped()),
        (vec![Tag::q(4_095)], dropped()),
        // A priority tag is of no VLAN, and does not hide the one behind it.
        (vec![Tag::q(0xe000)], dropped()),
        (vec![Tag::q(0xe000), Tag::q(100)], only_counted()),
        (vec![Tag::ad(0), Tag::q(0), Tag::q(16)], dropped()),
        // Of several tags the outermost says which VLAN it is.
        (vec![Tag::ad(100), Tag::q(7)], only_counted()),
        (vec![Tag::old(100), Tag::q(7)], only_counted()),
        (vec![Tag::ad(7), Tag::q(100)], dropped()),
        (
            vec![Tag::ad(100), Tag::q(7), Tag::q(8), Tag::q(9)],
            only_counted(),
        ),
    ] {
        let frame = frame.clone().tagged(&tags).bytes();
        kernel.check(&format!("{tags:?}"), &frame, &expected);
    }
    // Whatever lies between.
    let flow = Flow::udp(BAD, INSIDE, [53, 4_000]);
    for layer in [Layer::PPPOE, Layer::mpls([16, 17]), Layer::Snap] {
        for (vlan, expected) in [(100, only_counted()), (101, dropped())] {
            let frame = wrap(
                std::slice::from_ref(&layer),
                flow.ethertype(),
                flow.packet(&[0; 32]),
            );
            let frame = frame.tagged(&[Tag::q(vlan)]).bytes();
            kernel.check(&format!("{layer:?} in {vlan}"), &frame, &expected);
        }
    }
}

#[test]
fn a_vlan_that_enforces_drops_on_a_trunk_that_monitors() {
    if skipped() {
        return;
    }
    let mut rules = Rules::new([Rule::new(BAD, 1)]);
    let settings = InterfaceSettings::new(Enforcement::Monitor, Role::Upstream);
    rules.settings = vec![settings.with_vlans()];
    let enforce = VlanSettings::new(Enforcement::Enforce, Role::Customer);
    rules.perimeter.vlans = vec![(0, 100, enforce)];
    let mut kernel = Kernel::with(&rules);
    let frame = Flow::udp(BAD, INSIDE, [53, 4_000]).frame(&[0; 32]);
    for (tags, expected) in [
        (vec![], only_counted()),
        (vec![Tag::q(101)], only_counted()),
        (vec![Tag::q(100)], dropped()),
    ] {
        kernel.check("a trunk", &frame.clone().tagged(&tags).bytes(), &expected);
    }
    // The same VLANs of an interface that is not told of any.
    rules.settings = vec![settings];
    kernel.publish(&rules);
    let frame = frame.tagged(&[Tag::q(100)]).bytes();
    kernel.check("no trunk", &frame, &only_counted());
}

/// The policies of the VLAN's role, and the group of the end that is inside for it.
#[test]
fn a_vlan_has_the_policies_of_its_own_role() {
    if skipped() {
        return;
    }
    let says = |policy: Policy, action| {
        let mut set = PolicySet::default();
        set.put(policy, action);
        set
    };
    let mut rules = Rules::new([]);
    let settings = InterfaceSettings::new(Enforcement::Enforce, Role::Upstream);
    rules.settings = vec![settings.with_vlans()];
    let customer = VlanSettings::new(Enforcement::Enforce, Role::Customer);
    rules.perimeter.vlans = vec![(0, 200, customer)];
    rules.perimeter.customer = says(Policy::PortZero, PolicyAction::Drop);
    rules
        .perimeter
        .customer
        .put(Policy::OtherEthertype, PolicyAction::Drop);
    let exempt = |name: &str, host: &str, action| HostGroup {
        name: name.to_owned(),
        networks: vec![crate::support::rules::parse(host)],
        policies: says(Policy::PortZero, action),
        ..HostGroup::default()
    };
    rules.perimeter.groups = vec![
        exempt("exempt", "192.0.2.9", PolicyAction::Pass),
        exempt("strict", "192.0.2.8", PolicyAction::Drop),
    ];
    let mut kernel = Kernel::with(&rules);
    let odd = Outcome::pass(Reason::Policy(Policy::PortZero));
    let refused = Outcome::refused(Policy::PortZero);
    for (from, to, upstream, on_customer) in [
        (INSIDE, BAD, &odd, &refused),
        (BAD, INSIDE, &odd, &refused),
        // Exempt as source on the customer's side, and as destination on the other.
        ("192.0.2.9", BAD, &odd, &odd),
        (BAD, "192.0.2.9", &odd, &refused),
        ("192.0.2.8", BAD, &odd, &refused),
        (BAD, "192.0.2.8", &refused, &refused),
    ] {
        let frame = Flow::udp(from, to, [0, 4_000]).frame(&[0; 32]);
        for (tags, expected) in [
            (vec![], upstream),
            (vec![Tag::q(201)], upstream),
            (vec![Tag::q(200)], on_customer),
            (vec![Tag::ad(200), Tag::q(7)], on_customer),
        ] {
            let what = format!("{from} to {to} under {tags:?}");
            kernel.check(&what, &frame.clone().tagged(&tags).bytes(), expected);
        }
    }
    // Also of what has no addresses.
    let frame = Frame::new(0xabcd, [0; 50]);
    let other = Policy::OtherEthertype;
    let tagged = frame.clone().tagged(&[Tag::q(200)]).bytes();
    kernel.check("in the VLAN", &tagged, &Outcome::refused(other));
    kernel.check(
        "beside it",
        &frame.bytes(),
        &Outcome::pass(Reason::Policy(other)),
    );
}
