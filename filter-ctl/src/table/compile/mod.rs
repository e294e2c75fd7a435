//! From the rules in force to a table.
//!
//! Prefixes become intervals: a sweep over the address space, with a stack of the prefixes that are
//! open, yields one row where anything changes. What holds in an interval is a *cell*, a run of
//! clauses: those of the most specific prefix first, then those of each prefix around it, so that a
//! narrow entry takes nothing from what a wider one blocks.
//!
//! - [`interval`]: what the two families have in common;
//! - [`sweep`]: from sorted prefixes to intervals;
//! - [`pack`]: from intervals to the rows that the kernel reads, and to the first stage before them;
//! - [`places`]: what is said of addresses beside the orders, each thing stored once;
//! - [`guard`]: rules, as sets by value;
//! - [`condition`]: what a rule asks of a packet, and which rule is named first;
//! - [`listed`]: the rules of all lists, merged;
//! - [`cells`] and [`sets`]: runs of clauses, and the orders they name, each stored once.

mod cells;
mod condition;
mod guard;
mod interval;
mod listed;
mod pack;
mod places;
mod sets;
mod sweep;

use std::{fmt, panic::resume_unwind, thread};

use filter_common::{
    abi::{CLAUSES_CAPACITY, POLICY_SETS, SETTINGS_CAPACITY, VLANS_CAPACITY},
    limits::{
        HOST_GROUPS_MAX, INTERFACES_MAX, PLACE_PREFIXES_MAX, deep_rows_for, rows_for_v4,
        rows_for_v6,
    },
    settings::{Guards, InterfaceSettings},
    table::{PlaceRecord, ROWS_MAX},
};

use self::{
    cells::Cells,
    interval::{Row4, Row6},
    listed::Family,
    pack::{marks, rows_v4, rows_v6, rows_v6_with_filter},
    places::Places,
    sweep::sweep,
};
use super::{
    GuardTable, Slot, Table, TimedClause,
    print::{Print, digest, prints},
    slots::SlotLedger,
};
use crate::{
    order::OrderId,
    policy::{RuleRef, RuleSet, perimeter::HostGroup},
};

/// Room for prefixes in one half of the kernel's tables: so many always fit, whatever they are, and not
/// one more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Distinct IPv4 prefixes of the orders.
    pub v4_prefixes: u32,
    /// Distinct IPv6 prefixes of the orders.
    pub v6_prefixes: u32,
    /// Addresses that have buckets of their own for the limits of their host groups.
    pub limit_lines: u32,
}

impl Capacity {
    /// Rows of the IPv4 orders that so many prefixes can make, with all the holes that never-block
    /// prefixes can make in them.
    #[must_use]
    pub const fn v4_rows(self) -> u32 {
        bounded(rows_for_v4(self.v4_prefixes as usize + PLACE_PREFIXES_MAX))
    }

    /// Rows of the IPv6 orders.
    #[must_use]
    pub const fn v6_rows(self) -> u32 {
        bounded(rows_for_v6(self.v6_prefixes as usize + PLACE_PREFIXES_MAX))
    }

    /// Deep rows of the IPv6 orders.
    #[must_use]
    pub const fn v6_deep(self) -> u32 {
        bounded(deep_rows_for(
            self.v6_prefixes as usize + PLACE_PREFIXES_MAX,
        ))
    }

    /// Room in which the rows of this table fit, with hardly more to spare than any capacity has.
    #[must_use]
    pub fn for_table(table: &Table) -> Self {
        // A prefix has room for two rows, or three deep ones.
        let prefixes = |rows: usize| u32::try_from(rows.div_ceil(2)).unwrap_or(u32::MAX);
        let Table { v4, v6, .. } = table;
        Self {
            v4_prefixes: prefixes(v4.starts.len()),
            v6_prefixes: prefixes(v6.starts.len().max(v6.deep.len())),
            limit_lines: table.guard.lines,
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the bound is far below 2^32"
)]
const fn bounded(rows: usize) -> u32 {
    if rows < ROWS_MAX {
        rows as u32
    } else {
        ROWS_MAX as u32
    }
}

/// One generation, ready to be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compiled {
    /// The arrays.
    pub table: Table,
    /// The slots that its clauses name, by number, with the orders that each means, sorted.
    pub slots: Vec<(Slot, Vec<OrderId>)>,
    /// The rules, sorted, that were refused because an address would have come under more than
    /// [`filter_common::limits::CLAUSES_PER_CELL_MAX`] clauses.
    pub overflowed: Vec<RuleRef>,
    /// What lies in each of its maps, but for that of the clauses.
    pub prints: Vec<Print>,
    /// [`digest`] of the table.
    pub digest: [u8; 32],
    /// Distinct prefixes of the orders, IPv4 and IPv6: what [`Capacity`] counts.
    pub prefixes: [usize; 2],
}

