//! What the configuration says of the network itself, on the wire: wrappings, tunnels, jumbo frames, VLANs
//! of a trunk, policies by role and host group.

use std::{net::IpAddr, time::Duration};

use serde_json::Value;

use super::{CONFIG, block, dropped, site};
use crate::support::{
    daemon::{Site, until},
    layout::{BAD_4, BAD_6, CUSTOMER_4, CUSTOMER_6, GOOD_4, GOOD_6, Layout},
    packet::{Flow, Frame, Tag, link::ethertype, tunnel::Tunnel},
    skipped,
    tap::Tap,
    wrapping,
};

/// How long a frame may take over a cable.
const PATIENCE: Duration = Duration::from_secs(5);

/// UDP between two addresses.
fn flow(from: &str, to: &str) -> Flow {
    Flow::udp(from, to, [40_000, 53])
}

/// Whether the filter lets a frame through. The marker, which it must let through, is sent behind it: frames
/// keep their order on a cable, so once the marker is there, the frame would be.
pub(super) fn passes(wire: &Tap, behind: &Tap, frame: &[u8], marker: &[u8]) -> bool {
    assert_ne!(frame, marker);
    wire.send(frame);
    wire.send(marker);
    let mut seen = false;
    behind.expect(PATIENCE, |received| {
        seen |= received == frame;
        received == marker
    });
    seen
}

/// Packets that `stats` has counted for a reason, with this verdict.
fn counted(site: &Site<'_>, reason: &str, verdict: &str) -> u64 {
    let row = |entry: &&Value| entry["reason"] == reason && entry["verdict"] == verdict;
    let stats = site.json(&["stats"]);
    let found = stats["reasons"].as_array().unwrap().iter().find(row);
    found.map_or(0, |entry| entry["packets"].as_u64().unwrap())
}

/// Packets that a reason would have dropped.
fn would_drop(site: &Site<'_>, reason: &str) -> u64 {
    let stats = site.json(&["stats"]);
    let reasons = stats["reasons"].as_array().unwrap().iter();
    let rows = reasons.filter(|entry| entry["reason"] == reason);
    rows.map(|entry| entry["would_drop"]["packets"].as_u64().unwrap())
        .sum()
}

#[test]
fn no_wrapping_hides_a_blocked_host_in_either_direction() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    layout.jumbo();
    let (site, _) = site(&layout, CONFIG);
    let _service = site.start();
    block(&site, &[BAD_4, BAD_6]);
    let (upstream, up) = (layout.tap_upstream(), layout.router_tap());
    let (customer, down) = (layout.tap_customer(), layout.router_tap_down());
    let mut frames = 0;
    for link in wrapping::links() {
        for (good, bad, inside) in [(GOOD_4, BAD_4, CUSTOMER_4), (GOOD_6, BAD_6, CUSTOMER_6)] {
            for payload in [5, 8_000] {
                if !link.has_room_for(payload) {
                    continue;
                }
                let over =
                    |flow: &Flow| link.frame(flow.ethertype(), flow.packet(&vec![0x77; payload]));
                let to_router = |remote| Layout::from_upstream(over(&flow(remote, inside))).bytes();
                let from = passes(&upstream, &up, &to_router(bad), &to_router(good));
                let to_router = |remote| Layout::from_customer(over(&flow(inside, remote))).bytes();
                let to = passes(&customer, &down, &to_router(bad), &to_router(good));
                assert!(!from && !to, "{} of {payload} bytes: {bad}", link.name);
                frames += 2;
            }
        }
    }
    assert_eq!(dropped(&site), frames);
}

#[test]
fn a_tunnel_is_looked_into_where_the_configuration_says_so() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, _) = site(&layout, CONFIG);
    let service = site.start();
    block(&site, &[BAD_4, BAD_6]);
    let (wire, behind) = (layout.tap_upstream(), layout.router_tap());
    let frame = |remote: &str, inside: &str| {
        let inner = flow(remote, inside).packet(b"x");
        let outer = Tunnel::Plain.carry("198.51.100.9", CUSTOMER_4, &inner);
        Layout::from_upstream(Frame::new(ethertype::IPV4, outer)).bytes()
    };
    let judge = || {
        let bad = frame(BAD_4, CUSTOMER_4);
        passes(&wire, &behind, &bad, &frame(GOOD_4, CUSTOMER_4))
    };
    assert!(
        judge(),
        "without the setting only the outer addresses count"
    );
    site.configure(&format!(
        "tunnels = [\"gre\", \"ipip\", \"6in4\", \"4in6\", \"6in6\"]\n{CONFIG}"
    ));
    service.reload();
    until("the reload looks into tunnels", || !judge());
}

