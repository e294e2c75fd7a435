//! From sorted prefixes to intervals.

use super::interval::{Interval, Prefix};

/// Prefixes, sorted by start and length.
pub(super) trait Groups<S, T> {
    /// How many there are at most.
    fn most(&self) -> usize;

    /// Puts the next prefix in place of what is in `group`, once for each that says something of it; nothing at
    /// the end.
    ///
    /// Not an iterator: handing over each by value, with one looked at ahead, took half the time of a sweep.
    fn next_group(&mut self, group: &mut Vec<Prefix<S, T>>);
}

impl<S: Copy + Ord, T: Copy> Groups<S, T> for &[Prefix<S, T>] {
    fn most(&self) -> usize {
        self.len()
    }

    fn next_group(&mut self, group: &mut Vec<Prefix<S, T>>) {
        let next = self.chunk_by(is_same).next().unwrap_or_default();
        group.clear();
        group.extend_from_slice(next);
        *self = &self[next.len()..];
    }
}

/// The intervals that prefixes, sorted by start and length, cut the address space into.
///
/// `inside` is called once for each group, an enclosing one always before those in it, with
/// the value around it and with all that is said of it; it answers with the value inside. Outside of
/// all prefixes the value is 0, and so it is wherever `holes`, intervals too, have something.
///
/// Neighbours with the same value are one interval; the first begins at address 0.
pub(super) fn sweep<R: Interval, T, E>(
    mut prefixes: impl Groups<R::Start, T>,
    holes: &[R],
    mut inside: impl FnMut(u32, &[Prefix<R::Start, T>]) -> Result<u32, E>,
) -> Result<Vec<R>, E> {
    let mut rows = Rows::new(2 * prefixes.most() + holes.len() + 1, holes);
    let mut group: Vec<Prefix<R::Start, T>> = Vec::new();
    // The prefixes that hold the place at hand, outermost first: where each ends, and the value after
    // that.
    let mut open: Vec<(Option<R::Start>, u32)> = Vec::new();
    let mut value = 0;
    loop {
        prefixes.next_group(&mut group);
        let Some(first) = group.first() else {
            break;
        };
        let (start, length) = (first.start, first.length);
        while let Some(&(Some(past), around)) = open.last()
            && past <= start
        {
            rows.begin(past, around);
            value = around;
            open.pop();
        }
        open.push((R::past(start, length), value));
        value = inside(value, &group)?;
        rows.begin(start, value);
    }
    for (past, around) in open.into_iter().rev() {
        if let Some(past) = past {
            rows.begin(past, around);
        }
    }
    Ok(rows.finish())
}

/// Whether the two are the same prefix.
fn is_same<S: PartialEq, T>(a: &Prefix<S, T>, b: &Prefix<S, T>) -> bool {
    a.start == b.start && a.length == b.length
}

/// Rows so far, the first of them at address 0.
struct Rows<'a, R> {
    made: Vec<R>,
    /// The value at the place at hand, holes aside.
    value: u32,
    /// Whether that place is in a hole.
    in_hole: bool,
    /// The intervals of holes that begin behind it.
    holes: &'a [R],
}

impl<'a, R: Interval> Rows<'a, R> {
    fn new(most: usize, holes: &'a [R]) -> Self {
        let mut rows = Self {
            made: Vec::with_capacity(most),
            value: 0,
            in_hole: false,
            holes,
        };
        rows.push(R::ZERO, 0);
        rows
    }

    /// From `start`, which is not before the last row, holds `value`.
    fn begin(&mut self, start: R::Start, value: u32) {
        while let Some((hole, behind)) = self.holes.split_first()
            && hole.start() <= start
        {
            self.in_hole = hole.value() != 0;
            self.holes = behind;
            self.push(hole.start(), self.value);
        }
        self.value = value;
        self.push(start, value);
    }

    fn push(&mut self, start: R::Start, value: u32) {
        let value = if self.in_hole { 0 } else { value };
        let replaced = self.made.pop_if(|last| last.start() == start).is_some();
        // Without a row before it, the one replaced was the first.
        let before = self.made.last().map(R::value);
        debug_assert!(replaced || before.is_some() || start == R::ZERO);
        if before != Some(value) {
            self.made.push(R::new(start, value));
        }
    }

    fn finish(mut self) -> Vec<R> {
        for hole in self.holes {
            self.in_hole = hole.value() != 0;
            self.push(hole.start(), self.value);
        }
        self.made
    }
}
