//! No address inside in anything that is shown or written, unless it was asked for, and that is recorded.

use std::{fs, net::IpAddr};

use filter_common::abi::map;

use super::{super::site, CONFIG, MANY, block, blocked, capture::capturing, document, dropped};
use crate::support::{
    bpffs::samples_in,
    daemon::{Site, until},
    layout::{BAD_4, BAD_6, CUSTOMER_4, CUSTOMER_6, GOOD_4, Layout},
    packet::{
        Extension, Flow, Frame, Tcp, Tunnel, V4, V6, link::ethertype, number, octets, tcp,
        transport,
    },
    skipped,
    tap::Tap,
    wrapping,
};

/// Whether the bytes have an address inside in them, as bytes or as text.
fn names_inside(bytes: &[u8]) -> Option<String> {
    for text in [CUSTOMER_4, CUSTOMER_6] {
        let address = octets(text.parse().unwrap());
        for wanted in [address.as_slice(), text.as_bytes()] {
            if bytes.windows(wanted.len()).any(|window| window == wanted) {
                return Some(text.to_owned());
            }
        }
    }
    None
}

/// Which way packets go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// From the blocked host to the address inside.
    In,
    Out,
}

impl Way {
    /// A flow between the two.
    fn flow(self, bad: &str, inside: &str) -> Flow {
        match self {
            Self::In => Flow::udp(bad, inside, [40_000, 53]),
            Self::Out => Flow::udp(inside, bad, [53, 40_000]),
        }
    }

    /// A pair of addresses, the first of which is outside, in the order in which packets have them.
    fn ends(self, [outside, inside]: [&str; 2]) -> [&str; 2] {
        match self {
            Self::In => [outside, inside],
            Self::Out => [inside, outside],
        }
    }

    /// The cable on which they come to the router.
    fn tap(self, layout: &Layout) -> Tap {
        match self {
            Self::In => layout.tap_upstream(),
            Self::Out => layout.tap_customer(),
        }
    }
}

/// Frames that carry an address inside wherever one can be, each dropped.
fn frames(way: Way) -> Vec<(String, Vec<u8>)> {
    let mut frames = Vec::new();
    for (bad, inside) in [(BAD_4, CUSTOMER_4), (BAD_6, CUSTOMER_6)] {
        let flow = way.flow(bad, inside);
        let is_v4 = flow.source.is_ipv4();
        for wrapping in wrapping::all(flow.source) {
            frames.push((wrapping.name.clone(), wrapping.frame(&flow)));
        }
        let address = octets(inside.parse().unwrap());
        let mut add = |name: &str, packet: Vec<u8>, trailer: &[u8]| {
            let packet = [&packet[..], trailer].concat();
            let frame = Frame::new(flow.ethertype(), packet).bytes();
            frames.push((name.to_owned(), frame));
        };
        let carry = |protocol: u8, segment: &[u8]| carried(&flow.protocol(protocol), segment);
        // What an ICMP error quotes went the other way.
        let quoted = Flow {
            source: flow.destination,
            destination: flow.source,
            ..flow
        };
        let body = [vec![0; 4], quoted.packet(b"x")].concat();
        let (icmp, error) = if is_v4 {
            (number::ICMP, transport::icmp(3, 1, &body))
        } else {
            (number::ICMPV6, transport::icmpv6(&flow, 1, 3, &body))
        };
        add("an ICMP error", carry(icmp, &error), &[]);
        let tcp_flow = flow.protocol(number::TCP);
        let options = [
            vec![254, 18],
            address.repeat(16 / address.len()),
            vec![1, 1],
        ]
        .concat();
        let segment = Tcp::new(tcp::ACK)
            .options(&options)
            .segment(&tcp_flow, &address);
        add("TCP options", carry(number::TCP, &segment), &[]);
        // Addresses where there would be a transport header, or behind one that is cut.
        let written = address.repeat(64 / address.len());
        for protocol in [number::TCP, number::UDP, icmp] {
            let piece = fragment(&flow.protocol(protocol), (185, false), &written);
            add("a last fragment", piece, &[]);
            let piece = fragment(&flow.protocol(protocol), (1, true), &written);
            add("a middle fragment", piece, &[]);
            let piece = fragment(&flow.protocol(protocol), (0, true), &segment[..8]);
            add("a tiny first fragment", piece, &written);
            for length in [0, 1, 3, 4, 7, 8, 12, 19] {
                let packet = carry(protocol, &segment[..length]);
                add("a packet that is cut, and a trailer", packet, &written);
            }
        }
        for protocol in [number::GRE, number::ESP, number::OSPF, number::SCTP, 255] {
            add("another protocol", carry(protocol, &written), &[]);
        }
        let chain = [&[number::UDP, 1][..], &written[..14], &[0; 8], &written].concat();
        if !is_v4 {
            let packet = carry(number::DESTINATION_OPTIONS, &chain);
            add("an extension header", packet, &[]);
        }
        for tunnel in Tunnel::all() {
            let inner = flow.packet(b"x");
            for ends in [
                ["198.51.100.9", CUSTOMER_4],
                ["2001:db8:100::9", CUSTOMER_6],
            ] {
                let [from, to] = way.ends(ends);
                let outer = tunnel.carry(from, to, &inner);
                let ethertype = if from.contains(':') {
                    ethertype::IPV6
                } else {
                    ethertype::IPV4
                };
                let frame = Frame::new(ethertype, outer).bytes();
                frames.push((format!("{tunnel:?} between {from} and {to}"), frame));
            }
            // Blocked for its outer addresses, whatever is inside.
            let [from, to] = way.ends([bad, inside]);
            let good = Way::In.flow(GOOD_4, CUSTOMER_4).packet(b"x");
            let frame = Frame::new(flow.ethertype(), tunnel.carry(from, to, &good)).bytes();
            frames.push((format!("{tunnel:?} from {from}"), frame));
        }
    }
    frames
}