#[test]
fn vlans_of_a_trunk_have_a_role_and_an_action_of_their_own() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let trunk = "[policies]\nupstream = { port_zero = \"drop\" }\n\
                 [[interface]]\nname = \"up0\"\nrole = \"upstream\"\n\
                 [[interface.vlan]]\nid = 100\naction = \"monitor\"\n\
                 [[interface.vlan]]\nid = 200\nrole = \"customer\"\n";
    let (site, _) = site(&layout, trunk);
    let service = site.start();
    block(&site, &[BAD_4]);
    let (wire, behind) = (layout.tap_upstream(), layout.router_tap());
    let frame = |tags: &[Tag], remote: &str, ports: [u16; 2]| {
        let flow = Flow::udp(remote, CUSTOMER_4, ports);
        Layout::inbound(&flow, b"x").tagged(tags).bytes()
    };
    let (bad, zero) = ((BAD_4, [40_000, 53]), (GOOD_4, [0, 53]));
    for (tags, order_drops, policy_drops) in [
        (vec![], true, true),
        (vec![Tag::q(300)], true, true),
        (vec![Tag::q(100)], false, false),
        (vec![Tag::q(200)], true, false),
        // The outermost tag counts.
        (vec![Tag::ad(100), Tag::q(200)], false, false),
        (vec![Tag::ad(300), Tag::q(100)], true, true),
        // A priority tag is no VLAN.
        (vec![Tag::q(0)], true, true),
    ] {
        let marker = frame(&tags, GOOD_4, [40_000, 53]);
        for ((remote, ports), drops) in [(bad, order_drops), (zero, policy_drops)] {
            let frame = frame(&tags, remote, ports);
            let passed = passes(&wire, &behind, &frame, &marker);
            assert_eq!(passed, !drops, "{tags:?} {remote} {ports:?}");
        }
    }
    assert_eq!(would_drop(&site, "order"), 2);
    assert_eq!(would_drop(&site, "port_zero"), 2);

    // A virtual cable announces that it takes tags out of frames.
    let alarm = || {
        let alarms = site.json(&["status"])["alarms"].clone();
        let alarms = alarms.as_array().unwrap().iter();
        let mut ours = alarms.filter(|alarm| alarm["code"] == "vlan_offload");
        ours.next().map(|alarm| alarm["message"].to_string())
    };
    let message = alarm().unwrap();
    assert!(message.contains("ethtool -K up0 rxvlan off"), "{message}");

    site.configure("[[interface]]\nname = \"cust0\"\nrole = \"customer\"\n");
    service.reload();
    until("the alarm ends with the interface's configuration", || {
        alarm().is_none()
    });
}

#[test]
fn policies_hold_by_role_and_by_host_group_and_change_with_a_reload() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, _) = site(&layout, CONFIG);
    let service = site.start();
    let (wire, behind) = (layout.tap_upstream(), layout.router_tap());
    let frame = |source: &str, inside: &str, ports: [u16; 2]| {
        Layout::inbound(&Flow::udp(source, inside, ports), b"x").bytes()
    };
    let marker = frame(GOOD_4, CUSTOMER_4, [40_000, 53]);
    let judge = |frame: &[u8]| passes(&wire, &behind, frame, &marker);
    let land = frame(CUSTOMER_4, CUSTOMER_4, [40_000, 53]);
    let zero = frame(GOOD_4, CUSTOMER_4, [0, 53]);
    assert!(!judge(&land), "a default that drops");
    assert!(judge(&zero), "a default that passes");
    assert_eq!(counted(&site, "land", "drop"), 1);
    assert_eq!(counted(&site, "port_zero", "pass"), 1);

    let policies = |upstream: &str, group: &str| {
        format!(
            "[policies]\nupstream = {{ {upstream} }}\n\
             [[host_group]]\nname = \"dns\"\nnetworks = [\"{CUSTOMER_4}/32\"]\n\
             policies = {{ {group} }}\n{CONFIG}"
        )
    };
    site.configure(&policies("port_zero = \"drop\"", ""));
    service.reload();
    until("the role drops it", || !judge(&zero));
    site.configure(&policies("port_zero = \"drop\"", "port_zero = \"monitor\""));
    service.reload();
    until("the group only monitors it", || judge(&zero));
    assert!(would_drop(&site, "port_zero") >= 1);
    assert_eq!(site.json(&["explain", CUSTOMER_4])["host_group"], "dns");
    let other = frame(GOOD_4, "192.0.2.77", [0, 53]);
    assert!(!judge(&other), "another address is in no group");

    site.configure(&policies("port_zero = \"dorp\"", ""));
    let refused = site.cli(&["reload"]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("dorp"), "{refused:?}");
    assert!(
        !judge(&other),
        "a configuration that is refused changes nothing"
    );
}

#[test]
fn a_nat64_prefix_hides_no_blocked_host() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, _) = site(
        &layout,
        &format!("nat64_prefixes = [\"64:ff9b::/96\"]\n{CONFIG}"),
    );
    let _service = site.start();
    block(&site, &[BAD_4]);
    let (wire, behind) = (layout.tap_customer(), layout.router_tap_down());
    let frame = |remote: &str| {
        let IpAddr::V4(remote) = remote.parse().unwrap() else {
            panic!("{remote} is not IPv4");
        };
        let [a, b, c, d] = remote.octets();
        let mapped = format!("64:ff9b::{a}.{b}.{c}.{d}");
        Layout::from_customer(flow(CUSTOMER_6, &mapped).frame(b"x")).bytes()
    };
    assert!(!passes(&wire, &behind, &frame(BAD_4), &frame(GOOD_4)));
    assert_eq!(site.json(&["stats"])["orders"][0]["packets"], 1);
    let explanation = site.json(&["explain", &format!("64:ff9b::{BAD_4}")]);
    assert_eq!(
        (&explanation["blocked"], &explanation["stands_for"]),
        (&true.into(), &BAD_4.into())
    );
    assert_eq!(explanation["orders"][0]["id"], "operator:1");
}
