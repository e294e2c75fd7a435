//! Rows as they are written: sorted, as few as promised, and found through the first stage.

use filter_common::{
    address::{Address, Family},
    decide::Tables as _,
    limits::{deep_rows_for, rows_for_v4, rows_for_v6},
    table::{BASES_4, BASES_6, Base, Deep, FILTER_WORDS, MARK_WORDS, RowValue},
};

use super::{compiled, host_tables, rule, rule_set};
use crate::table::{RowsV4, RowsV6, Table};

/// What holds of every table.
pub(super) fn well_formed(table: &Table) {
    assert_eq!(table.marks_v4.len(), MARK_WORDS);
    assert_eq!(table.filter_v6.len(), FILTER_WORDS);
    for RowsV4 {
        bases,
        starts,
        values,
    } in [&table.v4, &table.places_v4]
    {
        assert_eq!(bases.len(), BASES_4);
        roots(bases, starts, values);
    }
    for RowsV6 {
        bases,
        starts,
        values,
        deep,
    } in [&table.v6, &table.places_v6]
    {
        assert_eq!(bases.len(), BASES_6);
        roots(bases, starts, values);
        let is_deep = |value: &&u32| RowValue::from_bits(**value).is_deep();
        let mut groups: Vec<usize> = values
            .iter()
            .filter(is_deep)
            .map(|value| RowValue::from_bits(*value).number() as usize)
            .collect();
        groups.sort_unstable();
        let mut next = 0;
        for first in groups {
            assert_eq!(first, next, "groups follow each other");
            next = first + deep[first].rows as usize;
            let group = &deep[first..next];
            assert!(!group.is_empty());
            assert!(group.is_sorted_by(|a, b| a.low < b.low));
            assert!(group[1..].iter().all(|Deep { rows, .. }| *rows == 0));
        }
        assert_eq!(next, deep.len());
    }
}

fn roots<S: Ord>(bases: &[u32], starts: &[S], values: &[u32]) {
    assert_eq!(starts.len(), values.len());
    let indexes: Vec<usize> = bases
        .iter()
        .map(|base| Base::from_bits(*base).index() as usize)
        .collect();
    assert_eq!(indexes[0], 0);
    assert_eq!(indexes[bases.len() - 1], starts.len());
    for pair in indexes.windows(2) {
        assert!(pair[0] <= pair[1]);
        let under = &starts[pair[0]..pair[1]];
        assert!(under.is_sorted_by(|a, b| a < b));
    }
}

fn table(nets: &[&str]) -> Table {
    let rules = nets.iter().map(|net| rule(net, 0, 2_000));
    let table = compiled(&rule_set(rules.collect())).table;
    well_formed(&table);
    table
}

#[test]
fn what_stands_alone_costs_one_row() {
    let table = table(&[
        "198.51.100.7/32",
        "198.51.100.16/28",
        "203.0.64.0/18",
        "203.0.113.0/24",
        "2400:1::/48",
        "2400:2::7/128",
        "2400:3:0:1::/64",
        "64:ff9c::/32",
    ]);
    // The /24 is inside the /18 and says the same.
    assert_eq!(table.v4.starts.len(), 3);
    assert_eq!(table.v6.starts.len(), 4);
    assert_eq!(table.v6.deep.len(), 1);
}

#[test]
fn as_many_prefixes_as_promised_always_fit() {
    // Each host is another order's, so that nothing is alike; all lie in prefixes that are listed too.
    let mut rules = vec![rule("0.0.0.0/0", 0, 2_000), rule("::/0", 0, 2_000)];
    for n in 0..500_u32 {
        let v4 = std::net::Ipv4Addr::from_bits(n * 0x0083_0007 + 1);
        let v6 = std::net::Ipv6Addr::from_bits(u128::from(n) << 80 | u128::from(n % 3) << 120 | 5);
        rules.push(rule(&format!("{v4}/32"), 1 + n % 2, 2_000));
        rules.push(rule(&format!("{v6}/128"), 1 + n % 2, 2_000));
    }
    let compiled = compiled(&rule_set(rules));
    well_formed(&compiled.table);
    assert!(compiled.table.v4.starts.len() <= rows_for_v4(501));
    assert!(compiled.table.v6.starts.len() <= rows_for_v6(501));
    assert!(compiled.table.v6.deep.len() <= deep_rows_for(501));
    assert!(compiled.table.v6.deep.len() > 500);
}

/// What is around a row, on both sides of every border that the layout has.
#[test]
fn nothing_reaches_across_a_border() {
    let compiled = compiled(&rule_set(
        [
            "198.51.0.0/16",
            "198.53.255.255/32",
            "0.0.0.0/32",
            "255.255.255.255/32",
            "::/4",
            "1fff:ffff:ffff:ffff::/64",
            "2000::/20",
            "3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128",
            "4000::/128",
            "ffff:ffff:ffff:ffff:8000::/65",
        ]
        .map(|net| rule(net, 0, 2_000))
        .to_vec(),
    ));
    well_formed(&compiled.table);
    let tables = host_tables(&compiled);
    for (address, listed) in [
        ("198.50.255.255", false),
        ("198.51.0.0", true),
        ("198.51.255.255", true),
        ("198.52.0.0", false),
        ("198.53.255.254", false),
        ("198.53.255.255", true),
        ("198.54.0.0", false),
        ("0.0.0.0", true),
        ("0.0.0.1", false),
        ("255.255.255.255", true),
        ("::", true),
        ("fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true),
        ("1000::", false),
        ("1fff:ffff:ffff:fffe:ffff:ffff:ffff:ffff", false),
        ("1fff:ffff:ffff:ffff::", true),
        ("1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true),
        ("2000::", true),
        ("2000:fff:ffff:ffff:ffff:ffff:ffff:ffff", true),
        ("2000:1000::", false),
        ("3fff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", false),
        ("3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true),
        ("4000::", true),
        ("4000::1", false),
        ("4000:0:0:1::", false),
        ("ffff:ffff:ffff:ffff:7fff:ffff:ffff:ffff", false),
        ("ffff:ffff:ffff:ffff:8000::", true),
        ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true),
    ] {
        let number = match address.parse().expect("an address") {
            std::net::IpAddr::V4(v4) => tables.listed(Family::V4, Address::from_v4(v4.octets())),
            std::net::IpAddr::V6(v6) => tables.listed(Family::V6, Address::from_v6(v6.octets())),
        };
        assert_eq!(number != 0, listed, "{address}");
    }
}

/// A clean neighbour of a listed prefix mostly leaves at the first stage, a stranger nearly always.
#[test]
fn clean_addresses_leave_at_the_first_stage() {
    let hosts = (0..100_000_u64).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let rules = hosts.map(|bits| {
        let net = std::net::Ipv6Addr::from_bits(u128::from(bits >> 3 | 1 << 61) << 64);
        rule(&format!("{net}/48"), 0, 2_000)
    });
    let compiled = compiled(&rule_set(rules.collect()));
    well_formed(&compiled.table);
    let grains = compiled.table.v6.bases.iter();
    let grains: Vec<u32> = grains.map(|base| Base::from_bits(*base).grain()).collect();
    assert!(grains.contains(&17), "a key for each /48");
    let full: u32 = compiled
        .table
        .filter_v6
        .iter()
        .map(|word| word.count_ones())
        .sum();
    // Three bits a key, of which a clean address would have to meet three: less than one in thirty does.
    let bits = u32::try_from(64 * FILTER_WORDS).expect("a small number");
    assert!(full < bits / 10 * 3, "{full} of {bits}");
}
