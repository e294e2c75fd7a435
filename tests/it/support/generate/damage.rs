//! What happens to a frame on its way, or is done to it on purpose.

use super::frames::tag;
use crate::support::{
    packet::{Layer, link::ethertype, wrap},
    random::Random,
};

/// Now and then changes bytes of the headers, or cuts the frame.
pub(crate) fn damage(random: &mut Random, frame: &mut Vec<u8>) {
    if random.one_in(3) {
        change(random, frame);
    }
    if random.one_in(8) {
        // The kernel runs nothing shorter than an Ethernet header.
        let longest = frame.len().max(14);
        frame.resize(14 + random.below(longest - 13), 0);
    }
}

/// Changes bytes of the headers.
fn change(random: &mut Random, frame: &mut [u8]) {
    for _ in 0..=random.below(4) {
        let reach = frame.len().min(120);
        let at = random.below(reach);
        frame[at] = match random.below(3) {
            0 => frame[at] ^ 1 << random.below(8),
            1 => *random.pick(&[0, 1, 0x40, 0x45, 0x4f, 0x60, 0x81, 0x88, 0xff]),
            _ => random.byte(),
        };
    }
}

/// A recorded frame as another path might have carried it: under tags, in a session, under labels; with
/// some of its bytes changed, put twice, left out or taken from elsewhere.
pub(crate) fn mutate(random: &mut Random, frame: &[u8]) -> Vec<u8> {
    let mut bytes = frame.to_vec();
    match random.below(8) {
        0 => {
            for _ in 0..=random.below(3) {
                bytes.splice(12..12, tag(random).bytes());
            }
        }
        1 | 2 => {
            if let Some(wrapped) = rewrapped(random, &bytes) {
                bytes = wrapped;
            }
        }
        3 => {
            // A header twice, or not at all.
            let at = 12 + random.below(bytes.len().min(80) - 12);
            let length = random.below(bytes.len() - at).min(40);
            if random.one_in(2) {
                let again = bytes[at..at + length].to_vec();
                bytes.splice(at..at, again);
            } else {
                bytes.drain(at..at + length);
            }
        }
        4 => {
            // One field copied over another.
            let reach = bytes.len().min(80) - 4;
            let [from, to] = [random.below(reach), random.below(reach)];
            bytes.copy_within(from..from + 4, to);
        }
        5 => change(random, &mut bytes),
        _ => {}
    }
    damage(random, &mut bytes);
    bytes.resize(bytes.len().max(14), 0);
    bytes
}

/// An untagged IP frame in a session or under labels.
fn rewrapped(random: &mut Random, frame: &[u8]) -> Option<Vec<u8>> {
    let kind = u16::from_be_bytes([frame[12], frame[13]]);
    if kind != ethertype::IPV4 && kind != ethertype::IPV6 {
        return None;
    }
    let layers = match random.below(3) {
        0 => vec![Layer::PPPOE],
        1 => vec![Layer::mpls([16, 17])],
        _ => vec![Layer::PPPOE, Layer::mpls([16])],
    };
    Some(wrap(&layers, kind, frame[14..].to_vec()).unpadded())
}
