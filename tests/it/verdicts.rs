//! A blocked host is blocked in every wrapping, and each packet has one reason.
//!
//! Every case of the matcher table goes through every wrapping, in one piece and with all but the
//! Ethernet header in a second buffer.

pub(crate) mod cases;
mod exceptions;
mod nat64;
mod tunnels;
mod vlans;

use std::net::IpAddr;

use filter_common::{policy::Policy, verdict::Reason};

use crate::support::{
    compiled::CompiledRules,
    kernel::{Kernel, Outcome, SMALL},
    packet::{Flow, Frame, V4 as V4Header, V6 as V6Header, link::ethertype, number},
    rules::{Rule, Rules},
    skipped, wrapping,
};
use cases::{Names, PORTS, V4, V6, cases};

fn every_case_in_every_wrapping(names: &Names) {
    if skipped() {
        return;
    }
    let mut kernel = Kernel::empty(SMALL);
    let inside: IpAddr = names.inside.parse().unwrap();
    for case in cases(names) {
        kernel.publish(&case.rules);
        for wrapping in wrapping::all(inside) {
            let what = format!("{} ({})", case.name, wrapping.name);
            let frame = wrapping.frame(&case.flow);
            kernel.check(&what, &frame, &case.expected(&wrapping));
        }
    }
}

#[test]
fn v4_verdicts_hold_in_every_wrapping() {
    every_case_in_every_wrapping(&V4);
}

#[test]
fn v6_verdicts_hold_in_every_wrapping() {
    every_case_in_every_wrapping(&V6);
}

/// The matcher table again, with the tables that the product's compiler makes of the rules.
#[test]
fn compiled_rules_mean_the_same() {
    if skipped() {
        return;
    }
    for names in [&V4, &V6] {
        let mut kernel = Kernel::empty(SMALL);
        for case in cases(names) {
            let compiled = CompiledRules::new(&case.rules, SMALL);
            kernel.publish_table(&compiled, [0; 32]).unwrap();
            kernel.watch(compiled.slots());
            for wrapping in wrapping::all(case.flow.source) {
                let mut expected = case.expected(&wrapping);
                expected.slots = compiled.renumbered(&expected.slots);
                expected.would = compiled.renumbered(&expected.would);
                let what = format!("{} ({})", case.name, wrapping.name);
                let frame = wrapping.frame(&case.flow);
                assert_eq!(kernel.run(&frame), expected.named_for(&frame), "{what}");
            }
        }
    }
}

#[test]
fn the_kill_switch_and_a_missing_generation_pass_everything() {
    if skipped() {
        return;
    }
    for names in [&V4, &V6] {
        let mut kernel = Kernel::empty(SMALL);
        let flow = Flow::udp(names.bad, names.inside, PORTS);
        let rules = Rules::new([Rule::new(names.bad, 1)]);
        for (what, expected) in [
            (
                "before the first generation",
                Outcome::pass(Reason::NoGeneration),
            ),
            ("in force", Outcome::drop(1)),
            ("kill switch on", Outcome::pass(Reason::Bypass)),
            ("kill switch off", Outcome::drop(1)),
        ] {
            match what {
                "in force" => kernel.publish(&rules),
                "kill switch on" => kernel.instance.set_bypass(true),
                "kill switch off" => kernel.instance.set_bypass(false),
                _ => {}
            }
            for wrapping in wrapping::all(flow.source) {
                kernel.check(what, &wrapping.frame(&flow), &expected);
            }
            if expected.reason == Reason::Bypass {
                // Passed and counted as such, whatever it is.
                let frame = Frame::new(0xabcd, [0; 50]).bytes();
                kernel.check(what, &frame, &expected);
            }
        }
    }
}

/// The address that is blocked for one protocol only: its last byte is that protocol.
fn host_of(names: &Names, protocol: u8) -> String {
    match names.bad.parse().unwrap() {
        IpAddr::V4(_) => format!("203.0.113.{protocol}"),
        IpAddr::V6(_) => format!("2001:db8:bad::{protocol:x}"),
    }
}

#[test]
fn a_blocked_host_is_blocked_whatever_the_protocol() {
    if skipped() {
        return;
    }
    for names in [&V4, &V6] {
        let mut kernel = Kernel::with(&Rules::new([Rule::new(names.bad, 1)]));
        for protocol in 0..=255 {
            for [from, to] in [[names.bad, names.inside], [names.inside, names.bad]] {
                let flow = Flow::udp(from, to, PORTS).protocol(protocol);
                let what = format!("protocol {protocol} from {from}");
                let frame = flow.frame(&[0; 16]).bytes();
                kernel.check(&what, &frame, &Outcome::drop(1));
            }
            let flow = Flow::udp(names.inside, names.other_bad, PORTS).protocol(protocol);
            let what = format!("clean, protocol {protocol}");
            let clean = Outcome::pass(Reason::Clean);
            kernel.check(&what, &flow.frame(&[0; 16]).bytes(), &clean);
        }
    }
}

