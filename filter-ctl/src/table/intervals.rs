//! From the rows of a table back to prefixes: what packing wrote, read the other way.

use std::net::{Ipv4Addr, Ipv6Addr};

use filter_common::table::{Base, Deep, ROOT_SHIFT_4, ROOT_SHIFT_6, RowValue};
use ipnet::{IpNet, Ipv4Subnets, Ipv6Subnets};

use super::{RowsV4, RowsV6, Table};

/// The root of all that is not in 2000::/3, of which the rows hold the whole upper half.
const REST_6: usize = 0;
/// What the roots but the first begin with.
const UNICAST_6: u128 = 1 << 61;
/// The end of the upper half of an address.
const HALF: u128 = 1 << 64;

/// The prefixes of the orders' tables, with the number that holds in each: disjoint, sorted, as few as the rows
/// allow. Takes O(r) for `r` rows, each of which makes at most 64 prefixes, or 128 of IPv6.
pub fn prefixes(table: &Table) -> impl Iterator<Item = (IpNet, u32)> {
    v4(&table.v4).chain(v6(&table.v6))
}

fn v4(rows: &RowsV4) -> impl Iterator<Item = (IpNet, u32)> {
    let root = 1_u64 << ROOT_SHIFT_4;
    let under_roots = roots(&rows.bases, rows.starts.len());
    under_roots.flat_map(move |(number, first, last)| {
        let begin = number as u64 * root;
        let start = move |row: usize| begin + u64::from(rows.starts[row]);
        (first..last).flat_map(move |row| {
            let value = RowValue::from_bits(rows.values[row]);
            let next = if row + 1 < last {
                start(row + 1)
            } else {
                begin + root
            };
            let end = end(value, u128::from(start(row)), u128::from(next));
            let [from, to] = [u128::from(start(row)), end - 1].map(v4_address);
            let nets = (value.number() != 0).then(|| Ipv4Subnets::new(from, to, 0));
            let nets = nets.into_iter().flatten();
            nets.map(move |net| (IpNet::V4(net), value.number()))
        })
    })
}

fn v6(rows: &RowsV6) -> impl Iterator<Item = (IpNet, u32)> {
    let root = 1_u128 << ROOT_SHIFT_6;
    let under_roots = roots(&rows.bases, rows.starts.len());
    under_roots.flat_map(move |(number, first, last)| {
        // The first root stands for the space below and above the others.
        let border = match number {
            REST_6 => HALF,
            number => UNICAST_6 + number as u128 * root,
        };
        let start = move |row: usize| u128::from(rows.starts[row]);
        (first..last).flat_map(move |row| {
            let value = RowValue::from_bits(rows.values[row]);
            let next = if row + 1 < last {
                start(row + 1)
            } else {
                border
            };
            let end = end(value, start(row), next);
            let ranges = if value.is_deep() {
                deep(rows, value.number() as usize, start(row))
            } else if value.number() == 0 {
                Vec::new()
            } else {
                let last = (end << 64).wrapping_sub(1);
                vec![(start(row) << 64, last, value.number())]
            };
            ranges.into_iter().flat_map(|(from, to, number)| {
                let nets = Ipv6Subnets::new(Ipv6Addr::from(from), Ipv6Addr::from(to), 0);
                nets.map(move |net| (IpNet::V6(net), number))
            })
        })
    })
}

/// The ranges of a group of deep rows, which hold for one value of the upper half.
fn deep(rows: &RowsV6, first: usize, high: u128) -> Vec<(u128, u128, u32)> {
    let count = rows.deep.get(first).map_or(0, |row| row.rows as usize);
    let group = rows.deep.get(first..first + count).unwrap_or_default();
    let nexts = group.iter().skip(1).map(|row| u128::from(row.low));
    let nexts = nexts.chain([HALF]);
    let ranges = group.iter().zip(nexts).map(|(row, next)| {
        let Deep { low, value, .. } = *row;
        let value = RowValue::from_bits(value);
        let end = end(value, low.into(), next);
        let of = |low: u128| high << 64 | low;
        (of(low.into()), of(end - 1), value.number())
    });
    ranges.filter(|(.., number)| *number != 0).collect()
}

/// Where what a row says ends, its successor or the end of the root being `next`.
fn end(value: RowValue, start: u128, next: u128) -> u128 {
    // A table that was tampered with may be in any order.
    let length = next.saturating_sub(start).max(1);
    // The greatest distance that it reaches, by halving.
    let reaches = |distance: u128| {
        let distance = u64::try_from(distance).unwrap_or(u64::MAX);
        value.reaches(distance)
    };
    if reaches(length - 1) {
        return start + length;
    }
    let powers = (0..64).map(|log2| 1_u128 << log2);
    let length = powers.take_while(|power| reaches(power - 1)).last();
    start + length.unwrap_or(1)
}

/// Each root that has rows: its number, the first row and the one behind the last.
fn roots(bases: &[u32], rows: usize) -> impl Iterator<Item = (usize, usize, usize)> {
    let index = move |base: &u32| (Base::from_bits(*base).index() as usize).min(rows);
    let pairs = bases.windows(2).enumerate();
    let roots = pairs.map(move |(number, pair)| (number, index(&pair[0]), index(&pair[1])));
    roots.filter(|(_, first, last)| first < last)
}

fn v4_address(number: u128) -> Ipv4Addr {
    Ipv4Addr::from_bits(u32::try_from(number).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use filter_common::decide::Tables as _;

    use super::*;
    use crate::table::{
        clock::BootClock,
        compare::key,
        host::HostTables,
        tests::{compiled, rule, rule_set},
    };

    #[test]
    fn the_prefixes_of_a_table_are_those_that_it_was_made_from() {
        let nets = [
            "0.0.0.0/32",
            "198.51.100.0/24",
            "198.51.100.7/32",
            "203.0.112.0/20",
            "203.0.113.9/32",
            "255.255.255.255/32",
            "::5/128",
            "2001:db8::/48",
            "2001:db8::7/128",
            "2001:db8:0:1::/64",
            "3fff:ffff::/32",
            "fd00::/8",
            "ffff::/16",
        ];
        let rules = (0..).zip(nets).map(|(order, net)| rule(net, order, 2_000));
        let table = compiled(&rule_set(rules.collect())).table;
        let host = HostTables {
            table: &table,
            interface: 0,
            clock: BootClock {
                boottime_at_unix_0: 0,
            },
        };
        let found: Vec<_> = prefixes(&table).collect();
        // What each says is what the search says of its first and last address.
        for (net, number) in &found {
            for address in [net.network(), net.broadcast()] {
                let (family, key) = key(address);
                assert_eq!(host.listed(family, key), *number, "{net}");
            }
        }
        // And together they are all that was listed.
        let all: Vec<IpNet> = found.into_iter().map(|(net, _)| net).collect();
        let listed: Vec<IpNet> = nets.iter().map(|net| net.parse().unwrap()).collect();
        assert_eq!(IpNet::aggregate(&all), IpNet::aggregate(&listed));
    }
}
