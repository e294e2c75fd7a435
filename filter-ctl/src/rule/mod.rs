//! Rules: what is done about packets by what they are, in the manner of BGP FlowSpec (RFC 8955, RFC 8956).
//!
//! A rule has a match and an action. Nothing here does I/O, and nothing is approximated: what the types cannot
//! say is refused with its reason where it is read.
//!
//! - here: a rule, what it matches, what it does;
//! - [`numeric`]: lists of comparisons, such as of ports and lengths;
//! - [`bitmask`]: lists of tests of bits, such as of TCP flags;
//! - [`text`]: rules as engineers write them, and back;
//! - [`order`]: which rule is asked first, and the bytes of the RFCs that this follows from;
//! - [`oracle`]: whether a packet matches, operator by operator;
//! - [`contradiction`]: matches that no packet can satisfy;
//! - [`end`]: whether one address can be an end of a packet that matches;
//! - `kind`: the kinds of components; `id`: names of rules.

pub mod bitmask;
pub mod contradiction;
pub mod end;
mod id;
mod kind;
pub mod numeric;
pub mod oracle;
pub mod order;
#[cfg(test)]
mod tests;
pub mod text;

use filter_common::{address::Family, settings::Role};
use ipnet::IpNet;
use jiff::Timestamp;

pub use self::{
    bitmask::{Bit, Bitmask, Bits},
    id::{GROUP_NAME_MAX, InvalidRuleName, RuleId, RuleName, is_group_name},
    kind::Kind,
    numeric::{Comparison, Numeric},
    oracle::Fields,
    text::Written,
};

/// Rules that can be in force at a time. A further one is refused.
pub use filter_common::limits::RULES_MAX;

/// Operators of one component. A component with more is refused.
pub const OPERATORS_MAX: usize = 64;
/// Bytes of the text of a rule. A longer one is refused.
pub const TEXT_MAX: usize = 4096;
/// The highest limit in packets per second.
pub const PACKETS_PER_SECOND_MAX: u64 = 1_000_000_000;
/// The highest limit in bits per second.
pub const BITS_PER_SECOND_MAX: u64 = 1_000_000_000_000;

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its name, unique among all rules in force.
    pub id: RuleId,
    /// Its canonical text, match and action.
    pub text: Box<str>,
    /// The packets that are meant.
    pub matching: Matching,
    /// What is done about them.
    pub action: Action,
    /// Whether no further rule is asked about a packet that matches: the terminal action of RFC 8955, 7.3, the
    /// other way round, as the bit that is sent says `continue`. Never of [`Action::Monitor`], always of
    /// [`Action::Drop`].
    pub terminal: bool,
    /// The first moment at which it no longer holds; `None` until it is removed.
    pub until: Option<Timestamp>,
}

impl Rule {
    /// A rule of what is written.
    #[must_use]
    pub fn new(id: RuleId, written: Written, until: Option<Timestamp>) -> Self {
        let text = written.to_string().into();
        let Written {
            matching,
            action,
            terminal,
        } = written;
        Self {
            id,
            text,
            matching,
            action,
            terminal,
            until,
        }
    }

    /// Whether it holds.
    #[must_use]
    pub fn holds(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// The packets that a rule means: those that satisfy every component that is there.
///
/// Ports ask for TCP or UDP, ICMP type and code for ICMP (ICMPv6 in IPv6), flags for TCP. None of them is known of a
/// fragment other than the first, and what is unknown matches nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matching {
    /// The family; `None` for both. A prefix, a flow label, or a test of `dont-fragment` has its family's.
    pub family: Option<Family>,
    /// The side that the packet comes in on; `None` for both.
    pub role: Option<Role>,
    /// Type 1: the destination lies in it.
    pub destination: Option<IpNet>,
    /// Type 2: the source lies in it.
    pub source: Option<IpNet>,
    /// Type 3: the protocol, of IPv6 the upper-layer protocol.
    pub protocol: Option<Numeric>,
    /// Type 4: the source port or the destination port.
    pub port: Option<Numeric>,
    /// Type 5.
    pub destination_port: Option<Numeric>,
    /// Type 6.
    pub source_port: Option<Numeric>,
    /// Type 7.
    pub icmp_type: Option<Numeric>,
    /// Type 8.
    pub icmp_code: Option<Numeric>,
    /// Type 9: the 12 bits beside the data offset.
    pub tcp_flags: Option<Bitmask>,
    /// Type 10: the length of the IP packet with its header, in bytes.
    pub length: Option<Numeric>,
    /// Type 11.
    pub dscp: Option<Numeric>,
    /// Type 12: see [`bitmask::fragment`].
    pub fragment: Option<Bitmask>,
    /// Type 13, of IPv6 only.
    pub label: Option<Numeric>,
}

/// A component that is there, by what it is made of.
enum Part<'a> {
    Prefix(IpNet),
    Numbers(&'a Numeric),
    Bits(&'a Bitmask),
}

impl Matching {
    /// The component of a kind, if it is there.
    fn part(&self, kind: Kind) -> Option<Part<'_>> {
        match kind {
            Kind::Destination => self.destination.map(Part::Prefix),
            Kind::Source => self.source.map(Part::Prefix),
            Kind::Protocol => self.protocol.as_ref().map(Part::Numbers),
            Kind::Port => self.port.as_ref().map(Part::Numbers),
            Kind::DestinationPort => self.destination_port.as_ref().map(Part::Numbers),
            Kind::SourcePort => self.source_port.as_ref().map(Part::Numbers),
            Kind::IcmpType => self.icmp_type.as_ref().map(Part::Numbers),
            Kind::IcmpCode => self.icmp_code.as_ref().map(Part::Numbers),
            Kind::TcpFlags => self.tcp_flags.as_ref().map(Part::Bits),
            Kind::Length => self.length.as_ref().map(Part::Numbers),
            Kind::Dscp => self.dscp.as_ref().map(Part::Numbers),
            Kind::Fragment => self.fragment.as_ref().map(Part::Bits),
            Kind::Label => self.label.as_ref().map(Part::Numbers),
        }
    }
}

/// What is done about a packet that matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It is dropped.
    Drop,
    /// It passes the rules.
    Pass,
    /// It is counted, and the next rule is asked.
    Monitor,
    /// It is dropped while there are more than these, and passes the rules otherwise.
    Limit(Rate),
}

/// How many packets or bits pass in a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// What is counted.
    pub unit: Unit,
    /// How many a second: 1 to [`PACKETS_PER_SECOND_MAX`] or [`BITS_PER_SECOND_MAX`].
    pub per_second: u64,
    /// How many at once, at most as many as the highest rate; `None` for the default.
    pub burst: Option<u64>,
}

/// What a rate counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Packets.
    Packets,
    /// Bits of frames, as counters have them: with the Ethernet header, without the frame check sequence.
    Bits,
}

impl Unit {
    /// The highest rate, and the largest burst.
    #[must_use]
    pub const fn most(self) -> u64 {
        match self {
            Self::Packets => PACKETS_PER_SECOND_MAX,
            Self::Bits => BITS_PER_SECOND_MAX,
        }
    }
}
