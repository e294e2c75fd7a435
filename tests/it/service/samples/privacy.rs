//! No address inside in anything that is shown or written, unless it was asked for, and that is recorded.

use std::fs;

use aya::maps::{Map, MapData, RingBuf};

use super::{super::site, CONFIG, MANY, block, blocked, capture::capturing, document, dropped};
use crate::support::{
    daemon::{Site, until},
    layout::{BAD_4, BAD_6, CUSTOMER_4, CUSTOMER_6, Layout},
    packet::{Flow, Frame, Tcp, Tunnel, link::ethertype, number, octets, tcp, transport},
    skipped, wrapping,
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

/// Frames that carry an address inside wherever one can be, each dropped.
fn frames() -> Vec<(String, Vec<u8>)> {
    let mut frames = Vec::new();
    for (bad, inside) in [(BAD_4, CUSTOMER_4), (BAD_6, CUSTOMER_6)] {
        let flow = Flow::udp(bad, inside, [40_000, 53]);
        for wrapping in wrapping::all(flow.source) {
            frames.push((wrapping.name.clone(), wrapping.frame(&flow)));
        }
        let address = octets(inside.parse().unwrap());
        let quoted = Flow::udp(inside, bad, [53, 40_000]).packet(b"x");
        let body = [vec![0; 4], quoted].concat();
        let (protocol, error) = if flow.source.is_ipv4() {
            (number::ICMP, transport::icmp(3, 1, &body))
        } else {
            (number::ICMPV6, transport::icmpv6(&flow, 1, 3, &body))
        };
        let carry = |protocol: u8, segment: &[u8]| {
            let flow = Flow::udp(bad, inside, [0, 0]).protocol(protocol);
            let packet = if flow.source.is_ipv4() {
                v4(&flow, segment)
            } else {
                v6(&flow, segment)
            };
            Frame::new(flow.ethertype(), packet).bytes()
        };
        frames.push(("an ICMP error".to_owned(), carry(protocol, &error)));
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
        frames.push(("TCP options".to_owned(), carry(number::TCP, &segment)));
        for tunnel in Tunnel::all() {
            let inner = flow.packet(b"x");
            let outer = tunnel.carry("198.51.100.9", CUSTOMER_4, &inner);
            let frame = Frame::new(ethertype::IPV4, outer).bytes();
            frames.push((format!("{tunnel:?} over IPv4"), frame));
            let outer = tunnel.carry("2001:db8:100::9", CUSTOMER_6, &inner);
            let frame = Frame::new(ethertype::IPV6, outer).bytes();
            frames.push((format!("{tunnel:?} over IPv6"), frame));
        }
    }
    frames
}

fn v4(flow: &Flow, segment: &[u8]) -> Vec<u8> {
    let [source, destination] = [flow.source, flow.destination].map(|ip| match ip {
        std::net::IpAddr::V4(ip) => ip,
        std::net::IpAddr::V6(_) => unreachable!("asked above"),
    });
    crate::support::packet::V4::new(source, destination, flow.protocol).packet(segment)
}

fn v6(flow: &Flow, segment: &[u8]) -> Vec<u8> {
    let [source, destination] = [flow.source, flow.destination].map(|ip| match ip {
        std::net::IpAddr::V6(ip) => ip,
        std::net::IpAddr::V4(_) => unreachable!("asked above"),
    });
    crate::support::packet::V6::new(source, destination, flow.protocol).packet(segment)
}

/// Everything that the commands show of events.
fn shown(site: &Site<'_>) -> String {
    site.done(&["events"]) + &site.done(&["events", "-o", "json"])
}

const TUNNELS: &str = "tunnels = [\"gre\", \"ipip\", \"6in4\", \"4in6\", \"6in6\"]\n";

#[test]
fn no_address_inside_is_shown_or_written_whatever_the_packet_is_wrapped_in() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, _) = site(&layout, &format!("{TUNNELS}{CONFIG}{MANY}"));
    let _service = site.start();
    block(&site, &[BAD_4, BAD_6]);
    let upstream = layout.tap_upstream();
    let frames = frames();
    let _follower = site.background(&["events", "--follow", "-o", "json"], "followed");
    capturing(&site, "all.pcapng", &["--seconds", "10"], || {
        for (name, frame) in &frames {
            assert!(
                names_inside(frame).is_some(),
                "{name}: the test asks nothing"
            );
            upstream.send(frame);
        }
        let all = frames.len() as u64;
        until("every frame is dropped", || dropped(&site) == all);
        until("every frame is a sample", || {
            document(&site)["total"] == all
        });
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
        let path = entry.unwrap().path().join("SAMPLES");
        path.exists().then_some(path)
    });
    let data = MapData::from_pin(instance.expect("a pinned ring")).unwrap();
    let mut ring = RingBuf::try_from(Map::RingBuf(data)).unwrap();
    let mut samples = Vec::new();
    while let Some(sample) = ring.next() {
        samples.push(sample.to_vec());
    }
    samples
}

#[test]
fn no_address_inside_leaves_the_kernel() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, _) = site(&layout, &format!("{TUNNELS}{CONFIG}{MANY}"));
    let service = site.start();
    block(&site, &[BAD_4, BAD_6]);
    // The program goes on, and what it writes is read by nobody but this test.
    service.kill();
    let upstream = layout.tap_upstream();
    let frames = frames();
    let mut samples = 0;
    for some in frames.chunks(100) {
        for (_, frame) in some {
            upstream.send(frame);
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
