//! The rows of a table, written the plainest way that the layout allows: each reaches to the next, and each
//! root in which anything holds begins with one. The product's compiler writes fewer.

use filter_common::table::{
    BASES_4, Deep, MARK_WORDS, ROOT_SHIFT_4, ROOT_SHIFT_6, ROOTS_4, ROOTS_6, RowValue, mark,
};
use filter_ctl::table::{RowsV4, RowsV6};

/// What holds at an address, by sorted starts of which the first is 0.
fn at(intervals: &[(u128, u32)], address: u128) -> u32 {
    let next = intervals.partition_point(|interval| interval.0 <= address);
    intervals[next - 1].1
}

/// Those that begin past `from` and not past `last`, behind one that begins at `from`.
fn between(intervals: &[(u128, u32)], from: u128, last: u128) -> Vec<(u128, u32)> {
    let first = intervals.partition_point(|interval| interval.0 <= from);
    let past = intervals.partition_point(|interval| interval.0 <= last);
    let mut found = vec![(from, at(intervals, from))];
    found.extend(&intervals[first..past]);
    found
}

fn to_the_next(value: u32) -> u32 {
    RowValue::to_the_next(value).to_bits()
}

fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap()
}

pub(crate) fn marks(intervals: &[(u128, u32)]) -> Vec<u64> {
    let mut marks = vec![0; MARK_WORDS];
    let ends = intervals.iter().skip(1).map(|next| next.0).chain([1 << 32]);
    for (&(start, value), end) in intervals.iter().zip(ends) {
        if value == 0 {
            continue;
        }
        for block in start >> 8..=(end - 1) >> 8 {
            let (word, bit) = mark(u32::try_from(block << 8).unwrap());
            marks[word as usize] |= bit;
        }
    }
    marks
}

pub(crate) fn rows_v4(intervals: &[(u128, u32)]) -> RowsV4 {
    let mut rows = RowsV4::default();
    for root in 0..ROOTS_4 as u128 {
        rows.bases.push(number(rows.starts.len()));
        let inside = between(
            intervals,
            root << ROOT_SHIFT_4,
            ((root + 1) << ROOT_SHIFT_4) - 1,
        );
        if inside.iter().all(|(_, value)| *value == 0) {
            continue;
        }
        for (start, value) in inside {
            rows.starts
                .push(u16::try_from(start & ((1 << ROOT_SHIFT_4) - 1)).unwrap());
            rows.values.push(to_the_next(value));
        }
    }
    rows.bases.resize(BASES_4, number(rows.starts.len()));
    rows
}

pub(crate) fn rows_v6(intervals: &[(u128, u32)]) -> RowsV6 {
    let mut rows = RowsV6::default();
    for root in 0..ROOTS_6 as u128 {
        rows.bases.push(number(rows.starts.len()));
        let ranges = match root.checked_sub(1) {
            Some(root) => {
                let first = (1 << 61) + (root << ROOT_SHIFT_6);
                vec![(first, first + (1 << ROOT_SHIFT_6))]
            }
            None => vec![(0, 1 << 61), (2 << 61, 1 << 64)],
        };
        for (from, to) in ranges {
            push_range(&mut rows, intervals, from, to);
        }
    }
    rows.bases.push(number(rows.starts.len()));
    rows
}

/// The rows from one to another value of the upper 64 bits.
fn push_range(rows: &mut RowsV6, intervals: &[(u128, u32)], from: u128, to: u128) {
    let first = intervals.partition_point(|interval| interval.0 >> 64 < from);
    let past = intervals.partition_point(|interval| interval.0 >> 64 < to);
    let begin = &intervals[first..past];
    if at(intervals, from << 64) == 0 && begin.iter().all(|(_, value)| *value == 0) {
        return;
    }
    let mut highs: Vec<u128> = vec![from];
    for (start, _) in begin {
        let high = start >> 64;
        highs.push(high);
        // What begins within one value of the upper bits goes on behind it.
        if start << 64 != 0 && high + 1 < to {
            highs.push(high + 1);
        }
    }
    highs.dedup();
    for high in highs {
        let inside = between(intervals, high << 64, high << 64 | u128::from(u64::MAX));
        rows.starts.push(u64::try_from(high).unwrap());
        if let [(_, value)] = inside[..] {
            rows.values.push(to_the_next(value));
            continue;
        }
        let value = RowValue::to_the_next(number(rows.deep.len())).deep();
        rows.values.push(value.to_bits());
        let count = number(inside.len());
        for (index, (start, value)) in inside.into_iter().enumerate() {
            rows.deep.push(Deep {
                low: u64::try_from(start & u128::from(u64::MAX)).unwrap(),
                value: to_the_next(value),
                rows: if index == 0 { count } else { 0 },
            });
        }
    }
}
