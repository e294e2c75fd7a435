//! Frames made up at random.

use std::net::IpAddr;

use super::{VLANS, address, damage::damage, port, protocol};
use crate::support::{
    packet::{
        Extension, Flow, Frame, Layer, Tag, Tcp, Tunnel, V4, V6,
        between::{Mpls, Pppoe},
        link::ethertype,
        number, tcp,
        transport::neighbor_discovery,
        tunnel::Gre,
        wrap,
    },
    random::Random,
    rules::Rules,
};

/// A frame, mostly of one family.
pub(crate) fn frame(random: &mut Random, rules: &Rules, v6: bool) -> Vec<u8> {
    match random.below(60) {
        0 => return control(random),
        1 => return discovery(random, rules),
        _ => {}
    }
    let payload = match random.below(80) {
        0 => 9_000 - random.below(1_000),
        1 => 3_000 + random.below(2_000),
        2 => 1_300 + random.below(400),
        3..=20 => 0,
        _ => random.below(120),
    };
    let is_tunnel = random.one_in(5);
    let inner_v6 = v6 ^ (is_tunnel && random.one_in(3));
    let flow = flow(random, rules, inner_v6);
    let segment = segment(random, &flow, payload);
    let mut packet = header(random, &flow, &segment);
    let mut outer_v6 = inner_v6;
    if is_tunnel {
        outer_v6 = v6 ^ random.one_in(3);
        let (protocol, carried) = tunnel(random).segment(&packet);
        let outer = self::flow(random, rules, outer_v6).protocol(protocol);
        packet = header(random, &outer, &carried);
    }
    let kind = if outer_v6 {
        ethertype::IPV6
    } else {
        ethertype::IPV4
    };
    let mut layers = layers(random);
    if packet.len() > 1_400 {
        layers.retain(|layer| *layer != Layer::Snap);
    }
    let tags = *random.pick(&[0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 4, 5]);
    let tags: Vec<Tag> = (0..tags).map(|_| tag(random)).collect();
    let frame = wrap(&layers, kind, packet).tagged(&tags);
    let mut bytes = if random.one_in(2) {
        frame.bytes()
    } else {
        frame.unpadded()
    };
    damage(random, &mut bytes);
    bytes
}

/// A frame without IP.
fn control(random: &mut Random) -> Vec<u8> {
    let kinds = [
        0x0806, 0x8035, 0x88cc, 0x8809, 0x8863, 0x888e, 0x8870, 0x9000, 0x88f7, 0xabcd, 0x05dc,
        0x05dd, 0x0026,
    ];
    let kind = if random.one_in(8) {
        random.word()
    } else {
        *random.pick(&kinds)
    };
    let length = random.below(80);
    let tags: Vec<Tag> = (0..random.below(3)).map(|_| tag(random)).collect();
    let frame = Frame::new(kind, random.bytes(length)).tagged(&tags);
    let mut bytes = frame.unpadded();
    damage(random, &mut bytes);
    bytes
}

/// Neighbour discovery, or what poses as it.
fn discovery(random: &mut Random, rules: &Rules) -> Vec<u8> {
    let mut end = || {
        let known = ["fe80::1", "ff02::1", "::", "fec0::1"];
        if random.one_in(2) {
            return random.pick(&known).parse().unwrap();
        }
        match address(random, rules, true) {
            IpAddr::V6(address) => address,
            IpAddr::V4(_) => unreachable!("an IPv6 address is asked for"),
        }
    };
    let [from, to, target] = [end(), end(), end()];
    let kind = 131 + random.byte() % 8;
    let code = u8::from(random.one_in(8));
    let hops = *random.pick(&[255, 255, 255, 254]);
    let packet = neighbor_discovery(from, to, kind, code, hops, target);
    let mut bytes = wrap(&layers(random), ethertype::IPV6, packet).unpadded();
    damage(random, &mut bytes);
    bytes
}

fn flow(random: &mut Random, rules: &Rules, v6: bool) -> Flow {
    let source = address(random, rules, v6);
    let destination = if random.one_in(50) {
        source
    } else {
        address(random, rules, v6)
    };
    Flow {
        source,
        destination,
        protocol: protocol(random),
        ports: [port(random), port(random)],
    }
}

/// What IP carries: as it should be, or odd.
fn segment(random: &mut Random, flow: &Flow, payload: usize) -> Vec<u8> {
    let payload = random.bytes(payload);
    let mut segment = if flow.protocol == number::TCP {
        let usual = [
            tcp::SYN,
            tcp::SYN | tcp::ACK,
            tcp::ACK,
            tcp::ACK | tcp::PSH,
            tcp::FIN | tcp::ACK,
            tcp::RST,
        ];
        let flags = if random.one_in(2) {
            *random.pick(&usual)
        } else {
            random.byte()
        };
        let most = *random.pick(&[1, 6, 11]);
        let options = 4 * random.below(most);
        let mut header = Tcp::new(flags).options(&random.bytes(options));
        if random.one_in(12) {
            header = header.words(random.byte() & 15);
        }
        header.segment(flow, &payload)
    } else {
        flow.segment(&payload)
    };
    if flow.protocol == number::UDP && random.one_in(12) {
        let length = *random.pick(&[0_u16, 7, 8, 9, 65_535]);
        segment[4..6].copy_from_slice(&length.to_be_bytes());
    }
    if random.one_in(16) {
        segment.truncate(random.below(24));
    }
    segment
}

