//! What became of a packet, and why.

use crate::{
    limit::Class,
    policy::{Policies, Policy},
};

/// What the data path does with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Action {
    /// The packet goes on to the network stack.
    Pass = 0,
    /// The packet is discarded.
    Drop = 1,
}

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident = $value:literal, $text:literal;)+) => {
        /// Why a packet got its verdict: a closed list.
        ///
        /// The numbers are part of the ABI: a reason keeps its number for ever.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reason {
            $($(#[doc = $doc])+ $name,)+
            /// A policy applied: it dropped the packet, or was all that there was to say of it.
            Policy(Policy),
        }

        const PLAIN: &[Reason] = &[$(Reason::$name),+];

        impl Reason {
            /// The number of its counters, see [`crate::counters::verdict_index`].
            #[inline(always)]
            #[must_use]
            pub const fn number(self) -> u32 {
                match self {
                    $(Self::$name => $value,)+
                    Self::Policy(policy) => POLICY_REASONS + policy as u32,
                }
            }

            /// The name in counters, metrics and every output.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                    Self::Policy(policy) => policy.name(),
                }
            }
        }
    };
}

/// Numbers of reasons from here on are those of policies.
pub const POLICY_REASONS: u32 = 64;

/// Numbers of reasons from here on, up to those of policies, are those of limits, by [`Class`].
pub const LIMIT_REASONS: u32 = 24;

reasons! {
    /// Nothing spoke against it.
    Clean = 0, "clean";
    /// An end of it is never to be blocked, for any reason (scope `all`).
    NeverBlock = 1, "never_block";
    /// The kill switch is on.
    Bypass = 2, "bypass";
    /// No generation has been published yet.
    NoGeneration = 3, "no_generation";
    /// ARP (RFC 826) or RARP (RFC 903).
    Arp = 4, "arp";
    /// LLDP (IEEE 802.1AB).
    Lldp = 5, "lldp";
    /// A slow protocol, LACP above all (IEEE 802.3 annex 57A).
    SlowProtocol = 6, "slow_protocol";
    /// An IEEE 802.2 LLC frame: IS-IS, spanning tree, CDP.
    Llc = 7, "llc";
    /// PPPoE discovery (RFC 2516).
    PppoeDiscovery = 8, "pppoe_discovery";
    /// IPv6 neighbour discovery that no router forwards (RFC 4861).
    NeighborDiscovery = 9, "neighbor_discovery";
    /// Another control protocol of the link: 802.1X, CFM, PTP, pause frames, registration protocols.
    LinkControl = 10, "link_control";
    /// A PPP protocol other than IP: LCP, IPCP, authentication (RFC 1661).
    PppControl = 11, "ppp_control";
    /// A pseudowire or its control channel in MPLS (RFC 4385, RFC 5586).
    MplsPseudowire = 12, "mpls_pseudowire";
    /// A blocking order in force covers one end of it.
    Order = 16, "order";
    /// A rule decided.
    Rule = 17, "rule";
    /// Over the limit of its destination for later fragments.
    LimitFragment = 24, "limit_fragment";
    /// Over the limit of its destination for TCP that opens connections.
    LimitSyn = 25, "limit_syn";
    /// Over the limit of its destination for TCP that answers: SYN-ACK and RST.
    LimitReply = 26, "limit_reply";
    /// Over the limit of its destination for UDP from reflector ports.
    LimitReflection = 27, "limit_reflection";
    /// Over the limit of its destination for other UDP.
    LimitUdp = 28, "limit_udp";
    /// Over the limit of its destination for ICMP.
    LimitIcmp = 29, "limit_icmp";
    /// Over the limit of its destination for everything else.
    LimitOther = 30, "limit_other";
}

impl Reason {
    /// All reasons, by number.
    pub fn all() -> impl Iterator<Item = Self> {
        let policies = Policy::ALL.iter().copied().map(Self::Policy);
        PLAIN.iter().copied().chain(policies)
    }

    /// The reason with this number; `None` for one that this version does not know.
    #[must_use]
    pub fn numbered(number: u32) -> Option<Self> {
        Self::all().find(|reason| reason.number() == number)
    }

    /// The reason with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::all().find(|reason| reason.name() == name)
    }

    /// Whether packets can be dropped for it.
    #[must_use]
    pub const fn can_drop(self) -> bool {
        self.number() >= Self::Order.number()
    }

    /// Whether packets can pass for it.
    #[must_use]
    pub const fn can_pass(self) -> bool {
        let number = self.number();
        number != Self::Order.number() && !(number >= LIMIT_REASONS && number < POLICY_REASONS)
    }
}

/// The outcome of [`crate::decide::decide`] for one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What is done with it.
    pub action: Action,
    /// Why: the number of the reason, see [`Reason::number`]. A number, so that the kernel need not
    /// turn one into the other.
    pub number: u32,
    /// The slot of the orders or of the rule that decided; only meaningful with [`Reason::Order`] and
    /// [`Reason::Rule`].
    pub slot: u32,
    /// Reasons other than policies that would have dropped it, were they or the interface not monitored: bit
    /// `n` for the reason with the number `n`.
    pub would_reasons: u64,
    /// The slot of the first orders, or of the first rule, that would have: those of the lowest of these
    /// reasons; only meaningful with [`Reason::Order`] and [`Reason::Rule`].
    pub would_slot: u32,
    /// The policies that would have dropped it, were they or the interface not monitored.
    pub would: Policies,
}

impl Verdict {
    /// Passes for this reason.
    #[inline(always)]
    #[must_use]
    pub const fn pass(reason: Reason) -> Self {
        Self {
            action: Action::Pass,
            number: reason.number(),
            slot: 0,
            would_reasons: 0,
            would_slot: 0,
            would: Policies::NONE,
        }
    }

    /// Notes that the orders or the rule of this slot would have dropped the packet for a reason of this number,
    /// which is not below those noted before.
    #[inline(always)]
    pub const fn note_would_drop(&mut self, reason: u32, slot: u32) {
        if self.would_reasons == 0 {
            self.would_slot = slot;
        }
        self.would_reasons |= 1 << reason;
    }

    /// Whether a monitored order would have dropped the packet.
    #[inline(always)]
    #[must_use]
    pub const fn would_drop(&self) -> bool {
        self.would_reasons >> Reason::Order.number() & 1 != 0
    }

    /// Why.
    #[must_use]
    pub fn reason(&self) -> Reason {
        Reason::numbered(self.number).unwrap_or(Reason::Clean)
    }
}

const _: () = {
    let mut index = 0;
    while index < PLAIN.len() {
        assert!(
            PLAIN[index].number() < POLICY_REASONS,
            "policies have the numbers above"
        );
        assert!(
            index == 0 || PLAIN[index - 1].number() < PLAIN[index].number(),
            "reasons are listed by number"
        );
        index += 1;
    }
    let mut class = 0;
    while class < Class::ALL.len() {
        let number = LIMIT_REASONS + Class::ALL[class] as u32;
        assert!(PLAIN[PLAIN.len() - Class::ALL.len() + class].number() == number);
        class += 1;
    }
    assert!(POLICY_REASONS + crate::limits::POLICIES_MAX <= crate::limits::REASONS_MAX);
};
