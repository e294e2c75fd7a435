//! A frame of which the capture has only the beginning.

use std::cell::Cell;

use filter_common::{limits::HEADER_WINDOW, packet::Source};

/// The captured bytes of a frame, and how long it was on the wire.
///
/// Lengths in headers are held against the length on the wire, as the program would. Whether anything
/// was asked for that the capture does not have is noted: if not, the verdict is that of the whole
/// frame, because a read that was never made cannot have changed it.
#[derive(Debug)]
pub(super) struct Captured<'a> {
    bytes: &'a [u8],
    length: usize,
    missed: Cell<bool>,
}

impl<'a> Captured<'a> {
    /// The beginning of a frame of that length.
    pub(super) fn new(bytes: &'a [u8], length: usize) -> Self {
        Self {
            bytes,
            length: length.max(bytes.len()),
            missed: Cell::new(false),
        }
    }

    /// Whether bytes are missing at all.
    pub(super) const fn is_cut(&self) -> bool {
        self.length > self.bytes.len()
    }

    /// Whether a byte that is missing was asked for.
    pub(super) const fn missed(&self) -> bool {
        self.missed.get()
    }
}

impl Source for Captured<'_> {
    fn read<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        let end = offset.checked_add(N)?;
        if end > self.bytes.len() && end <= self.length.min(HEADER_WINDOW) {
            self.missed.set(true);
        }
        self.bytes.read(offset)
    }

    fn frame_length(&self) -> usize {
        self.length
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_cut_and_asked_for_is_noted_and_nothing_else() {
        let bytes = [1, 2, 3, 4];
        let captured = Captured::new(&bytes, 6);
        assert_eq!(captured.frame_length(), 6);
        assert_eq!(captured.read::<2>(2), Some([3, 4]));
        // Past the end on the wire, and past the window: absent for the program as well.
        assert_eq!(captured.read::<4>(3), None);
        assert_eq!(captured.read::<2>(HEADER_WINDOW - 1), None);
        assert!(captured.is_cut() && !captured.missed());
        assert_eq!(captured.read::<2>(3), None);
        assert!(captured.missed());
    }

    #[test]
    fn a_whole_frame_misses_nothing() {
        // Some writers give a length on the wire of 0.
        let captured = Captured::new(&[0; 20], 0);
        assert_eq!(captured.frame_length(), 20);
        assert_eq!(captured.read::<8>(16), None);
        assert!(!captured.is_cut() && !captured.missed());
    }
}
