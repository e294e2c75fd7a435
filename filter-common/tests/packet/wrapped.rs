//! What lies between Ethernet and IP: tags, SNAP, PPPoE, MPLS.

use filter_common::{
    limits::MPLS_LABELS_MAX,
    packet::{Classified, protocol},
    policy::Policy,
    verdict::Reason,
};

use super::{
    DESTINATION_6, PORTS, SOURCE_6, TRANSPORT, classify, ethernet, ip, ipv4, ipv6, odd,
    packet as packet_of, ports,
};

const PPPOE: u16 = 0x8864;
const MPLS: u16 = 0x8847;

fn v4() -> Vec<u8> {
    ipv4(5, 0, protocol::TCP, &TRANSPORT)
}

fn v6() -> Vec<u8> {
    ipv6(protocol::UDP, 64, (SOURCE_6, DESTINATION_6), &TRANSPORT)
}

fn session(protocol: &[u8], payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(protocol.len() + payload.len()).expect("short");
    let header = [&[0x11, 0, 0x12, 0x34][..], &length.to_be_bytes()].concat();
    [&header, protocol, payload].concat()
}

/// Labels from the outermost on, the last with the bottom bit.
fn stack(labels: &[u32], payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (index, label) in labels.iter().enumerate() {
        let bottom = u32::from(index + 1 == labels.len());
        bytes.extend((label << 12 | bottom << 8 | 64).to_be_bytes());
    }
    bytes.extend(payload);
    bytes
}

fn assert_seen(frame: &[u8]) {
    assert_eq!(ports(&ip(frame)), PORTS, "{frame:02x?}");
}

fn stop(frame: &[u8]) -> Reason {
    match classify(frame) {
        Classified::Ip(packet) => panic!("{packet:?}"),
        Classified::Stopped(stop) => {
            let mut all = Reason::all();
            all.find(|reason| reason.number() == stop.number())
                .expect("a reason")
        }
    }
}

#[test]
fn pppoe_sessions_of_both_families_are_opened_under_tags() {
    for tags in [&[][..], &[0x8100], &[0x88a8, 0x8100]] {
        for (protocol, packet) in [
            (&[0, 0x21][..], v4()),
            (&[0, 0x57], v6()),
            // The field compressed to one byte (RFC 1661, 6.5).
            (&[0x21], v4()),
            (&[0x57], v6()),
            (&[0x02, 0x81], stack(&[100], &v4())),
            (&[0x02, 0x83], stack(&[100], &v6())),
        ] {
            assert_seen(&ethernet(tags, PPPOE, &session(protocol, &packet)));
        }
    }
}

#[test]
fn ppp_that_is_not_ip_is_control() {
    for protocol in [[0xc0, 0x21], [0x80, 0x21], [0x80, 0x57], [0xc2, 0x23]] {
        let frame = ethernet(&[], PPPOE, &session(&protocol, &[1; 40]));
        assert_eq!(stop(&frame), Reason::PppControl, "{protocol:02x?}");
    }
}

#[test]
fn ppp_data_that_is_not_opened_is_named() {
    // VJ compressed and uncompressed, multilink, compressed packets, IPX; one byte for two of them.
    for protocol in [
        &[0, 0x2d][..],
        &[0, 0x2f],
        &[0, 0x3d],
        &[0, 0xfd],
        &[0, 0x2b],
        &[0x3d],
        &[0xfd],
    ] {
        let frame = ethernet(&[], PPPOE, &session(protocol, &[1; 40]));
        let reason = stop(&frame);
        assert_eq!(reason, Reason::Policy(Policy::PppUnread), "{protocol:02x?}");
    }
}

#[test]
fn a_pppoe_header_that_cannot_be_is_no_session() {
    for (at, value) in [(0, 0x21), (0, 0x12), (1, 9)] {
        let mut payload = session(&[0, 0x21], &v4());
        payload[at] = value;
        let reason = stop(&ethernet(&[], PPPOE, &payload));
        assert_eq!(reason, Reason::Policy(Policy::BadPppoe));
    }
}

#[test]
fn label_stacks_up_to_the_limit_are_skipped() {
    let labels: Vec<u32> = (0..).map(|n| 100 + n).take(MPLS_LABELS_MAX + 1).collect();
    for count in 1..=MPLS_LABELS_MAX {
        for packet in [v4(), v6()] {
            assert_seen(&ethernet(&[], MPLS, &stack(&labels[..count], &packet)));
        }
    }
    let frame = ethernet(&[], MPLS, &stack(&labels, &v4()));
    assert_eq!(stop(&frame), Reason::Policy(Policy::TooManyLabels));
}

