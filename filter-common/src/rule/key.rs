//! The dimensions in which rules tell packets apart.
//!
//! Destination and source are looked up with the place of an address. For the others there is an array, one
//! region of it for each [`Field`], that says for every value of the field which set of rules it does not
//! speak against. A value that is not known has an entry of its own, in which no rule is that asks for the
//! field.

use crate::{
    address::Family,
    packet::{Features, Packet, protocol},
    settings::Role,
};

/// A dimension. The numbers are those of [`crate::rule::RuleSetHeader::dimensions`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Dimension {
    /// The destination address.
    Destination = 0,
    /// The source address.
    Source = 1,
    /// Family, role of the interface and protocol.
    Protocol = 2,
    /// The destination port, or the type of an ICMP message.
    DestinationPort = 3,
    /// The source port, or the code of an ICMP message.
    SourcePort = 4,
    /// Either port: the rules that speak of one are those for the one or for the other.
    EitherPort = 5,
    /// TCP flags.
    Flags = 6,
    /// Bytes of the packet.
    Length = 7,
    /// Code point and fragment bits.
    TosFragment = 8,
    /// The flow label of IPv6.
    Label = 9,
}

/// How many dimensions there are.
pub const DIMENSIONS: usize = 10;

/// Regions of the array of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// The index of its first value.
    pub first: u32,
    /// How many values it has; the last is that which is not known.
    pub values: u32,
}

macro_rules! fields {
    ($($(#[doc = $doc:literal])+ $name:ident: $values:expr;)+) => {
        /// The regions of the array of values.
        #[derive(Clone, Copy, Debug)]
        pub struct FIELDS;

        impl FIELDS {
            fields!(@at 0; $($(#[doc = $doc])+ $name: $values;)+);
        }
    };
    (@at $first:expr; $(#[doc = $doc:literal])+ $name:ident: $values:expr; $($rest:tt)*) => {
        $(#[doc = $doc])+
        pub const $name: Field = Field { first: $first, values: $values };
        fields!(@at $first + $values; $($rest)*);
    };
    (@at $first:expr;) => {
        const END: u32 = $first;
    };
}

const PORTS: u32 = 1 << 16;
const BYTES: u32 = 1 << 8;
#[expect(clippy::cast_possible_truncation, reason = "a small number")]
const LABELS: u32 = crate::limits::FLOW_LABELS_MAX as u32;

fields! {
    /// See [`family_role_protocol`].
    PROTOCOL: 4 * (BYTES + 1);
    /// Destination ports.
    DESTINATION_PORT: PORTS + 1;
    /// Source ports.
    SOURCE_PORT: PORTS + 1;
    /// Either port.
    EITHER_PORT: PORTS + 1;
    /// ICMP types.
    ICMP_TYPE: BYTES + 1;
    /// ICMP codes.
    ICMP_CODE: BYTES + 1;
    /// The twelve TCP flags.
    FLAGS: (1 << 12) + 1;
    /// Bytes of the packet; always known.
    LENGTH: PORTS;
    /// See [`tos_fragment`]; always known.
    TOS_FRAGMENT: 1 << 10;
    /// Sets by flow label, in the order of [`flow_label_number`]; the first is that of packets without one.
    LABEL: LABELS + 1;
}

/// Values in the array.
pub const FIELD_CLASSES: usize = FIELDS::END.next_multiple_of(4) as usize;

impl Field {
    /// The index of a value; of the last where it is past that.
    #[inline(always)]
    #[must_use]
    pub const fn at(self, value: u32) -> u32 {
        let last = self.values - 1;
        self.first + if value > last { last } else { value }
    }
}

/// The value of [`FIELDS::PROTOCOL`].
#[inline(always)]
#[must_use]
pub const fn family_role_protocol(family: Family, role: Role, protocol: Option<u8>) -> u32 {
    let protocol = match protocol {
        Some(protocol) => protocol as u32,
        None => BYTES,
    };
    let family = matches!(family, Family::V6) as u32;
    (family * 2 + role as u32) * (BYTES + 1) + protocol
}

/// The value of [`FIELDS::TOS_FRAGMENT`].
#[inline(always)]
#[must_use]
pub const fn tos_fragment(dscp: u8, fragment: u8) -> u32 {
    (dscp as u32 & 0x3f) << 4 | fragment as u32 & 0xf
}

/// The values of a packet that have to be looked up, as indices into the array of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Values {
    pub(super) protocol: u32,
    pub(super) destination: u32,
    pub(super) source: u32,
    pub(super) either: [u32; 2],
    pub(super) flags: u32,
    pub(super) length: u32,
    pub(super) tos_fragment: u32,
}

impl Values {
    /// Those of a packet that came in on an interface of this role.
    ///
    /// Ports are those of TCP and UDP (RFC 8955, 4.2.2.4), types and codes those of ICMP and ICMPv6. A packet
    /// has the ones or the others, so they share two dimensions.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "indices before")]
    pub(super) fn of(packet: &Packet, role: Role, forget: impl Fn(u64) -> u64) -> Self {
        const UNKNOWN: u32 = PORTS;
        let at = |field: Field, value: u32| forget(u64::from(field.at(value))) as u32;
        let flow = &packet.outer;
        let features = &packet.features;
        let has_ports = matches!(flow.protocol(), Some(protocol::TCP | protocol::UDP));
        let (mut to, mut from) = (UNKNOWN, UNKNOWN);
        if has_ports
            && let (Some(source), Some(destination)) = (flow.source_port(), flow.destination_port())
        {
            to = u32::from(destination);
            from = u32::from(source);
        }
        let to = forget(u64::from(to)) as u32;
        let from = forget(u64::from(from)) as u32;
        let (destination, source) = match features.message() {
            Some([kind, code]) => (
                FIELDS::ICMP_TYPE.at(u32::from(kind)),
                FIELDS::ICMP_CODE.at(u32::from(code)),
            ),
            None => (
                at(FIELDS::DESTINATION_PORT, to),
                at(FIELDS::SOURCE_PORT, from),
            ),
        };
        let protocol = family_role_protocol(flow.family, role, flow.protocol());
        Self {
            protocol: at(FIELDS::PROTOCOL, protocol),
            destination: forget(u64::from(destination)) as u32,
            source: forget(u64::from(source)) as u32,
            either: [at(FIELDS::EITHER_PORT, to), at(FIELDS::EITHER_PORT, from)],
            flags: at(FIELDS::FLAGS, u32::from(features.flags())),
            length: at(FIELDS::LENGTH, u32::from(features.length())),
            tos_fragment: at(
                FIELDS::TOS_FRAGMENT,
                tos_fragment(features.dscp(), features.fragment()),
            ),
        }
    }
}

/// The number of the entry of [`FIELDS::LABEL`] for a flow label: how many of `starts`, sorted, of which
/// there are `count`, are not above it; 0 where there is no label.
///
/// Takes as many reads as `count` has bits.
#[inline(always)]
pub fn flow_label_number(label: u32, count: u32, start: impl Fn(u32) -> u32) -> u32 {
    const STEPS: usize = 1 + crate::limits::FLOW_LABELS_MAX.ilog2() as usize;
    if label >= Features::NO_LABEL {
        return 0;
    }
    let (mut low, mut high) = (0, count);
    for _ in 0..STEPS {
        if low >= high {
            break;
        }
        let middle = low.midpoint(high);
        if start(middle) <= label {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}
