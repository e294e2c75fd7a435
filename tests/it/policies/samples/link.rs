//! Oddities of the link.

use filter_common::{
    policy::Policy::{
        self, BadPppoe, OtherEthertype, PppUnread, TooManyLabels, TooManyTags, Truncated,
    },
    verdict::Reason,
};

use super::{QUIET, Table};
use crate::support::packet::{
    Frame, Layer, Tag,
    between::{Mpls, Pppoe},
    link::{self, ethertype},
    number, wrap,
};

pub(super) fn add(table: &mut Table) {
    truncated(table);
    stacks(table);
    sessions(table);
    ethertypes(table);
    payloads(table);
}

fn truncated(table: &mut Table) {
    let four = table.v4(QUIET).packet(&[]);
    let six = table.v6(number::NO_NEXT_HEADER).packet(&[]);
    let four = |layers: &[Layer]| wrap(layers, ethertype::IPV4, four.clone());
    let six = |layers: &[Layer]| wrap(layers, ethertype::IPV6, six.clone());
    let tags = [Tag::ad(1), Tag::q(2)];
    for (name, frame, addresses) in [
        ("v4", four(&[]), 14 + 20),
        ("v6", six(&[]), 14 + 40),
        ("v4 under tags", four(&[]).tagged(&tags), 22 + 20),
        ("v6 under tags", six(&[]).tagged(&tags), 22 + 40),
        ("v4 in PPPoE", four(&[Layer::PPPOE]), 22 + 20),
        ("v6 in PPPoE", six(&[Layer::PPPOE]), 22 + 40),
        ("v4 under labels", four(&[Layer::mpls([16, 17])]), 22 + 20),
        ("v6 under labels", six(&[Layer::mpls([16, 17])]), 22 + 40),
        (
            "v4 under null",
            four(&[Layer::Mpls(Mpls::new([]).null())]),
            18 + 20,
        ),
    ] {
        for length in 14..addresses {
            table.cut(Truncated, name, &frame, length, &[Truncated]);
        }
        table.cut(Truncated, name, &frame, addresses, &[]);
    }
}

fn stacks(table: &mut Table) {
    let frame = table.flows()[0].frame(&[0; 20]);
    for outer in [Tag::q(1), Tag::ad(1), Tag::old(1)] {
        let tags = [outer, Tag::q(2), Tag::q(3), Tag::ad(4), Tag::q(5)];
        let five = frame.clone().tagged(&tags);
        table.frame(TooManyTags, "five", &five, &[TooManyTags]);
        let four = frame.clone().tagged(&tags[1..]);
        table.frame(TooManyTags, "four", &four, &[]);
    }
    for flow in table.flows() {
        let labelled = |stack: Mpls| {
            wrap(
                &[Layer::Mpls(stack)],
                flow.ethertype(),
                flow.packet(&[0; 20]),
            )
        };
        let over = labelled(Mpls::new([16; 17]));
        table.frame(TooManyLabels, "17", &over, &[TooManyLabels]);
        let null = labelled(Mpls::new([16; 16]).null());
        table.frame(TooManyLabels, "16 above a null", &null, &[TooManyLabels]);
        table.frame(TooManyLabels, "16", &labelled(Mpls::new([16; 16])), &[]);
        let most = labelled(Mpls::new([16; 15]).null());
        table.frame(TooManyLabels, "15 above a null", &most, &[]);
        let bottomless = labelled(Mpls {
            bottomless: true,
            ..Mpls::new([16; 40])
        });
        table.frame(TooManyLabels, "no bottom", &bottomless, &[TooManyLabels]);
    }
}

fn sessions(table: &mut Table) {
    for flow in table.flows() {
        let frame = |session| {
            let layers = [Layer::Pppoe(session)];
            wrap(&layers, flow.ethertype(), flow.packet(&[0; 20]))
        };
        for version_and_type in [0x00, 0x10, 0x01, 0x12, 0x21, 0xff] {
            let wrong = frame(Pppoe {
                version_and_type,
                ..Pppoe::SESSION
            });
            table.frame(BadPppoe, "version and type", &wrong, &[BadPppoe]);
        }
        for code in [1, 7, 9, 0x65, 0xa7, 0xff] {
            let wrong = frame(Pppoe {
                code,
                ..Pppoe::SESSION
            });
            table.frame(BadPppoe, "code", &wrong, &[BadPppoe]);
        }
        table.frame(BadPppoe, "a session", &frame(Pppoe::SESSION), &[]);
        for protocol in [0xc021, 0xc223, 0x8021, 0x8057] {
            let control = frame(Pppoe {
                protocol: Some(protocol),
                ..Pppoe::SESSION
            });
            for policy in [BadPppoe, PppUnread] {
                table.named(policy, "a control protocol", &control, Reason::PppControl);
            }
        }
        for protocol in [0x0023, 0x002d, 0x002f, 0x003d, 0x00fd, 0x4021] {
            let unread = frame(Pppoe {
                protocol: Some(protocol),
                ..Pppoe::SESSION
            });
            table.frame(PppUnread, "data", &unread, &[PppUnread]);
        }
        table.frame(PppUnread, "IP", &frame(Pppoe::SESSION), &[]);
    }
    table.named(
        BadPppoe,
        "discovery",
        &link::pppoe_discovery(),
        Reason::PppoeDiscovery,
    );
}

