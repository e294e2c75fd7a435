//! The names, layout and version of what lies in pinned maps.
//!
//! Every table map is one array of two halves. A generation lives in one half; [`Control::live`]
//! names it. The controller fills the other half, waits until no program can still read it, and then
//! changes that one word. Index `i` of half `h` is `h * capacity + i`.

use crate::{
    limits::{
        CLAUSES_MAX, FLOW_LABELS_MAX, HEADER_WINDOW, HOST_GROUPS_MAX, INTERFACES_MAX,
        PLACE_PREFIXES_MAX, PLACES_MAX, RULE_BITS_MAX, RULES_MAX, deep_rows_for, rows_for_v4,
        rows_for_v6,
    },
    settings::VLAN_WORDS,
    table::{BASES_4, BASES_6, FILTER_WORDS, MARK_WORDS},
};

/// Grows with every change of a map, a record or a meaning. A controller that finds pins of another
/// version builds beside them.
pub const ABI_VERSION: u32 = 4;

/// The oldest version in which what tells sets of maps apart, the kill switch and the counters lie where
/// they lie now and mean what they mean now: the first three fields of [`InfoHeader`], the name in
/// [`InfoInterface`], [`Control`], and the maps [`map::VERDICTS`] and [`map::SLOTS`].
///
/// So an upgrade loses no count, and the kill switch can be read and set, whatever became of the tables.
pub const STABLE_SINCE: u32 = 2;

/// Halves of a table map.
pub const HALVES: usize = 2;

