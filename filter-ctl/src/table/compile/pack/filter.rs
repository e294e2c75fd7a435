//! The first stage of the IPv6 orders.

use filter_common::table::{FILTER_WORDS, GRAIN_MAX, filter_key};

/// The filter in the making.
pub(super) struct FilterBuilder {
    words: Vec<u64>,
}

/// Keys that a root may have for each piece listed under it, and beyond that.
///
/// The finer the grain, the fewer clean neighbours of listed addresses pass the first stage, and the more
/// keys a listed prefix has. With two keys a piece the filter is as full as [`FILTER_WORDS`] says.
const KEYS_PER_PIECE: u64 = 2;
const KEYS_MORE: u64 = 8;

/// Grains are tried in steps of half a byte, at which prefixes are commonly cut.
const GRAIN_STEP: usize = 4;

impl FilterBuilder {
    pub(super) fn new() -> Self {
        Self {
            words: vec![0; FILTER_WORDS],
        }
    }

    pub(super) fn finish(self) -> Vec<u64> {
        self.words
    }

    /// Adds what is listed under a root within 2000::/3, as ranges from a first to a last value of the
    /// upper 64 bits. The grain that was chosen; 0 where any would have too many keys.
    pub(super) fn add(&mut self, pieces: &[(u64, u64)]) -> u8 {
        let most = KEYS_PER_PIECE * pieces.len() as u64 + KEYS_MORE;
        let fits = |grain: u8| {
            let shift = u32::from(grain) - 1;
            let keys = |&(first, last): &(u64, u64)| (last >> shift) - (first >> shift) + 1;
            let mut total = 0_u64;
            pieces.iter().all(|piece| {
                total = total.saturating_add(keys(piece));
                total <= most
            })
        };
        let Some(grain) = (1..=GRAIN_MAX)
            .step_by(GRAIN_STEP)
            .find(|&grain| fits(grain))
        else {
            return 0;
        };
        let shift = u32::from(grain) - 1;
        for &(first, last) in pieces {
            for key in first >> shift..=last >> shift {
                let (word, bits) = filter_key(key << shift, u32::from(grain));
                self.words[word as usize] |= bits;
            }
        }
        grain
    }
}
