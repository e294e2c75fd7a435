//! What is taken at once is what the steps would find.

use filter_common::{
    packet::{Frame, Source, classify, open_plain},
    settings::Tunnels,
};
use proptest::{collection::vec, prelude::*, sample::select};

/// A frame that is opened step by step only.
struct Stepwise<'a>(&'a [u8]);

impl Source for Stepwise<'_> {
    fn read<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        self.0.read(offset)
    }

    fn frame_length(&self) -> usize {
        self.0.frame_length()
    }

    fn plain(&self) -> Option<Frame> {
        None
    }
}

/// A plain frame of TCP or UDP, with room behind the headers.
fn plain(v6: bool, tcp: bool, ends: [u8; 32], flags: u8, spare: usize) -> Vec<u8> {
    let upper = if tcp { 20 } else { 8 } + spare;
    let [protocol, ethertype] = if tcp { [6, 0] } else { [17, 0] };
    let length = |bytes: usize| u16::try_from(bytes).expect("a short frame").to_be_bytes();
    let mut frame = vec![2; 12];
    if v6 {
        frame.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
        frame.extend(length(upper));
        frame.extend([protocol, 64]);
        frame.extend(ends);
    } else {
        frame.extend([8, ethertype, 0x45, 0]);
        frame.extend(length(20 + upper));
        frame.extend([0, 1, 0x40, 0, 64, protocol, 0, 0]);
        frame.extend(&ends[..4]);
        frame.extend(&ends[16..20]);
    }
    frame.extend([0x30, 0x39, 0x01, 0xbb]);
    if tcp {
        frame.extend([0, 0, 0, 1, 0, 0, 0, 0, 0x50, flags, 1, 0, 0, 0, 0, 0]);
    } else {
        frame.extend(length(upper));
        frame.extend([0, 0]);
    }
    frame.resize(frame.len() + spare, 0x5a);
    frame
}

/// Compares both ways; whether the frame was taken at once.
fn check(frame: &[u8]) -> bool {
    let stepwise = classify(&Stepwise(frame), Tunnels::ALL);
    if let Some(at_once) = open_plain(frame) {
        assert_eq!(at_once, stepwise, "{frame:02x?}");
        return true;
    }
    assert_eq!(classify(frame, Tunnels::ALL), stepwise);
    false
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_096))]

    /// Plain frames, and frames that are plain but for a few bytes or for where they end.
    #[test]
    fn a_plain_frame_is_what_the_steps_find(
        v6 in any::<bool>(),
        tcp in any::<bool>(),
        ends in any::<[u8; 32]>(),
        flags in any::<u8>(),
        spare in 0..8_usize,
        damage in vec((0..80_usize, select(vec![0, 1, 4, 5, 6, 8, 0x20, 0x45, 0x50, 0x60, 0xff])), 0..4),
        cut in prop_oneof![3 => Just(0), 1 => 0..40_usize],
        like in any::<bool>(),
    ) {
        let mut ends = ends;
        if like {
            ends.copy_within(0..16, 16);
        }
        let mut frame = plain(v6, tcp, ends, flags, spare);
        let whole = damage.is_empty() && cut == 0 && !like;
        for (at, byte) in damage {
            if let Some(to) = frame.get_mut(at) {
                *to = byte;
            }
        }
        frame.truncate(frame.len() - cut.min(frame.len()));
        let taken = check(&frame);
        prop_assert!(taken || !whole, "a plain frame goes the long way: {:02x?}", frame);
    }

    #[test]
    fn any_bytes_are_what_the_steps_find(frame in vec(any::<u8>(), 0..120)) {
        check(&frame);
    }
}