/// Names of the maps in the object and below the pin directory; at most 15 bytes each.
pub mod map {
    /// One [`super::Control`].
    pub const CONTROL: &str = "CONTROL";
    /// [`crate::settings::InterfaceSettings`] by half and interface.
    pub const SETTINGS: &str = "SETTINGS";
    /// Marks of the IPv4 orders, see [`crate::table::mark`].
    pub const V4_MARKS: &str = "V4_MARKS";
    /// [`crate::table::Base`] of the IPv4 orders, two to an element.
    pub const V4_BASES: &str = "V4_BASES";
    /// Starts of the rows of the IPv4 orders, [`super::STARTS_PER_ELEMENT`] to an element.
    pub const V4_STARTS: &str = "V4_STARTS";
    /// [`crate::table::RowValue`] of the IPv4 orders, two to an element.
    pub const V4_VALUES: &str = "V4_VALUES";
    /// The Bloom filter of the IPv6 orders, see [`crate::table::filter_key`].
    pub const V6_FILTER: &str = "V6_FILTER";
    /// [`crate::table::Base`] of the IPv6 orders, two to an element.
    pub const V6_BASES: &str = "V6_BASES";
    /// Starts of the rows of the IPv6 orders.
    pub const V6_STARTS: &str = "V6_STARTS";
    /// [`crate::table::RowValue`] of the IPv6 orders, two to an element.
    pub const V6_VALUES: &str = "V6_VALUES";
    /// [`crate::table::Deep`] rows of the IPv6 orders.
    pub const V6_DEEP: &str = "V6_DEEP";
    /// As [`V4_BASES`], of the places of IPv4 addresses.
    pub const PLACE4_BASES: &str = "PLACE4_BASES";
    /// As [`V4_STARTS`], of the places of IPv4 addresses.
    pub const PLACE4_STARTS: &str = "PLACE4_STARTS";
    /// As [`V4_VALUES`], of the places of IPv4 addresses.
    pub const PLACE4_VALUES: &str = "PLACE4_VALUES";
    /// As [`V6_BASES`], of the places of IPv6 addresses.
    pub const PLACE6_BASES: &str = "PLACE6_BASES";
    /// As [`V6_STARTS`], of the places of IPv6 addresses.
    pub const PLACE6_STARTS: &str = "PLACE6_STARTS";
    /// As [`V6_VALUES`], of the places of IPv6 addresses.
    pub const PLACE6_VALUES: &str = "PLACE6_VALUES";
    /// As [`V6_DEEP`], of the places of IPv6 addresses.
    pub const PLACE6_DEEP: &str = "PLACE6_DEEP";
    /// [`crate::policy::PolicySet`] by half; see [`super::POLICY_SETS`].
    pub const POLICIES: &str = "POLICIES";
    /// Words of [`crate::settings::VlanSettings`] by half and interface.
    pub const VLANS: &str = "VLANS";
    /// [`crate::table::Clause`] by half.
    pub const CLAUSES: &str = "CLAUSES";
    /// [`crate::counters::Counter`] by interface and reason, per CPU.
    pub const VERDICTS: &str = "VERDICTS";
    /// [`crate::counters::Counter`] by slot, per CPU.
    pub const SLOTS: &str = "SLOTS";
    /// [`super::SCRATCH_BYTES`] per CPU: the header window of frames whose headers are not in one piece.
    pub const SCRATCH: &str = "SCRATCH";
    /// [`super::OPENED_ENTRIES`] of [`super::OPENED_BYTES`] per CPU, for what the parser's functions hand to each other.
    pub const OPENED: &str = "OPENED";
    /// [`crate::table::PlaceRecord`] by half.
    pub const PLACES: &str = "PLACES";
    /// [`crate::rule::RuleSetHeader`] by half.
    pub const RULE_HEADER: &str = "RULE_HEADER";
    /// Numbers of sets of rules by half and value, [`super::STARTS_PER_ELEMENT`] to an element; see
    /// [`crate::rule::FIELDS`].
    pub const RULE_CLASSES: &str = "RULE_CLASSES";
    /// Flow labels by half, two to an element; see [`crate::rule::flow_label_number`].
    pub const RULE_LABELS: &str = "RULE_LABELS";
    /// [`crate::rule::RuleBits`] by half.
    pub const RULE_BITS: &str = "RULE_BITS";
    /// [`crate::rule::RuleRecord`] by half and rank.
    pub const RULES: &str = "RULES";
    /// [`crate::limit::Limit`] by half, host group and class.
    pub const LIMITS: &str = "LIMITS";
    /// A bit for each source port of reflectors, by half.
    pub const REFLECTORS: &str = "REFLECTORS";
    /// The buckets of rules, by slot.
    pub const RULE_BUCKETS: &str = "RULE_BUCKETS";
    /// [`crate::counters::RuleCounter`] by slot of a rule, per CPU.
    pub const RULE_COUNTS: &str = "RULE_COUNTS";
    /// Lines of buckets of single destinations, see [`crate::limit`].
    pub const LINES: &str = "LINES";
    /// Sets of buckets that destinations share.
    pub const SHARED: &str = "SHARED";
    /// [`crate::meter::MeterSet`] per CPU.
    pub const METERS: &str = "METERS";
    /// [`crate::meter::Meter`] by host group, per CPU.
    pub const GROUP_METERS: &str = "GROUP_METERS";
    /// Counts by [`crate::counters::Tally`], per CPU.
    pub const TALLIES: &str = "TALLIES";
    /// The count of ticks of a simulation.
    pub const TICK: &str = "TICK";
    /// One [`crate::sample::Sampling`].
    pub const SAMPLING: &str = "SAMPLING";
    /// The buckets of samples, by reason.
    pub const SAMPLE_LIMITS: &str = "SAMPLE_LIMITS";
    /// The ring of [`crate::sample::Sample`]s.
    pub const SAMPLES: &str = "SAMPLES";
    /// [`super::ClockReading`] per CPU.
    pub const CLOCK: &str = "CLOCK";
    /// [`super::InfoHeader`] and [`super::InfoInterface`] records for user space; the program does not see it.
    pub const INFO: &str = "INFO";
}

