//! No address inside leaves the kernel in a sample of what a policy drops, whatever is odd about the packet.

use filter_common::{policy::PolicyAction, settings::Enforcement};
use filter_ctl::{kernel::samples::SampleSettings, policy::perimeter::HostGroup};

use super::{ROLES, all, put, rules, samples};
use crate::support::{
    bpffs::samples_in,
    kernel::{Kernel, SMALL},
    packet::{Frame, Layer, Tag, octets, wrap},
    rules::parse,
    skipped,
    traffic::{PEER_4, PEER_6},
};

/// Enough for every frame of the test.
const SAMPLES: SampleSettings = SampleSettings {
    per_second: 1_000_000,
    whole_until: 0,
};

/// The networks behind the filter, of which the cases have their addresses inside.
fn inside() -> HostGroup {
    HostGroup {
        name: "inside".to_owned(),
        networks: vec![parse("192.52.193.0/24"), parse("2001:4:112::/48")],
        ..HostGroup::default()
    }
}

/// Frames that no parser opens, with addresses in them.
fn unopened() -> Vec<(String, Vec<u8>)> {
    let mut frames = Vec::new();
    for address in [PEER_4, PEER_6] {
        let bytes = octets(address.parse().unwrap());
        let payload = bytes.repeat(64 / bytes.len());
        for ethertype in [0x0842, 0x88e5, 0xabcd] {
            let frame = Frame::new(ethertype, payload.clone());
            let tagged = frame.clone().tagged(&[Tag::ad(7), Tag::q(8)]);
            let snap = wrap(&[Layer::Snap], ethertype, payload.clone());
            for (name, frame) in [("plain", frame), ("tagged", tagged), ("SNAP", snap)] {
                frames.push((format!("{name} {ethertype:#06x}"), frame.bytes()));
            }
        }
        // The first half byte is no IP version.
        let other = [&[0x20], &payload[..]].concat();
        let labelled = wrap(&[Layer::mpls([16, 17])], 0x0800, other);
        frames.push(("MPLS".to_owned(), labelled.bytes()));
    }
    frames
}

fn has(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

#[test]
fn no_address_inside_leaves_the_kernel_whatever_is_odd_about_the_packet() {
    if skipped() {
        return;
    }
    let peers = [PEER_4, PEER_6].map(|address| octets(address.parse().unwrap()));
    let mut kernel = Kernel::empty(SMALL);
    kernel.instance.set_sampling(SAMPLES).unwrap();
    for role in ROLES {
        let mut rules = rules(Enforcement::Enforce, role);
        put(&mut rules, role, all(|_| PolicyAction::Drop));
        rules.perimeter.groups = vec![inside()];
        kernel.publish(&rules);
        let cases = samples::all(role);
        let cases = cases.into_iter().filter(samples::Case::applies);
        let mut frames: Vec<_> = cases.map(|case| (case.name, case.frame)).collect();
        frames.extend(unopened());
        let with_peer = frames
            .iter()
            .filter(|(_, frame)| peers.iter().any(|peer| has(frame, peer)));
        assert!(with_peer.count() > 100, "the test asks nothing");
        for (name, frame) in &frames {
            assert!(kernel.run(frame).dropped, "{name}");
            let samples = samples_in(&kernel.pins.instance(1));
            assert_eq!(samples.len(), 1, "{name}: a drop is a sample");
            for peer in &peers {
                assert!(!has(&samples[0], peer), "{name}: {:02x?}", samples[0]);
            }
        }
    }
}
