//! Matches that no packet can satisfy, because one component excludes another.
//!
//! Such a rule looks as if it protected, and never does. It is refused where it is read. A single component that
//! nothing satisfies, such as `dport false`, says so itself and is let be.

use filter_common::{
    address::Family,
    packet::protocol::{TCP, UDP},
};

use super::{Kind, Matching, bitmask::fragment, oracle::icmp};

/// Components that exclude each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Contradiction {
    /// They ask for different protocols.
    #[error(
        "no packet can match: ports ask for tcp or udp, tcp flags for tcp, icmp type and code for icmp or, \
         in IPv6, icmpv6, and that excludes another of them or what `proto` asks for"
    )]
    Protocol(Kind),
    /// The transport header is asked for, and fragments that have none.
    #[error(
        "no packet can match: a fragment other than the first has no ports, flags or ICMP type"
    )]
    LaterFragment(Kind),
}

impl Contradiction {
    /// A component that is part of it.
    #[must_use]
    pub const fn kind(self) -> Kind {
        match self {
            Self::Protocol(kind) | Self::LaterFragment(kind) => kind,
        }
    }
}

/// What headers can say of fragments; without `dont-fragment`, which goes with each.
const WHOLE_OR_FIRST: [u16; 2] = [0, fragment::FIRST_FRAGMENT];
const LATER: [u16; 2] = [
    fragment::IS_FRAGMENT,
    fragment::IS_FRAGMENT | fragment::LAST_FRAGMENT,
];

impl Matching {
    /// Whether some packet could match, as far as components concern each other.
    pub fn check(&self) -> Result<(), Contradiction> {
        let Some(kind) = self.transport() else {
            return Ok(());
        };
        let families = [Family::V4, Family::V6];
        let asked = families
            .into_iter()
            .filter(|family| self.family.is_none_or(|own| own == *family));
        if !asked.into_iter().any(|family| self.has_protocol(family)) {
            return Err(Contradiction::Protocol(kind));
        }
        let accepts_any = |contents: [u16; 2]| {
            self.fragment.as_ref().is_none_or(|component| {
                let also = |content| component.accepts(content | fragment::DONT_FRAGMENT);
                contents
                    .into_iter()
                    .any(|one| component.accepts(one) || also(one))
            })
        };
        if !accepts_any(WHOLE_OR_FIRST) && accepts_any(LATER) {
            return Err(Contradiction::LaterFragment(Kind::Fragment));
        }
        Ok(())
    }

    /// The last component that looks at a transport header.
    fn transport(&self) -> Option<Kind> {
        let looks = [
            Kind::TcpFlags,
            Kind::IcmpCode,
            Kind::IcmpType,
            Kind::SourcePort,
            Kind::DestinationPort,
            Kind::Port,
        ];
        looks.into_iter().find(|kind| self.part(*kind).is_some())
    }

    /// Whether there is a protocol that every component allows.
    fn has_protocol(&self, family: Family) -> bool {
        let ports = [&self.port, &self.destination_port, &self.source_port];
        let asks = [
            (ports.iter().any(|port| port.is_some()), &[TCP, UDP][..]),
            (self.tcp_flags.is_some(), &[TCP]),
            (
                self.icmp_type.is_some() || self.icmp_code.is_some(),
                &[icmp(family)],
            ),
        ];
        let allowed = |protocol: u8| {
            let named = self.protocol.as_ref();
            named.is_none_or(|named| named.accepts(u32::from(protocol)))
                && asks
                    .iter()
                    .all(|(asks, protocols)| !asks || protocols.contains(&protocol))
        };
        (0..=u8::MAX).any(allowed)
    }
}
