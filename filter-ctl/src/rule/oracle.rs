//! Whether a packet matches, operator by operator, as the RFCs put it into words.
//!
//! Slow and plain: what the compiler makes of rules is held against it.

use std::net::IpAddr;

use filter_common::{
    address::Family,
    packet::protocol::{ICMP, ICMPV6, TCP, UDP},
    settings::Role,
};

use super::{Bitmask, Matching, Numeric, bitmask::fragment};

/// What the components look at in a packet. What is unknown is `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fields {
    /// The family.
    pub family: Family,
    /// The side that it came in on.
    pub role: Role,
    /// The source.
    pub source: IpAddr,
    /// The destination.
    pub destination: IpAddr,
    /// The protocol, of IPv6 the upper-layer protocol.
    pub protocol: Option<u8>,
    /// Source and destination port.
    pub ports: Option<[u16; 2]>,
    /// ICMP type and code.
    pub icmp: Option<[u8; 2]>,
    /// The 12 bits beside the data offset.
    pub flags: Option<u16>,
    /// The length of the IP packet with its header.
    pub length: u16,
    /// The upper six bits of the traffic class.
    pub dscp: u8,
    /// See [`fragment`].
    pub fragment: u8,
    /// The flow label, of IPv6 only.
    pub label: Option<u32>,
}

/// The protocol number of ICMP in a family.
pub(super) const fn icmp(family: Family) -> u8 {
    match family {
        Family::V4 => ICMP,
        Family::V6 => ICMPV6,
    }
}

impl Matching {
    /// Whether a packet matches.
    #[must_use]
    pub fn matches(&self, fields: &Fields) -> bool {
        let has = |protocols: &[u8]| fields.protocol.is_some_and(|p| protocols.contains(&p));
        let begins = u16::from(fields.fragment) & fragment::IS_FRAGMENT == 0;
        let ports = fields.ports.filter(|_| begins && has(&[TCP, UDP]));
        let icmp = fields
            .icmp
            .filter(|_| begins && has(&[icmp(fields.family)]));
        let flags = fields.flags.filter(|_| begins && has(&[TCP]));
        let [source_port, destination_port] = one_by_one(ports);
        let [icmp_type, icmp_code] = one_by_one(icmp);

        self.family.is_none_or(|family| family == fields.family)
            && self.role.is_none_or(|role| role == fields.role)
            && self
                .destination
                .is_none_or(|net| net.contains(&fields.destination))
            && self.source.is_none_or(|net| net.contains(&fields.source))
            && number(self.protocol.as_ref(), fields.protocol)
            && (number(self.port.as_ref(), source_port)
                || number(self.port.as_ref(), destination_port))
            && number(self.destination_port.as_ref(), destination_port)
            && number(self.source_port.as_ref(), source_port)
            && number(self.icmp_type.as_ref(), icmp_type)
            && number(self.icmp_code.as_ref(), icmp_code)
            && bits(self.tcp_flags.as_ref(), flags)
            && number(self.length.as_ref(), Some(fields.length))
            && number(self.dscp.as_ref(), Some(fields.dscp))
            && bits(self.fragment.as_ref(), Some(u16::from(fields.fragment)))
            && number(self.label.as_ref(), fields.label)
    }
}

fn one_by_one<T>(pair: Option<[T; 2]>) -> [Option<T>; 2] {
    match pair {
        Some([first, second]) => [Some(first), Some(second)],
        None => [None, None],
    }
}

/// A component that is not there is satisfied; one that is there is not by what is unknown.
fn number(component: Option<&Numeric>, content: Option<impl Into<u32>>) -> bool {
    match (component, content) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(component), Some(content)) => component.accepts(content.into()),
    }
}

fn bits(component: Option<&Bitmask>, content: Option<u16>) -> bool {
    match (component, content) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(component), Some(content)) => component.accepts(content),
    }
}
