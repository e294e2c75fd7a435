//! The rows of an IPv6 table: first by the upper 64 bits, then, where one value of those is not all alike,
//! by the lower 64.

use filter_common::table::{BASES_6, Base, Deep, ROOT_SHIFT_6, RowValue, root6};

use super::{begin_roots, filter::FilterBuilder, number, written};
use crate::table::{
    RowsV6,
    compile::interval::{Interval as _, Row6},
};

/// The end of the space of either half of an address.
const END: u128 = 1 << 64;
/// Where the roots of 2000::/3 begin and end.
const UNICAST: u128 = 1 << 61;
const UNICAST_END: u128 = 2 << 61;
const ROOT: u128 = 1 << ROOT_SHIFT_6;

/// The rows that say what intervals say, without a first stage.
pub(in crate::table::compile) fn rows_v6(intervals: &[Row6]) -> RowsV6 {
    pack(intervals, None)
}

/// The rows that say what intervals say, and the filter that goes before them. The intervals are sorted,
/// the first begins at address 0, and neighbours differ.
pub(in crate::table::compile) fn rows_v6_with_filter(intervals: &[Row6]) -> (RowsV6, Vec<u64>) {
    let mut filter = FilterBuilder::new();
    let rows = pack(intervals, Some(&mut filter));
    (rows, filter.finish())
}

/// From where on, by the upper 64 bits, what holds.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Upper {
    high: u64,
    /// The number, or the first row of the deep group.
    number: u32,
    is_deep: bool,
}

impl Upper {
    fn holds(self) -> bool {
        self.is_deep || self.number != 0
    }
}

fn pack(intervals: &[Row6], mut filter: Option<&mut FilterBuilder>) -> RowsV6 {
    let (uppers, deep) = split(intervals);
    let mut rows = RowsV6 {
        bases: Vec::with_capacity(BASES_6),
        starts: Vec::with_capacity(uppers.len()),
        values: Vec::with_capacity(uppers.len()),
        deep,
    };
    begin_roots(&mut rows.bases, 0, 0);
    // Below and above 2000::/3 lie under one root: what lies below must not reach into what lies above.
    for (from, to) in [(0, UNICAST), (UNICAST_END, END)] {
        for (start, stop, upper, next_holds) in pieces(&uppers, from, to) {
            let followed = next_holds && stop < to || stop == END;
            push(&mut rows, start, stop, upper, followed);
        }
    }
    let mut under_root = Vec::new();
    let mut root_at_hand = 0;
    for (start, stop, upper, next_holds) in pieces(&uppers, UNICAST, UNICAST_END) {
        let mut start = start;
        while start < stop {
            let border = (start / ROOT + 1) * ROOT;
            let stop = stop.min(border);
            let root = root6(half(start));
            if root != root_at_hand {
                end_root(&mut rows, &mut filter, root_at_hand, &mut under_root);
                begin_roots(&mut rows.bases, root, rows.starts.len());
                root_at_hand = root;
            }
            let followed = stop == border || next_holds;
            push(&mut rows, start, stop, upper, followed);
            under_root.push((half(start), half(stop - 1)));
            start = stop;
        }
    }
    end_root(&mut rows, &mut filter, root_at_hand, &mut under_root);
    rows.bases.resize(BASES_6, number(rows.starts.len()));
    rows
}

/// Gives a root its grain.
fn end_root(
    rows: &mut RowsV6,
    filter: &mut Option<&mut FilterBuilder>,
    root: u32,
    pieces: &mut Vec<(u64, u64)>,
) {
    if let Some(filter) = filter
        && !pieces.is_empty()
    {
        let base = &mut rows.bases[root as usize];
        *base = Base::from_bits(*base)
            .with_grain(filter.add(pieces))
            .to_bits();
    }
    pieces.clear();
}

