//! What is read, how it is printed, and what is refused.

use super::{matching, rule};
use crate::rule::{
    OPERATORS_MAX, TEXT_MAX,
    text::{parse, parse_matching},
};

#[test]
fn every_way_to_write_a_rule_has_one_canonical_text() {
    for (text, canonical) in [
        (
            "dst 192.0.2.0/24 proto = udp sport = 123 length >= 468 then drop",
            "dst 192.0.2.0/24 proto = udp sport = 123 length >= 468 then drop",
        ),
        (
            "source-port ntp; destination 192.0.2.0/24; protocol udp; packet-length 468-65535; then discard;",
            "dst 192.0.2.0/24 proto = udp sport = 123 length 468..65535 then drop",
        ),
        (
            "DST 2001:db8::/48 NEXT HEADER 58 ICMP TYPE packet-too-big THEN PASS",
            "dst 2001:db8::/48 proto = icmpv6 icmp type = 2 then pass",
        ),
        (
            "icmp-type echo-request,echo-reply icmp-code 0 family inet then limit 100pps",
            "family ip icmp type = 8 || = 0 icmp code = 0 then limit 100 pps",
        ),
        (
            "family ip6 icmp type echo-request then limit 1 kpps burst 200 packets continue",
            "family ip6 icmp type = 128 then limit 1000 pps burst 200 packets continue",
        ),
        (
            "src 198.51.100.1 dport http,https,8000..8010||>50000&&<=50010 then limit 10mbit/s burst 1500 kbit",
            "src 198.51.100.1/32 dport = 80 || = 443 || 8000..8010 || > 50000 && <= 50010 then limit 10 Mbit/s burst 1500 kbit",
        ),
        (
            "dst 2001:db8::/32 offset 0 flow-label 0x10 then monitor",
            "dst 2001:db8::/32 label = 16 then monitor",
        ),
        (
            "dst 2001:db8::/32/0 then pass",
            "dst 2001:db8::/32 then pass",
        ),
        (
            "label true then monitor continue",
            "family ip6 label true then monitor",
        ),
        (
            "tcp flags 0x02/0x12 then drop",
            "tcp flags syn && !ack then drop",
        ),
        (
            "tcp-flags syn,!ack || !rst && all(psh,push) then drop",
            "tcp flags syn && !ack || !rst && psh then drop",
        ),
        (
            "tcp flags !all(fin,0x800) || any(ece,cwr,ae) || none(urg,syn) || all(0) then drop",
            "tcp flags !all(fin,0x800) || any(ece,cwr,ae) || none(syn,urg) || all(0x0) then drop",
        ),
        (
            "fragment is_fragment || dont_fragment then drop",
            "family ip fragment is-fragment || dont-fragment then drop",
        ),
        (
            "fragment !is-fragment && !first-fragment dscp af41, != ef role customer then pass continue",
            "role customer dscp = 34 || != 46 fragment !is-fragment && !first-fragment then pass continue",
        ),
        ("family ip6 any then drop", "family ip6 any then drop"),
        (
            "proto icmp icmp type 8 then drop",
            "proto = icmp icmp type = 8 then drop",
        ),
        (
            "proto tcp tcp flags any(syn) then drop",
            "proto = tcp tcp flags any(syn) then drop",
        ),
    ] {
        assert_eq!(&*rule("r", text).text, canonical, "{text}");
        assert_eq!(&*rule("r", canonical).text, canonical);
    }
}

#[test]
fn bits_of_one_name_print_that_name_whatever_the_form() {
    let text = "tcp flags syn && !syn || all(syn,fin)";
    assert_eq!(
        matching(text).to_string(),
        "tcp flags syn && !syn || all(fin,syn)"
    );
    assert_eq!(
        matching("tcp flags 0x000/0x300").to_string(),
        "tcp flags none(ae,0x200)"
    );
    assert_eq!(
        matching("tcp flags 0x200/0x200").to_string(),
        "tcp flags all(0x200)"
    );
}