#[test]
fn a_protocol_rule_drops_that_protocol_and_no_other() {
    if skipped() {
        return;
    }
    for names in [&V4, &V6] {
        let rules: Vec<Rule> = (0..=255)
            .map(|protocol| Rule::new(&host_of(names, protocol), 1).protocol(protocol))
            .collect();
        let mut kernel = Kernel::with(&Rules::new(rules));
        let is_v6 = names.bad.contains(':');
        for protocol in 0..=255_u8 {
            for blocked in [protocol, protocol.wrapping_add(1), 17] {
                let host = host_of(names, blocked);
                let flow = Flow::udp(&host, names.inside, PORTS).protocol(protocol);
                // What names a further header in IPv6 is no protocol: here "nothing" follows it.
                let spoken = if is_v6 && number::EXTENSIONS.contains(&protocol) {
                    number::NO_NEXT_HEADER
                } else {
                    protocol
                };
                let expected = if blocked == spoken {
                    Outcome::drop(1)
                } else {
                    Outcome::pass(Reason::Clean)
                };
                let what = format!("protocol {protocol} from {host}");
                kernel.check(&what, &flow.frame(&[0; 16]).bytes(), &expected);
            }
        }
    }
}

/// Cut anywhere behind the addresses, a blocked frame stays blocked; cut before, it has no address.
#[test]
fn a_cut_frame_is_blocked_as_soon_as_its_addresses_are_there() {
    if skipped() {
        return;
    }
    for names in [&V4, &V6] {
        let mut kernel = Kernel::with(&Rules::new([Rule::new(names.bad, 1)]));
        for [from, to] in [[names.bad, names.inside], [names.inside, names.bad]] {
            let flow = Flow::udp(from, to, PORTS);
            for wrapping in wrapping::all(flow.source) {
                let (frame, addresses) = wrapping.unpadded(&flow);
                for length in 14..=frame.len().min(addresses + 150) {
                    let dropped = kernel.program.test_run(&frame[..length]).unwrap();
                    let whole = length >= addresses;
                    assert_eq!(dropped, whole, "{}, cut to {length}", wrapping.name);
                }
                kernel.settle();
                let expected = Outcome::pass(Reason::Policy(Policy::Truncated));
                kernel.check(&wrapping.name, &frame[..addresses - 1], &expected);
                let expected = Outcome::drop(1);
                kernel.check(&wrapping.name, &frame[..addresses], &expected);
            }
        }
    }
}

#[test]
fn wrong_lengths_and_versions_do_not_unblock() {
    if skipped() {
        return;
    }
    let bad_header = Outcome::pass(Reason::Policy(Policy::BadIpHeader));
    let [source, destination] = ["203.0.113.7", "192.0.2.1"].map(|a| a.parse().unwrap());
    let rules = Rules::new([
        Rule::new("203.0.113.7", 1),
        Rule::new("2001:db8:bad::7", 1),
        Rule::new("198.51.100.9", 2).ports(53, 53),
    ]);
    let mut kernel = Kernel::with(&rules);
    let header = V4Header::new(source, destination, number::UDP);
    let segment = Flow::udp("203.0.113.7", "192.0.2.1", PORTS).segment(&[0; 60]);
    let frame = |header: &V4Header| Frame::new(ethertype::IPV4, header.packet(&segment)).bytes();
    let words = (0..=15).map(|ihl| V4Header {
        ihl: Some(ihl),
        ..header.clone()
    });
    let lengths = [0, 1, 19, 20, 21, 87, 89, 65_535].map(|total| V4Header {
        total_length: Some(total),
        ..header.clone()
    });
    for header in words.chain(lengths) {
        let what = format!("{header:?}");
        kernel.check(&what, &frame(&header), &Outcome::drop(1));
        // The same from a clean host passes, and is named where it contradicts itself.
        let clean = V4Header {
            source: destination,
            ..header.clone()
        };
        let ihl = u16::from(clean.ihl.unwrap_or(5)) * 4;
        let wrong = ihl < 20 || clean.total_length.unwrap_or(88) < ihl;
        let expected = if ihl < 20 {
            bad_header.clone()
        } else if wrong {
            Outcome::pass(Reason::Policy(Policy::BadLength))
        } else {
            Outcome::pass(Reason::Clean)
        };
        kernel.check(&what, &frame(&clean), &expected);
        // Where the header cannot be trusted, no port is read.
        let narrow = V4Header {
            source: "198.51.100.9".parse().unwrap(),
            ..header
        };
        if wrong {
            kernel.check(&what, &frame(&narrow), &expected);
        }
    }
    for version in (0..=15).filter(|version| *version != 4) {
        let header = V4Header {
            version,
            ..header.clone()
        };
        kernel.check("version", &frame(&header), &bad_header);
    }
    let six = ["2001:db8:bad::7", "2001:db8:1::1"].map(|a| a.parse().unwrap());
    for version in 0..=15 {
        let mut header = V6Header::new(six[0], six[1], number::UDP);
        header.version = version;
        header.payload_length = Some(u16::from(version) * 4_000);
        let frame = Frame::new(ethertype::IPV6, header.packet(&segment)).bytes();
        let expected = if version == 6 {
            Outcome::drop(1)
        } else {
            bad_header.clone()
        };
        kernel.check("version", &frame, &expected);
    }
}
