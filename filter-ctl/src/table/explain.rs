//! Which rules and which never-block entries speak of an address.
//!
//! Answered from the rules and not from the table, so that every covering entry is named, not only
//! the one that is charged.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::policy::{NeverBlock, Rule, RuleRef, RuleSet};

/// The rules whose prefix covers an address, the most specific first, those of one prefix by `until`, the
/// latest first.
///
/// Takes a few searches in each list.
#[must_use]
pub fn covering(rules: &RuleSet, address: IpAddr) -> Vec<Rule<'_>> {
    let lists = (0..).zip(&rules.lists);
    let mut found: Vec<_> = lists
        .flat_map(|(list, of)| {
            let positions = of.entries().covering(address).into_iter();
            let held = positions.filter(|position| of.holds(*position));
            held.map(move |position| rules.rule(RuleRef { list, position }))
        })
        .collect();
    found.sort_by(|a, b| {
        let by_length = b.entry.net.prefix_len().cmp(&a.entry.net.prefix_len());
        by_length.then(b.entry.terms.until.cmp(&a.entry.terms.until))
    });
    found
}

/// The never-block entry that decides about an address: of those with the strongest scope, the one
/// with the longest prefix.
#[must_use]
pub fn never_block_of(rules: &RuleSet, address: IpAddr) -> Option<&NeverBlock> {
    rules
        .never_block
        .iter()
        .filter(|entry| covers(&entry.net, address))
        .max_by_key(|entry| (entry.scope, entry.net.prefix_len()))
}

/// Whether the address has the upper bits of the prefix.
fn covers(net: &IpNet, address: IpAddr) -> bool {
    let (same, length) = match (net, address) {
        (IpNet::V4(net), IpAddr::V4(address)) => {
            let differs = net.addr().to_bits() ^ address.to_bits();
            (differs.leading_zeros(), net.prefix_len())
        }
        (IpNet::V6(net), IpAddr::V6(address)) => {
            let differs = net.addr().to_bits() ^ address.to_bits();
            (differs.leading_zeros(), net.prefix_len())
        }
        _ => return false,
    };
    same >= u32::from(length)
}

#[cfg(test)]
mod tests {
    use filter_common::table::Scope;

    use super::*;
    use crate::table::tests::{never_block, plain::index_of, rule, rule_set};

    #[test]
    fn the_most_specific_rule_comes_first() {
        let rules = rule_set(vec![
            rule("198.51.100.0/24", 0, 10),
            rule("198.51.100.7/32", 0, 10),
            rule("198.51.100.7/32", 0, 20),
            rule("198.51.100.8/32", 0, 20),
            rule("2001:db8::/32", 0, 10),
        ]);
        let merged = rules.merged();
        let of = |address: &str| {
            let covering = covering(&merged, address.parse().expect("an address"));
            let covering = covering.iter().map(|rule| index_of(rule.entry.id));
            covering.collect::<Vec<_>>()
        };
        assert_eq!(of("198.51.100.7"), [2, 1, 0]);
        assert_eq!(of("198.51.100.9"), [0]);
        assert_eq!(of("2001:db8::9"), [4]);
        assert!(of("198.51.101.7").is_empty());
    }

    #[test]
    fn prefixes_of_every_length_cover_what_they_contain() {
        let addresses = ["0.0.0.0", "198.51.100.7", "255.255.255.255"];
        for address in addresses.map(|text| text.parse::<IpAddr>().expect("an address")) {
            for other in addresses.map(|text| text.parse::<IpAddr>().expect("an address")) {
                for length in 0..=32 {
                    let net = IpNet::new(other, length).expect("a length of IPv4");
                    assert_eq!(
                        covers(&net, address),
                        net.contains(&address),
                        "{net} {address}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_strongest_scope_decides() {
        let mut rules = rule_set(Vec::new()).merged();
        rules.never_block = vec![
            never_block("10.0.0.0/8", Scope::All),
            never_block("10.0.0.0/16", Scope::All),
            never_block("10.0.0.0/24", Scope::Lists),
        ];
        let of = |address: &str| never_block_of(&rules, address.parse().expect("an address"));
        assert_eq!(of("10.0.0.1"), Some(&rules.never_block[1]));
        assert_eq!(of("10.9.0.1"), Some(&rules.never_block[0]));
        assert_eq!(of("11.0.0.1"), None);
    }
}
