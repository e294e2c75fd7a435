//! The search for an interval against a look at every row.

use std::fmt;

use filter_common::{
    address::Address,
    table::{Intervals, Key4, Key6, ROOTS, Root, find},
};
use proptest::{
    collection::{btree_map, vec},
    prelude::*,
    sample::select,
};

/// Rows as numbers, of either family.
struct Rows {
    bits: u32,
    roots: Vec<Root>,
    starts: Vec<(u128, u32)>,
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.starts).finish()
    }
}

impl Rows {
    /// Roots by the definition of [`Root`], one by one.
    fn new(bits: u32, rows: Vec<(u128, u32)>) -> Self {
        let index = |index: usize| u32::try_from(index).expect("few rows");
        let roots = (0..ROOTS as u128).map(|root| {
            let first = root << (bits - 16);
            let covering = rows.partition_point(|row| row.0 <= first) - 1;
            let next = rows.partition_point(|row| row.0 >> (bits - 16) <= root);
            let under = index(next - covering - 1);
            Root {
                rows: under,
                first: if under == 0 {
                    rows[covering].1
                } else {
                    index(covering)
                },
            }
        });
        Self {
            bits,
            roots: roots.collect(),
            starts: rows,
        }
    }

    fn found(&self, address: u128) -> u32 {
        if self.bits == 32 {
            find(self, Key4(u32::try_from(address).expect("an IPv4 address")))
        } else {
            find(self, Key6(Address::from_v6(address.to_be_bytes())))
        }
    }

    /// Every row, one after the other.
    fn scanned(&self, address: u128) -> u32 {
        let before = self.starts.iter().take_while(|row| row.0 <= address);
        before.last().map_or(0, |row| row.1)
    }
}

impl Intervals<Key4> for Rows {
    fn root(&self, index: u32) -> Option<Root> {
        self.roots.get(index as usize).copied()
    }

    fn start(&self, index: u32) -> Option<Key4> {
        let start = self.starts.get(index as usize)?.0;
        Some(Key4(u32::try_from(start).expect("an IPv4 address")))
    }

    fn value(&self, index: u32) -> Option<u32> {
        Some(self.starts.get(index as usize)?.1)
    }
}

impl Intervals<Key6> for Rows {
    fn root(&self, index: u32) -> Option<Root> {
        self.roots.get(index as usize).copied()
    }

    fn start(&self, index: u32) -> Option<Key6> {
        let start = self.starts.get(index as usize)?.0;
        Some(Key6(Address::from_v6(start.to_be_bytes())))
    }

    fn value(&self, index: u32) -> Option<u32> {
        Some(self.starts.get(index as usize)?.1)
    }
}

/// Addresses on, before and after the borders of roots, and close together under one.
fn address(bits: u32) -> impl Strategy<Value = u128> {
    let all = u128::MAX >> (128 - bits);
    let root = select(vec![0u128, 1, 2, 0x7fff, 0x8000, 0xfffe, 0xffff]);
    let rest = prop_oneof![
        select(vec![0u128, 1, 2, 0xffff]),
        Just(all >> 16),
        0..0x1_0000u128,
        any::<u128>().prop_map(move |rest| rest & all >> 16),
    ];
    prop_oneof![
        3 => (root, rest).prop_map(move |(root, rest)| root << (bits - 16) | rest),
        1 => any::<u128>().prop_map(move |address| address & all),
    ]
}

fn rows(bits: u32) -> impl Strategy<Value = Rows> {
    let rows = prop_oneof![
        btree_map(address(bits), any::<u32>(), 0..20),
        btree_map(address(bits), any::<u32>(), 200..600),
    ];
    (rows, any::<u32>()).prop_map(move |(mut rows, first)| {
        rows.entry(0).or_insert(first);
        Rows::new(bits, rows.into_iter().collect())
    })
}

fn check(rows: &Rows, random: Vec<u128>) {
    let all = u128::MAX >> (128 - rows.bits);
    let starts = rows.starts.iter().map(|row| row.0);
    let around = |start: u128| {
        [
            start,
            start.wrapping_sub(1) & all,
            start.wrapping_add(1) & all,
        ]
    };
    for address in starts.flat_map(around).chain(random).chain([0, all]) {
        assert_eq!(rows.found(address), rows.scanned(address), "{address:#x}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn v4_finds_what_a_scan_finds(rows in rows(32), random in vec(address(32), 50)) {
        check(&rows, random);
    }

    #[test]
    fn v6_finds_what_a_scan_finds(rows in rows(128), random in vec(address(128), 50)) {
        check(&rows, random);
    }

    #[test]
    fn broken_roots_are_no_fault(
        mut rows in rows(32),
        broken in (any::<u32>(), any::<u32>()),
        address in any::<u32>(),
    ) {
        let (count, first) = broken;
        rows.roots[(address >> 16) as usize] = Root { rows: count, first };
        rows.found(address.into());
        rows.roots.truncate((address >> 16) as usize);
        prop_assert_eq!(rows.found(address.into()), 0);
    }
}

#[test]
fn a_full_root_is_searched_to_its_last_row() {
    let rows = Rows::new(
        32,
        (0..=0x1_0000)
            .map(|n| (n, u32::try_from(n).expect("small")))
            .collect(),
    );
    for address in 0..=0x1_0000u128 {
        assert_eq!(rows.found(address), u32::try_from(address).expect("small"));
    }
    // In IPv6 all rows may share a root; 2^17 of them here, with one row more than half.
    let rows = (0..=0x2_0000u128).map(|n| (n << 3, u32::try_from(n).expect("small")));
    let rows = Rows::new(128, rows.collect());
    for n in 0..=0x2_0000u128 {
        assert_eq!(rows.found(n << 3 | n & 7), u32::try_from(n).expect("small"));
    }
}
