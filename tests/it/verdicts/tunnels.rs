//! Into tunnels is looked where that is asked for, one level deep.

mod outside;

use filter_common::{
    settings::{Enforcement, InterfaceSettings, Role, Tunnels},
    table::Scope,
    verdict::Reason,
};

use crate::support::{
    kernel::{Kernel, Outcome, SMALL},
    packet::{Flow, Frame, Tunnel, link::ethertype, number},
    rules::{Rule, Rules},
    skipped, wrapping,
};

const OUTER: [[&str; 2]; 2] = [
    ["192.31.196.7", "192.52.193.1"],
    ["2620:4f:8000::7", "2001:4:112::1"],
];
const INNER: [[&str; 2]; 2] = [
    ["203.0.113.7", "192.0.2.1"],
    ["2001:db8:bad::7", "2001:db8:1::1"],
];

/// A kind of tunnel by the families of its outer and inner packets, and the setting that asks for it.
struct Kind {
    tunnel: Tunnel,
    outer: usize,
    inner: usize,
    setting: Tunnels,
}

fn kinds() -> Vec<Kind> {
    let mut kinds = Vec::new();
    for outer in 0..2 {
        for inner in 0..2 {
            for tunnel in Tunnel::all() {
                let setting = match (&tunnel, outer, inner) {
                    (Tunnel::Gre(_), ..) => Tunnels::GRE,
                    (Tunnel::Plain, 0, 0) => Tunnels::IPIP,
                    (Tunnel::Plain, 0, _) => Tunnels::SIX_IN_FOUR,
                    (Tunnel::Plain, _, 0) => Tunnels::FOUR_IN_SIX,
                    (Tunnel::Plain, ..) => Tunnels::SIX_IN_SIX,
                };
                kinds.push(Kind {
                    tunnel,
                    outer,
                    inner,
                    setting,
                });
            }
        }
    }
    kinds
}

impl Kind {
    const fn ethertype(&self) -> u16 {
        if self.outer == 0 {
            ethertype::IPV4
        } else {
            ethertype::IPV6
        }
    }

    fn packet(&self, inner: &[u8]) -> Vec<u8> {
        let [from, to] = OUTER[self.outer];
        self.tunnel.carry(from, to, inner)
    }

    fn frame(&self, inner: &[u8]) -> Vec<u8> {
        Frame::new(self.ethertype(), self.packet(inner)).bytes()
    }

    fn flow(&self) -> Flow {
        let [from, to] = INNER[self.inner];
        Flow::udp(from, to, [53, 4_000])
    }

    fn name(&self) -> String {
        let Self {
            tunnel,
            outer,
            inner,
            ..
        } = self;
        format!("{tunnel:?}, families {inner} in {outer}")
    }
}

fn looking(mut rules: Rules, tunnels: Tunnels) -> Rules {
    let enforcement = if rules.settings[0].monitors() {
        Enforcement::Monitor
    } else {
        Enforcement::Enforce
    };
    let settings = InterfaceSettings::new(enforcement, Role::Upstream);
    rules.settings = vec![settings.looking_into(tunnels)];
    rules
}

fn clean() -> Outcome {
    Outcome::pass(Reason::Clean)
}

/// Each end of each inner packet, by a slot of its own.
fn inner_listed() -> Rules {
    let ends = INNER.into_iter().flatten().zip(1..);
    let rules: Vec<Rule> = ends.map(|(end, slot)| Rule::new(end, slot)).collect();
    Rules::new(rules)
}

#[test]
fn tunnels_are_not_looked_into_unless_that_is_asked_for() {
    if skipped() {
        return;
    }
    let mut kernel = Kernel::empty(SMALL);
    let every = [
        Tunnels::GRE,
        Tunnels::IPIP,
        Tunnels::SIX_IN_FOUR,
        Tunnels::FOUR_IN_SIX,
        Tunnels::SIX_IN_SIX,
    ];
    let off = Tunnels::NONE;
    assert_eq!(InterfaceSettings::default().tunnels(), off);
    for tunnels in every.into_iter().chain([off, Tunnels::ALL]) {
        kernel.publish(&looking(inner_listed(), tunnels));
        for kind in kinds() {
            let expected = if tunnels.has(kind.setting) {
                Outcome::drop(u32::try_from(2 * kind.inner + 1).unwrap())
            } else {
                clean()
            };
            let frame = kind.frame(&kind.flow().packet(&[0; 32]));
            kernel.check(&kind.name(), &frame, &expected);
        }
    }
}

