//! The frame that most frames are: Ethernet, an IP header without anything behind it but TCP or UDP, and
//! nothing odd about either.
//!
//! The same is found step by step for every frame; here it is found in three reads, so that the commonest
//! frames, and the frames of most attacks, do not pay for what the others may be wrapped in. A frame of
//! which anything at all has to be said beyond its TCP flags is not plain, so there is one place that
//! says it.

use super::{Features, Flow, Frame, Packet, Source, protocol, transport};
use crate::{
    address::{Address, Family},
    policy::Policies,
};

const LINK: usize = 14;
const V4_HEADER: usize = 20;
const V6_HEADER: usize = 40;
const ETHERTYPE_V4: [u8; 2] = [8, 0];
const ETHERTYPE_V6: [u8; 2] = [0x86, 0xdd];

/// What the steps would find; `None` where the frame is not plain.
#[inline(always)]
pub(super) fn open<S: Source + ?Sized>(source: &S) -> Option<Frame> {
    match source.read::<2>(12)? {
        ETHERTYPE_V4 => open_v4(source),
        ETHERTYPE_V6 => open_v6(source),
        _ => None,
    }
}

#[inline(always)]
fn open_v4<S: Source + ?Sized>(source: &S) -> Option<Frame> {
    const NOT_FIRST_OR_NOT_LAST: u16 = 0x3fff;
    let header = source.read::<{ V4_HEADER + 4 }>(LINK)?;
    let total = u16::from_be_bytes([header[2], header[3]]) as usize;
    let field = u16::from_be_bytes([header[6], header[7]]);
    if header[0] != 0x45
        || field & NOT_FIRST_OR_NOT_LAST != 0
        || header[8] == 0
        || total < V4_HEADER
        || LINK + total > source.frame_length()
    {
        return None;
    }
    let flow = Flow::new(
        Family::V4,
        Address::from_v4([header[12], header[13], header[14], header[15]]),
        Address::from_v4([header[16], header[17], header[18], header[19]]),
    );
    let ports = [
        u16::from_be_bytes([header[20], header[21]]),
        u16::from_be_bytes([header[22], header[23]]),
    ];
    let upper = Upper {
        protocol: header[9],
        ports,
        at: LINK + V4_HEADER,
        length: total - V4_HEADER,
    };
    frame(
        source,
        flow,
        Features::of_v4(header[1], total, field),
        upper,
    )
}

#[inline(always)]
fn open_v6<S: Source + ?Sized>(source: &S) -> Option<Frame> {
    let header = source.read::<{ V6_HEADER + 4 }>(LINK)?;
    let length = u16::from_be_bytes([header[4], header[5]]) as usize;
    if header[0] >> 4 != 6 || header[7] == 0 || LINK + V6_HEADER + length > source.frame_length() {
        return None;
    }
    let [first @ .., _, _, _, _] = *header.first_chunk::<8>()?;
    let [_, _, _, _, _, _, _, _, ends @ .., a, b, c, d] = header;
    let (from, to) = halves(&ends)?;
    let upper = Upper {
        protocol: header[6],
        ports: [u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])],
        at: LINK + V6_HEADER,
        length,
    };
    let features = Features::of_v6(first, V6_HEADER + length);
    frame(source, Flow::new(Family::V6, from, to), features, upper)
}

#[inline(always)]
fn halves(ends: &[u8; 32]) -> Option<(Address, Address)> {
    let (from, rest) = ends.split_first_chunk::<16>()?;
    let (to, _) = rest.split_first_chunk::<16>()?;
    Some((Address::from_v6(*from), Address::from_v6(*to)))
}

/// What is behind the IP header.
#[derive(Clone, Copy)]
struct Upper {
    protocol: u8,
    ports: [u16; 2],
    at: usize,
    length: usize,
}

#[inline(always)]
fn frame<S: Source + ?Sized>(
    source: &S,
    mut flow: Flow,
    mut features: Features,
    upper: Upper,
) -> Option<Frame> {
    let Upper {
        protocol,
        ports,
        at,
        length,
    } = upper;
    if ports[0] == 0 || ports[1] == 0 || flow.is_to_itself() {
        return None;
    }
    let odd = match protocol {
        protocol::TCP => {
            let [offset, flags] = source.read::<2>(at + 12)?;
            let header = (offset >> 4) as usize * 4;
            if header < transport::TCP_HEADER || header > length {
                return None;
            }
            features.set_flags([offset, flags]);
            transport::tcp(header, flags, length)
        }
        protocol::UDP => {
            let said = u16::from_be_bytes(source.read::<2>(at + 4)?) as usize;
            if said < transport::UDP_HEADER || said > length {
                return None;
            }
            Policies::NONE
        }
        _ => return None,
    };
    flow.set_protocol(protocol);
    flow.set_ports(ports);
    Some(Frame::of(
        0,
        Packet {
            outer: flow,
            features,
            inner: flow,
            offsets: Packet::offsets(LINK, at),
            is_tunnel: false,
            doubtful: false,
            odd,
        },
    ))
}
