//! The ids of a source as one text.

use crate::order::parse::BUNDLE_BYTES_MAX_DEFAULT;

// Where an id ends is a u32.
const _: () = assert!(BUNDLE_BYTES_MAX_DEFAULT <= u32::MAX as usize);

/// Ids, one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ids {
    text: String,
    ends: Vec<u32>,
}

impl Ids {
    pub(super) fn with_capacity(ids: usize) -> Self {
        Self {
            text: String::new(),
            ends: Vec::with_capacity(ids),
        }
    }

    pub(super) fn push(&mut self, id: &str) {
        self.text.push_str(id);
        self.ends.push(super::position(self.text.len()));
    }

    pub(super) const fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn get(&self, index: u32) -> &str {
        let index = index as usize;
        let begin = match index {
            0 => 0,
            index => self.ends[index - 1] as usize,
        };
        &self.text[begin..self.ends[index] as usize]
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        (0..self.ends.len()).map(|index| self.get(super::position(index)))
    }

    /// Of sorted ids: where this one is, or would be.
    pub(super) fn find(&self, id: &str) -> Result<u32, u32> {
        let (mut low, mut high) = (0, super::position(self.len()));
        while low < high {
            let middle = low.midpoint(high);
            match self.get(middle).cmp(id) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal => return Ok(middle),
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Err(low)
    }

    /// The ids sorted, and for each place in that order where it was before.
    ///
    /// A comparison of ids costs cache misses, and their order is often no order: so numbers are sorted that stand
    /// for the ids behind what all have in common, and only equal ones compare ids.
    pub(super) fn sorted(self) -> (Self, Vec<u32>) {
        let before = (0..super::position(self.len())).collect();
        if self.iter().is_sorted() {
            return (self, before);
        }
        let common = self.common_start();
        let number = |id: &str| {
            let mut number = [0; 8];
            let rest = &id.as_bytes()[common..];
            let length = rest.len().min(number.len());
            number[..length].copy_from_slice(&rest[..length]);
            u64::from_be_bytes(number)
        };
        let mut order: Vec<(u64, u32)> = self.iter().map(number).zip(before).collect();
        order.sort_unstable();
        for same in order.chunk_by_mut(|a, b| a.0 == b.0) {
            if same.len() > 1 {
                same.sort_unstable_by(|a, b| (self.get(a.1), a.1).cmp(&(self.get(b.1), b.1)));
            }
        }
        let mut sorted = Self {
            text: String::with_capacity(self.text.len()),
            ends: Vec::with_capacity(self.ends.len()),
        };
        let before = order.into_iter().map(|(_, before)| before);
        let before = before.inspect(|before| sorted.push(self.get(*before)));
        let before = before.collect();
        (sorted, before)
    }

    /// How many bytes all ids begin with.
    fn common_start(&self) -> usize {
        let mut ids = self.iter();
        let Some(first) = ids.next() else {
            return 0;
        };
        ids.fold(first.len(), |common, id| {
            let pairs = first.bytes().zip(id.bytes()).take(common);
            pairs.take_while(|(a, b)| a == b).count()
        })
    }

    pub(super) fn shrink(&mut self) {
        self.text.shrink_to_fit();
        self.ends.shrink_to_fit();
    }
}
