//! The matcher table: rules, a flow, and what comes of it.

use filter_common::verdict::Reason;

use super::exceptions;
use crate::support::{
    kernel::Outcome,
    packet::{Flow, number},
    rules::{Rule, Rules},
    wrapping::{Shows, Wrapping},
};

/// The addresses that the cases speak of.
pub(crate) struct Names {
    pub(crate) bad: &'static str,
    /// Around `bad`.
    pub(crate) net: &'static str,
    /// Around `net`.
    pub(crate) wide: &'static str,
    /// In `net`, and the neighbours of `bad`.
    pub(crate) neighbors: [&'static str; 2],
    pub(crate) other_bad: &'static str,
    pub(crate) inside: &'static str,
    pub(crate) inside_net: &'static str,
    pub(crate) everything: &'static str,
}

pub(crate) const V4: Names = Names {
    bad: "203.0.113.7",
    net: "203.0.113.0/24",
    wide: "203.0.0.0/16",
    neighbors: ["203.0.113.6", "203.0.113.8"],
    other_bad: "198.51.100.9",
    inside: "192.0.2.1",
    inside_net: "192.0.2.0/24",
    everything: "0.0.0.0/0",
};

pub(crate) const V6: Names = Names {
    bad: "2001:db8:bad::7",
    net: "2001:db8:bad::/64",
    wide: "2001:db8:bad::/48",
    neighbors: ["2001:db8:bad::6", "2001:db8:bad::8"],
    other_bad: "3fff:9::9",
    inside: "2001:db8:1::1",
    inside_net: "2001:db8:1::/64",
    everything: "::/0",
};

/// A matcher: rules, a flow, and what comes of it.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) rules: Rules,
    pub(crate) flow: Flow,
    /// What must be known of the flow for the rules to see it.
    pub(crate) needs: Shows,
    /// What comes of it then.
    pub(crate) seen: Outcome,
    /// And what otherwise.
    pub(crate) blind: Outcome,
}

pub(crate) const PORTS: [u16; 2] = [53, 4_000];

pub(crate) fn pass() -> Outcome {
    Outcome::pass(Reason::Clean)
}

/// A case whose rules ask for addresses only.
pub(crate) fn case(
    name: &'static str,
    rules: Rules,
    [from, to]: [&str; 2],
    outcome: Outcome,
) -> Case {
    Case {
        name,
        rules,
        flow: Flow::udp(from, to, PORTS),
        needs: Shows::Addresses,
        blind: outcome.clone(),
        seen: outcome,
    }
}

impl Case {
    fn needs(mut self, needs: Shows, blind: Outcome) -> Self {
        self.needs = needs;
        self.blind = blind;
        self
    }

    fn protocol(mut self, protocol: u8) -> Self {
        self.flow.protocol = protocol;
        self
    }

    pub(crate) fn expected(&self, wrapping: &Wrapping) -> Outcome {
        let outcome = if wrapping.shows >= self.needs {
            &self.seen
        } else {
            &self.blind
        };
        outcome.clone()
    }
}

pub(crate) fn cases(n: &Names) -> Vec<Case> {
    let out = [n.bad, n.inside];
    let back = [n.inside, n.bad];
    let only = |rule: Rule| Rules::new([rule]);
    let both = || only(Rule::new(n.bad, 1));
    let mut cases = vec![
        case("blocked source", both(), out, Outcome::drop(1)),
        case("blocked destination", both(), back, Outcome::drop(1)),
        case("clean", both(), [n.inside, n.other_bad], pass()),
        case(
            "the address before",
            both(),
            [n.neighbors[0], n.inside],
            pass(),
        ),
        case(
            "the address behind",
            both(),
            [n.inside, n.neighbors[1]],
            pass(),
        ),
        case(
            "both ends blocked: the source is charged",
            Rules::new([Rule::new(n.bad, 1), Rule::new(n.other_bad, 2)]),
            [n.other_bad, n.bad],
            Outcome::drop(2),
        ),
        case(
            "from, as source",
            only(Rule::new(n.bad, 1).only_from()),
            out,
            Outcome::drop(1),
        ),
        case(
            "from, as destination",
            only(Rule::new(n.bad, 1).only_from()),
            back,
            pass(),
        ),
        case(
            "to, as source",
            only(Rule::new(n.bad, 1).only_to()),
            out,
            pass(),
        ),
        case(
            "to, as destination",
            only(Rule::new(n.bad, 1).only_to()),
            back,
            Outcome::drop(1),
        ),
        case(
            "everything",
            only(Rule::new(n.everything, 9)),
            out,
            Outcome::drop(9),
        ),
        case(
            "of nested prefixes the most specific is charged",
            Rules::new([
                Rule::new(n.wide, 1),
                Rule::new(n.bad, 3),
                Rule::new(n.net, 2),
            ]),
            out,
            Outcome::drop(3),
        ),
        case(
            "beside the most specific, the next",
            Rules::new([
                Rule::new(n.wide, 1),
                Rule::new(n.bad, 3),
                Rule::new(n.net, 2),
            ]),
            [n.neighbors[1], n.inside],
            Outcome::drop(2),
        ),
    ];
    cases.extend(narrow_cases(n));
    cases.extend(exceptions::never_block_cases(n));
    cases.extend(exceptions::monitor_cases(n));
    cases.extend(exceptions::deadline_cases(n));
    cases
}

fn narrow_cases(n: &Names) -> Vec<Case> {
    let out = [n.bad, n.inside];
    let back = [n.inside, n.bad];
    let udp = || Rules::new([Rule::new(n.bad, 1).protocol(number::UDP)]);
    let ports = |first, last| Rules::new([Rule::new(n.bad, 1).ports(first, last)]);
    let narrow = || {
        Rules::new([
            Rule::new(n.net, 1),
            Rule::new(n.bad, 2).protocol(number::UDP).ports(53, 53),
        ])
    };
    let port = |case: Case| case.needs(Shows::Ports, pass());
    vec![
        case("protocol", udp(), out, Outcome::drop(1)).needs(Shows::Protocol, pass()),
        case("another protocol", udp(), out, pass()).protocol(number::TCP),
        port(case(
            "the source's port",
            ports(53, 53),
            out,
            Outcome::drop(1),
        )),
        port(case(
            "a range that ends with it",
            ports(1, 53),
            out,
            Outcome::drop(1),
        )),
        port(case(
            "a range that begins with it",
            ports(53, 99),
            out,
            Outcome::drop(1),
        )),
        port(case("all ports", ports(0, 65_535), out, Outcome::drop(1))),
        port(case(
            "the destination's port",
            ports(4_000, 4_000),
            back,
            Outcome::drop(1),
        )),
        case("a range below", ports(0, 52), out, pass()),
        case("a range above", ports(54, 65_535), out, pass()),
        case(
            "the other end's port, of a source",
            ports(4_000, 4_000),
            out,
            pass(),
        ),
        case(
            "the other end's port, of a destination",
            ports(53, 53),
            back,
            pass(),
        ),
        case("a protocol without ports", ports(0, 65_535), out, pass()).protocol(number::GRE),
        port(case("protocol and port", narrow(), out, Outcome::drop(2)))
            .needs(Shows::Ports, Outcome::drop(1)),
        case(
            "a narrow entry does not unblock",
            narrow(),
            out,
            Outcome::drop(1),
        )
        .protocol(number::TCP),
    ]
}