/// A rule set that does not fit. What was in force stays in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{part} would need room for {needed}, and there is room for {available}{}", .part.advice())]
pub struct CapacityError {
    /// What is too small.
    pub part: Part,
    /// How many would be needed; of clauses, how many at least.
    pub needed: usize,
    /// How many there can be.
    pub available: usize,
}

/// The parts of a generation that have a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// Distinct IPv4 prefixes of the orders.
    V4Prefixes,
    /// Distinct IPv6 prefixes of the orders.
    V6Prefixes,
    /// Distinct IPv4 prefixes of places.
    PlaceV4Prefixes,
    /// Distinct IPv6 prefixes of places.
    PlaceV6Prefixes,
    /// Clauses.
    Clauses,
    /// Slots, those of earlier generations that are not retired included.
    Slots,
    /// Settings of interfaces.
    Settings,
    /// Host groups.
    HostGroups,
    /// Different things that are said of addresses beside the orders.
    Places,
    /// Rules.
    Rules,
    /// Rules behind which the evaluation goes on.
    ContinuingRules,
    /// Numbers of rules, those of rules that have just ended included.
    RuleSlots,
    /// Sets of rules that values are told apart by.
    RuleSets,
    /// Flow labels that rules tell apart.
    FlowLabels,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4Prefixes => "the IPv4 prefixes of all orders",
            Self::V6Prefixes => "the IPv6 prefixes of all orders",
            Self::PlaceV4Prefixes => {
                "the IPv4 prefixes that are never blocked, of host groups and of special use"
            }
            Self::PlaceV6Prefixes => {
                "the IPv6 prefixes that are never blocked, of host groups and of special use"
            }
            Self::Clauses => "the clauses",
            Self::Slots => "the slots",
            Self::Settings => "the settings of interfaces",
            Self::HostGroups => "the host groups",
            Self::Places => "what is said of addresses by host groups, rules and never-block lists",
            Self::Rules => "the rules",
            Self::ContinuingRules => "the rules that monitor or continue",
            Self::RuleSlots => "the rules and those that have just ended",
            Self::RuleSets => "the values that the rules tell apart",
            Self::FlowLabels => "the flow labels that the rules tell apart",
        })
    }
}

impl Part {
    /// What can be done about it in the configuration.
    const fn advice(self) -> &'static str {
        match self {
            Self::V4Prefixes | Self::V6Prefixes => "; raise [capacity]",
            _ => "",
        }
    }

    const fn check(self, needed: usize, available: usize) -> Result<(), CapacityError> {
        if needed > available {
            return Err(CapacityError {
                part: self,
                needed,
                available,
            });
        }
        Ok(())
    }
}

