//! Named policies: what is done with a packet that is odd.
//!
//! Each ambiguity that the parser meets and each anomaly of a packet is a [`Policy`]: it has a name, a
//! counter (the [`crate::verdict::Reason`] of the same name) and an action per role of the interface or
//! per host group. A packet carries the set of those that apply to it, [`Policies`]; what a set means
//! for its verdict is said by a [`PolicySet`].

use crate::bits;

macro_rules! policies {
    ($($(#[doc = $doc:literal])+ $name:ident = $value:literal, $default:ident, $text:literal, $reference:literal;)+) => {
        /// An ambiguity or an anomaly, and the index of its bit.
        ///
        /// The numbers are part of the ABI. Of several that apply to a packet and decide, the one with
        /// the lowest number is named; so what good traffic has as well comes last.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u32)]
        pub enum Policy {
            $($(#[doc = $doc])+ $name = $value,)+
        }

        impl Policy {
            /// All policies, by number.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The name in the configuration, in counters, metrics and every output.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }

            /// What is done unless the configuration says otherwise.
            #[must_use]
            pub const fn default_action(self) -> PolicyAction {
                match self { $(Self::$name => PolicyAction::$default),+ }
            }

            /// The standard that speaks of it.
            #[must_use]
            pub const fn reference(self) -> &'static str {
                match self { $(Self::$name => $reference),+ }
            }
        }
    };
}

policies! {
    /// The frame ends before the addresses.
    Truncated = 0, Pass, "truncated", "RFC 1812, 5.2.2";
    /// More VLAN tags than [`crate::limits::VLAN_TAGS_MAX`].
    TooManyTags = 1, Drop, "too_many_tags", "IEEE 802.1Q";
    /// More MPLS labels than [`crate::limits::MPLS_LABELS_MAX`].
    TooManyLabels = 2, Drop, "too_many_labels", "RFC 3032";
    /// A PPPoE session frame whose version, type or code is none.
    BadPppoe = 3, Drop, "bad_pppoe", "RFC 2516";
    /// PPP data that is not opened: multilink, compressed, or of a protocol that is not IP.
    PppUnread = 4, Pass, "ppp_unread", "RFC 1661, 2; RFC 1990; RFC 1962; RFC 1144";
    /// An EtherType that is not opened and is no control protocol of the link.
    OtherEthertype = 5, Pass, "other_ethertype", "IEEE 802";
    /// What an MPLS stack carries cannot be told.
    UnknownMplsPayload = 6, Pass, "unknown_mpls_payload", "RFC 3032, RFC 4928";
    /// An IP version or header length that cannot be.
    BadIpHeader = 7, Pass, "bad_ip_header", "RFC 1812, 5.2.2; RFC 8200, 3";
    /// The length in the IP header is less than the header or more than the frame holds.
    BadLength = 8, Pass, "bad_length", "RFC 1812, 5.2.2; RFC 8200, 3";
    /// Source and destination are the same address.
    Land = 9, Drop, "land", "RFC 4987, 3.1";
    /// The source is no address that a host can send from: loopback, multicast, reserved.
    MartianSource = 10, Drop, "martian_source", "RFC 1812, 5.3.7; RFC 6890";
    /// The destination is no address that a packet can be sent to: loopback, this network, reserved.
    MartianDestination = 11, Pass, "martian_destination", "RFC 1812, 5.3.7; RFC 6890";
    /// The time to live, or hop limit, is 0.
    TtlZero = 12, Pass, "ttl_zero", "RFC 1812, 5.3.1; RFC 8200, 3";
    /// More IPv6 extension headers than [`crate::limits::IPV6_EXTENSIONS_MAX`].
    ExtensionLimit = 13, Drop, "extension_limit", "RFC 8504, 5.3";
    /// A hop-by-hop header that is not the first, or a second fragment header.
    ExtensionOrder = 14, Pass, "extension_order", "RFC 8200, 4.1";
    /// A routing header of type 0.
    RoutingHeader0 = 15, Pass, "routing_header_0", "RFC 5095";
    /// A loose or strict source route among the IPv4 options.
    Ipv4SourceRoute = 16, Drop, "ipv4_source_route", "RFC 7126, 4.3 and 4.4";
    /// A protocol or next header that IANA has assigned to nobody.
    UnknownNextHeader = 17, Pass, "unknown_next_header", "RFC 8200, 4; RFC 7045";
    /// A fragment that is empty, ends past 65,535 bytes, or is not the last and no multiple of 8 long.
    BadFragment = 18, Drop, "bad_fragment", "RFC 791, 3.2; RFC 8200, 4.5";
    /// A fragment that begins 8 bytes into the packet, inside the transport header.
    OverlappingFragment = 19, Drop, "overlapping_fragment", "RFC 3128; RFC 5722";
    /// A first fragment without the whole transport header.
    TinyFragment = 20, Drop, "tiny_fragment", "RFC 1858; RFC 7112";
    /// The packet, or the header window, ends inside the extension or transport headers.
    TruncatedTransport = 21, Drop, "truncated_transport", "RFC 9293; RFC 768";
    /// No TCP flag.
    TcpNull = 22, Drop, "tcp_null", "RFC 9293, 3.5";
    /// FIN, PSH and URG without SYN, RST and ACK.
    TcpXmas = 23, Drop, "tcp_xmas", "RFC 9293, 3.5";
    /// SYN and FIN.
    TcpSynFin = 24, Drop, "tcp_syn_fin", "RFC 9293, 3.5";
    /// SYN and RST.
    TcpSynRst = 25, Drop, "tcp_syn_rst", "RFC 9293, 3.5";
    /// FIN and RST.
    TcpFinRst = 26, Pass, "tcp_fin_rst", "RFC 9293, 3.5";
    /// FIN without ACK, SYN and RST, and not [`Policy::TcpXmas`].
    TcpFinWithoutAck = 27, Pass, "tcp_fin_without_ack", "RFC 9293, 3.5";
    /// A TCP header length of less than 20 bytes or more than the packet holds.
    TcpBadOffset = 28, Pass, "tcp_bad_offset", "RFC 9293, 3.1";
    /// A SYN that opens a connection and has data.
    TcpSynWithData = 29, Pass, "tcp_syn_with_data", "RFC 9293, 3.4; RFC 7413";
    /// A SYN that opens a connection and has no option.
    TcpSynWithoutOptions = 30, Pass, "tcp_syn_without_options", "RFC 9293, 3.7.1";
    /// A source or destination port 0.
    PortZero = 31, Pass, "port_zero", "RFC 6335, 6";
    /// A UDP length of less than 8 or more than the packet holds.
    BadUdpLength = 32, Pass, "bad_udp_length", "RFC 768";
    /// An ICMP or ICMPv6 message in fragments.
    IcmpFragment = 33, Pass, "icmp_fragment", "RFC 792; RFC 4443";
    /// An ICMP or ICMPv6 message of more than [`crate::limits::ICMP_MESSAGE_MAX`] bytes.
    IcmpOversize = 34, Pass, "icmp_oversize", "RFC 792; RFC 4443";
    /// A tunnel that is to be opened, and cannot be.
    TunnelUnread = 35, Drop, "tunnel_unread", "RFC 2003; RFC 2784; RFC 4213";
    /// IPv4 options.
    Ipv4Options = 36, Pass, "ipv4_options", "RFC 7126";
    /// Any fragment.
    Fragment = 37, Pass, "fragment", "RFC 791; RFC 8200, 4.5; RFC 8900";
    /// The source is private, shared, documentation or otherwise not of the public Internet.
    BogonSource = 38, Pass, "bogon_source", "RFC 6890, BCP 38";
}

/// What is done with a packet to which a policy applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PolicyAction {
    /// It passes, and counts under the policy's name.
    Pass,
    /// It is discarded.
    Drop,
    /// It counts as what would have been dropped, and evaluation goes on.
    Monitor,
}

impl PolicyAction {
    /// All of them.
    pub const ALL: &[Self] = &[Self::Pass, Self::Drop, Self::Monitor];

    /// The name in configuration and output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Drop => "drop",
            Self::Monitor => "monitor",
        }
    }
}

