//! A packet is decided by the first rule that matches it: the kernel, the host and a plain reading of the RFCs
//! agree on random rules and packets, in every wrapping.
//!
//! [`components`] and [`bits`] go through every component and operator of RFC 8955 and RFC 8956, one by one, with
//! what is expected written down by hand; [`unknown`] through what packets do not have; [`actions`] through what rules
//! do; [`packet`] builds the packets.

mod actions;
mod bits;
mod components;
mod packet;
mod unknown;

use filter_common::{
    rule::RuleAction,
    verdict::{Action, Reason},
};
use filter_ctl::{
    policy::{perimeter::Perimeter, traffic::TrafficRule},
    rule::{Rule, RuleId, oracle::Fields, order::Ranking, text},
};

use self::packet::{Packet, Piece};
use crate::support::{
    kernel::{Kernel, Outcome},
    packet::{Frame, Layer, Tag, number, wrap},
    random::Random,
    rules::traffic_rules,
    skipped,
    timed::{LIMITS, Timed, compiled},
    wrapping::{self, Link},
};

const SOURCES: [&str; 3] = ["203.0.113.7", "203.0.113.200", "198.51.100.1"];
const DESTINATIONS: [&str; 3] = ["192.0.2.9", "192.0.2.130", "192.0.3.1"];
const SOURCES_6: [&str; 3] = ["2001:db8:1::7", "2001:db8:1:2::7", "2001:db8:2::1"];
const DESTINATIONS_6: [&str; 3] = ["2001:db8:7::9", "2001:db8:7:1::9", "2001:db8:8::1"];
const PORTS: [u16; 6] = [1, 53, 123, 443, 40_000, 65_535];
const PROTOCOLS: [u8; 7] = [
    number::TCP,
    number::UDP,
    number::ICMP,
    number::ICMPV6,
    number::SCTP,
    number::GRE,
    number::OSPF,
];
const DSCP: [u8; 3] = [0, 10, 46];
const LABELS: [u32; 3] = [0, 77, 0xf_ffff];

/// A frame, and what an oracle is told of it.
struct Sent {
    fields: Fields,
    frame: Vec<u8>,
}

fn sent(random: &mut Random) -> Sent {
    let is_v6 = random.one_in(2);
    let protocol = *random.pick(&PROTOCOLS);
    let ports = [*random.pick(&PORTS), *random.pick(&PORTS)];
    let payload = random.bytes(random.clone().below(200) & !7);
    let flags = u16::from(random.byte());
    let dscp = *random.pick(&DSCP);
    let label = *random.pick(&LABELS);
    let icmp = [
        *random.pick(&[0, 3, 8, 128, 255]),
        *random.pick(&[0, 1, 255]),
    ];
    // Half of them are whole.
    let piece = if random.one_in(2) {
        Piece::Whole
    } else {
        *random.pick(&Piece::ALL)
    };
    let dont = !is_v6 && random.one_in(3);
    let [source, destination] = if is_v6 {
        [*random.pick(&SOURCES_6), *random.pick(&DESTINATIONS_6)]
    } else {
        [*random.pick(&SOURCES), *random.pick(&DESTINATIONS)]
    };
    let packet = Packet {
        protocol,
        ports,
        icmp,
        flags,
        dscp,
        label,
        piece,
        dont,
        is_long: random.one_in(4),
        payload,
        ..Packet::new(source, destination)
    };
    let (ethertype, bytes) = (packet.ethertype(), packet.bytes());
    let frame = match random.below(5) {
        0 => Frame::new(ethertype, bytes).tagged(&[Tag::q(7)]).bytes(),
        1 => Frame::new(ethertype, bytes)
            .tagged(&[Tag::ad(7), Tag::q(8)])
            .bytes(),
        2 => wrap(&[Layer::PPPOE], ethertype, bytes).bytes(),
        3 => wrap(&[Layer::mpls([16, 17])], ethertype, bytes).bytes(),
        _ => Frame::new(ethertype, bytes).bytes(),
    };
    Sent {
        fields: packet.fields(),
        frame,
    }
}