/// Compiles a rule set.
///
/// - An address is blocked if any rule covers it for that direction, protocol and port; the most
///   specific matching prefix is charged, and of one prefix the narrowest condition.
/// - Rules with one prefix and one condition share a clause while they hold: it is charged to all
///   their orders up to the earliest `until`, to the others up to the next, and so on. What is
///   monitored stops nothing, so there each order has one clause, with those of the same `until`.
/// - `until` is rounded up to the hour; the caller compiles anew at the exact time
///   ([`RuleSet::next_change`]).
/// - Inside never-block prefixes of any scope nothing is listed, whatever the rules say.
/// - Where a cell would be too long, rules of its own prefix are refused
///   ([`Compiled::overflowed`]), never those around it.
///
/// The same content makes the same table, in whatever order the rules come; slots already in
/// `slots` keep their number. Fails as a whole when anything does not fit.
///
/// Takes O(n log l) for `n` rules of `l` lists, and while it runs about 40 bytes per IPv4 rule and 100 per
/// IPv6 rule.
pub fn compile(
    rules: &RuleSet,
    settings: &[InterfaceSettings],
    slots: &SlotLedger,
    capacity: Capacity,
) -> Result<Compiled, CapacityError> {
    Part::Settings.check(settings.len(), INTERFACES_MAX)?;
    Part::HostGroups.check(rules.perimeter.groups.len(), HOST_GROUPS_MAX)?;
    guard::check(&rules.perimeter.rules)?;
    let mut places = Places::new(rules, capacity.limit_lines);
    let spaces = (
        places.rows::<Row4>(Part::PlaceV4Prefixes)?,
        places.rows::<Row6>(Part::PlaceV6Prefixes)?,
    );
    let places = places.finish()?;
    let mut cells = Cells::new(rules, CLAUSES_CAPACITY);
    let room = (Part::V4Prefixes, capacity.v4_prefixes);
    let (intervals_v4, prefixes_v4) = orders::<Row4>(&mut cells, &spaces.0, &places.all, room)?;
    let pack_v4 = || (marks(&intervals_v4), rows_v4(&intervals_v4));
    let sweep_v6 = || {
        let room = (Part::V6Prefixes, capacity.v6_prefixes);
        let (intervals, prefixes) = orders::<Row6>(&mut cells, &spaces.1, &places.all, room)?;
        Ok((rows_v6_with_filter(&intervals), prefixes))
    };
    // The cells of both families are numbered together, one family after the other; what follows from the
    // first needs none of that.
    let ((marks_v4, v4), v6) = beside(pack_v4, sweep_v6);
    let ((v6, filter_v6), prefixes_v6) = v6?;
    drop(intervals_v4);

    let (mut clauses, sets, overflowed) = cells.finish();
    let numbers = slots.assign(&sets)?;
    for TimedClause { slot, .. } in &mut clauses {
        *slot = numbers[*slot as usize];
    }
    let mut slots: Vec<_> = numbers.into_iter().zip(sets).collect();
    slots.sort_unstable_by_key(|(slot, _)| *slot);

    let guards = guards(rules);
    let settings = settings
        .iter()
        .map(|settings| settings.guarded(guards))
        .collect();
    let table = Table {
        marks_v4,
        v4,
        filter_v6,
        v6,
        places_v4: rows_v4(&spaces.0),
        places_v6: rows_v6(&spaces.1),
        places: places.all,
        guard: GuardTable {
            limits: rules.perimeter.limits(),
            reflectors: rules.perimeter.reflector_words(),
            lines: places.lines,
            ..guard::guard(&rules.perimeter.rules, places.sets)?
        },
        clauses,
        settings: padded(settings, SETTINGS_CAPACITY),
        policies: padded(rules.perimeter.policies(), POLICY_SETS),
        vlans: padded(rules.perimeter.vlan_words(), VLANS_CAPACITY),
    };
    let prints = prints(&table);
    let digest = digest(&prints, &table.clauses);
    Ok(Compiled {
        table,
        slots,
        overflowed,
        prints,
        digest,
        prefixes: [prefixes_v4, prefixes_v6],
    })
}

/// The steps behind the orders that there is anything to do in.
fn guards(rules: &RuleSet) -> Guards {
    let has = |there: bool, guard| if there { guard } else { Guards::NONE };
    let groups = &rules.perimeter.groups;
    has(!rules.perimeter.rules.is_empty(), Guards::RULES)
        .or(has(
            groups.iter().any(HostGroup::has_limits),
            Guards::LIMITS,
        ))
        .or(has(!groups.is_empty(), Guards::METERS))
}

/// Does one thing on a thread of its own, where there can be one, and the other here.
fn beside<A: Send, B>(there: impl Fn() -> A + Copy + Send, here: impl FnOnce() -> B) -> (A, B) {
    thread::scope(|scope| {
        let spawned = thread::Builder::new().spawn_scoped(scope, there);
        let here = here();
        let there = match spawned {
            Ok(thread) => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
            Err(_no_thread) => there(),
        };
        (there, here)
    })
}

/// All that a map holds, so that nothing of an earlier generation is left behind the end.
fn padded<T: Copy + Default>(mut values: Vec<T>, capacity: usize) -> Vec<T> {
    values.resize(capacity, T::default());
    values
}

/// The intervals of the orders of one family, and the distinct prefixes that they come from.
fn orders<R: Family>(
    cells: &mut Cells<'_>,
    places: &[R],
    records: &[PlaceRecord],
    (part, room): (Part, u32),
) -> Result<(Vec<R>, usize), CapacityError> {
    let listed = cells.listed::<R>();
    let is_protected = |row: &R| {
        let record = records.get(row.value() as usize);
        record.map_or(0, |record| record.place().scope_bits())
    };
    let holes: Vec<R> = places
        .iter()
        .map(|row| R::new(row.start(), is_protected(row)))
        .collect();
    let mut prefixes = 0;
    let rows = sweep(listed, &holes, |around, group| {
        prefixes += 1;
        cells.inside(around, group)
    })?;
    part.check(prefixes, room as usize)?;
    Ok((rows, prefixes))
}

/// An index as it is stored; all of them count things in memory of more than 16 bytes each, or are
/// bounded by limits far below.
fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}
