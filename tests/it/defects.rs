//! Defects that filters of this kind have shipped, each held off by a test through the kernel.
//!
//! The numbers are those of the list that the project keeps of its peers' faults. Those about packets
//! are here: tags that hide a host (1), verdicts that hang on the transport protocol (2), the reserved
//! byte of a fragment header (3), ports read from later fragments (4), options that shift ports (5),
//! fragments and control frames that die (6), default drops that cut the link (7, in [`control`]), IPv6
//! that is not filtered (10, in [`parity`]).
//!
//! Those about the service are held by:
//!
//! - 8, state that needs both directions: there is none, [`crate::agree`] decides each frame by itself;
//! - 9, a set that grows with an unprotected moment:
//!   `service::restart::a_change_of_capacity_moves_to_new_maps_under_traffic_without_a_gap_or_a_lost_count`
//!   and `generations::no_packet_sees_two_generations`;
//! - 11, counters that an update resets: `generations::a_successor_finds_generation_digest_and_counters`
//!   and `service::restart::a_reboot_brings_back_the_orders_and_the_counters`;
//! - 12, a full map that looks like success: `generations::a_table_that_does_not_fit_changes_nothing`
//!   and `service::refused::a_set_that_does_not_fit_is_refused_and_the_previous_one_stays`;
//! - 13, entries that vanish together: `service::refused::a_bad_bundle_is_refused_whole_by_name_and_what_was_enforced_stays`
//!   and `generations::with_a_dead_controller_an_entry_ends_at_its_deadline_and_nothing_else_changes`;
//! - 14, an update that detaches: `attach::replacing_under_traffic_lets_nothing_through`;
//! - 15, rules that die with the session that brought them: `attach::the_link_outlives_the_controller`.

mod control;
mod parity;

use std::net::IpAddr;

use filter_common::verdict::Reason;

use crate::support::{
    kernel::{Kernel, Outcome},
    packet::{Extension, Flow, Frame, Tcp, V4, V6, link::ethertype, number, tcp},
    rules::{Rule, Rules},
    skipped, wrapping,
};

const BAD: [&str; 2] = ["203.0.113.7", "2001:db8:bad::7"];
const INSIDE: [&str; 2] = ["192.0.2.1", "2001:db8:1::1"];

/// Blocks the bad host of either family.
fn blocking(with: impl Fn(Rule) -> Rule) -> Kernel {
    Kernel::with(&Rules::new(BAD.map(|bad| with(Rule::new(bad, 1)))))
}

fn clean() -> Outcome {
    Outcome::pass(Reason::Clean)
}

/// An IP packet of a flow, untagged: in fragments by `offset` and `more`, with this segment.
fn fragment(flow: &Flow, offset: u16, more: bool, reserved: u8, segment: &[u8]) -> Vec<u8> {
    let packet = match (flow.source, flow.destination) {
        (IpAddr::V4(from), IpAddr::V4(to)) => V4::new(from, to, flow.protocol)
            .fragment(offset, more)
            .packet(segment),
        (IpAddr::V6(from), IpAddr::V6(to)) => V6::new(from, to, flow.protocol)
            .chain(vec![Extension::fragment(offset, more, reserved)])
            .packet(segment),
        _ => unreachable!("both ends of a flow are of one family"),
    };
    Frame::new(flow.ethertype(), packet).bytes()
}

#[test]
fn d1_no_tag_pppoe_or_mpls_hides_a_blocked_source() {
    if skipped() {
        return;
    }
    let mut kernel = blocking(|rule| rule);
    for (bad, inside) in BAD.into_iter().zip(INSIDE) {
        for wrapping in wrapping::all(bad.parse().unwrap()) {
            let name = &wrapping.name;
            let from = wrapping.frame(&Flow::udp(bad, inside, [53, 4_000]));
            kernel.check(name, &from, &Outcome::drop(1));
            let to = wrapping.frame(&Flow::udp(inside, bad, [53, 4_000]));
            kernel.check(name, &to, &Outcome::drop(1));
            let other = wrapping.frame(&Flow::udp(inside, inside, [53, 4_000]));
            kernel.check(name, &other, &clean());
        }
    }
}

#[test]
fn d2_a_blocked_host_is_blocked_whatever_it_speaks_in_every_wrapping() {
    if skipped() {
        return;
    }
    let mut kernel = blocking(|rule| rule);
    for (bad, inside) in BAD.into_iter().zip(INSIDE) {
        for wrapping in wrapping::all(bad.parse().unwrap()) {
            for protocol in [
                number::ICMP,
                number::IGMP,
                number::IPV4,
                number::IPV6,
                number::GRE,
                number::ESP,
                number::AUTHENTICATION,
                number::ICMPV6,
                number::OSPF,
                number::SCTP,
                255,
            ] {
                let flow = Flow::udp(bad, inside, [0, 0]).protocol(protocol);
                let frame = wrapping.frame(&flow);
                let what = format!("{protocol}, {}", wrapping.name);
                kernel.check(&what, &frame, &Outcome::drop(1));
            }
        }
    }
}