/// Texts, and what is said of them.
const REFUSED: &[(&str, &str)] = &[
    (
        "",
        "column 1: expected `then` and an action, such as `then drop`",
    ),
    (
        "then drop",
        "column 1: expected a component, such as `dst 192.0.2.0/24`; or `any` for every packet",
    ),
    (
        "family ip then drop",
        "column 11: expected a component, such as `dst 192.0.2.0/24`; or `any` for every packet",
    ),
    (
        "any dst 192.0.2.1 then drop",
        "column 5: `dst`: `any` is every packet: expected no component beside it",
    ),
    (
        "dst 192.0.2.1/24 then drop",
        "column 5: `192.0.2.1/24`: has host bits set: expected 192.0.2.0/24 for the prefix, or no length for the host",
    ),
    (
        "dst 2001:db8::/64 offset 8 then drop",
        "column 26: `8`: an offset other than 0 cannot be represented: expected a prefix from bit 0",
    ),
    (
        "dst ::1234:5678:9a00:0/64-104 then drop",
        "column 5: `::1234:5678:9a00:0/64-104`: an offset other than 0 cannot be represented: expected a prefix from bit 0",
    ),
    (
        "dst 2001:db8::/104/64 then drop",
        "column 5: `2001:db8::/104/64`: an offset other than 0 cannot be represented: expected a prefix from bit 0",
    ),
    (
        "dst 192.0.2.0/24/0 then drop",
        "column 5: `192.0.2.0/24/0`: IPv4 prefixes have no offset",
    ),
    (
        "dst 192.0.2.1 src 2001:db8::1 then drop",
        "column 19: `2001:db8::1`: this is of IPv6 only, and `192.0.2.1` in column 5 of IPv4: no packet is of both families",
    ),
    (
        "label 1 family ip then drop",
        "column 16: `ip`: this is of IPv4 only, and `label` in column 1 of IPv6: no packet is of both families",
    ),
    (
        "dst 2001:db8::1 fragment dont-fragment then drop",
        "column 26: `dont-fragment`: this is of IPv4 only, and `2001:db8::1` in column 5 of IPv6: no packet is of both families",
    ),
    (
        "dst 2001:db8::1 fragment 0x1/0x3 then drop",
        "column 17: `fragment`: this is of IPv4 only, and `2001:db8::1` in column 5 of IPv6: no packet is of both families",
    ),
    (
        "dport 65536 then drop",
        "column 7: `65536`: expected dport from 0 to 65535",
    ),
    (
        "dport 080 then drop",
        "column 7: `080`: expected dport from 0 to 65535",
    ),
    (
        "dscp 64 then drop",
        "column 6: `64`: expected dscp from 0 to 63",
    ),
    (
        "label 0x100000 then drop",
        "column 7: `0x100000`: expected label from 0 to 1048575",
    ),
    (
        "proto 256 then drop",
        "column 7: `256`: expected proto from 0 to 255",
    ),
    (
        "dport 80 443 then drop",
        "column 10: `443`: expected `,`, `||`, `&&`, another component, or `then`",
    ),
    (
        "dport 80, then drop",
        "column 11: expected a value, or one of = != < <= > >= and a value",
    ),
    (
        "dport 90..80 then drop",
        "column 7: `90`: the range ends at 80 before it begins at 90",
    ),
    (
        "dport != 80..90 then drop",
        "column 10: `80`: a range has no other sign than `=`: expected `< FIRST || > LAST` or the like",
    ),
    (
        "dport foo then drop",
        "column 7: `foo`: expected dport as a number from 0 to 65535 or by a known name, another component, or `then`",
    ),
    (
        "foo 1 then drop",
        "column 1: `foo`: expected any, family, role, or a component: dst, src, proto, port, dport, sport, icmp type, icmp code, tcp flags, length, dscp, fragment, label",
    ),
    (
        "dport 1 dport 2 then drop",
        "column 9: `dport`: is given twice: expected one list of values, such as `= 80 || = 443`",
    ),
    (
        "icmp type echo-request then drop",
        "column 11: `echo-request`: the number of this name depends on the family: write `family ip` or `family ip6`, or a number",
    ),
    (
        "tcp flags 0x12 then drop",
        "column 11: `0x12`: expected a bit by name, a value with its mask such as 0x02/0x12, or one of all(..), any(..), none(..)",
    ),
    (
        "tcp flags 0x1000/0x1000 then drop",
        "column 11: `0x1000/0x1000`: expected names of bits, or numbers up to 0xfff",
    ),
    (
        "tcp flags 0x03/0x01 then drop",
        "column 11: `0x03/0x01`: the value has bits that the mask has not, so no packet can match",
    ),
    (
        "tcp flags 0/0 then drop",
        "column 11: `0/0`: a mask of 0 asks for nothing: expected the bits to look at",
    ),
    (
        "tcp flags syn,!syn then drop",
        "column 16: `syn`: this bit is to be set and not to be set, so no packet can match",
    ),
    (
        "tcp flags !0x02/0x12 then drop",
        "column 12: `0x02/0x12`: expected no `!` before a value and its mask: write `!all(..)` or `none(..)`",
    ),
    (
        "tcp flags !any(syn) then drop",
        "column 12: `any`: expected `all(` after `!`: `none` is the contrary of `any`",
    ),
    (
        "tcp flags syn|ack then drop",
        "column 14: `|`: expected `||`",
    ),
    (
        "fragment is-fragment,first-fragment then drop",
        "column 21: `,`: expected `||` for one of them or `&&` for all of them: `,` could be read as either",
    ),
    (
        "proto udp tcp flags syn then drop",
        "column 11: `tcp`: no packet can match: ports ask for tcp or udp, tcp flags for tcp, icmp type and code for icmp or, in IPv6, icmpv6, and that excludes another of them or what `proto` asks for",
    ),
    (
        "dport 80 fragment is-fragment then drop",
        "column 10: `fragment`: no packet can match: a fragment other than the first has no ports, flags or ICMP type",
    ),
    (
        "any then",
        "column 9: expected an action: drop, pass, monitor, or limit and a rate",
    ),
    (
        "any then reject",
        "column 10: `reject`: expected an action: drop, pass, monitor, or limit and a rate",
    ),
    (
        "any then drop continue",
        "column 15: `continue`: expected no `continue`: no rule can be asked about a packet that is dropped",
    ),
    (
        "any then pass drop",
        "column 15: `drop`: expected the end of the rule, or `continue`",
    ),
    (
        "any then limit 10",
        "column 18: expected a unit: pps, kpps, Mpps, bit/s, kbit/s, Mbit/s or Gbit/s",
    ),
    (
        "any then limit 0 pps",
        "column 16: `0`: expected from 1 to 1000000000 packets, and `drop` for none",
    ),
    (
        "any then limit 1001 Gbit/s",
        "column 16: `1001`: expected from 1 to 1000000000000 bits, and `drop` for none",
    ),
    (
        "any then limit 1.5 Gbit/s",
        "column 16: `1.5`: expected a rate such as `1000 pps` or `10 Mbit/s`",
    ),
    (
        "any then limit 1000 pps burst 9",
        "column 31: `9`: expected a burst of 10 to 1000000 packets, what the rate lets pass in 10 ms to 1000 s",
    ),
    (
        "any then limit 1 pps burst 1001",
        "column 28: `1001`: expected a burst of 1 to 1000 packets, what the rate lets pass in 10 ms to 1000 s",
    ),
    (
        "any then limit 9 pps burst 1 Mbit",
        "column 28: `1`: expected a burst in the unit of the rate, such as `100` or `1 Mbit`",
    ),
    (
        "dst \u{e9} then drop",
        "column 5: `\u{e9}`: this character is no part of a rule",
    ),
    (
        "any then drop\u{1b}[2J",
        "column 14: `\u{fffd}`: this character is no part of a rule",
    ),
];