/// A set of policies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Policies(u64);

impl Policies {
    /// None.
    pub const NONE: Self = Self(0);

    /// One.
    #[inline(always)]
    #[must_use]
    pub const fn of(policy: Policy) -> Self {
        Self(1 << policy as u32)
    }

    /// From a word in which bit `n` stands for the policy with the number `n`.
    #[inline(always)]
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// See [`Policies::from_bits`].
    #[inline(always)]
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        self.0
    }

    /// Adds one.
    #[inline(always)]
    pub const fn add(&mut self, policy: Policy) {
        self.0 |= 1 << policy as u32;
    }

    /// Adds one if `condition` holds, without a branch.
    #[inline(always)]
    pub const fn add_if(&mut self, policy: Policy, condition: bool) {
        self.0 |= (condition as u64) << policy as u32;
    }

    /// Whether it is in the set.
    #[inline(always)]
    #[must_use]
    pub const fn has(self, policy: Policy) -> bool {
        self.0 >> policy as u32 & 1 != 0
    }

    /// Whether there is none.
    #[inline(always)]
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those in both.
    #[inline(always)]
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Those in either.
    #[inline(always)]
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those that are not in `other`.
    #[inline(always)]
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Only the one with the lowest number.
    #[inline(always)]
    #[must_use]
    pub const fn lowest(self) -> Self {
        Self(self.0 & self.0.wrapping_neg())
    }

    /// Those with numbers below the lowest of `other`; all where `other` is empty.
    #[inline(always)]
    #[must_use]
    pub const fn before(self, other: Self) -> Self {
        Self(self.0 & other.lowest().0.wrapping_sub(1))
    }

    /// The lowest number in the set; 0 for an empty set.
    #[inline(always)]
    #[must_use]
    pub const fn lowest_number(self) -> u32 {
        bits::lowest_number(self.0)
    }

    /// The policies in the set, by number.
    pub fn iter(self) -> impl Iterator<Item = Policy> {
        let all = Policy::ALL.iter().copied();
        all.filter(move |policy| self.has(*policy))
    }
}