/// A list of comparisons with these values.
fn numbers(random: &mut Random, values: &[u32]) -> String {
    let mut text = String::new();
    for index in 0..=random.below(3) {
        if index > 0 {
            text += *random.pick::<&str>(&[" || ", " && "]);
        }
        text += *random.pick::<&str>(&["= ", "!= ", "< ", "<= ", "> ", ">= "]);
        text += &random.pick(values).to_string();
    }
    text
}

fn rule_text(random: &mut Random) -> String {
    let mut clauses: Vec<String> = Vec::new();
    let lengths = [20, 48, 60, 84, 100, 148, 200];
    let ports = PORTS.map(u32::from);
    for _ in 0..=random.below(3) {
        clauses.push(match random.below(13) {
            0 => format!(
                "dst {}",
                random.pick(&[
                    "192.0.2.0/24",
                    "192.0.2.9/32",
                    "0.0.0.0/0",
                    "2001:db8:7::/48",
                    "2001:db8:7:1::9/128"
                ])
            ),
            1 => format!(
                "src {}",
                random.pick(&[
                    "203.0.113.0/25",
                    "203.0.113.0/24",
                    "198.51.100.1/32",
                    "2001:db8:1::/48",
                    "2001:db8::/32"
                ])
            ),
            2 => format!("proto {}", numbers(random, &PROTOCOLS.map(u32::from))),
            3 => format!("port {}", numbers(random, &ports)),
            4 => format!("dport {}", numbers(random, &ports)),
            5 => format!("sport {}", numbers(random, &ports)),
            6 => format!("icmp type {}", numbers(random, &[0, 3, 8, 128, 255])),
            7 => format!("icmp code {}", numbers(random, &[0, 1, 255])),
            8 => format!(
                "tcp flags {}",
                random.pick(&[
                    "syn",
                    "!syn",
                    "syn,!ack",
                    "0x02/0x12",
                    "0x12/0x3f",
                    "rst || fin",
                    "!0x00/0xff"
                ])
            ),
            9 => format!("length {}", numbers(random, &lengths)),
            10 => format!("dscp {}", numbers(random, &DSCP.map(u32::from))),
            11 => format!(
                "fragment {}",
                random.pick(&[
                    "is_fragment",
                    "!is_fragment",
                    "first_fragment",
                    "last_fragment",
                    "dont_fragment",
                    "first_fragment || last_fragment"
                ])
            ),
            _ => format!("label {}", numbers(random, &LABELS)),
        });
    }
    let action = random.pick(&["drop", "drop", "pass", "monitor"]);
    format!("{} then {action}", clauses.join("; "))
}

/// Rules in the order of evaluation.
fn rules(random: &mut Random, count: usize) -> Vec<Rule> {
    let mut ranking = Ranking::default();
    let mut tries = 0;
    while ranking.len() < count && tries < 50 * count {
        tries += 1;
        // What contradicts itself, or is there already, is refused.
        if let Ok(written) = text::parse(&rule_text(random)) {
            let rule = Rule::new(RuleId::numbered(tries as u64), written, None);
            let _duplicate = ranking.insert(rule);
        }
    }
    ranking.into_rules()
}

/// The number of the rule that decides, and those that would have dropped the packet before it.
fn expected(rules: &[Rule], fields: &Fields) -> (Option<usize>, Vec<usize>) {
    let mut would = Vec::new();
    for (rank, rule) in rules.iter().enumerate() {
        if rule.matching.matches(fields) {
            if rule.terminal {
                return (Some(rank), would);
            }
            would.push(rank);
        }
    }
    (None, would)
}

