//! Every bound of the packet's way, and what happens past it.

/// 802.1Q and 802.1ad tags that are opened. A frame with more passes as `too_many_tags`.
pub const VLAN_TAGS_MAX: usize = 2;

/// IPv6 extension headers that are walked. Past it the addresses are still judged, but protocol and
/// ports count as unknown, and a packet that no order matches passes as `extension_limit`.
pub const IPV6_EXTENSIONS_MAX: usize = 8;

/// Bytes of a frame, from its first, in which headers are looked for. What lies past it counts as
/// absent, wherever the driver placed it, so that a verdict never depends on buffer layout.
pub const HEADER_WINDOW: usize = 512;

/// Interfaces that one controller filters. A configuration that names more is refused.
pub const INTERFACES_MAX: usize = 32;

/// Verdict reasons for which the counters have room.
pub const REASONS_MAX: u32 = 64;

/// Sets of orders that can be told apart in the counters at one time. A rule set that needs more is
/// refused whole and the previous one stays in force.
pub const SLOTS_MAX: usize = 65_536;

/// Clauses, see [`crate::table::Clause`], of one generation. A rule set that needs more is refused
/// whole and the previous one stays in force.
pub const CLAUSES_MAX: usize = 262_144;

/// Clauses that one address can be subject to. An entry that would make it more is refused.
pub const CLAUSES_PER_CELL_MAX: usize = 64;

/// Never-block prefixes per family that fit: built-in, configured and exceptions together. A set of
/// more is refused whole and the previous one stays in force.
pub const NEVER_BLOCK_PREFIXES_MAX: usize = 32_768;

/// Rows that `prefixes` prefixes can make of the address space: each begins one interval and its end
/// begins another, and one row covers what comes before.
#[must_use]
pub const fn rows_for(prefixes: usize) -> usize {
    2 * prefixes + 1
}
