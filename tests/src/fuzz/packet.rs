//! The parser of the data path, on any frame.

use filter_common::{
    limits::{HEADER_WINDOW, VLAN_IDS},
    packet::{Classified, Flow, Frame, Packet, Source, classify, protocol},
    policy::{Policies, Policy},
    settings::Tunnels,
    verdict::Reason,
};

/// Bytes before the frame: the tunnels to look into, and two numbers that say where it is cut.
const HEAD: usize = 5;

/// A frame of which only the beginning was captured.
struct Captured<'a> {
    bytes: &'a [u8],
    length: usize,
}

impl Source for Captured<'_> {
    fn read<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        self.bytes.read(offset)
    }

    fn frame_length(&self) -> usize {
        self.length
    }
}

/// Parses `data`, which is a head of five bytes and a frame, and checks what must hold of the result.
///
/// # Panics
///
/// Where that does not hold.
pub fn packet(data: &[u8]) {
    let Some((head, frame)) = data.split_first_chunk::<HEAD>() else {
        return;
    };
    let tunnels = Tunnels::from_bits(head[0]);
    let whole = check(frame, tunnels);
    let numbers = [[head[1], head[2]], [head[3], head[4]]].map(u16::from_le_bytes);
    for number in numbers {
        let cut = usize::from(number) % (frame.len() + 1);
        check_cut(frame, cut, tunnels, &whole);
    }
    for cut in [13, 14, 33, 34, 54, HEADER_WINDOW] {
        if cut < frame.len() {
            check_cut(frame, cut, tunnels, &whole);
        }
    }
    check_window(frame, tunnels, &whole);
}

/// Parses a frame and checks what must hold of any.
pub(super) fn check(frame: &[u8], tunnels: Tunnels) -> Frame {
    let parsed = classify(frame, tunnels);
    assert!(usize::from(parsed.vlan) < VLAN_IDS, "{parsed:?}");
    let plain = classify(frame, Tunnels::NONE);
    assert_eq!(parsed.vlan, plain.vlan);
    match (parsed.content(), plain.content()) {
        (Classified::Stopped(stop), other) => {
            assert_eq!(Classified::Stopped(stop), other, "tunnels stop nothing");
            let reason = Reason::numbered(stop.number()).expect("a stop has a reason");
            let expected = match reason {
                Reason::Policy(policy) => Policies::of(policy),
                _ => Policies::NONE,
            };
            assert_eq!(stop.policies(), expected, "{reason:?}");
        }
        (Classified::Ip(packet), Classified::Ip(plain)) => {
            assert_eq!(packet.outer, plain.outer, "tunnels change what is inside");
            let changed = Policies::of(Policy::TunnelUnread);
            assert_eq!(packet.odd.without(changed), plain.odd);
            assert!(plain.inner().is_none(), "a tunnel that nobody asked for");
            check_packet(&packet);
        }
        (Classified::Ip(_), Classified::Stopped(_)) => panic!("tunnels open nothing: {parsed:?}"),
    }
    parsed
}

fn check_packet(packet: &Packet) {
    let odd = packet.odd;
    let named = odd.iter().fold(Policies::NONE, |mut named, policy| {
        named.add(policy);
        named
    });
    assert_eq!(odd, named, "a bit that is no policy");
    check_flow(&packet.outer);
    packet.inner().into_iter().for_each(check_flow);
    let is_land = packet.outer.source == packet.outer.destination;
    assert_eq!(odd.has(Policy::Land), is_land, "{packet:?}");
    // Only what begins inside the transport header, and so not before it, overlaps it.
    if odd.has(Policy::OverlappingFragment) {
        assert!(odd.has(Policy::Fragment), "{packet:?}");
        assert_eq!(packet.outer.source_port(), None, "{packet:?}");
    }
    if odd.has(Policy::ExtensionLimit) {
        assert_eq!(packet.outer.protocol(), None, "{packet:?}");
    }
    let ports = packet
        .outer
        .source_port()
        .zip(packet.outer.destination_port());
    if odd.has(Policy::PortZero) {
        assert!(ports.is_some_and(|(from, to)| from == 0 || to == 0));
    }
}

fn check_flow(flow: &Flow) {
    let ports = flow.source_port();
    assert_eq!(ports.is_some(), flow.destination_port().is_some());
    if ports.is_some() {
        let protocol = flow.protocol().expect("ports of no protocol");
        assert!(protocol::has_ports(protocol), "{flow:?}");
    }
}

/// A frame cut after `cut` bytes says the same or less than the whole, whether its length is known or
/// has become that of what is left.
fn check_cut(frame: &[u8], cut: usize, tunnels: Tunnels, whole: &Frame) {
    let bytes = &frame[..cut];
    let length = frame.len();
    let captured = classify(&Captured { bytes, length }, tunnels);
    if cut >= HEADER_WINDOW {
        assert_eq!(captured, *whole, "bytes past the window matter");
    }
    for part in [captured, check(bytes, tunnels)] {
        let (part, whole) = match (part.content(), whole.content()) {
            (Classified::Ip(packet), Classified::Ip(whole)) => (packet, whole),
            (Classified::Ip(_), Classified::Stopped(stop)) => {
                // The one stop behind the addresses.
                let number = Reason::NeighborDiscovery.number();
                assert_eq!(stop.number(), number, "a cut opened what was closed");
                continue;
            }
            (Classified::Stopped(_), _) => continue,
        };
        says_no_more(&part.outer, &whole.outer);
        if let (Some(part), Some(whole)) = (part.inner(), whole.inner()) {
            says_no_more(part, whole);
        }
    }
}

/// Whether all that `part` says `whole` says as well.
fn says_no_more(part: &Flow, whole: &Flow) {
    assert_eq!(
        (part.family, part.source, part.destination),
        (whole.family, whole.source, whole.destination),
        "a cut changed the addresses"
    );
    if part.protocol().is_some() {
        assert_eq!(part.protocol(), whole.protocol(), "a cut changed it");
    }
    if part.source_port().is_some() {
        assert_eq!(part.source_port(), whole.source_port());
        assert_eq!(part.destination_port(), whole.destination_port());
    }
}

/// What lies past the window may be anything.
fn check_window(frame: &[u8], tunnels: Tunnels, whole: &Frame) {
    if frame.len() <= HEADER_WINDOW {
        return;
    }
    let mut changed = frame.to_vec();
    for byte in &mut changed[HEADER_WINDOW..] {
        *byte = !*byte;
    }
    assert_eq!(classify(&changed[..], tunnels), *whole);
}
