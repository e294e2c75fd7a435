//! Behind a NAT64 prefix the IPv4 address inside is looked up too (RFC 6052).

use std::net::{Ipv4Addr, Ipv6Addr};

use filter_common::{
    policy::{Policy, PolicyAction, PolicySet},
    table::Scope,
    verdict::Reason,
};

use crate::support::{
    kernel::{Kernel, Outcome, SMALL},
    packet::{Flow, number},
    rules::{Rule, Rules},
    skipped, wrapping,
};

const BLOCKED: &str = "192.0.2.33";
const CLIENT: &str = "2001:4:112::1";

/// The examples of RFC 6052, 2.4: a prefix, and the address in which it holds 192.0.2.33.
const EXAMPLES: [(&str, &str); 6] = [
    ("2001:db8::/32", "2001:db8:c000:221::"),
    ("2001:db8:100::/40", "2001:db8:1c0:2:21::"),
    ("2001:db8:122::/48", "2001:db8:122:c000:2:2100::"),
    ("2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::"),
    ("2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100::"),
    ("2001:db8:122:344::/96", "2001:db8:122:344::192.0.2.33"),
];

/// The address in which a prefix holds `v4`: byte by byte, the ninth left out.
fn embed(prefix: &str, v4: &str) -> String {
    let (address, length) = prefix.split_once('/').unwrap();
    let mut bytes = address.parse::<Ipv6Addr>().unwrap().octets();
    let first = length.parse::<usize>().unwrap() / 8;
    let places = (first..16).filter(|place| *place != 8);
    for (place, byte) in places.zip(v4.parse::<Ipv4Addr>().unwrap().octets()) {
        bytes[place] = byte;
    }
    Ipv6Addr::from(bytes).to_string()
}

fn with(prefix: &str, rules: Rules) -> Rules {
    let mut rules = rules;
    rules.perimeter.nat64 = vec![prefix.parse().unwrap()];
    rules
}

fn clean() -> Outcome {
    Outcome::pass(Reason::Clean)
}

fn check(kernel: &mut Kernel, from: &str, to: &str, expected: &Outcome) {
    let frame = Flow::udp(from, to, [53, 4_000]).frame(&[0; 32]).bytes();
    kernel.check(&format!("{from} to {to}"), &frame, expected);
}

#[test]
fn the_tests_embed_addresses_as_the_examples_do() {
    for (prefix, example) in EXAMPLES {
        let address: Ipv6Addr = example.parse().unwrap();
        assert_eq!(embed(prefix, BLOCKED), address.to_string());
    }
}

#[test]
fn a_listed_ipv4_address_is_blocked_behind_every_length_of_prefix() {
    if skipped() {
        return;
    }
    let mut kernel = Kernel::empty(SMALL);
    for (prefix, example) in EXAMPLES {
        kernel.publish(&with(prefix, Rules::new([Rule::new(BLOCKED, 1)])));
        for wrapping in wrapping::all(CLIENT.parse().unwrap()) {
            for [from, to] in [[example, CLIENT], [CLIENT, example]] {
                let frame = wrapping.frame(&Flow::udp(from, to, [53, 4_000]));
                kernel.check(&wrapping.name, &frame, &Outcome::drop(1));
            }
        }
        for other in [
            "192.0.2.32",
            "192.0.2.34",
            "192.0.3.33",
            "193.0.2.33",
            "33.2.0.192",
        ] {
            let other = embed(prefix, other);
            check(&mut kernel, &other, CLIENT, &clean());
            check(&mut kernel, CLIENT, &other, &clean());
        }
        // What a translator does not look at does not matter.
        let mut bytes = example.parse::<Ipv6Addr>().unwrap().octets();
        if !prefix.ends_with("/96") {
            bytes[8] = 0xff;
            bytes[15] = 0xff;
        }
        let noisy = Ipv6Addr::from(bytes).to_string();
        check(&mut kernel, &noisy, CLIENT, &Outcome::drop(1));
        // Where nothing is said of the prefix, the address is an address.
        kernel.publish(&Rules::new([Rule::new(BLOCKED, 1)]));
        check(&mut kernel, example, CLIENT, &clean());
    }
}

#[test]
fn beside_the_prefix_nothing_is_translated() {
    if skipped() {
        return;
    }
    let mut kernel = Kernel::empty(SMALL);
    let rules = || Rules::new([Rule::new(BLOCKED, 1)]);
    kernel.publish(&with("64:ff9b::/96", rules()));
    for (address, expected) in [
        ("64:ff9b::192.0.2.33", Outcome::drop(1)),
        ("64:ff9b::1:192.0.2.33", clean()),
        ("64:ff9a::192.0.2.33", clean()),
        ("64:ff9b:1::192.0.2.33", clean()),
        ("::ffff:192.0.2.33", clean()),
    ] {
        check(&mut kernel, address, CLIENT, &expected);
        check(&mut kernel, CLIENT, address, &expected);
    }
    // Of nested prefixes the most specific says where the address is.
    let mut nested = rules();
    nested.perimeter.nat64 = vec![
        "2001:db8::/32".parse().unwrap(),
        "2001:db8:122:344::/96".parse().unwrap(),
    ];
    kernel.publish(&nested);
    check(
        &mut kernel,
        "2001:db8:122:344::192.0.2.33",
        CLIENT,
        &Outcome::drop(1),
    );
    check(
        &mut kernel,
        "2001:db8:c000:221::",
        CLIENT,
        &Outcome::drop(1),
    );
}

