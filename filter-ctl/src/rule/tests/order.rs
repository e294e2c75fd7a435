//! The bytes and the order of the RFCs.

use std::cmp::Ordering;

use super::{matching, rule};
use crate::rule::{
    Matching, Rule,
    order::{Duplicate, Ranking, nlri},
};

/// Puts rules in the order in which they are asked.
pub(super) fn rank(rules: Vec<Rule>) -> Result<Vec<Rule>, Duplicate> {
    let mut ranking = Ranking::default();
    rules
        .into_iter()
        .try_for_each(|rule| ranking.insert(rule))?;
    Ok(ranking.into_rules())
}

/// The components of an NLRI, each with its type, read as a receiver would.
fn split(bytes: &[u8], is_v6: bool) -> Vec<(u8, Vec<u8>)> {
    let mut rest = if bytes[0] < 0xf0 {
        &bytes[1..]
    } else {
        &bytes[2..]
    };
    let mut components = Vec::new();
    while let [kind, value @ ..] = rest {
        let length = if *kind <= 2 {
            let head = if is_v6 { 2 } else { 1 };
            head + usize::from(value[0].div_ceil(8))
        } else {
            let mut length = 0;
            loop {
                let operator = value[length];
                length += 1 + (1 << (operator >> 4 & 3));
                if operator & 0x80 != 0 {
                    break length;
                }
            }
        };
        components.push((*kind, value[..length].to_vec()));
        rest = &value[length..];
    }
    components
}

/// The comparison of RFC 8955, 5.1, over the bytes that are sent; `Less` has precedence. Rules that are not of one
/// family are not compared there.
pub(super) fn by_the_rfc(one: &Matching, two: &Matching) -> Ordering {
    if one.family.is_some() && two.family.is_some() && one.family != two.family {
        return Ordering::Equal;
    }
    let is_v6 = |matching: &Matching| matching.family == Some(filter_common::address::Family::V6);
    let first = split(&nlri(one), is_v6(one));
    let second = split(&nlri(two), is_v6(two));
    for index in 0..first.len().max(second.len()) {
        let (a, b) = match (first.get(index), second.get(index)) {
            (None, _) => return Ordering::Greater,
            (_, None) => return Ordering::Less,
            (Some(a), Some(b)) => (a, b),
        };
        if a.0 != b.0 {
            return a.0.cmp(&b.0);
        }
        let order = if a.0 <= 2 {
            by_prefix(&a.1, &b.1, is_v6(one))
        } else {
            by_bytes(&a.1, &b.1)
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    Ordering::Equal
}

fn by_prefix(a: &[u8], b: &[u8], is_v6: bool) -> Ordering {
    let head = if is_v6 { 2 } else { 1 };
    let common = a[0].min(b[0]);
    let bit = |bytes: &[u8], bit: u8| bytes[head + usize::from(bit / 8)] >> (7 - bit % 8) & 1;
    let differing = (0..common).find(|index| bit(a, *index) != bit(b, *index));
    match differing {
        Some(index) => bit(a, index).cmp(&bit(b, index)),
        None => b[0].cmp(&a[0]),
    }
}

fn by_bytes(a: &[u8], b: &[u8]) -> Ordering {
    let common = a.len().min(b.len());
    a[..common].cmp(&b[..common]).then(b.len().cmp(&a.len()))
}

#[test]
fn the_examples_of_the_rfcs_have_their_bytes() {
    for (text, bytes) in [
        // RFC 8955, 4.3.
        (
            "dst 192.0.2.0/24 proto = tcp port = 25",
            "0b 01 18 c0 00 02 03 81 06 04 81 19",
        ),
        (
            "dst 192.0.2.0/24 src 203.0.113.0/24 port 137..139 || = 8080",
            "12 01 18 c0 00 02 02 18 cb 00 71 04 03 89 45 8b 91 1f 90",
        ),
        (
            "dst 192.0.2.1/32 fragment any(dont-fragment,first-fragment)",
            "09 01 20 c0 00 02 01 0c 80 05",
        ),
        // RFC 8956, 3.8.1, without the source, whose offset cannot be represented.
        (
            "dst 2001:db8::/32 proto = tcp",
            "0a 01 20 00 20 01 0d b8 03 81 06",
        ),
        // The lengths of values: one byte, two, and four for a flow label.
        (
            "tcp flags 0x002/0x112 length = 255 || = 256",
            "0c 09 01 02 d2 01 10 0a 01 ff 91 01 00",
        ),
        ("label != 5", "06 0d a6 00 00 00 05"),
        ("dscp true || false", "05 0b 07 00 80 00"),
    ] {
        let hex: Vec<String> = nlri(&matching(text))
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(hex.join(" "), bytes, "{text}");
    }
}

#[test]
fn a_long_nlri_says_its_length_in_two_bytes() {
    let ports: Vec<String> = (1000..1064).map(|port| port.to_string()).collect();
    let ports = ports.join(",");
    let bytes = nlri(&matching(&format!("dport {ports} sport {ports}")));
    assert_eq!(bytes[..3], [0xf1, 0x82, 0x05]);
    assert_eq!(bytes.len(), 2 + 2 * (1 + 64 * 3));
}

#[test]
fn rules_are_asked_in_the_order_of_the_rfc() {
    let in_order = [
        // Lower types first, longer prefixes first, lower addresses first.
        "dst 192.0.2.128/25 then drop",
        "dst 192.0.2.0/24 src 198.51.100.0/24 then drop",
        "dst 192.0.2.0/24 proto = tcp then drop",
        "dst 192.0.2.0/24 then drop",
        "dst 192.0.0.0/16 then drop",
        "dst 198.51.100.0/24 then drop",
        "dst 0.0.0.0/0 then drop",
        "dst 2001:db8::/48 then drop",
        "dst 2001:db8::/32 then drop",
        "src 192.0.2.0/24 then drop",
        // By bytes: `>` is 0x82, `<` is 0x84; with a value after it, the end bit is not set.
        "proto = tcp || = udp then drop",
        "proto = tcp dport = 80 then drop",
        "family ip role upstream proto = tcp then drop",
        "family ip role customer proto = tcp then drop",
        "family ip proto = tcp then drop",
        "family ip6 proto = tcp then drop",
        "role upstream proto = tcp then drop",
        "role customer proto = tcp then drop",
        "proto = tcp then drop",
        "proto = udp then drop",
        "proto > udp then drop",
        "dport = 80 then drop",
        "dport = 8080 then drop",
        "family ip6 label = 1 then drop",
        "family ip any then drop",
        "family ip6 any then drop",
        "role upstream any then drop",
        "any then drop",
    ];
    let named = in_order.iter().enumerate();
    let mut rules: Vec<_> = named
        .map(|(index, text)| rule(&index.to_string(), text))
        .collect();
    rules.reverse();
    let ranked = rank(rules).unwrap();
    let texts: Vec<&str> = ranked.iter().map(|rule| &*rule.text).collect();
    let expected: Vec<String> = in_order
        .iter()
        .map(|text| rule("r", text).text.into())
        .collect();
    assert_eq!(texts, expected);
}

#[test]
fn the_same_match_twice_is_refused_whatever_the_actions() {
    let rules = vec![
        rule("b", "proto = udp port 1..5 then drop"),
        rule("c", "proto = udp port 1..6 then drop"),
        rule("a", "port >= 1 && <= 5 proto udp then limit 5 pps"),
    ];
    let error = rank(rules).unwrap_err();
    assert_eq!((error.known.as_str(), error.id.as_str()), ("b", "a"));
}
