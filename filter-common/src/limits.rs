//! Every bound of the packet's way, and what happens past it.

use crate::table::{ROOTS_4, ROOTS_6};

/// 802.1Q and 802.1ad tags that are opened. A frame with more is a matter of the
/// policy `too_many_tags`.
pub const VLAN_TAGS_MAX: usize = 4;

/// MPLS labels that are skipped. A frame with more is a matter of the policy `too_many_labels`.
pub const MPLS_LABELS_MAX: usize = 16;

/// IPv6 extension headers that are walked. Past it the addresses are still judged, but protocol and
/// ports count as unknown, and the policy `extension_limit` applies.
pub const IPV6_EXTENSIONS_MAX: usize = 8;

/// Bytes of a frame, from its first, in which headers are looked for. What lies past it counts as
/// absent, wherever the driver placed it, so that a verdict never depends on buffer layout.
pub const HEADER_WINDOW: usize = 512;

/// Interfaces that one controller filters. A configuration that names more is refused.
pub const INTERFACES_MAX: usize = 32;

/// Verdict reasons for which the counters have room, those of policies included.
pub const REASONS_MAX: u32 = 128;

/// Named policies for which there are bits.
pub const POLICIES_MAX: u32 = 64;

/// Host groups. A configuration that names more is refused.
pub const HOST_GROUPS_MAX: usize = 63;

/// VLAN identifiers (IEEE 802.1Q): 12 bits.
pub const VLAN_IDS: usize = 1 << 12;

/// Bytes of an ICMP or ICMPv6 message, from its type on, past which the policy `icmp_oversize` applies:
/// what an Ethernet frame of 1,500 bytes holds behind an IPv4 header.
pub const ICMP_MESSAGE_MAX: usize = 1_480;

/// Sets of orders that can be told apart in the counters at one time. A rule set that needs more is
/// refused whole and the previous one stays in force.
pub const SLOTS_MAX: usize = 65_536;

/// Clauses, see [`crate::table::Clause`], of one generation. A rule set that needs more is refused
/// whole and the previous one stays in force.
pub const CLAUSES_MAX: usize = 262_144;

/// Clauses that one address can be subject to. An entry that would make it more is refused.
pub const CLAUSES_PER_CELL_MAX: usize = 64;

/// Prefixes per family that the table of places holds: never-block, built-in, configured and
/// exceptions; host groups, NAT64 and special-purpose space. A set of more is refused whole and the
/// previous one stays in force.
pub const PLACE_PREFIXES_MAX: usize = 32_768;

/// Rows that `prefixes` IPv4 prefixes can make of the address space, up to a multiple of four: each begins
/// one and its end begins another, and what reaches across the borders of roots begins anew under each.
#[must_use]
pub const fn rows_for_v4(prefixes: usize) -> usize {
    (2 * prefixes + ROOTS_4).next_multiple_of(4)
}

/// The same of IPv6 prefixes. The first root holds what lies before and what lies behind the others.
#[must_use]
pub const fn rows_for_v6(prefixes: usize) -> usize {
    (2 * prefixes + ROOTS_6 + 1).next_multiple_of(4)
}

/// Deep rows that `prefixes` IPv6 prefixes can make: two each, and one more where something holds around
/// them.
#[must_use]
pub const fn deep_rows_for(prefixes: usize) -> usize {
    3 * prefixes
}

/// Bytes of an IP packet past which lengths count as this: the most that rules can ask for.
pub const IP_LENGTH_MAX: usize = 65_535;

/// Rules, see [`crate::rule`]. A set of more is refused whole and the previous one stays in force.
pub const RULES_MAX: usize = 1_024;

/// Rules after which the evaluation goes on, because they only count or say so. A set of more is refused
/// whole.
pub const RULES_CONTINUING_MAX: usize = 64;

/// Sets of rules, see [`crate::rule::RuleBits`], of one generation: one for each group of values that the
/// rules tell apart. A set of rules that needs more is refused whole.
pub const RULE_BITS_MAX: usize = 8_192;

/// Counters of rules, those of rules that ended included until their last reading. A set of rules that needs
/// more is refused whole.
pub const RULE_SLOTS_MAX: usize = 4_096;

/// Values of the flow label that the rules tell apart. A set of rules that needs more is refused whole.
pub const FLOW_LABELS_MAX: usize = 1_024;

/// What is said of addresses beside the orders, see [`crate::table::PlaceRecord`], as many different
/// things as addresses can be told apart by. A set that needs more is refused whole.
pub const PLACES_MAX: usize = 8_192;
