//! The components with bits: every operator of RFC 8955, 4.2.1.2, over every content.

use super::{Judge, Packet, Piece};
use crate::support::{packet::number, skipped};

/// Tests of the bits of a mask, as they are written, and what they say of a content: neither bit of the operator
/// set, match, not, and both.
type Test = (&'static str, fn(u16, u16) -> bool);

/// Tests that are joined, and the flags for which they hold.
type Joined = (&'static str, fn(u16) -> bool);

const TESTS: [Test; 4] = [
    ("any", |content, mask| content & mask != 0),
    ("all", |content, mask| content & mask == mask),
    ("none", |content, mask| content & mask == 0),
    ("!all", |content, mask| content & mask != mask),
];

fn tcp(is_v6: bool, flags: u16) -> Packet {
    let packet = if is_v6 {
        Packet::new("2001:db8:1::7", "2001:db8:7::9")
    } else {
        Packet::new("203.0.113.7", "192.0.2.9")
    };
    Packet {
        protocol: number::TCP,
        flags,
        ..packet
    }
}

#[test]
fn every_test_of_tcp_flags_holds_for_every_set_of_flags_that_it_names_and_for_no_other() {
    if skipped() {
        return;
    }
    let mut judge = Judge::new();
    for mask in [0x02, 0x12, 0x17, 0x100, 0x803, 0xfff] {
        for (name, holds) in TESTS {
            judge.rule(&format!("tcp flags {name}({mask:#x})"));
            for base in 0..32 {
                // The bits of the second byte come and go with those of the first.
                for flags in [base, base | 0x100, base | 0xfe0] {
                    let is_v6 = base % 2 == 1;
                    judge.expect(&tcp(is_v6, flags), holds(flags, mask));
                }
            }
        }
    }
}

#[test]
fn tests_of_flags_are_joined_and_read_to_the_last() {
    if skipped() {
        return;
    }
    let mut judge = Judge::new();
    let has = |flags: u16, bits: u16| flags & bits == bits;
    let lists: [Joined; 7] = [
        ("syn,!ack", |flags| flags & 0x12 == 0x02),
        ("0x02/0x12", |flags| flags & 0x12 == 0x02),
        ("0x00/0x17", |flags| flags & 0x17 == 0),
        ("syn || fin || rst", |flags| flags & 0x07 != 0),
        ("syn && ack || rst", |flags| {
            flags & 0x12 == 0x12 || flags & 4 != 0
        }),
        ("rst || syn && !ack", |flags| {
            flags & 0x12 == 2 || flags & 4 != 0
        }),
        ("any(syn,fin) && none(ack,rst)", |flags| {
            flags & 3 != 0 && flags & 0x14 == 0
        }),
    ];
    for (text, holds) in lists {
        judge.rule(&format!("tcp flags {text}"));
        for flags in 0..32 {
            judge.expect(&tcp(has(flags, 1), flags), holds(flags));
        }
    }
}

/// What headers say of fragments, as the RFCs have it: don't fragment, is a fragment, first, last.
const CONTENTS: [(Piece, u16); 5] = [
    (Piece::Whole, 0),
    (Piece::Whole, 1),
    (Piece::First, 4),
    (Piece::Middle, 2),
    (Piece::Last, 2 | 8),
];

fn fragment(is_v6: bool, (piece, content): (Piece, u16)) -> Packet {
    Packet {
        protocol: number::UDP,
        piece,
        dont: content & 1 != 0,
        ..tcp(is_v6, 0x10)
    }
}

#[test]
fn every_test_of_fragment_bits_holds_for_the_fragments_that_it_names_and_for_no_others() {
    const NAMES: [(&str, u16); 6] = [
        ("dont-fragment", 1),
        ("is-fragment", 2),
        ("first-fragment", 4),
        ("last-fragment", 8),
        ("is-fragment,last-fragment", 2 | 8),
        ("first-fragment,last-fragment", 4 | 8),
    ];
    if skipped() {
        return;
    }
    let mut judge = Judge::new();
    for (names, mask) in NAMES {
        for (name, holds) in TESTS {
            judge.rule(&format!("fragment {name}({names})"));
            for of_header in CONTENTS {
                let (_, content) = of_header;
                judge.expect(&fragment(false, of_header), holds(content, mask));
                // IPv6 knows no such bit, so a rule that asks for it is one of IPv4.
                if content & 1 == 0 {
                    let expected = mask & 1 == 0 && holds(content, mask);
                    judge.expect(&fragment(true, of_header), expected);
                }
            }
        }
    }
}

#[test]
fn a_rule_about_fragments_and_ports_is_one_about_first_fragments() {
    if skipped() {
        return;
    }
    let mut judge = Judge::new();
    for (matching, expected) in [
        (
            "dport = 50000 fragment first-fragment",
            [false, false, true, false, false],
        ),
        (
            "dport = 50000 fragment !is-fragment",
            [true, true, true, false, false],
        ),
        ("dport = 50000", [true, true, true, false, false]),
        (
            "proto = udp fragment is-fragment",
            [false, false, false, true, true],
        ),
        (
            "fragment is-fragment && !last-fragment",
            [false, false, false, true, false],
        ),
        (
            "fragment first-fragment || last-fragment",
            [false, false, true, false, true],
        ),
    ] {
        judge.rule(matching);
        for (of_header, expected) in CONTENTS.into_iter().zip(expected) {
            judge.expect(&fragment(false, of_header), expected);
            if of_header.1 & 1 == 0 {
                judge.expect(&fragment(true, of_header), expected);
            }
        }
    }
}
