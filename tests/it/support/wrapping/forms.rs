//! IP headers in every form.

use super::Shows;
use crate::support::packet::Extension;

/// The IP header.
#[derive(Clone)]
pub(super) enum Form {
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

/// A form by name, and what it shows.
pub(super) struct Named {
    pub(super) name: String,
    pub(super) shows: Shows,
    pub(super) form: Form,
    /// Bytes behind the transport header.
    pub(super) payload: usize,
    /// Whether it is tried over every link, and not only over typical ones.
    pub(super) typical: bool,
}

impl Named {
    fn new(name: &str, shows: Shows, form: Form, payload: usize) -> Self {
        Self {
            name: name.to_owned(),
            shows,
            form,
            payload,
            typical: false,
        }
    }

    const fn typical(mut self) -> Self {
        self.typical = true;
        self
    }
}

pub(super) fn v4() -> Vec<Named> {
    let form = |words, offset, more| Form::V4 {
        words,
        offset,
        more,
    };
    let words = |words: u8| {
        let name = format!("header of {words} words");
        Named::new(&name, Shows::Ports, form(words, 0, false), 32)
    };
    let fragment = |name, shows, form| Named::new(name, shows, form, 64);
    let mut forms = vec![words(5).typical(), words(15).typical()];
    forms.extend((6..15).map(words));
    forms.extend([
        fragment("first fragment", Shows::Ports, form(5, 0, true)),
        fragment(
            "first fragment with options",
            Shows::Ports,
            form(15, 0, true),
        ),
        fragment("middle fragment", Shows::Protocol, form(5, 1, true)),
        fragment("last fragment", Shows::Protocol, form(5, 0x1fff, false)),
        fragment(
            "last fragment with options",
            Shows::Protocol,
            form(8, 185, false),
        )
        .typical(),
        Named::new(
            "a frame of 9,000 bytes",
            Shows::Ports,
            form(5, 0, false),
            8_950,
        ),
    ]);
    forms
}

pub(super) fn v6() -> Vec<Named> {
    use Extension as E;
    let chain = |name, shows, chain: Vec<E>| {
        let form = Form::V6 { chain, ends: false };
        Named::new(name, shows, form, 64)
    };
    let ports = |name, extensions| chain(name, Shows::Ports, extensions);
    let recommended = vec![
        E::hop_by_hop(0),
        E::destination(0),
        E::routing(0),
        E::fragment(0, true, 0),
        E::authentication(3),
        E::destination(0),
    ];
    let nothing = Form::V6 {
        chain: vec![],
        ends: true,
    };
    let plain = Form::V6 {
        chain: vec![],
        ends: false,
    };
    vec![
        ports("no extension", vec![]).typical(),
        ports("hop-by-hop", vec![E::hop_by_hop(0)]),
        ports("long hop-by-hop", vec![E::hop_by_hop(7)]),
        ports("routing", vec![E::routing(2)]),
        ports("destination", vec![E::destination(1)]),
        ports("mobility", vec![E::mobility(0)]),
        ports("HIP", vec![E::hip(4)]),
        ports("shim6", vec![E::shim6(0)]),
        ports("AH with 96 bits", vec![E::authentication(3)]),
        ports("AH with 128 bits", vec![E::authentication(4)]),
        ports("the recommended order", recommended).typical(),
        ports("atomic fragment", vec![E::fragment(0, false, 0)]),
        ports("first fragment", vec![E::fragment(0, true, 0)]),
        ports(
            "first fragment, reserved byte set",
            vec![E::fragment(0, true, 0xff)],
        ),
        chain(
            "middle fragment",
            Shows::Protocol,
            vec![E::fragment(1, true, 0)],
        ),
        chain(
            "last fragment, reserved byte set",
            Shows::Protocol,
            vec![E::hop_by_hop(0), E::fragment(0x1fff, false, 0xff)],
        )
        .typical(),
        chain(
            "later fragment of a packet with a chain",
            Shows::Addresses,
            vec![E::fragment(185, true, 0), E::destination(0)],
        ),
        ports("as many headers as are walked", vec![E::destination(0); 8]),
        chain(
            "one header more",
            Shows::Addresses,
            vec![E::destination(0); 9],
        )
        .typical(),
        chain(
            "a chain past the header window",
            Shows::Protocol,
            vec![E::destination(63)],
        ),
        Named::new("a frame of 9,000 bytes", Shows::Ports, plain, 8_930),
        Named::new("no next header", Shows::Addresses, nothing, 64),
    ]
}
