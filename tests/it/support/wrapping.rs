//! One flow in every wrapping that a blocked host might try.

use std::net::IpAddr;

use super::packet::{Extension, Flow, Frame, Tag, V4, V6, number};

/// What of a flow can still be known through a wrapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Shows {
    Addresses,
    Protocol,
    Ports,
}

/// A way to carry a flow.
pub(crate) struct Wrapping {
    pub(crate) name: String,
    pub(crate) shows: Shows,
    tags: Vec<Tag>,
    form: Form,
    payload: usize,
}

/// The IP header.
#[derive(Clone)]
enum Form {
    V4 {
        words: u8,
        offset: u16,
        more: bool,
    },
    V6 {
        chain: Vec<Extension>,
        /// Nothing follows the chain, whatever the flow is.
        ends: bool,
    },
}

impl Wrapping {
    /// The frame, padded.
    pub(crate) fn frame(&self, flow: &Flow) -> Vec<u8> {
        self.build(flow).bytes()
    }

    /// The frame, and where its addresses end.
    pub(crate) fn unpadded(&self, flow: &Flow) -> (Vec<u8>, usize) {
        let header = match self.form {
            Form::V4 { .. } => 20,
            Form::V6 { .. } => 40,
        };
        (
            self.build(flow).unpadded(),
            14 + 4 * self.tags.len() + header,
        )
    }

    fn build(&self, flow: &Flow) -> Frame {
        // A fragment other than the first begins with the very bytes that would be the ports.
        let segment = flow.segment(&vec![0x5a; self.payload]);
        let packet = match (&self.form, flow.source, flow.destination) {
            (
                Form::V4 {
                    words,
                    offset,
                    more,
                },
                IpAddr::V4(source),
                IpAddr::V4(destination),
            ) => V4::new(source, destination, flow.protocol)
                .header_words(*words)
                .fragment(*offset, *more)
                .packet(&segment),
            (Form::V6 { chain, ends }, IpAddr::V6(source), IpAddr::V6(destination)) => {
                let protocol = if *ends {
                    number::NO_NEXT_HEADER
                } else {
                    flow.protocol
                };
                V6::new(source, destination, protocol)
                    .chain(chain.clone())
                    .packet(&segment)
            }
            _ => panic!("{} cannot carry {flow:?}", self.name),
        };
        Frame::new(flow.ethertype(), packet).tagged(&self.tags)
    }
}

/// Every wrapping for the family of `address`.
pub(crate) fn all(address: IpAddr) -> Vec<Wrapping> {
    let forms = if address.is_ipv4() {
        forms_v4()
    } else {
        forms_v6()
    };
    let mut wrappings = Vec::new();
    for (link, tags) in [
        ("untagged", vec![]),
        ("802.1Q", vec![Tag::q(100)]),
        ("802.1Q with priority", vec![Tag::q(0xeffe)]),
        ("802.1ad + 802.1Q", vec![Tag::ad(200), Tag::q(100)]),
        ("0x9100 + 802.1Q", vec![Tag::old(200), Tag::q(100)]),
        ("0x9100", vec![Tag::old(200)]),
        (
            "0x9200 + 0x9200",
            vec![
                Tag {
                    tpid: 0x9200,
                    tci: 1,
                },
                Tag {
                    tpid: 0x9200,
                    tci: 2,
                },
            ],
        ),
    ] {
        for (name, shows, form, payload) in &forms {
            wrappings.push(Wrapping {
                name: format!("{link}, {name}"),
                shows: *shows,
                tags: tags.clone(),
                form: form.clone(),
                payload: *payload,
            });
        }
    }
    wrappings
}

type NamedForm = (String, Shows, Form, usize);

