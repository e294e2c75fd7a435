//! What holds of every rule.

use std::cmp::Ordering;

use proptest::{prelude::*, sample::select};

use super::{generate, order::rank, rule};
use crate::rule::{
    Fields, Matching, Numeric, Rule,
    numeric::Domain,
    text::{parse, parse_matching},
};

/// The same question, asked of ranges in place of operators.
fn by_ranges(matching: &Matching, fields: &Fields) -> bool {
    let within = |component: &Option<Numeric>, value: Option<u32>| {
        component.as_ref().is_none_or(|component| {
            let ranges = component.ranges();
            value.is_some_and(|value| {
                ranges
                    .iter()
                    .any(|(first, last)| (*first..=*last).contains(&value))
            })
        })
    };
    let begins = fields.fragment & 2 == 0;
    let is = |protocols: &[u8]| begins && fields.protocol.is_some_and(|p| protocols.contains(&p));
    let ports = fields.ports.filter(|_| is(&[6, 17]));
    let icmp_of = if fields.source.is_ipv4() { 1 } else { 58 };
    let icmp = fields.icmp.filter(|_| is(&[icmp_of]));
    let port = |index: usize| ports.map(|ports| u32::from(ports[index]));
    let icmp = |index: usize| icmp.map(|icmp| u32::from(icmp[index]));
    let flags = fields.flags.filter(|_| is(&[6]));
    let flags = matching
        .tcp_flags
        .as_ref()
        .is_none_or(|c| flags.is_some_and(|flags| c.accepts(flags)));
    let fragment = matching
        .fragment
        .as_ref()
        .is_none_or(|c| c.accepts(fields.fragment.into()));
    matching.family.is_none_or(|family| family == fields.family)
        && matching.role.is_none_or(|role| role == fields.role)
        && matching
            .destination
            .is_none_or(|net| net.contains(&fields.destination))
        && matching
            .source
            .is_none_or(|net| net.contains(&fields.source))
        && within(&matching.protocol, fields.protocol.map(u32::from))
        && (within(&matching.port, port(0)) || within(&matching.port, port(1)))
        && within(&matching.source_port, port(0))
        && within(&matching.destination_port, port(1))
        && within(&matching.icmp_type, icmp(0))
        && within(&matching.icmp_code, icmp(1))
        && flags
        && within(&matching.length, Some(fields.length.into()))
        && within(&matching.dscp, Some(fields.dscp.into()))
        && fragment
        && within(&matching.label, fields.label)
}

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
    fn operators_and_ranges_say_the_same_of_every_packet(
        matching in generate::matching(),
        fields in generate::fields(),
    ) {
        prop_assert_eq!(matching.matches(&fields), by_ranges(&matching, &fields), "{}", matching);
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
        matches in proptest::collection::vec(generate::matching(), 2..8),
    ) {
        let rules: Vec<Rule> = matches
            .iter()
            .enumerate()
            .map(|(index, matching)| rule(&index.to_string(), &format!("{matching} then drop")))
            .collect();
        let backwards: Vec<Rule> = rules.iter().rev().cloned().collect();
        let ranked = rank(rules);
        prop_assert_eq!(ranked.as_ref().ok(), rank(backwards).as_ref().ok());
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
