//! One flow in every wrapping that a blocked host might try: a way over the link, and an IP header.

mod forms;
mod links;

use std::net::IpAddr;

use super::packet::{Flow, Frame, V4, V6, number};
use forms::Form;
pub(crate) use links::Link;

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
    link: Link,
    form: Form,
    payload: usize,
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
        (self.build(flow).unpadded(), self.link.length() + header)
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
        self.link.frame(flow.ethertype(), packet)
    }
}

/// Every way over the link.
pub(crate) fn links() -> Vec<Link> {
    links::all()
}

/// Every wrapping for the family of `address`: every link with typical IP headers, and every IP header
/// over typical links.
pub(crate) fn all(address: IpAddr) -> Vec<Wrapping> {
    let forms = if address.is_ipv4() {
        forms::v4()
    } else {
        forms::v6()
    };
    let mut wrappings = Vec::new();
    for link in links::all() {
        for form in &forms {
            if (form.typical || link.typical) && link.has_room_for(form.payload) {
                wrappings.push(Wrapping {
                    name: format!("{}, {}", link.name, form.name),
                    shows: form.shows,
                    link: link.clone(),
                    form: form.form.clone(),
                    payload: form.payload,
                });
            }
        }
    }
    wrappings
}