/// Load-time constants of the program.
pub mod global {
    /// The number of the interface the program is attached to.
    pub const INTERFACE: &str = "INTERFACE";
    /// The rows of one half of the IPv4 orders.
    pub const V4_ROWS_CAPACITY: &str = "V4_ROWS_CAPACITY";
    /// The rows of one half of the IPv6 orders.
    pub const V6_ROWS_CAPACITY: &str = "V6_ROWS_CAPACITY";
    /// The deep rows of one half of the IPv6 orders.
    pub const V6_DEEP_CAPACITY: &str = "V6_DEEP_CAPACITY";
    /// Units of a tick, see [`crate::limit::Tick`].
    pub const TICK_UNITS: &str = "TICK_UNITS";
    /// Not 0 where the count of ticks is that in [`super::map::TICK`].
    pub const SIMULATED: &str = "SIMULATED";
    /// The secret of [`crate::limit::Key`].
    pub const SECRET: &str = "SECRET";
}

/// The name of the XDP program in the object.
pub const PROGRAM: &str = "levee_xdp";

/// Words of marks of one half.
pub const MARKS_CAPACITY: usize = MARK_WORDS;
/// Words of the filter of one half.
pub const FILTER_CAPACITY: usize = FILTER_WORDS;
/// Bases of one half of an IPv4 table.
pub const BASES4_CAPACITY: usize = BASES_4;
/// Bases of one half of an IPv6 table.
pub const BASES6_CAPACITY: usize = BASES_6;
/// Rows of places of IPv4 addresses of one half.
pub const PLACE4_ROWS_CAPACITY: usize = rows_for_v4(PLACE_PREFIXES_MAX);
/// Rows of places of IPv6 addresses of one half.
pub const PLACE6_ROWS_CAPACITY: usize = rows_for_v6(PLACE_PREFIXES_MAX);
/// Deep rows of places of one half.
pub const PLACE_DEEP_CAPACITY: usize = deep_rows_for(PLACE_PREFIXES_MAX);
/// Starts of IPv4 rows in an element: the kernel's arrays have elements of eight bytes at least.
pub const STARTS_PER_ELEMENT: usize = 4;
/// Words of 32 bits in an element.
pub const WORDS_PER_ELEMENT: usize = 2;
/// Sets of policies of one half: those of the roles by number, then those of the host groups from 1.
pub const POLICY_SETS: usize = ROLES + HOST_GROUPS_MAX;
/// Words of VLAN settings of one half.
pub const VLANS_CAPACITY: usize = INTERFACES_MAX * VLAN_WORDS;
/// Bytes of what one of the parser's functions hands to the next.
pub const OPENED_BYTES: usize = 256;
/// Such things: a part of a frame, the frame, and its verdict so far.
pub const OPENED_ENTRIES: usize = 3;
/// Bytes of a header window that is not read in place: past its end, room for the longest single read.
pub const SCRATCH_BYTES: usize = HEADER_WINDOW + 64;
/// Roles of interfaces.
pub const ROLES: usize = 2;
/// Records of places of one half.
pub const PLACES_CAPACITY: usize = PLACES_MAX;
/// Headers of rule sets of one half.
pub const RULE_HEADERS: usize = 1;
/// Sets of rules of one half.
pub const RULE_BITS_CAPACITY: usize = RULE_BITS_MAX;
/// Rules of one half.
pub const RULES_CAPACITY: usize = RULES_MAX;
/// Flow labels of one half.
pub const RULE_LABELS_CAPACITY: usize = FLOW_LABELS_MAX;
/// Limits of one half: [`CLASS_LIMITS`] of each host group, by its number, of which none has 0.
pub const LIMITS_CAPACITY: usize = (HOST_GROUPS_MAX + 1) * CLASS_LIMITS;
/// Limits of a host group: one of each class, and room.
pub const CLASS_LIMITS: usize = 8;
/// Words of the ports of reflectors of one half.
pub const REFLECTOR_WORDS: usize = (1 << 16) / 64;
/// Sets of buckets that destinations share, 64 bytes each; a power of two.
pub const SHARED_SETS: usize = 1 << 16;
/// Clauses of one half.
pub const CLAUSES_CAPACITY: usize = CLAUSES_MAX;
/// Settings of one half.
pub const SETTINGS_CAPACITY: usize = INTERFACES_MAX;