fn forms_v4() -> Vec<NamedForm> {
    let form = |words, offset, more| Form::V4 {
        words,
        offset,
        more,
    };
    let mut forms = Vec::new();
    for words in [5, 6, 7, 10, 14, 15] {
        forms.push((
            format!("header of {words} words"),
            Shows::Ports,
            form(words, 0, false),
            32,
        ));
    }
    for (name, shows, form) in [
        ("first fragment", Shows::Ports, form(5, 0, true)),
        (
            "first fragment with options",
            Shows::Ports,
            form(15, 0, true),
        ),
        ("middle fragment", Shows::Protocol, form(5, 1, true)),
        ("last fragment", Shows::Protocol, form(5, 0x1fff, false)),
        (
            "last fragment with options",
            Shows::Protocol,
            form(8, 185, false),
        ),
    ] {
        forms.push((name.to_owned(), shows, form, 64));
    }
    forms.push((
        "a frame of 9,000 bytes".to_owned(),
        Shows::Ports,
        form(5, 0, false),
        8_950,
    ));
    forms
}

fn forms_v6() -> Vec<NamedForm> {
    use Extension as E;
    let chains = [
        ("no extension", Shows::Ports, vec![]),
        ("hop-by-hop", Shows::Ports, vec![E::hop_by_hop(0)]),
        ("long hop-by-hop", Shows::Ports, vec![E::hop_by_hop(7)]),
        ("routing", Shows::Ports, vec![E::routing(2)]),
        ("destination", Shows::Ports, vec![E::destination(1)]),
        ("mobility", Shows::Ports, vec![E::mobility(0)]),
        ("HIP", Shows::Ports, vec![E::hip(4)]),
        ("shim6", Shows::Ports, vec![E::shim6(0)]),
        ("AH with 96 bits", Shows::Ports, vec![E::authentication(3)]),
        ("AH with 128 bits", Shows::Ports, vec![E::authentication(4)]),
        (
            "the recommended order",
            Shows::Ports,
            vec![
                E::hop_by_hop(0),
                E::destination(0),
                E::routing(0),
                E::fragment(0, true, 0),
                E::authentication(3),
                E::destination(0),
            ],
        ),
        (
            "atomic fragment",
            Shows::Ports,
            vec![E::fragment(0, false, 0)],
        ),
        (
            "first fragment",
            Shows::Ports,
            vec![E::fragment(0, true, 0)],
        ),
        (
            "first fragment, reserved byte set",
            Shows::Ports,
            vec![E::fragment(0, true, 0xff)],
        ),
        (
            "middle fragment",
            Shows::Protocol,
            vec![E::fragment(1, true, 0)],
        ),
        (
            "last fragment, reserved byte set",
            Shows::Protocol,
            vec![E::hop_by_hop(0), E::fragment(0x1fff, false, 0xff)],
        ),
        (
            "later fragment of a packet with a chain",
            Shows::Addresses,
            vec![E::fragment(185, true, 0), E::destination(0)],
        ),
        (
            "as many headers as are walked",
            Shows::Ports,
            vec![E::destination(0); 8],
        ),
    ];
    let mut forms: Vec<NamedForm> = chains
        .into_iter()
        .map(|(name, shows, chain)| form_v6(name, shows, chain, 64))
        .collect();
    forms.extend([
        form_v6(
            "one header more",
            Shows::Addresses,
            vec![E::destination(0); 9],
            64,
        ),
        form_v6(
            "a chain past the header window",
            Shows::Protocol,
            vec![E::destination(63)],
            64,
        ),
        form_v6("a frame of 9,000 bytes", Shows::Ports, vec![], 8_930),
    ]);
    let nothing = Form::V6 {
        chain: vec![],
        ends: true,
    };
    let name = "no next header".to_owned();
    forms.push((name, Shows::Addresses, nothing, 64));
    forms
}

fn form_v6(name: &str, shows: Shows, chain: Vec<Extension>, payload: usize) -> NamedForm {
    let form = Form::V6 { chain, ends: false };
    (name.to_owned(), shows, form, payload)
}