/// An IP packet between the ends of a flow.
fn carried(flow: &Flow, segment: &[u8]) -> Vec<u8> {
    fragment(flow, (0, false), segment)
}

/// A piece of one: where it begins, in words of 8 bytes, and whether there is more.
fn fragment(flow: &Flow, (offset, more): (u16, bool), piece: &[u8]) -> Vec<u8> {
    match (flow.source, flow.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let header = V4::new(source, destination, flow.protocol);
            header.fragment(offset, more).packet(piece)
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let mut header = V6::new(source, destination, flow.protocol);
            if offset != 0 || more {
                header = header.chain(vec![Extension::fragment(offset, more, 0)]);
            }
            header.packet(piece)
        }
        _ => unreachable!("both ends of a flow are of one family"),
    }
}

/// Everything that the commands show of events.
fn shown(site: &Site<'_>) -> String {
    site.done(&["events"]) + &site.done(&["events", "-o", "json"])
}

const TUNNELS: &str = "tunnels = [\"gre\", \"ipip\", \"6in4\", \"4in6\", \"6in6\"]\n";

#[test]
fn no_address_inside_is_shown_or_written_whatever_the_packet_is_wrapped_in() {
    nothing_is_shown_or_written(Way::In);
}

#[test]
fn no_address_inside_is_shown_or_written_of_packets_from_inside() {
    nothing_is_shown_or_written(Way::Out);
}

fn nothing_is_shown_or_written(way: Way) {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, _) = site(&layout, &format!("{TUNNELS}{CONFIG}{MANY}"));
    let _service = site.start();
    block(&site, &[BAD_4, BAD_6]);
    let tap = way.tap(&layout);
    let frames = frames(way);
    let _follower = site.background(&["events", "--follow", "-o", "json"], "followed");
    capturing(&site, "all.pcapng", &["--seconds", "10"], || {
        let mut sent = 0;
        for some in frames.chunks(200) {
            for (name, frame) in some {
                assert!(
                    names_inside(frame).is_some(),
                    "{name}: the test asks nothing"
                );
                tap.send(frame);
            }
            sent += some.len() as u64;
            until("every frame is dropped", || dropped(&site) == sent);
            until("every frame is a sample", || {
                document(&site)["total"] == sent
            });
        }
    });
    let captured = fs::read(site.path("all.pcapng")).unwrap();
    let packets = super::capture::frames(&site.path("all.pcapng"));
    assert_eq!(packets.len(), frames.len());
    for ((frame, _), (name, _)) in packets.iter().zip(&frames) {
        assert_eq!(names_inside(frame), None, "{name}: {frame:02x?}");
    }
    assert_eq!(names_inside(&captured), None, "the capture file");
    assert_eq!(names_inside(shown(&site).as_bytes()), None, "events");
    let followed = fs::read(site.path("followed")).unwrap();
    assert_eq!(names_inside(&followed), None, "events --follow");
}

