//! The networks that other tests stand on carry what they should, and are gone afterwards.

use std::{
    net::{IpAddr, SocketAddr},
    path::Path,
    time::Duration,
};

use crate::support::{
    layout::{BAD_4, BAD_6, CUSTOMER_4, CUSTOMER_6, Layout, UPSTREAM_4, UPSTREAM_6},
    netns::{Namespace, PATIENCE},
    packet::{Flow, Tag},
    skipped,
};

#[test]
fn the_router_forwards_both_ways_and_both_families() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    for [far, near] in [
        [BAD_4, CUSTOMER_4],
        [UPSTREAM_4, CUSTOMER_4],
        [BAD_6, CUSTOMER_6],
        [UPSTREAM_6, CUSTOMER_6],
    ] {
        let [far, near]: [IpAddr; 2] = [far, near].map(|address| address.parse().unwrap());
        // Ports are the kernel's choice: one just given back may still be held by a child of another
        // test, between its birth and its program.
        let there = layout.customer.udp(near, 0);
        let here = layout.upstream.udp(far, 0);
        let mut bytes = [0; 9_000];
        here.send_to(b"hello", there.local_addr().unwrap()).unwrap();
        let (length, from) = there.recv_from(&mut bytes).unwrap();
        assert_eq!((&bytes[..length], from.ip()), (&b"hello"[..], far));
        there.send_to(&[7; 8_900], from).unwrap();
        let (length, from) = here.recv_from(&mut bytes).unwrap();
        assert_eq!((length, from.ip()), (8_900, near));

        let listener = layout.customer.listen(near, 0);
        let to = listener.local_addr().unwrap();
        let client = layout.upstream.connect(to, PATIENCE).unwrap();
        let (server, _) = listener.accept().unwrap();
        assert_eq!(
            server.peer_addr().unwrap().port(),
            client.local_addr().unwrap().port()
        );
    }
}

/// Receivers believe the checksums of the frames that the tests write.
#[test]
fn frames_written_by_hand_reach_sockets() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let tap = layout.tap_upstream();
    for [far, near] in [[BAD_4, CUSTOMER_4], [BAD_6, CUSTOMER_6]] {
        let socket = layout.customer.udp(near.parse().unwrap(), 0);
        let port = socket.local_addr().unwrap().port();
        for length in [0, 1, 2, 31, 8_000] {
            let flow = Flow::udp(far, near, [4_000, port]);
            let payload = vec![0xa5; length];
            tap.send(&Layout::inbound(&flow, &payload).bytes());
            let mut bytes = [0; 9_000];
            let (received, from) = socket.recv_from(&mut bytes).unwrap_or_else(|e| {
                for ns in [&layout.upstream, &layout.router, &layout.customer] {
                    let out = ns.run(|| std::process::Command::new("sh").args(["-c", "ip -s -d link; ip a; ip route; ip -6 route; nstat -az | grep -v ' 0  '; cat /proc/net/softnet_stat"]).output().unwrap());
                    println!("{}", String::from_utf8_lossy(&out.stdout));
                }
                panic!("{e} {far} {length}") });
            assert_eq!(bytes[..received], payload);
            assert_eq!(
                from.to_string(),
                SocketAddr::new(flow.source, 4_000).to_string()
            );
        }
    }
}

#[test]
fn a_tap_sees_frames_as_they_were_sent() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (here, there) = (layout.tap_upstream(), layout.router_tap());
    let flow = Flow::udp(BAD_4, CUSTOMER_4, [1, 2]);
    for tags in [
        vec![],
        vec![Tag::q(7)],
        vec![Tag::ad(8), Tag::q(7)],
        vec![Tag::old(9)],
    ] {
        let frame = Layout::inbound(&flow, &[3; 40]).tagged(&tags).bytes();
        here.send(&frame);
        // Reports of multicast listeners, which the kernel sends when it likes, go to another address.
        let seen = there.find(PATIENCE, |seen| seen[..6] == frame[..6]);
        assert_eq!(seen, Some(frame), "{tags:?}");
    }
    // The router's own frames are not what a tap is asked for.
    assert_eq!(
        here.find(Duration::ZERO, |frame| frame.len() == 14 + 28 + 40),
        None
    );
}

#[test]
fn a_namespace_is_gone_after_a_failure() {
    if skipped() {
        return;
    }
    let mut path = String::new();
    let path_seen = std::panic::AssertUnwindSafe(&mut path);
    let result = std::panic::catch_unwind(move || {
        let namespace = Namespace::new("failing");
        let path_seen = path_seen;
        path_seen.0.push_str(&namespace.path());
        assert!(Path::new(&namespace.path()).exists());
        std::panic::resume_unwind(Box::new("as a failed test would"));
    });
    assert!(result.is_err());
    assert!(!Path::new(&path).exists(), "{path}");
}
