//! Classes of traffic to a destination.

use crate::packet::{Packet, protocol};

macro_rules! classes {
    ($($(#[doc = $doc:literal])+ $name:ident = $value:literal, $text:literal;)+) => {
        /// What kind of traffic a packet is: the first that fits.
        ///
        /// The numbers are part of the ABI.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u32)]
        pub enum Class {
            $($(#[doc = $doc])+ $name = $value,)+
        }

        impl Class {
            /// All of them, by number.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The name in configuration and output.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }
        }
    };
}

classes! {
    /// A fragment other than the first: it has no ports to go by.
    Fragment = 0, "fragment";
    /// TCP that opens a connection: SYN without ACK and RST.
    Syn = 1, "syn";
    /// TCP that answers what somebody else may have sent in this address's name: SYN with ACK, or RST.
    Reply = 2, "reply";
    /// UDP from a port of a protocol that is known to answer more than it is asked.
    Reflection = 3, "reflection";
    /// Any other UDP.
    Udp = 4, "udp";
    /// ICMP or ICMPv6.
    Icmp = 5, "icmp";
    /// Everything else, TCP of open connections above all.
    Other = 6, "other";
}

/// How many classes there are.
pub const CLASSES: usize = Class::ALL.len();

impl Class {
    /// The class of a packet; `is_reflector` says it of a source port.
    #[inline(always)]
    pub fn of(packet: &Packet, is_reflector: impl FnOnce(u16) -> bool) -> Self {
        const SYN: u16 = 2;
        const RST: u16 = 4;
        const ACK: u16 = 16;
        let features = &packet.features;
        if features.is_later_fragment() {
            return Self::Fragment;
        }
        match packet.outer.protocol() {
            Some(protocol::TCP) => match features.flags() & (SYN | ACK | RST) {
                SYN => Self::Syn,
                0 | ACK => Self::Other,
                _ => Self::Reply,
            },
            Some(protocol::UDP) => match packet.outer.source_port() {
                Some(port) if is_reflector(port) => Self::Reflection,
                _ => Self::Udp,
            },
            Some(protocol::ICMP | protocol::ICMPV6) => Self::Icmp,
            _ => Self::Other,
        }
    }
}

const _: () = assert!(CLASSES <= super::DENSE_WORDS);
