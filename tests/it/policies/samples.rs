//! The table of oddities: for each policy frames to which it applies, and near misses to which it does
//! not; with everything else that is odd about them.

mod addresses;
mod fragments;
mod headers;
mod link;
mod segments;
mod transport;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use filter_common::{
    policy::{Policies, Policy},
    settings::Role,
    verdict::Reason,
};

use crate::support::{
    packet::{Flow, Frame, V4, V6, link::ethertype, number},
    traffic::{HOST_4, HOST_6, PEER_4, PEER_6},
};

/// A frame, and what is odd about it.
pub(super) struct Case {
    /// The policy for which it was written.
    pub(super) policy: Policy,
    pub(super) name: String,
    pub(super) frame: Vec<u8>,
    /// The EtherType and the packet, of what has addresses that can be read.
    pub(super) packet: Option<(u16, Vec<u8>)>,
    /// Source and destination of such a packet.
    pub(super) ends: Option<[IpAddr; 2]>,
    pub(super) odd: Policies,
    /// Why it passes where nothing is odd.
    pub(super) reason: Reason,
}

impl Case {
    /// Whether its policy applies to it.
    pub(super) const fn applies(&self) -> bool {
        self.odd.has(self.policy)
    }

    /// The end that is of the network behind the filter, on interfaces of this role.
    pub(super) fn inside(&self, role: Role) -> Option<IpAddr> {
        self.ends.map(|[from, to]| match role {
            Role::Upstream => to,
            Role::Customer => from,
        })
    }

    /// The end that is not.
    pub(super) fn outside(&self, role: Role) -> Option<IpAddr> {
        self.ends.map(|[from, to]| match role {
            Role::Upstream => from,
            Role::Customer => to,
        })
    }
}

/// All cases, of packets that come in on an interface of this role.
pub(super) fn all(role: Role) -> Vec<Case> {
    let outside = [HOST_4, HOST_6];
    let inside = [PEER_4, PEER_6];
    let [from, to] = match role {
        Role::Upstream => [outside, inside],
        Role::Customer => [inside, outside],
    };
    let mut table = Table {
        from,
        to,
        cases: Vec::new(),
    };
    link::add(&mut table);
    headers::add(&mut table);
    addresses::add(&mut table);
    fragments::add(&mut table);
    segments::add(&mut table);
    transport::add(&mut table);
    table.cases
}

/// The cases, and the addresses between which their packets go.
struct Table {
    from: [&'static str; 2],
    to: [&'static str; 2],
    cases: Vec<Case>,
}

impl Table {
    /// UDP of IPv4 and of IPv6, with ports that nobody minds.
    fn flows(&self) -> [Flow; 2] {
        [0, 1].map(|family| Flow::udp(self.from[family], self.to[family], [40_000, 4_000]))
    }

    fn v4(&self, protocol: u8) -> V4 {
        let [from, to]: [Ipv4Addr; 2] = [self.from[0], self.to[0]].map(|end| end.parse().unwrap());
        V4::new(from, to, protocol)
    }

    fn v6(&self, protocol: u8) -> V6 {
        let [from, to]: [Ipv6Addr; 2] = [self.from[1], self.to[1]].map(|end| end.parse().unwrap());
        V6::new(from, to, protocol)
    }

    /// A frame that is opened no further than its link.
    fn frame(&mut self, policy: Policy, name: &str, frame: &Frame, odd: &[Policy]) {
        self.stopped(policy, name, frame.unpadded(), odd, Reason::Clean);
    }

    /// The same, cut to `length` bytes.
    fn cut(&mut self, policy: Policy, name: &str, frame: &Frame, length: usize, odd: &[Policy]) {
        let name = format!("{name}, {length} bytes");
        let frame = frame.unpadded()[..length].to_vec();
        self.stopped(policy, &name, frame, odd, Reason::Clean);
    }

    /// The same, for a near miss that passes under a name of its own.
    fn named(&mut self, policy: Policy, name: &str, frame: &Frame, reason: Reason) {
        self.stopped(policy, name, frame.unpadded(), &[], reason);
    }

    fn stopped(
        &mut self,
        policy: Policy,
        name: &str,
        frame: Vec<u8>,
        odd: &[Policy],
        reason: Reason,
    ) {
        self.cases.push(Case {
            policy,
            name: format!("{}: {name}", policy.name()),
            frame,
            packet: None,
            ends: None,
            odd: set(odd),
            reason,
        });
    }

    /// An IPv4 packet.
    fn packet4(&mut self, policy: Policy, name: &str, header: &V4, segment: &[u8], odd: &[Policy]) {
        let ends = [header.source.into(), header.destination.into()];
        let packet = (ethertype::IPV4, header.packet(segment));
        self.packet(policy, name, packet, ends, odd);
    }

    /// An IPv6 packet.
    fn packet6(&mut self, policy: Policy, name: &str, header: &V6, segment: &[u8], odd: &[Policy]) {
        let ends = [header.source.into(), header.destination.into()];
        let packet = (ethertype::IPV6, header.packet(segment));
        self.packet(policy, &format!("{name}, v6"), packet, ends, odd);
    }

    /// The packet of a flow, with a segment written by hand.
    fn segment(&mut self, policy: Policy, name: &str, flow: &Flow, segment: &[u8], odd: &[Policy]) {
        match (flow.source, flow.destination) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                let header = V4::new(from, to, flow.protocol);
                self.packet4(policy, name, &header, segment, odd);
            }
            (IpAddr::V6(from), IpAddr::V6(to)) => {
                let header = V6::new(from, to, flow.protocol);
                self.packet6(policy, name, &header, segment, odd);
            }
            _ => unreachable!("both ends of a flow are of one family"),
        }
    }

    fn packet(
        &mut self,
        policy: Policy,
        name: &str,
        packet: (u16, Vec<u8>),
        ends: [IpAddr; 2],
        odd: &[Policy],
    ) {
        let frame = Frame::new(packet.0, packet.1.clone()).unpadded();
        self.cases.push(Case {
            policy,
            name: format!("{}: {name}", policy.name()),
            frame,
            packet: Some(packet),
            ends: Some(ends),
            odd: set(odd),
            reason: Reason::Clean,
        });
    }
}

fn set(policies: &[Policy]) -> Policies {
    let mut set = Policies::NONE;
    for policy in policies {
        set.add(*policy);
    }
    set
}

/// A protocol without ports, about which nothing is odd.
const QUIET: u8 = number::ESP;
