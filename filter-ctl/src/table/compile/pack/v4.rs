//! The rows of an IPv4 table.

use filter_common::table::{BASES_4, ROOT_SHIFT_4, RowValue, root4};

use super::{begin_roots, number, written};
use crate::table::{
    RowsV4,
    compile::interval::{Interval as _, Row4},
};

const END: u64 = 1 << 32;
const ROOT: u64 = 1 << ROOT_SHIFT_4;

/// The rows that say what intervals say. These are sorted, the first begins at address 0, and neighbours
/// differ.
pub(in crate::table::compile) fn rows_v4(intervals: &[Row4]) -> RowsV4 {
    let mut rows = RowsV4 {
        bases: Vec::with_capacity(BASES_4),
        starts: Vec::with_capacity(intervals.len()),
        values: Vec::with_capacity(intervals.len()),
    };
    let ends = intervals.iter().skip(1).map(Some).chain([None]);
    for (interval, next) in intervals.iter().zip(ends) {
        if interval.value() == 0 {
            continue;
        }
        let end = next.map_or(END, |next| u64::from(next.start()));
        let next_holds = next.is_some_and(|next| next.value() != 0);
        let mut start = u64::from(interval.start());
        while start < end {
            let border = (start / ROOT + 1) * ROOT;
            let stop = end.min(border);
            begin_roots(&mut rows.bases, root4(address(start)), rows.starts.len());
            let followed = stop == border || next_holds;
            let length = u128::from(stop - start);
            let (value, ends) = written(interval.value(), length, followed);
            push(&mut rows, start, value);
            if ends {
                push(&mut rows, stop, RowValue::to_the_next(0));
            }
            start = stop;
        }
    }
    rows.bases.resize(BASES_4, number(rows.starts.len()));
    rows
}

fn push(rows: &mut RowsV4, start: u64, value: RowValue) {
    rows.starts.push((start & (ROOT - 1)) as u16);
    rows.values.push(value.to_bits());
}

/// An address within the space.
fn address(start: u64) -> u32 {
    u32::try_from(start).unwrap_or(u32::MAX)
}
