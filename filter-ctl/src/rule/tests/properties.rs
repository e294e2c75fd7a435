//! What holds of every rule.

use std::cmp::Ordering;

use proptest::{collection::vec, prelude::*, sample::select};

use super::{generate, order::rank, rule};
use crate::rule::{
    Rule,
    numeric::Domain,
    text::{parse, parse_matching},
};

/// Pieces of rules, and some that are none.
const WORDS: &[&str] = &[
    "any",
    "family",
    "ip",
    "ip6",
    "role",
    "customer",
    "dst",
    "src",
    "proto",
    "port",
    "dport",
    "sport",
    "icmp",
    "type",
    "code",
    "tcp",
    "flags",
    "length",
    "dscp",
    "fragment",
    "label",
    "192.0.2.0/24",
    "2001:db8::/48",
    "offset",
    "0",
    "1",
    "255",
    "65536",
    "0x12",
    "1-5",
    "..",
    "5",
    "=",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    "!",
    "&&",
    "||",
    ",",
    ";",
    "(",
    ")",
    "all(",
    "any(",
    "none(",
    "syn",
    "ack",
    "0x02/0x12",
    "dont-fragment",
    "is-fragment",
    "first-fragment",
    "echo-request",
    "http",
    "udp",
    "ef",
    "true",
    "false",
    "then",
    "drop",
    "\u{e9}",
    "|",
    "\t",
    "1..5",
    "2..",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_printed_reads_back_as_the_same_rule(written in generate::written()) {
        let text = written.to_string();
        prop_assert_eq!(parse(&text), Ok(written.clone()), "{}", text);
        let matching = written.matching;
        prop_assert_eq!(parse_matching(&matching.to_string()).unwrap(), matching);
    }

    #[test]
    fn whatever_words_are_put_together_are_a_rule_that_reads_back_or_an_error_with_its_place(
        words in vec((select(WORDS), any::<bool>()), 0..24),
        action in select(vec!["", " then drop", " then limit 5 pps continue"]),
    ) {
        let pieces = words.iter().flat_map(|(word, blank)| [*word, if *blank { " " } else { "" }]);
        let text = pieces.chain([action]).collect::<String>();
        match parse(&text) {
            Ok(written) => prop_assert_eq!(parse(&written.to_string()), Ok(written)),
            Err(error) => prop_assert!((1..=text.chars().count() + 1).contains(&error.column), "{}", error),
        }
    }

    #[test]
    fn ranges_are_sorted_and_apart_and_hold_what_the_operators_accept(
        component in select(vec![Domain::Octet, Domain::Word, Domain::Dscp, Domain::Label])
            .prop_flat_map(generate::numeric),
    ) {
        let ranges = component.ranges();
        let last = component.domain().last();
        prop_assert!(ranges.iter().all(|(first, end)| first <= end && *end <= last));
        prop_assert!(ranges.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0));
        let edges = component.comparisons().iter().map(|comparison| comparison.value);
        let near = edges.chain([0, last]).flat_map(|edge| [edge.saturating_sub(1), edge, (edge + 1).min(last)]);
        for value in near {
            let within = ranges.iter().any(|(first, end)| (*first..=*end).contains(&value));
            prop_assert_eq!(component.accepts(value), within, "{}", value);
        }
    }

    #[test]
    fn the_order_of_rules_is_the_one_of_the_rfc_whatever_order_they_come_in(
        matches in vec(generate::matching(), 2..8),
    ) {
        let rules: Vec<Rule> = matches
            .iter()
            .enumerate()
            .map(|(index, matching)| rule(&index.to_string(), &format!("{matching} then drop")))
            .collect();
        let backwards: Vec<Rule> = rules.iter().rev().cloned().collect();
        let ranked = rank(rules);
let again = rank(backwards);
        prop_assert_eq!(ranked.as_ref().ok(), again.as_ref().ok());
        if let Ok(ranked) = ranked {
            for (index, one) in ranked.iter().enumerate() {
                for other in &ranked[index + 1..] {
                    let order = super::order::by_the_rfc(&one.matching, &other.matching);
                    prop_assert_ne!(order, Ordering::Greater, "{} | {}", one.text, other.text);
                }
            }
        }
    }
}
