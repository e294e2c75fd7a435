//! Oddities of fragments.

use filter_common::policy::Policy::{
    self, BadFragment, Fragment, IcmpFragment, OverlappingFragment, TinyFragment,
};

use super::{QUIET, Table};
use crate::support::packet::{Extension, Tcp, number, tcp};

pub(super) fn add(table: &mut Table) {
    plain(table);
    lengths(table);
    overlapping(table);
    tiny(table);
    messages(table);
}

impl Table {
    /// The same fragment of either family.
    fn pieces(
        &mut self,
        policy: Policy,
        name: &str,
        protocol: u8,
        (offset, more): (u16, bool),
        piece: &[u8],
        odd: &[Policy],
    ) {
        let name = format!("{name}, at {offset}, more {more}");
        let header = self.v4(protocol).fragment(offset, more);
        self.packet4(policy, &name, &header, piece, odd);
        let chain = vec![Extension::fragment(offset, more, 0)];
        let header = self.v6(protocol).chain(chain);
        self.packet6(policy, &name, &header, piece, odd);
    }
}

fn plain(table: &mut Table) {
    for place in [(0, true), (2, true), (185, true), (185, false)] {
        table.pieces(Fragment, "any", QUIET, place, &[0; 64], &[Fragment]);
    }
    table.pieces(Fragment, "whole", QUIET, (0, false), &[0; 64], &[]);
    let dont = table.v4(QUIET);
    let dont = crate::support::packet::V4 { dont: true, ..dont };
    table.packet4(Fragment, "not to be fragmented", &dont, &[0; 64], &[]);
}

fn lengths(table: &mut Table) {
    let bad = [BadFragment, Fragment];
    for (name, place, length, odd) in [
        ("empty", (185, true), 0, true),
        ("empty and last", (185, false), 0, true),
        ("9 bytes", (185, true), 9, true),
        ("15 bytes", (185, true), 15, true),
        ("16 bytes", (185, true), 16, false),
        ("9 bytes and last", (185, false), 9, false),
        ("past the end", (0x1fff, false), 16, true),
        ("past the end with more", (0x1fff, true), 8, true),
    ] {
        let odd = if odd { &bad[..] } else { &[Fragment] };
        table.pieces(BadFragment, name, QUIET, place, &vec![0; length], odd);
    }
    // The longest packets: 65,535 bytes with the IPv4 header, and behind the IPv6 header.
    for (length, odd) in [(19, false), (20, true)] {
        let odd = if odd { &bad[..] } else { &[Fragment] };
        let header = table.v4(QUIET).fragment(8_187, false);
        table.packet4(
            BadFragment,
            "to the last byte",
            &header,
            &vec![0; length],
            odd,
        );
    }
    for (length, odd) in [(7, false), (8, true)] {
        let odd = if odd { &bad[..] } else { &[Fragment] };
        let chain = vec![Extension::fragment(0x1fff, false, 0)];
        let header = table.v6(QUIET).chain(chain);
        table.packet6(
            BadFragment,
            "to the last byte",
            &header,
            &vec![0; length],
            odd,
        );
    }
}

fn overlapping(table: &mut Table) {
    for protocol in [number::TCP, number::UDP, QUIET] {
        let odd = [OverlappingFragment, Fragment];
        for more in [true, false] {
            let policy = OverlappingFragment;
            table.pieces(policy, "8 bytes in", protocol, (1, more), &[0; 64], &odd);
            table.pieces(
                policy,
                "16 bytes in",
                protocol,
                (2, more),
                &[0; 64],
                &[Fragment],
            );
        }
    }
}

fn tiny(table: &mut Table) {
    let [flow, _] = table.flows();
    let first = (0, true);
    let odd = [TinyFragment, Fragment];
    let segment = Tcp::new(tcp::ACK)
        .options(&[1; 20])
        .segment(&flow.protocol(number::TCP), &[0; 24]);
    for length in [8, 16, 24, 32] {
        let name = format!("{length} bytes of TCP");
        table.pieces(
            TinyFragment,
            &name,
            number::TCP,
            first,
            &segment[..length],
            &odd,
        );
    }
    let whole = &segment[..40];
    table.pieces(
        TinyFragment,
        "the TCP header",
        number::TCP,
        first,
        whole,
        &[Fragment],
    );
    let datagram = flow.segment(&[0; 24]);
    table.pieces(
        TinyFragment,
        "the UDP header",
        number::UDP,
        first,
        &datagram[..8],
        &[Fragment],
    );
    table.pieces(TinyFragment, "no ports", QUIET, first, &[0; 8], &[Fragment]);
    // The chain goes on in the next fragment.
    let mut options = vec![number::UDP, 3];
    options.resize(16, 0);
    let chain = vec![Extension::fragment(0, true, 0)];
    let header = table.v6(number::DESTINATION_OPTIONS).chain(chain);
    table.packet6(TinyFragment, "a cut chain", &header, &options, &odd);
    let mut whole = vec![number::UDP, 0, 0, 0, 0, 0, 0, 0];
    whole.extend(&datagram[..8]);
    table.packet6(TinyFragment, "a whole chain", &header, &whole, &[Fragment]);
}

fn messages(table: &mut Table) {
    let echo = [8, 0, 0, 0, 0x11, 0x22, 0, 1].repeat(8);
    for place in [(0, true), (2, true), (185, false)] {
        let (offset, more) = place;
        let odd = [IcmpFragment, Fragment];
        let header = table.v4(number::ICMP).fragment(offset, more);
        table.packet4(IcmpFragment, "ping", &header, &echo, &odd);
        let chain = vec![Extension::fragment(offset, more, 0)];
        let header = table.v6(number::ICMPV6).chain(chain);
        table.packet6(IcmpFragment, "ping", &header, &echo, &odd);
        table.pieces(IcmpFragment, "no ICMP", QUIET, place, &echo, &[Fragment]);
    }
    // What lies behind further headers is known of the first fragment only.
    for (offset, odd) in [(0, &[IcmpFragment, Fragment][..]), (2, &[Fragment])] {
        let fragment = Extension::fragment(offset, true, 0);
        let chain = vec![fragment, Extension::destination(0)];
        let header = table.v6(number::ICMPV6).chain(chain);
        table.packet6(IcmpFragment, "a ping behind options", &header, &echo, odd);
    }
    let header = table.v4(number::ICMP);
    table.packet4(IcmpFragment, "a whole ping", &header, &echo, &[]);
    let atomic = table
        .v6(number::ICMPV6)
        .chain(vec![Extension::fragment(0, false, 0)]);
    table.packet6(IcmpFragment, "an atomic ping", &atomic, &echo, &[]);
}
