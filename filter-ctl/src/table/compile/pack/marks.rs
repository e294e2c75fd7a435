//! The first stage of the IPv4 orders.

use filter_common::table::{MARK_WORDS, mark};

use crate::table::compile::interval::{Interval as _, Row4};

/// A bit for each /24 in which anything is listed.
///
/// Takes O(n + 2^18): whole words at a time.
pub(in crate::table::compile) fn marks(intervals: &[Row4]) -> Vec<u64> {
    let mut marks = vec![0_u64; MARK_WORDS];
    let ends = intervals.iter().skip(1).map(Some).chain([None]);
    for (interval, next) in intervals.iter().zip(ends) {
        if interval.value() == 0 {
            continue;
        }
        let last = next.map_or(u32::MAX, |next| next.start() - 1);
        let (first_word, first_bit) = mark(interval.start());
        let (last_word, last_bit) = mark(last);
        let from_first = !(first_bit - 1);
        let to_last = last_bit | (last_bit - 1);
        if first_word == last_word {
            marks[first_word as usize] |= from_first & to_last;
            continue;
        }
        marks[first_word as usize] |= from_first;
        marks[first_word as usize + 1..last_word as usize].fill(u64::MAX);
        marks[last_word as usize] |= to_last;
    }
    marks
}
