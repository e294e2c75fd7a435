//! The search for a row against a look at every row, and the first stage against the rows.

use std::net::Ipv6Addr;

use filter_common::{
    address::Address,
    table::{
        BASES_4, BASES_6, Base, Deep, Filter, GRAIN_MAX, Marks, Open, ROOT_SHIFT_4, ROOTS_4,
        RowValue, Rows4, Rows6, filter_key, find4, find6, is_marked, mark, root4, root6,
        under_root4, under_root6,
    },
};
use proptest::{
    collection::{btree_map, vec},
    prelude::*,
    sample::select,
};

/// A row: where it begins, the number, and how far it holds as a power of two; past 63, to the next.
type Row = (u64, u32, u32);

fn value(number: u32, reach: u32) -> RowValue {
    if reach < 64 {
        RowValue::for_power_of_two(number, reach)
    } else {
        RowValue::to_the_next(number)
    }
}

/// What rows say of a key, one after the other.
fn scanned(rows: &[Row], key: u64) -> u32 {
    let last = rows.iter().take_while(|(start, ..)| *start <= key).last();
    last.map_or(0, |&(start, number, reach)| {
        let within = reach >= 64 || u128::from(key - start) < 1 << reach;
        if within { number } else { 0 }
    })
}

/// A table with rows under two roots that are neighbours.
#[derive(Debug)]
struct Table4 {
    root: u32,
    under: [Vec<Row>; 2],
}

impl Table4 {
    fn row(&self, index: u32) -> Option<&Row> {
        self.under.iter().flatten().nth(index as usize)
    }
}

impl Rows4 for Table4 {
    fn base(&self, index: u32) -> Option<Base> {
        let [first, second] = [0, 1].map(|root: usize| u32::try_from(self.under[root].len()));
        let (first, second) = (first.ok()?, second.ok()?);
        (index as usize <= BASES_4).then(|| {
            Base::new(match index {
                _ if index <= self.root => 0,
                _ if index == self.root + 1 => first,
                _ => first + second,
            })
        })
    }

    fn start(&self, row: u32) -> Option<u16> {
        u16::try_from(self.row(row)?.0).ok()
    }

    fn value(&self, row: u32) -> Option<RowValue> {
        self.row(row)
            .map(|&(_, number, reach)| value(number, reach))
    }
}

/// A table with rows under one root, of which some lead to deep rows.
#[derive(Debug)]
struct Table6 {
    rows: Vec<(Row, Vec<Row>)>,
    grain: u8,
    words: Vec<(u32, u64)>,
}

impl Rows6 for Table6 {
    fn base(&self, index: u32) -> Option<Base> {
        let root = root6(self.rows.first()?.0.0);
        let last = if index > root { self.rows.len() } else { 0 };
        Some(Base::new(u32::try_from(last).ok()?).with_grain(self.grain))
    }

    fn start(&self, row: u32) -> Option<u64> {
        self.rows.get(row as usize).map(|(row, _)| row.0)
    }

    fn value(&self, row: u32) -> Option<RowValue> {
        let before = self.rows.iter().take(row as usize);
        let first = before.map(|(_, deep)| deep.len()).sum::<usize>();
        let ((_, number, reach), deep) = self.rows.get(row as usize)?;
        Some(if deep.is_empty() {
            value(*number, *reach)
        } else {
            value(u32::try_from(first).ok()?, *reach).deep()
        })
    }

    fn deep(&self, row: u32) -> Option<Deep> {
        let mut left = row as usize;
        for (_, deep) in &self.rows {
            if let Some(&(low, number, reach)) = deep.get(left) {
                return Some(Deep {
                    low,
                    value: value(number, reach).to_bits(),
                    rows: if left == 0 {
                        u32::try_from(deep.len()).ok()?
                    } else {
                        0
                    },
                });
            }
            left -= deep.len();
        }
        None
    }
}

impl Filter for Table6 {
    fn word(&self, index: u32) -> Option<u64> {
        let mine = self.words.iter().filter(|(word, _)| *word == index);
        Some(mine.fold(0, |all, (_, bits)| all | bits))
    }
}

/// Sorted rows that begin below `end`.
fn rows(end: u64, most: usize) -> impl Strategy<Value = Vec<Row>> {
    let start = prop_oneof![
        select(vec![0, 1, 2, end - 2, end - 1]),
        0..end,
        0..end.min(256),
    ];
    let reach = prop_oneof![0..20_u32, Just(64), 0..64_u32];
    btree_map(start, (1..RowValue::NUMBERS, reach), 0..most).prop_map(|rows| {
        let row = |(start, (number, reach))| (start, number, reach);
        rows.into_iter().map(row).collect()
    })
}

