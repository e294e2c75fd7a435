//! What became of a packet, and why.

/// What the data path does with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// The packet goes on to the network stack.
    Pass,
    /// The packet is discarded.
    Drop,
}

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident = $value:literal, $action:ident, $text:literal;)+) => {
        /// Why a packet got its verdict: a closed list, and the index of its counter.
        ///
        /// The numbers are part of the ABI: a reason keeps its number for ever.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u32)]
        pub enum Reason {
            $($(#[doc = $doc])+ $name = $value,)+
        }

        impl Reason {
            /// All reasons, by number.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The name in counters, metrics and every output.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }

            /// What is done with such a packet.
            #[inline(always)]
            #[must_use]
            pub const fn action(self) -> Action {
                match self { $(Self::$name => Action::$action),+ }
            }
        }
    };
}

reasons! {
    /// Nothing spoke against it.
    Clean = 0, Pass, "clean";
    /// An end of it is never to be blocked, for any reason (scope `all`).
    NeverBlock = 1, Pass, "never_block";
    /// The kill switch is on.
    Bypass = 2, Pass, "bypass";
    /// No generation has been published yet.
    NoGeneration = 3, Pass, "no_generation";
    /// ARP (RFC 826).
    Arp = 4, Pass, "arp";
    /// LLDP (IEEE 802.1AB).
    Lldp = 5, Pass, "lldp";
    /// A slow protocol, LACP above all (IEEE 802.3 annex 57A).
    SlowProtocol = 6, Pass, "slow_protocol";
    /// An IEEE 802.2 LLC frame: IS-IS, spanning tree, CDP.
    Llc = 7, Pass, "llc";
    /// PPPoE discovery (RFC 2516).
    PppoeDiscovery = 8, Pass, "pppoe_discovery";
    /// IPv6 neighbour discovery that no router forwards (RFC 4861).
    NeighborDiscovery = 9, Pass, "neighbor_discovery";
    /// An EtherType that this version does not open.
    OtherEthertype = 10, Pass, "other_ethertype";
    /// More VLAN tags than [`crate::limits::VLAN_TAGS_MAX`].
    TooManyTags = 11, Pass, "too_many_tags";
    /// The frame ends before the addresses.
    Truncated = 12, Pass, "truncated";
    /// An IP header that contradicts itself: version, header length or total length.
    BadIpHeader = 13, Pass, "bad_ip_header";
    /// More IPv6 extension headers than [`crate::limits::IPV6_EXTENSIONS_MAX`].
    ExtensionLimit = 14, Pass, "extension_limit";
    /// The frame, or the header window, ends inside the extension or transport headers.
    TruncatedTransport = 15, Pass, "truncated_transport";
    /// A blocking order in force covers one end of it.
    Order = 16, Drop, "order";
}

/// The outcome of [`crate::decide::decide`] for one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Why; it implies the action.
    pub reason: Reason,
    /// The slot of the orders that dropped the packet; only meaningful with [`Reason::Order`].
    pub slot: u32,
    /// Whether a monitored order would have dropped the packet.
    pub would_drop: bool,
}

impl Verdict {
    /// A verdict in which no order has a part.
    #[inline(always)]
    #[must_use]
    pub const fn plain(reason: Reason) -> Self {
        Self {
            reason,
            slot: 0,
            would_drop: false,
        }
    }
}

const _: () = {
    let mut index = 0;
    while index < Reason::ALL.len() {
        assert!(
            Reason::ALL[index] as usize == index,
            "reasons are listed by number, without gaps"
        );
        index += 1;
    }
    assert!(Reason::ALL.len() <= crate::limits::REASONS_MAX as usize);
};