/// The words that a packet reads first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Control {
    /// The generation in force times two, plus the half it lies in; 0 before the first.
    pub live: u64,
    /// Not 0: every packet passes as [`crate::verdict::Reason::Bypass`].
    pub bypass: u64,
}

impl Control {
    /// The word that makes `generation`, from 1, live in `half`.
    #[must_use]
    pub const fn live_word(generation: u64, half: u32) -> u64 {
        generation << 1 | (half & 1) as u64
    }

    /// The generation in force, if any.
    #[must_use]
    pub const fn generation(live: u64) -> Option<u64> {
        if live == 0 { None } else { Some(live >> 1) }
    }

    /// The half of the generation in force.
    #[inline(always)]
    #[must_use]
    pub const fn half(live: u64) -> u32 {
        (live & 1) as u32
    }
}

/// What a CPU read last from the clock, and when: reading it costs more than all else about a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct ClockReading {
    /// The kernel's count of ticks at that time.
    pub jiffies: u64,
    /// Seconds of CLOCK_BOOTTIME.
    pub seconds: u64,
}

/// The state of an instance, that is, of one set of maps.
pub mod instance_state {
    /// Being built; never attached.
    pub const BUILDING: u32 = 0;
    /// In force, or about to be.
    pub const READY: u32 = 1;
}

/// What describes a set of pinned maps to the controllers to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct InfoHeader {
    /// [`ABI_VERSION`] of the writer. Always the first word, in every version to come.
    pub abi: u32,
    /// One of [`instance_state`]. Always the second word, so that every version knows an instance that
    /// was never finished.
    pub state: u32,
    /// A random number that tells this set of maps from any other.
    pub instance: u64,
    /// IPv4 prefixes for which there is room.
    pub v4_prefixes: u32,
    /// IPv6 prefixes for which there is room.
    pub v6_prefixes: u32,
    /// SHA-256 of the generation in each half, see the controller's `table`.
    pub digests: [[u8; 32]; HALVES],
    /// Unix time in seconds at which each half was published.
    pub published: [i64; HALVES],
    /// CLOCK_BOOTTIME less Unix time, in seconds, by which each half's deadlines were set.
    pub clocks: [i64; HALVES],
    /// Lines of buckets, see [`map::LINES`].
    pub limit_lines: u32,
    /// Zero; room for later versions.
    pub reserved: [u8; 4],
}

/// What describes an attached interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct InfoInterface {
    /// The name, ended by a zero byte; empty where no interface has this number.
    pub name: [u8; 16],
    /// 0 native, 1 generic.
    pub mode: u32,
    /// 1 once it has been attached.
    pub attached: u32,
    /// SHA-256 of the object that its program came from.
    pub object: [u8; 32],
    /// The kernel's number of that program: a link that holds another one was not made for this record.
    pub program: u32,
    /// Zero; room for later versions.
    pub reserved: [u8; 68],
}

/// Bytes of an element of the info map: the header is element 0, interface `i` is element `1 + i`.
pub const INFO_RECORD: usize = 128;

const _: () = {
    assert!(RULE_BITS_CAPACITY <= 1 << 16 && CLASS_LIMITS >= crate::limit::CLASSES);
    assert!(SHARED_SETS.is_power_of_two());
    assert!(size_of::<Control>() == 16);
    assert!(size_of::<ClockReading>() == 16);
    assert!(size_of::<InfoHeader>() == INFO_RECORD);
    assert!(size_of::<InfoInterface>() == INFO_RECORD);
};