#[test]
fn the_first_rule_that_matches_decides_whatever_is_around_the_packet() {
    const ROUNDS: u64 = 40;
    const PACKETS: usize = 400;
    if skipped() {
        return;
    }
    let seed = Random::seed("LEVEE_SEED", 0x7075);
    let mut timed = Timed::new(Perimeter::default());
    let mut decided = [0_u32; 3];
    for round in 0..ROUNDS {
        let mut random = Random::new(seed.wrapping_add(round));
        let count = *random.pick(&[1, 5, 40, 60]);
        let rules = rules(&mut random, count);
        let traffic: Vec<TrafficRule> = (0..)
            .zip(&rules)
            .map(|(slot, rule)| TrafficRule::new(rule, slot))
            .collect();
        timed.publish(Perimeter {
            rules: traffic.clone(),
            ..no_policies()
        });
        let counter = |timed: &Timed, slot: usize| {
            let slot = u32::try_from(slot).unwrap();
            timed.instance.rule_counter(slot).unwrap().unwrap()
        };
        for number in 0..PACKETS {
            let Sent { fields, frame } = sent(&mut random);
            let (by, would) = expected(&rules, &fields);
            let what = || {
                let texts: Vec<&str> = rules.iter().map(|rule| &*rule.text).collect();
                format!(
                    "seed {seed}, round {round}, packet {number}: {fields:?} {frame:02x?}, by {by:?} after {would:?} of {texts:#?}"
                )
            };
            let before: Vec<_> = (0..rules.len()).map(|slot| counter(&timed, slot)).collect();
            let passes = timed.passes(&frame);
            let drops =
                by.is_some_and(|rank| traffic[rank].record.action() == RuleAction::Drop as u32);
            assert_eq!(passes, !drops, "{}", what());
            for (slot, before) in before.iter().enumerate() {
                let after = counter(&timed, slot);
                let matched = by == Some(slot) || would.contains(&slot);
                assert_eq!(
                    after.matched_packets - before.matched_packets,
                    u64::from(matched),
                    "rule {slot}: {}",
                    what()
                );
            }
            decided[match by {
                Some(_) if drops => 0,
                Some(_) => 1,
                None => 2,
            }] += 1;
        }
    }
    assert!(
        decided.iter().all(|count| *count > 500),
        "the packets try all outcomes: {decided:?}"
    );
    assert!(timed.dropped(Reason::Rule) >= u64::from(decided[0]));
    let passed = timed
        .instance
        .verdict_counter(0, Reason::Rule, Action::Pass);
    assert!(passed.unwrap().packets >= u64::from(decided[1]));
}

/// No policy drops: the rules alone are tried.
fn no_policies() -> Perimeter {
    use filter_common::policy::PolicySet;
    Perimeter {
        upstream: PolicySet::default(),
        customer: PolicySet::default(),
        ..Perimeter::default()
    }
}

/// One rule at a time, through the kernel and on the host.
struct Judge {
    kernel: Kernel,
    links: Vec<Link>,
    /// The link whose turn is next.
    next: usize,
    text: String,
}

impl Judge {
    fn new() -> Self {
        Self {
            kernel: Kernel::empty(LIMITS),
            links: wrapping::links(),
            next: 0,
            text: String::new(),
        }
    }

    /// Puts a rule in force that drops what it matches.
    fn rule(&mut self, matching: &str) {
        self.text = format!("{matching} then drop");
        let table = compiled(Perimeter {
            rules: traffic_rules([(0, self.text.as_str())]),
            ..no_policies()
        })
        .table;
        self.kernel.publish_compiled(table);
    }

    /// Whether the rule matches an IP packet must be as expected, in the frame of a link.
    fn frame(&mut self, link: usize, ethertype: u16, packet: Vec<u8>, expected: bool) {
        let link = &self.links[link];
        let frame = link.frame(ethertype, packet).bytes();
        let outcome = if expected {
            Outcome::by_rule()
        } else {
            Outcome::pass(Reason::Clean)
        };
        let what = format!("`{}`, {}", self.text, link.name);
        self.kernel.check(&what, &frame, &outcome);
    }

    /// Whether a rule matches an IP packet of these bytes, in every link.
    fn raw(&mut self, matching: &str, ethertype: u16, packet: &[u8], expected: bool) {
        self.rule(matching);
        for link in 0..self.links.len() {
            self.frame(link, ethertype, packet.to_vec(), expected);
        }
    }

    /// Whether the rule matches, untagged and in one more link: all of them take turns.
    fn expect(&mut self, packet: &Packet, expected: bool) {
        self.frame(0, packet.ethertype(), packet.bytes(), expected);
        self.next = self.next % (self.links.len() - 1) + 1;
        self.frame(self.next, packet.ethertype(), packet.bytes(), expected);
    }

    /// The same in every link, and with options or extension headers.
    fn expect_everywhere(&mut self, packet: &Packet, expected: bool) {
        let long = Packet {
            is_long: true,
            ..packet.clone()
        };
        for link in 0..self.links.len() {
            self.frame(link, packet.ethertype(), packet.bytes(), expected);
            self.frame(link, packet.ethertype(), long.bytes(), expected);
        }
    }
}