/// What lies in the ring, as the kernel has written it.
fn ring(site: &Site<'_>) -> Vec<Vec<u8>> {
    let instance = fs::read_dir(site.pins()).unwrap().find_map(|entry| {
        let path = entry.unwrap().path();
        path.join(map::SAMPLES).exists().then_some(path)
    });
    samples_in(&instance.expect("a pinned ring"))
}

#[test]
fn no_address_inside_leaves_the_kernel() {
    nothing_leaves_the_kernel(Way::In);
}

#[test]
fn no_address_inside_leaves_the_kernel_of_packets_from_inside() {
    nothing_leaves_the_kernel(Way::Out);
}

fn nothing_leaves_the_kernel(way: Way) {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, _) = site(&layout, &format!("{TUNNELS}{CONFIG}{MANY}"));
    let service = site.start();
    block(&site, &[BAD_4, BAD_6]);
    // The program goes on, and what it writes is read by nobody but this test.
    service.kill();
    let tap = way.tap(&layout);
    let frames = frames(way);
    let mut samples = 0;
    for some in frames.chunks(100) {
        for (_, frame) in some {
            tap.send(frame);
        }
        let mut found = Vec::new();
        until("every frame is in the ring", || {
            found.extend(ring(&site));
            found.len() == some.len()
        });
        for (sample, (name, _)) in found.iter().zip(some) {
            assert_eq!(names_inside(sample), None, "{name}: {sample:02x?}");
        }
        samples += found.len();
    }
    assert_eq!(samples, frames.len());
}

#[test]
fn whole_addresses_are_in_the_capture_that_asked_for_them_and_in_the_audit_log_that_it_did() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, _) = site(&layout, &format!("{CONFIG}{MANY}"));
    let _service = site.start();
    block(&site, &[BAD_4, BAD_6]);
    let upstream = layout.tap_upstream();
    let send = || {
        upstream.send(&blocked(BAD_4, CUSTOMER_4));
        upstream.send(&blocked(BAD_6, CUSTOMER_6));
    };
    let masked = ["--packets", "2", "--seconds", "60"];
    let whole = [&masked[..], &["--whole-addresses"]].concat();
    capturing(&site, "masked.pcapng", &masked, || {
        capturing(&site, "whole.pcapng", &whole, send);
    });
    let read = |name: &str| fs::read(site.path(name)).unwrap();
    let bytes = read("whole.pcapng");
    for text in [CUSTOMER_4, CUSTOMER_6] {
        let address = octets(text.parse().unwrap());
        let found = bytes.windows(address.len()).any(|window| window == address);
        assert!(found, "no {text} in the capture that asked for it");
    }
    assert_eq!(
        names_inside(&read("masked.pcapng")),
        None,
        "another capture at the time"
    );
    assert_eq!(names_inside(shown(&site).as_bytes()), None, "events");
    let log = fs::read_to_string(site.path("state/audit.log")).unwrap();
    let record = log.lines().find(|line| line.contains("capture_whole"));
    let record = record.unwrap_or_else(|| panic!("no record in {log}"));
    assert!(
        record.contains("uid 0") && record.contains("\"60\""),
        "{record}"
    );
    assert_eq!(
        log.matches("capture_whole").count(),
        1,
        "the masked one is none of its business"
    );
    // It ended with its second packet, long before its time: what comes now is masked in the kernel again.
    until("the next sample is masked", || {
        capturing(&site, "after.pcapng", &masked, send);
        names_inside(&read("after.pcapng")).is_none()
    });
}