/// A packet of a flow: options, extensions, fragments, lengths that are wrong now and then.
fn header(random: &mut Random, flow: &Flow, segment: &[u8]) -> Vec<u8> {
    let hops = *random.pick(&[0, 1, 64, 64, 64, 128, 254, 255, 255]);
    match (flow.source, flow.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let mut header = V4::new(source, destination, flow.protocol);
            header.ttl = hops;
            if random.one_in(4) {
                header.options = options(random);
            }
            if random.one_in(4) {
                header.offset = offset(random);
                header.more = random.one_in(2);
            }
            if random.one_in(24) {
                header.ihl = Some(random.byte() & 15);
            }
            if random.one_in(24) {
                header.total_length = Some(random.word() & *random.pick(&[0x1f, 0xff, 0xffff]));
            }
            header.packet(segment)
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let mut header = V6::new(source, destination, flow.protocol);
            header.hop_limit = hops;
            for _ in 0..chain_length(random) {
                header.extensions.push(extension(random));
            }
            if random.one_in(24) {
                header.payload_length =
                    Some(random.word() & *random.pick(&[0, 0x1f, 0xff, 0xffff]));
            }
            header.packet(segment)
        }
        _ => unreachable!("both addresses are of one family"),
    }
}

/// IPv4 options: one behind the other, or anything.
fn options(random: &mut Random) -> Vec<u8> {
    let length = 4 * random.below(11);
    if random.one_in(4) {
        return random.bytes(length);
    }
    let mut options = Vec::new();
    while options.len() < length {
        match *random.pick(&[1, 1, 7, 68, 131, 137, 148, 255]) {
            1 => options.push(1),
            255 => options.push(random.byte()),
            kind => {
                let data = random.below(12);
                options.extend([kind, u8::try_from(data + 2).unwrap()]);
                options.extend(random.bytes(data));
            }
        }
    }
    options.truncate(length);
    options
}

/// The offset of a fragment, often 0 or 1.
fn offset(random: &mut Random) -> u16 {
    random.word() & *random.pick(&[0, 1, 3, 0xff, 0x1fff])
}

fn tunnel(random: &mut Random) -> Tunnel {
    if random.one_in(2) {
        return Tunnel::Plain;
    }
    let mut gre = Gre {
        checksum: random.one_in(3),
        key: random.one_in(3).then_some(7),
        sequence: random.one_in(3).then_some(8),
        ..Gre::default()
    };
    if random.one_in(8) {
        gre.routing = random.one_in(2);
        gre.version = random.byte() & 7;
        gre.kind = random.one_in(2).then(|| random.word());
    }
    Tunnel::Gre(gre)
}

/// What lies between Ethernet and IP: mostly nothing.
fn layers(random: &mut Random) -> Vec<Layer> {
    let mut layers = Vec::new();
    match random.below(16) {
        0 => layers.push(Layer::Snap),
        1..=3 => layers.push(session(random)),
        4..=6 => layers.push(stack(random)),
        7 => {
            layers.push(Layer::PPPOE);
            layers.push(stack(random));
        }
        8 => {
            layers.push(Layer::Snap);
            layers.push(session(random));
        }
        _ => {}
    }
    layers
}

fn session(random: &mut Random) -> Layer {
    let mut session = Pppoe {
        session: random.word(),
        compressed: random.one_in(4),
        ..Pppoe::SESSION
    };
    if random.one_in(10) {
        session.version_and_type = random.byte();
    }
    if random.one_in(10) {
        session.code = random.byte();
    }
    if random.one_in(10) {
        session.length = Some(random.word());
    }
    if random.one_in(10) {
        session.protocol = Some(*random.pick(&[0x0021, 0x0057, 0xc021, 0x0281, 0x0283]));
    }
    Layer::Pppoe(session)
}

fn stack(random: &mut Random) -> Layer {
    let count = *random.pick(&[1, 1, 1, 2, 2, 3, 7, 8, 9, 20]);
    let labels = (0..count).map(|_| match random.below(6) {
        0 => u32::from(random.byte() & 15),
        _ => u32::from(random.word()),
    });
    let labels: Vec<u32> = labels.collect();
    Layer::Mpls(Mpls {
        labels,
        explicit_null: random.one_in(5),
        bottomless: random.one_in(20),
        multicast: random.one_in(5),
    })
}

pub(super) fn tag(random: &mut Random) -> Tag {
    let id = if random.one_in(3) {
        random.word()
    } else {
        *random.pick(&VLANS) | random.word() & 0xf000
    };
    Tag {
        tpid: *random.pick(&[0x8100, 0x8100, 0x88a8, 0x9100, 0x9200]),
        tci: id,
    }
}

fn chain_length(random: &mut Random) -> usize {
    match random.below(5) {
        0..=2 => 0,
        3 => 1 + random.below(3),
        _ => random.below(11),
    }
}

fn extension(random: &mut Random) -> Extension {
    let words = *random.pick(&[0, 0, 0, 0, 1, 2, 7, 31]);
    match random.below(9) {
        0 => Extension::hop_by_hop(words),
        1 | 2 => Extension::destination(words),
        3 => Extension::routing_of_type(*random.pick(&[0, 2, 4])),
        4 => Extension::mobility(words),
        5 => Extension::authentication(words),
        6 => Extension::hip(words),
        7 => Extension::shim6(words),
        _ => Extension::fragment(offset(random), random.one_in(2), random.byte()),
    }
}