#[test]
fn explicit_null_says_what_follows() {
    assert_seen(&ethernet(&[], MPLS, &stack(&[100, 0], &v4())));
    assert_seen(&ethernet(&[], MPLS, &stack(&[2], &v6())));
    let contradiction = ethernet(&[], MPLS, &stack(&[0], &v6()));
    assert_eq!(stop(&contradiction), Reason::Policy(Policy::BadIpHeader));
}

/// Behind an entropy label indicator any number may stand at the bottom (RFC 6790).
#[test]
fn the_label_of_a_control_channel_hides_no_packet() {
    assert_seen(&ethernet(&[], MPLS, &stack(&[100, 7, 13], &v4())));
    assert_seen(&ethernet(&[], MPLS, &stack(&[100, 7, 13], &v6())));
}

#[test]
fn a_pseudowire_is_told_apart() {
    let inside = ethernet(&[], 0x0800, &v4());
    let control_word = [&[0; 4][..], &inside].concat();
    let channel = [&[0x10, 0, 0, 0x21][..], &v4()].concat();
    for payload in [control_word, channel] {
        let frame = ethernet(&[], MPLS, &stack(&[100], &payload));
        assert_eq!(stop(&frame), Reason::MplsPseudowire);
    }
    // Without a control word, to a MAC address that begins like IPv4.
    let mut bare = inside;
    bare[..6].copy_from_slice(&[0x45, 0, 0xff, 0xff, 3, 4]);
    let frame = ethernet(&[], MPLS, &stack(&[100], &bare));
    assert_eq!(stop(&frame), Reason::MplsPseudowire);
    let other = [&[0xf0; 4][..], &v4()].concat();
    let frame = ethernet(&[], MPLS, &stack(&[100], &other));
    assert_eq!(stop(&frame), Reason::Policy(Policy::UnknownMplsPayload));
}

/// A receiver goes by the length in the header: what it accepts must not pass for a pseudowire.
#[test]
fn addresses_that_look_like_an_ethertype_hide_nothing_in_mpls() {
    let mut packet = v4();
    packet[12..16].copy_from_slice(&[0x81, 0, 1, 1]);
    let mut padded = stack(&[100], &packet);
    padded.extend([0; 60]);
    let frame = ethernet(&[], MPLS, &padded);
    assert_eq!(ip(&frame).source.v4(), 0x8100_0101);
    assert!(packet_of(&frame).doubtful);
}

#[test]
fn ethertypes_in_snap_are_opened() {
    let snap = [0xaa, 0xaa, 3, 0, 0, 0];
    for (ethertype, packet) in [([0x08, 0], v4()), ([0x86, 0xdd], v6())] {
        let payload = [&snap[..], &ethertype, &packet].concat();
        let length = u16::try_from(payload.len()).expect("short");
        assert_seen(&ethernet(&[], length, &payload));
        assert_seen(&ethernet(&[0x8100], length, &payload));
    }
}

#[test]
fn a_wrapping_that_is_cut_is_truncated() {
    for frame in [
        ethernet(&[], PPPOE, &session(&[0, 0x21], &v4())),
        ethernet(&[0x8100], MPLS, &stack(&[100, 101], &v6())),
    ] {
        let addresses = frame.len() - TRANSPORT.len();
        for length in 14..addresses {
            let reason = stop(&frame[..length]);
            assert_eq!(reason, Reason::Policy(Policy::Truncated), "{length}");
        }
        assert!(odd(&frame[..addresses]).contains(&Policy::BadLength));
    }
}

/// What seems odd about a frame in a pseudowire may be nothing of the kind.
#[test]
fn a_packet_that_may_be_a_pseudowire_is_doubtful() {
    // An Ethernet frame to a MAC address that begins like IPv6, with a short length.
    let mut inside = ethernet(&[], 0x0800, &v4());
    inside.resize(80, 0);
    inside[..6].copy_from_slice(&[0x60, 0x45, 0xcb, 0x11, 0, 0x15]);
    inside[6] = 0x2c;
    let frame = ethernet(&[], MPLS, &stack(&[100], &inside));
    assert!(packet_of(&frame).doubtful);
    let frame = ethernet(&[], MPLS, &stack(&[100], &v6()));
    assert!(!packet_of(&frame).doubtful);
    let frame = ethernet(&[], 0x0800, &v4());
    assert!(!packet_of(&frame).doubtful);
}