/// What holds between two values of the upper 64 bits, cut at them: start, end, what, and whether
/// anything holds behind.
fn pieces(
    uppers: &[Upper],
    from: u128,
    to: u128,
) -> impl Iterator<Item = (u128, u128, Upper, bool)> {
    let first = uppers.partition_point(|upper| u128::from(upper.high) <= from);
    let uppers = &uppers[first.saturating_sub(1)..];
    let nexts = uppers.iter().skip(1).map(Some).chain([None]);
    uppers
        .iter()
        .zip(nexts)
        .take_while(move |(upper, _)| u128::from(upper.high) < to)
        .filter_map(move |(upper, next)| {
            let start = u128::from(upper.high).max(from);
            let stop = next.map_or(END, |next| u128::from(next.high)).min(to);
            let next_holds = next.is_some_and(|next| next.holds());
            (upper.holds() && start < stop).then_some((start, stop, *upper, next_holds))
        })
}

fn push(rows: &mut RowsV6, start: u128, stop: u128, upper: Upper, followed: bool) {
    let (value, ends) = written(upper.number, stop - start, followed);
    let value = if upper.is_deep { value.deep() } else { value };
    rows.starts.push(half(start));
    rows.values.push(value.to_bits());
    if ends {
        rows.starts.push(half(stop));
        rows.values.push(RowValue::to_the_next(0).to_bits());
    }
}

/// What holds by the upper 64 bits, and the deep groups.
fn split(intervals: &[Row6]) -> (Vec<Upper>, Vec<Deep>) {
    let mut uppers: Vec<Upper> = Vec::with_capacity(intervals.len());
    let mut deep = Vec::new();
    let mut begin = |high: u64, number: u32, is_deep: bool| {
        if uppers.last().is_some_and(|last| last.high == high) {
            uppers.pop();
        }
        let upper = Upper {
            high,
            number,
            is_deep,
        };
        if is_deep
            || uppers
                .last()
                .is_none_or(|last| last.is_deep || last.number != number)
        {
            uppers.push(upper);
        }
    };
    let mut around = 0;
    for group in intervals.chunk_by(|a, b| high(a) == high(b)) {
        let [first, ..] = group else { continue };
        let last = group.last().map_or(0, Row6::value);
        if group.len() == 1 && low(first) == 0 {
            begin(high(first), last, false);
        } else {
            begin(high(first), number(deep.len()), true);
            push_group(&mut deep, around, group);
            if let Some(next) = high(first).checked_add(1) {
                begin(next, last, false);
            }
        }
        around = last;
    }
    (uppers, deep)
}

/// The deep rows of one value of the upper 64 bits, of which `group` are the intervals that begin there.
fn push_group(deep: &mut Vec<Deep>, around: u32, group: &[Row6]) {
    let first = deep.len();
    let begins = group.first().map_or(0, low);
    let before = (begins > 0).then_some((0, around));
    let starts = before.into_iter();
    let starts = starts.chain(group.iter().map(|row| (low(row), row.value())));
    let nexts = group.iter().map(|row| Some((low(row), row.value())));
    let nexts = nexts.skip(usize::from(before.is_none())).chain([None]);
    for ((start, value), next) in starts.zip(nexts) {
        if value == 0 {
            continue;
        }
        let stop = next.map_or(END, |(start, _)| u128::from(start));
        let followed = next.is_none_or(|(_, value)| value != 0);
        let (value, ends) = written(value, stop - u128::from(start), followed);
        deep.push(row(start, value));
        if ends {
            deep.push(row(half(stop), RowValue::to_the_next(0)));
        }
    }
    let rows = number(deep.len() - first);
    if let Some(first) = deep.get_mut(first) {
        first.rows = rows;
    }
}

fn row(low: u64, value: RowValue) -> Deep {
    Deep {
        low,
        value: value.to_bits(),
        rows: 0,
    }
}

fn high(row: &Row6) -> u64 {
    (row.start() >> 64) as u64
}

#[expect(clippy::cast_possible_truncation, reason = "half of an address")]
fn low(row: &Row6) -> u64 {
    row.start() as u64
}

/// A value within the space of half an address.
fn half(value: u128) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}