/// What is done about which policies: of a role, or of a host group on top of a role.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct PolicySet {
    /// Those that this set speaks of; a role's speaks of all.
    pub named: Policies,
    /// Those that drop.
    pub drop: Policies,
    /// Those that are only counted as what would have been dropped.
    pub monitor: Policies,
}

impl PolicySet {
    /// The defaults.
    #[must_use]
    pub fn defaults() -> Self {
        let mut set = Self::default();
        for policy in Policy::ALL {
            set.put(*policy, policy.default_action());
        }
        set
    }

    /// Says what is done about one.
    pub const fn put(&mut self, policy: Policy, action: PolicyAction) {
        let one = Policies::of(policy);
        self.named = self.named.or(one);
        self.drop = self.drop.without(one);
        self.monitor = self.monitor.without(one);
        match action {
            PolicyAction::Pass => {}
            PolicyAction::Drop => self.drop = self.drop.or(one),
            PolicyAction::Monitor => self.monitor = self.monitor.or(one),
        }
    }

    /// What is done about one.
    #[must_use]
    pub const fn action(&self, policy: Policy) -> PolicyAction {
        if self.drop.has(policy) {
            PolicyAction::Drop
        } else if self.monitor.has(policy) {
            PolicyAction::Monitor
        } else {
            PolicyAction::Pass
        }
    }

    /// This set, where `group` does not speak; else the group's.
    #[inline(always)]
    #[must_use]
    pub const fn under(self, group: Self) -> Self {
        Self {
            named: self.named.or(group.named),
            drop: self.drop.without(group.named).or(group.drop),
            monitor: self.monitor.without(group.named).or(group.monitor),
        }
    }
}

const _: () = {
    let mut index = 0;
    while index < Policy::ALL.len() {
        assert!(
            Policy::ALL[index] as usize == index,
            "policies are listed by number, without gaps"
        );
        index += 1;
    }
    assert!(Policy::ALL.len() <= crate::limits::POLICIES_MAX as usize);
    assert!(size_of::<PolicySet>() == 24);
};