#[test]
fn what_cannot_be_said_exactly_is_refused_with_its_place_and_reason() {
    for (text, error) in REFUSED {
        let found = parse(text).unwrap_err();
        assert_eq!(found.to_string(), *error, "{text}");
    }
}

#[test]
fn limits_hold_and_say_so() {
    let most: Vec<String> = (0..OPERATORS_MAX).map(|port| port.to_string()).collect();
    let most = most.join(",");
    assert!(parse_matching(&format!("dport {most}")).is_ok());
    let error = parse_matching(&format!("dport {most},64")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "column 1: `dport`: 65 operators: expected at most 64; split the rule"
    );
    let error = parse(&"x".repeat(TEXT_MAX + 1)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "column 1: 4097 bytes: expected at most 4096; split the rule"
    );
    // Short to write and long to print.
    let masks = vec!["0/0xfff"; OPERATORS_MAX].join("||");
    let error = parse(&format!(
        "tcp flags {masks} fragment {} then drop",
        vec!["0/0xf"; 32].join("||")
    ));
    assert!(
        error
            .unwrap_err()
            .to_string()
            .contains("bytes: expected at most 4096")
    );
}

#[test]
fn every_rule_of_the_manual_is_one() {
    let manual = include_str!("../../../../docs/rules.md");
    // Every second piece between fences is code.
    let blocks = manual.split("```").skip(1).step_by(2);
    let lines = blocks
        .flat_map(str::lines)
        .filter(|line| !line.contains("filter-ctl"));
    let is_rule = |line: &&str| line.contains(" then ");
    let rules: Vec<&str> = lines.filter(is_rule).collect();
    assert!(rules.len() >= 10, "{rules:?}");
    for text in rules {
        let read = parse(text);
        assert!(read.is_ok(), "{text}: {read:?}");
    }
    for text in manual.lines().filter(|line| {
        ["dport ", "length ", "proto ", "tcp flags ", "fragment "]
            .iter()
            .any(|word| line.starts_with(word))
    }) {
        let read = parse_matching(text);
        assert!(read.is_ok(), "{text}: {read:?}");
    }
}
