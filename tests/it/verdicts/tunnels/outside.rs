//! What stands around the packet inside: options, fragments, GRE headers.

use filter_common::settings::Tunnels;

use super::{INNER, OUTER, clean, inner_listed, kinds, looking};
use crate::support::{
    kernel::{Kernel, Outcome},
    packet::{Extension, Flow, Frame, Tunnel, V4, V6, link::ethertype, number, tunnel::Gre},
    skipped,
};

#[test]
fn outer_options_and_extensions_hide_no_tunnel() {
    if skipped() {
        return;
    }
    let mut kernel = Kernel::with(&looking(inner_listed(), Tunnels::ALL));
    for kind in kinds() {
        let slot = u32::try_from(2 * kind.inner + 1).unwrap();
        let (protocol, segment) = kind.tunnel.segment(&kind.flow().packet(&[0; 32]));
        let [from, to] = OUTER[kind.outer];
        let packets: Vec<Vec<u8>> = if kind.outer == 0 {
            let header = V4::new(from.parse().unwrap(), to.parse().unwrap(), protocol);
            let words = (5..=15).map(|words| header.clone().header_words(words));
            words.map(|header| header.packet(&segment)).collect()
        } else {
            let header = V6::new(from.parse().unwrap(), to.parse().unwrap(), protocol);
            // With the limit of RFC 2473 on the number of headers around a packet.
            let limit = Extension {
                number: number::DESTINATION_OPTIONS,
                rest: vec![0, 4, 1, 4, 1, 1, 0],
            };
            let chains = [vec![limit.clone()], vec![Extension::hop_by_hop(0), limit]];
            let headers = chains.map(|chain| header.clone().chain(chain));
            headers.map(|header| header.packet(&segment)).to_vec()
        };
        for packet in packets {
            let frame = Frame::new(kind.ethertype(), packet).bytes();
            kernel.check(&kind.name(), &frame, &Outcome::drop(slot));
        }
    }
}

/// Without its first fragment a tunnel packet cannot be put together; the later ones begin with payload,
/// which is no header whatever it looks like.
#[test]
fn fragmenting_a_tunnel_hides_nothing() {
    if skipped() {
        return;
    }
    let mut kernel = Kernel::with(&looking(inner_listed(), Tunnels::ALL));
    for kind in kinds() {
        let slot = u32::try_from(2 * kind.inner + 1).unwrap();
        let (protocol, segment) = kind.tunnel.segment(&kind.flow().packet(&[0; 1_400]));
        let [from, to] = OUTER[kind.outer];
        let fragment = |offset, more, piece: &[u8]| {
            let packet = if kind.outer == 0 {
                let header = V4::new(from.parse().unwrap(), to.parse().unwrap(), protocol);
                header.fragment(offset, more).packet(piece)
            } else {
                let header = V6::new(from.parse().unwrap(), to.parse().unwrap(), protocol);
                let chain = vec![Extension::fragment(offset, more, 0)];
                header.chain(chain).packet(piece)
            };
            Frame::new(kind.ethertype(), packet).bytes()
        };
        for length in [80, 400, 1_400] {
            let first = fragment(0, true, &segment[..length]);
            let what = format!("the first {length} bytes, {}", kind.name());
            kernel.check(&what, &first, &Outcome::drop(slot));
        }
        for (offset, more) in [(1, true), (10, true), (175, false)] {
            let later = fragment(offset, more, &segment[..400]);
            let what = format!("from {offset} on, {}", kind.name());
            kernel.check(&what, &later, &clean());
        }
    }
}

/// What is not IP inside is no packet, and the rest of the frame is not guessed at.
#[test]
fn gre_of_another_kind_is_not_opened() {
    if skipped() {
        return;
    }
    let mut kernel = Kernel::with(&looking(inner_listed(), Tunnels::ALL));
    let packet = Flow::udp(INNER[0][0], INNER[0][1], [53, 4_000]).packet(&[0; 32]);
    for gre in [
        Gre {
            kind: Some(0x6558),
            ..Gre::default()
        },
        Gre {
            version: 1,
            ..Gre::default()
        },
        Gre {
            kind: Some(0x8847),
            ..Gre::default()
        },
    ] {
        let [from, to] = OUTER[0];
        let outer = Tunnel::Gre(gre).carry(from, to, &packet);
        let frame = Frame::new(ethertype::IPV4, outer).bytes();
        kernel.check(&format!("{gre:?}"), &frame, &clean());
    }
}