#[test]
fn d3_the_reserved_byte_of_a_fragment_header_shifts_nothing() {
    if skipped() {
        return;
    }
    let mut kernel = blocking(|rule| rule.protocol(number::UDP).ports(53, 53));
    let [bad, inside] = [BAD[1], INSIDE[1]];
    // Wherever a shifted offset lands, it reads the port that it should not.
    let decoy = 53_u16.to_be_bytes().repeat(300);
    for reserved in 0..=255 {
        for (port, offset, more, expected) in [
            (53, 0, true, Outcome::drop(1)),
            (53, 0, false, Outcome::drop(1)),
            (54, 0, true, clean()),
            (54, 0, false, clean()),
            (53, 185, true, clean()),
            (53, 185, false, clean()),
        ] {
            let flow = Flow::udp(bad, inside, [port, 4_000]);
            let segment = flow.segment(&decoy);
            let frame = fragment(&flow, offset, more, reserved, &segment);
            let what = format!("{reserved:#x}, port {port} at {offset}, more {more}");
            kernel.check(&what, &frame, &expected);
        }
    }
    // The address is judged all the same.
    let mut kernel = blocking(|rule| rule);
    for reserved in [0, 1, 0x80, 0xff] {
        for offset in [0, 1, 185, 0x1fff] {
            let flow = Flow::udp(bad, inside, [53, 4_000]);
            let frame = fragment(&flow, offset, true, reserved, &decoy[..64]);
            kernel.check("the address", &frame, &Outcome::drop(1));
        }
    }
}

#[test]
fn d4_a_later_fragment_has_no_ports() {
    if skipped() {
        return;
    }
    for (what, dropped_first, rule) in [
        ("all ports", true, [0, 65_535]),
        ("its port", true, [53, 53]),
        ("another port", false, [54, 54]),
    ] {
        let mut kernel = blocking(|entry| entry.ports(rule[0], rule[1]));
        for (bad, inside) in BAD.into_iter().zip(INSIDE) {
            for protocol in number::WITH_PORTS {
                let flow = Flow::udp(bad, inside, [53, 4_000]).protocol(protocol);
                let segment = flow.segment(&[0; 64]);
                let segment = &segment[..64];
                for more in [true, false] {
                    let first = fragment(&flow, 0, more, 0, segment);
                    let expected = if dropped_first {
                        Outcome::drop(1)
                    } else {
                        clean()
                    };
                    kernel.check(what, &first, &expected);
                    for offset in [1, 2, 185, 0x0fff, 0x1fff] {
                        let later = fragment(&flow, offset, more, 0, segment);
                        kernel.check(what, &later, &clean());
                    }
                }
            }
        }
    }
}

#[test]
fn d5_options_of_every_length_shift_no_port() {
    if skipped() {
        return;
    }
    let mut kernel = blocking(|rule| rule.ports(53, 53));
    let pattern = 53_u16.to_be_bytes().repeat(20);
    let [from, to] = [BAD[0], INSIDE[0]].map(|end| end.parse().unwrap());
    for protocol in [number::UDP, number::TCP, number::SCTP] {
        for (port, expected) in [(53, Outcome::drop(1)), (54, clean())] {
            let flow = Flow::udp(BAD[0], INSIDE[0], [port, 4_000]).protocol(protocol);
            let segment = flow.segment(&pattern);
            for words in 0..=10 {
                // Options that a parser must not take for ports, and padding.
                for options in [&pattern[..4 * words], &vec![1; 4 * words]] {
                    let mut header = V4::new(from, to, protocol);
                    header.options = options.to_vec();
                    let packet = header.packet(&segment);
                    let frame = Frame::new(ethertype::IPV4, packet).bytes();
                    kernel.check(&format!("{words} words of options"), &frame, &expected);
                }
            }
        }
    }
    let [from, to] = [BAD[1], INSIDE[1]].map(|end| end.parse().unwrap());
    for (port, expected) in [(53, Outcome::drop(1)), (54, clean())] {
        let flow = Flow::udp(BAD[1], INSIDE[1], [port, 4_000]).protocol(number::TCP);
        let segment = Tcp::new(tcp::ACK).segment(&flow, &pattern);
        for words in 0..=50 {
            for extension in [Extension::hop_by_hop(words), Extension::destination(words)] {
                let header = V6::new(from, to, number::TCP).chain(vec![extension]);
                let frame = Frame::new(ethertype::IPV6, header.packet(&segment)).bytes();
                kernel.check(&format!("a header of {words} words"), &frame, &expected);
            }
        }
    }
}