/// Every start, and what is just outside of every row.
fn borders(rows: &[Row]) -> Vec<u64> {
    let around = |&(start, _, reach): &Row| {
        let past = start.wrapping_add(1_u64.checked_shl(reach).unwrap_or(0));
        [
            start,
            start.wrapping_sub(1),
            start.wrapping_add(1),
            past,
            past.wrapping_sub(1),
        ]
    };
    rows.iter().flat_map(around).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn v4_finds_what_a_scan_finds(
        root in select(vec![0, 1, 0x1_ffff, 0x3_fffe]),
        first in rows(1 << ROOT_SHIFT_4, 40),
        second in rows(1 << ROOT_SHIFT_4, 600),
        random in vec(0..1_u16 << ROOT_SHIFT_4, 50),
    ) {
        let table = Table4 { root, under: [first, second] };
        for under in [0, 1] {
            let root = root + under;
            let rows = &table.under[under as usize];
            let inside = borders(rows).into_iter().filter(|key| *key < 1 << ROOT_SHIFT_4);
            for key in inside.chain(random.iter().copied().map(u64::from)) {
                let address = root << ROOT_SHIFT_4 | u32::try_from(key).unwrap();
                let found = under_root4(&table, address);
                prop_assert_eq!(found.is_none(), rows.is_empty());
                let found = found.map_or(0, |under| find4(&table, under, address));
                prop_assert_eq!(found, scanned(rows, key), "{:#x}", address);
            }
        }
        let outside = (root.wrapping_sub(1) & 0x3_ffff) << ROOT_SHIFT_4;
        if outside != 0 {
            prop_assert_eq!(under_root4(&table, outside), None);
        }
    }

    #[test]
    fn v6_finds_what_a_scan_finds(
        base in select(vec![0_u64, 1 << 61, 0x2001 << 48, 0x3fff_e000 << 32, 0xfe80 << 48]),
        upper in rows(1 << 20, 60).prop_filter("rows", |rows| !rows.is_empty()),
        deep in vec(rows(u64::MAX, 12), 60),
        random in vec(any::<u64>(), 20),
    ) {
        let rows: Vec<(Row, Vec<Row>)> = upper
            .into_iter()
            .zip(deep)
            .map(|((start, number, reach), deep)| ((base + start, number, reach), deep))
            .collect();
        let table = Table6 { rows, grain: 0, words: Vec::new() };
        let uppers: Vec<Row> = table.rows.iter().map(|(row, _)| *row).collect();
        for high in borders(&uppers).into_iter().filter(|high| root6(*high) == root6(base)) {
            let before = table.rows.iter().take_while(|(row, _)| row.0 <= high).last();
            let (upper, deep) = before.map_or((0, &[][..]), |(row, deep)| {
                (scanned(&[*row], high), deep.as_slice())
            });
            for low in borders(deep).into_iter().chain(random.iter().copied()) {
                let expected = match (upper, deep) {
                    (0, _) => 0,
                    (number, []) => number,
                    (_, deep) => scanned(deep, low),
                };
                let address = Address { high, low };
                let found = under_root6(&table, &Open, high);
                let found = found.map_or(0, |under| find6(&table, under, address));
                prop_assert_eq!(found, expected, "{:x}:{:x}", high, low);
            }
        }
    }

    /// What was put into the filter passes it, whatever the grain and the neighbours.
    #[test]
    fn the_filter_lets_through_what_is_listed(
        keys in vec(any::<u64>(), 1..40),
        grain in 1..=GRAIN_MAX,
        low in any::<u32>(),
    ) {
        let unicast = |key: u64| key >> 3 | 1 << 61;
        let words = keys.iter().map(|key| filter_key(unicast(*key), u32::from(grain)));
        let mut table = Table6 {
            rows: vec![((unicast(keys[0]), 1, 64), Vec::new())],
            grain,
            words: words.collect(),
        };
        for key in &keys {
            // Any other address with the same upper bits is the same key.
            let below = u64::from(low) & ((1 << (grain - 1)) - 1);
            let high = unicast(*key) >> (grain - 1) << (grain - 1) | below;
            table.rows[0].0.0 = high;
            prop_assert!(under_root6(&table, &table, high).is_some());
        }
    }

    #[test]
    fn marks_stand_for_a_24(address in any::<u32>(), other in any::<u32>()) {
        struct Marked(u32);
        impl Marks for Marked {
            fn word(&self, index: u32) -> Option<u64> {
                let (word, bit) = mark(self.0);
                Some(if word == index { bit } else { 0 })
            }
        }
        let near = address ^ (other & 0x1ff);
        prop_assert_eq!(is_marked(&Marked(address), near), near >> 8 == address >> 8);
        prop_assert_eq!(is_marked(&Marked(address), other), other >> 8 == address >> 8);
    }
}

#[test]
fn roots_cut_the_space_without_gaps() {
    assert_eq!(root4(0), 0);
    assert_eq!(root4(u32::MAX) as usize, ROOTS_4 - 1);
    let root = |text: &str| {
        let address: Ipv6Addr = text.parse().expect("an address");
        root6(Address::from_v6(address.octets()).high)
    };
    for outside in [
        "::",
        "1fff:ffff::",
        "4000::",
        "fe80::1",
        "ff02::1",
        "64:ff9b::1",
    ] {
        assert_eq!(root(outside), 0, "{outside}");
    }
    assert_eq!(root("2000::"), 1);
    assert_eq!(root("2000:1fff:ffff::"), 1);
    assert_eq!(root("2000:2000::"), 2);
    assert_eq!(root("3fff:ffff::") as usize, BASES_6 - 2);
}