#[test]
fn conditions_and_directions_hold_behind_a_translator() {
    if skipped() {
        return;
    }
    let prefix = "64:ff9b::/96";
    let inside = "64:ff9b::192.0.2.33";
    let mut kernel = Kernel::empty(SMALL);
    let rule = || Rule::new(BLOCKED, 1);
    for (rule, from_is_blocked, to_is_blocked) in [
        (rule().only_from(), true, false),
        (rule().only_to(), false, true),
        (rule().protocol(number::UDP), true, true),
        (rule().protocol(number::TCP), false, false),
        (rule().ports(53, 53), true, false),
        (rule().ports(4_000, 4_000), false, true),
    ] {
        kernel.publish(&with(prefix, Rules::new([rule])));
        for ([from, to], blocked) in [
            ([inside, CLIENT], from_is_blocked),
            ([CLIENT, inside], to_is_blocked),
        ] {
            let expected = if blocked { Outcome::drop(1) } else { clean() };
            check(&mut kernel, from, to, &expected);
        }
    }
    // ICMPv6 is ICMP on the other side of the translator.
    let echo = Flow::udp(CLIENT, inside, [0; 2]).protocol(number::ICMPV6);
    let echo = echo.frame(&[0; 32]).bytes();
    for (protocol, expected) in [(number::ICMP, Outcome::drop(1)), (number::ICMPV6, clean())] {
        kernel.publish(&with(prefix, Rules::new([rule().protocol(protocol)])));
        kernel.check("an echo request", &echo, &expected);
    }
    // As it is on the wire it is asked about first.
    let both = [
        Rule::new(BLOCKED, 1),
        Rule::new(inside, 2),
        Rule::new(CLIENT, 3),
    ];
    kernel.publish(&with(prefix, Rules::new(both)));
    check(&mut kernel, inside, CLIENT, &Outcome::drop(2));
    check(&mut kernel, CLIENT, inside, &Outcome::drop(3));
    let translated = "64:ff9b::198.51.100.9";
    let ends = [
        Rule::new(BLOCKED, 1),
        Rule::new("198.51.100.9", 2).monitor(),
    ];
    kernel.publish(&with(prefix, Rules::new(ends)));
    check(&mut kernel, inside, translated, &Outcome::drop(1));
    check(
        &mut kernel,
        translated,
        inside,
        &Outcome::drop(1).would(&[2]),
    );
    kernel.publish(&with(prefix, Rules::new([rule()]).monitoring()));
    check(&mut kernel, inside, CLIENT, &clean().would(&[1]).decided());
}

#[test]
fn protection_of_a_translated_address_is_for_itself_only() {
    if skipped() {
        return;
    }
    let prefix = "64:ff9b::/96";
    let inside = "64:ff9b::192.0.2.33";
    let mut kernel = Kernel::empty(SMALL);
    for scope in [Scope::Lists, Scope::All] {
        let rules = Rules::new([Rule::new("192.0.2.0/24", 1), Rule::new(CLIENT, 2)]);
        kernel.publish(&with(prefix, rules.never_block(BLOCKED, scope)));
        // The end inside is protected; the other, which is listed, is not.
        check(&mut kernel, inside, "2001:4:112::2", &clean());
        check(&mut kernel, inside, CLIENT, &Outcome::drop(2));
        check(
            &mut kernel,
            "64:ff9b::192.0.2.32",
            CLIENT,
            &Outcome::drop(2),
        );
        check(
            &mut kernel,
            "64:ff9b::192.0.2.32",
            "2001:4:112::2",
            &Outcome::drop(1),
        );
    }
    // Nor does it keep a policy from its work.
    let mut set = PolicySet::default();
    set.put(Policy::PortZero, PolicyAction::Drop);
    let rules = Rules::new([])
        .policies(set)
        .never_block(BLOCKED, Scope::All);
    kernel.publish(&with(prefix, rules));
    let frame = Flow::udp(inside, CLIENT, [0, 4_000])
        .frame(&[0; 32])
        .bytes();
    kernel.check("a port 0", &frame, &Outcome::refused(Policy::PortZero));
    // The address on the wire is another matter.
    let rules = Rules::new([Rule::new(BLOCKED, 1), Rule::new(CLIENT, 2)]);
    let never = Outcome::pass(Reason::NeverBlock);
    kernel.publish(&with(prefix, rules.clone().never_block(inside, Scope::All)));
    check(&mut kernel, inside, CLIENT, &never);
    check(&mut kernel, CLIENT, inside, &never);
    kernel.publish(&with(prefix, rules.never_block(inside, Scope::Lists)));
    check(&mut kernel, inside, "2001:4:112::2", &Outcome::drop(1));
}