#[test]
fn either_end_of_the_packet_inside_is_judged_and_the_outer_one_first() {
    if skipped() {
        return;
    }
    let mut kernel = Kernel::empty(SMALL);
    for kind in kinds() {
        let flow = kind.flow();
        let [inner_from, inner_to] = INNER[kind.inner];
        let [outer_from, outer_to] = OUTER[kind.outer];
        let frame = kind.frame(&flow.packet(&[0; 32]));
        let one = |rule: Rule| Rules::new([rule]);
        for (what, rules, expected) in [
            ("source", one(Rule::new(inner_from, 1)), Outcome::drop(1)),
            ("destination", one(Rule::new(inner_to, 1)), Outcome::drop(1)),
            (
                "port",
                one(Rule::new(inner_from, 1).ports(53, 53)),
                Outcome::drop(1),
            ),
            (
                "another port",
                one(Rule::new(inner_from, 1).ports(54, 54)),
                clean(),
            ),
            (
                "protocol",
                one(Rule::new(inner_from, 1).protocol(number::UDP)),
                Outcome::drop(1),
            ),
            (
                "the tunnel's protocol",
                one(Rule::new(inner_from, 1).protocol(number::GRE)),
                clean(),
            ),
            (
                "monitored",
                one(Rule::new(inner_from, 1).monitor()),
                clean().would(&[1]),
            ),
            (
                "on a monitoring interface",
                one(Rule::new(inner_to, 1)).monitoring(),
                clean().would(&[1]).decided(),
            ),
            (
                "the tunnel's end as well",
                Rules::new([Rule::new(inner_from, 1), Rule::new(outer_to, 2)]),
                Outcome::drop(2),
            ),
            (
                "the tunnel's end alone",
                one(Rule::new(outer_from, 2)),
                Outcome::drop(2),
            ),
        ] {
            kernel.publish(&looking(rules, Tunnels::ALL));
            kernel.check(&format!("{what}, {}", kind.name()), &frame, &expected);
        }
    }
}

#[test]
fn protection_of_an_address_inside_is_for_itself_only() {
    if skipped() {
        return;
    }
    let mut kernel = Kernel::empty(SMALL);
    for kind in kinds() {
        let [inner_from, inner_to] = INNER[kind.inner];
        let [outer_from, outer_to] = OUTER[kind.outer];
        let frame = kind.frame(&kind.flow().packet(&[0; 32]));
        let listed = || Rules::new([Rule::new(inner_from, 1), Rule::new(inner_to, 2)]);
        let outer = || Rules::new([Rule::new(inner_from, 1), Rule::new(outer_from, 3)]);
        let never = Outcome::pass(Reason::NeverBlock);
        let mut cases = Vec::new();
        for scope in [Scope::Lists, Scope::All] {
            cases.extend([
                (
                    "the other end",
                    listed().never_block(inner_from, scope),
                    Outcome::drop(2),
                ),
                (
                    "both ends",
                    listed()
                        .never_block(inner_from, scope)
                        .never_block(inner_to, scope),
                    clean(),
                ),
                (
                    "the wrapper",
                    outer().never_block(inner_from, scope),
                    Outcome::drop(3),
                ),
                (
                    "a protected destination inside",
                    outer()
                        .never_block(inner_to, scope)
                        .never_block(outer_from, Scope::Lists),
                    Outcome::drop(1),
                ),
            ]);
        }
        cases.extend([
            (
                "outer, all",
                listed().never_block(outer_to, Scope::All),
                never,
            ),
            (
                "outer, lists",
                listed().never_block(outer_to, Scope::Lists),
                Outcome::drop(1),
            ),
        ]);
        for (what, rules, expected) in cases {
            kernel.publish(&looking(rules, Tunnels::ALL));
            kernel.check(&format!("{what}, {}", kind.name()), &frame, &expected);
        }
    }
}

#[test]
fn a_packet_inside_is_judged_in_every_form_and_over_every_link() {
    if skipped() {
        return;
    }
    let mut kernel = Kernel::empty(SMALL);
    kernel.publish(&looking(inner_listed(), Tunnels::ALL));
    let links = wrapping::links();
    for kind in kinds() {
        let slot = u32::try_from(2 * kind.inner + 1).unwrap();
        let flow = kind.flow();
        for wrapping in wrapping::all(flow.source) {
            // The packet alone: what stands behind an untagged Ethernet header.
            if !wrapping.name.starts_with("untagged") || wrapping.name.contains("9,000") {
                continue;
            }
            let packet = wrapping.unpadded(&flow).0.split_off(14);
            let what = format!("{} in {}", wrapping.name, kind.name());
            kernel.check(&what, &kind.frame(&packet), &Outcome::drop(slot));
        }
        for link in &links {
            let packet = kind.packet(&flow.packet(&[0; 32]));
            let frame = link.frame(kind.ethertype(), packet).bytes();
            let what = format!("{} over {}", kind.name(), link.name);
            kernel.check(&what, &frame, &Outcome::drop(slot));
        }
    }
}

#[test]
fn one_level_is_opened_and_no_more() {
    if skipped() {
        return;
    }
    let mut kernel = Kernel::empty(SMALL);
    let middle = ["198.51.100.1", "198.51.100.2"];
    for kind in kinds().iter().filter(|kind| kind.inner == 0) {
        let packet = kind.flow().packet(&[0; 32]);
        let nested = Tunnel::Plain.carry(middle[0], middle[1], &packet);
        let frame = kind.frame(&nested);
        kernel.publish(&looking(inner_listed(), Tunnels::ALL));
        kernel.check(&kind.name(), &frame, &clean());
        let listed = Rules::new([Rule::new(middle[0], 9)]);
        kernel.publish(&looking(listed, Tunnels::ALL));
        kernel.check(&kind.name(), &frame, &Outcome::drop(9));
    }
}
