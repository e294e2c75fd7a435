//! What keeps a network running passes under its own name, also where a list names its addresses.

use filter_common::{policy::Policy, verdict::Reason};

use crate::support::{
    kernel::{Kernel, Outcome},
    packet::{
        Extension, Flow, Frame, Tag, V6,
        link::{self, ethertype},
        number,
        transport::{icmpv6, neighbor_discovery},
    },
    rules::{Rule, Rules},
    skipped,
};

/// Everything is listed: what passes, passes because of what it is.
fn everything_listed() -> Kernel {
    Kernel::with(&Rules::new([
        Rule::new("0.0.0.0/0", 4),
        Rule::new("::/0", 6),
    ]))
}

const TAGS: [&[Tag]; 4] = [
    &[],
    &[Tag::q(7)],
    &[Tag::ad(1), Tag::q(7)],
    &[Tag::old(1), Tag::q(7)],
];

#[test]
fn frames_of_the_link_pass_by_name() {
    if skipped() {
        return;
    }
    let mut kernel = everything_listed();
    let packet = Flow::udp("203.0.113.7", "192.0.2.1", [1, 2]).packet(&[0; 20]);
    let listed = [203, 0, 113, 7];
    for (name, frame, reason) in [
        (
            "ARP",
            link::arp_request([2, 0, 0, 0, 0, 9], listed, [192, 0, 2, 1]),
            Reason::Arp,
        ),
        ("LLDP", link::lldp(listed), Reason::Lldp),
        ("LACP", link::lacp(), Reason::SlowProtocol),
        ("IS-IS", link::isis_hello(), Reason::Llc),
        ("STP", link::stp(), Reason::Llc),
        ("an empty LLC frame", Frame::llc([]), Reason::Llc),
        ("the longest LLC frame", Frame::llc([0; 1_500]), Reason::Llc),
        (
            "neither length nor type",
            Frame::new(1_501, [0; 46]),
            Reason::Policy(Policy::OtherEthertype),
        ),
        (
            "PPPoE discovery",
            link::pppoe_discovery(),
            Reason::PppoeDiscovery,
        ),
        (
            "MACsec",
            Frame::new(0x88e5, [0; 60]),
            Reason::Policy(Policy::OtherEthertype),
        ),
        (
            "another EtherType",
            Frame::new(0xffff, packet),
            Reason::Policy(Policy::OtherEthertype),
        ),
    ] {
        for tags in TAGS {
            let frame = frame.clone().tagged(tags).bytes();
            let outcome = kernel.run(&frame);
            assert_eq!(outcome, Outcome::pass(reason), "{name} under {tags:?}");
        }
    }
}

#[test]
fn more_tags_than_are_opened_pass_by_name() {
    if skipped() {
        return;
    }
    let mut kernel = everything_listed();
    let flow = Flow::udp("203.0.113.7", "192.0.2.1", [1, 2]);
    for outer in [Tag::q(1), Tag::ad(1), Tag::old(1)] {
        let frame =
            flow.frame(&[0; 20])
                .tagged(&[outer, Tag::q(2), Tag::q(3), Tag::q(4), Tag::q(5)]);
        let outcome = kernel.run(&frame.bytes());
        assert_eq!(
            outcome,
            Outcome::pass(Reason::Policy(Policy::TooManyTags)),
            "{outer:?}"
        );
    }
}

#[test]
fn neighbour_discovery_passes_on_the_link_only() {
    if skipped() {
        return;
    }
    let mut kernel = everything_listed();
    let local = "fe80::1";
    let global = "2001:db8:bad::7";
    let all_nodes = "ff02::1";
    let solicited = "ff02::1:ff00:7";
    let pass = Outcome::pass(Reason::NeighborDiscovery);
    let drop = Outcome::drop(6);
    for (name, from, to, kind, code, hops, expected) in [
        ("router solicitation", "::", "ff02::2", 133, 0, 255, &pass),
        ("router advertisement", local, all_nodes, 134, 0, 255, &pass),
        ("solicitation", global, solicited, 135, 0, 255, &pass),
        (
            "duplicate address detection",
            "::",
            solicited,
            135,
            0,
            255,
            &pass,
        ),
        ("advertisement", local, global, 136, 0, 255, &pass),
        ("redirect", local, global, 137, 0, 255, &pass),
        (
            "the last link-local address",
            "febf::1",
            global,
            136,
            0,
            255,
            &pass,
        ),
        ("forwarded once", local, all_nodes, 134, 0, 254, &drop),
        ("of no defined code", local, all_nodes, 134, 1, 255, &drop),
        (
            "between two global addresses",
            global,
            "2001:db8:1::1",
            136,
            0,
            255,
            &drop,
        ),
        ("the message before", local, all_nodes, 132, 0, 255, &drop),
        ("the message behind", local, all_nodes, 138, 0, 255, &drop),
        ("an echo request", local, all_nodes, 128, 0, 255, &drop),
        ("site-local", "fec0::1", global, 136, 0, 255, &drop),
        (
            "to a group of wider scope",
            global,
            "ff05::2",
            135,
            0,
            255,
            &drop,
        ),
    ] {
        let [from, to] = [from, to].map(|address| address.parse().unwrap());
        let target = global.parse().unwrap();
        let packet = neighbor_discovery(from, to, kind, code, hops, target);
        for tags in TAGS {
            let frame = Frame::new(ethertype::IPV6, packet.clone()).tagged(tags);
            let outcome = kernel.run(&frame.bytes());
            assert_eq!(outcome, *expected, "{name} under {tags:?}");
        }
    }
}

#[test]
fn neighbour_discovery_behind_an_extension_header_is_none() {
    if skipped() {
        return;
    }
    let mut kernel = everything_listed();
    let flow = Flow::udp("fe80::1", "ff02::1", [0, 0]).protocol(number::ICMPV6);
    let message = icmpv6(&flow, 134, 0, &[0; 12]);
    let header = |chain| {
        let [from, to] = ["fe80::1", "ff02::1"].map(|address| address.parse().unwrap());
        let mut header = V6::new(from, to, number::ICMPV6).chain(chain);
        header.hop_limit = 255;
        Frame::new(ethertype::IPV6, header.packet(&message)).bytes()
    };
    for (chain, expected) in [
        (vec![], Outcome::pass(Reason::NeighborDiscovery)),
        (vec![Extension::hop_by_hop(0)], Outcome::drop(6)),
        (vec![Extension::routing_of_type(4)], Outcome::drop(6)),
        (vec![Extension::fragment(0, false, 0)], Outcome::drop(6)),
        (vec![Extension::fragment(0, true, 0)], Outcome::drop(6)),
        (vec![Extension::fragment(1, true, 0)], Outcome::drop(6)),
    ] {
        assert_eq!(kernel.run(&header(chain.clone())), expected, "{chain:?}");
    }
}