fn ethertypes(table: &mut Table) {
    for ethertype in [
        0x05dd, 0x0600, 0x0842, 0x22f3, 0x88e5, 0x88e7, 0x894f, 0xabcd, 0xffff,
    ] {
        let name = format!("{ethertype:#06x}");
        let frame = Frame::new(ethertype, [0x45; 60]);
        table.frame(OtherEthertype, &name, &frame, &[OtherEthertype]);
        let tagged = frame.tagged(&[Tag::q(7)]);
        table.frame(OtherEthertype, &name, &tagged, &[OtherEthertype]);
        let snap = wrap(&[Layer::Snap], ethertype, vec![0x45; 60]);
        if ethertype != 0x05dd {
            table.frame(OtherEthertype, "in SNAP", &snap, &[OtherEthertype]);
        }
    }
    let other_organisation = Frame::llc([0xaa, 0xaa, 3, 0, 0, 1, 8, 0, 0x45, 0]);
    for (name, frame, reason) in [
        ("ARP", Frame::new(0x0806, [0; 28]), Reason::Arp),
        ("RARP", Frame::new(0x8035, [0; 28]), Reason::Arp),
        ("LLDP", Frame::new(0x88cc, [0; 46]), Reason::Lldp),
        ("LACP", Frame::new(0x8809, [0; 110]), Reason::SlowProtocol),
        ("802.1X", Frame::new(0x888e, [0; 46]), Reason::LinkControl),
        ("pause", Frame::new(0x8808, [0; 46]), Reason::LinkControl),
        (
            "keepalive",
            Frame::new(0x9000, [0; 46]),
            Reason::LinkControl,
        ),
        ("time", Frame::new(0x88f7, [0; 46]), Reason::LinkControl),
        ("CFM", Frame::new(0x8902, [0; 46]), Reason::LinkControl),
        (
            "registration",
            Frame::new(0x22ea, [0; 46]),
            Reason::LinkControl,
        ),
        (
            "the longest length",
            Frame::new(1_500, [0; 1_500]),
            Reason::Llc,
        ),
        ("large LLC", Frame::new(0x8870, [0; 60]), Reason::Llc),
        (
            "SNAP of another organisation",
            other_organisation,
            Reason::Llc,
        ),
    ] {
        table.named(OtherEthertype, name, &frame, reason);
    }
}

fn payloads(table: &mut Table) {
    use Policy::{BadIpHeader, UnknownMplsPayload};
    let under = |layer: Layer, first: u8| {
        let payload = [&[first << 4][..], &[0; 63]].concat();
        wrap(&[layer], ethertype::IPV4, payload)
    };
    for first in [2, 3, 5, 7, 8, 0xf] {
        let frame = under(Layer::mpls([16, 17]), first);
        let name = format!("begins with {first:x}");
        table.frame(UnknownMplsPayload, &name, &frame, &[UnknownMplsPayload]);
        let null = under(Layer::Mpls(Mpls::new([16]).null()), first);
        table.frame(UnknownMplsPayload, "said to be IPv4", &null, &[BadIpHeader]);
        let channel = under(Layer::mpls([16, 13]), first);
        let reason = Reason::MplsPseudowire;
        table.named(UnknownMplsPayload, "control channel", &channel, reason);
    }
    for first in [0, 1] {
        let frame = under(Layer::mpls([16, 17]), first);
        let name = format!("begins with {first:x}");
        table.named(UnknownMplsPayload, &name, &frame, Reason::MplsPseudowire);
    }
    for flow in table.flows() {
        let frame = wrap(
            &[Layer::mpls([16])],
            flow.ethertype(),
            flow.packet(&[0; 20]),
        );
        table.frame(UnknownMplsPayload, "IP", &frame, &[]);
    }
}
