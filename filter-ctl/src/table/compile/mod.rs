//! From the rules in force to a table.
//!
//! Prefixes become intervals: a sweep over the address space, with a stack of the prefixes that are
//! open, yields one row where anything changes. What holds in an interval is a *cell*, a run of
//! clauses: those of the most specific prefix first, then those of each prefix around it, so that a
//! narrow entry takes nothing from what a wider one blocks.
//!
//! - [`interval`]: what the two families have in common;
//! - [`sweep`]: from sorted prefixes to rows and roots;
//! - [`condition`]: what a rule asks of a packet, and which rule is named first;
//! - [`listed`]: the rules of all lists, merged;
//! - [`cells`] and [`sets`]: runs of clauses, and the orders they name, each stored once.

mod cells;
mod condition;
mod digest;
mod interval;
mod listed;
mod sets;
mod sweep;

use std::fmt;

use filter_common::{
    abi::{CLAUSES_CAPACITY, PLACE_ROWS_CAPACITY},
    limits::{HOST_GROUPS_MAX, INTERFACES_MAX, rows_for},
    settings::InterfaceSettings,
    table::{Key as _, Key6, Place, Row4, Row6},
};

use self::{
    cells::Cells,
    interval::Interval,
    listed::Family,
    sweep::{roots, sweep},
};
use super::{Arrays, Slot, Table, TimedClause, slots::SlotLedger};
use crate::{
    order::OrderId,
    policy::{RuleRef, RuleSet},
};

pub use digest::digest;

/// Room for rows in one half of the kernel's tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Rows of the IPv4 orders.
    pub v4_rows: u32,
    /// Rows of the IPv6 orders; of more than [`V6_ROWS_MAX`] only so many are used.
    pub v6_rows: u32,
}

/// Rows that the search of the IPv6 table reaches in its steps.
pub const V6_ROWS_MAX: usize = (1 << Key6::STEPS) - 1;

impl Capacity {
    /// Room in which as many prefixes of each family always fit.
    #[must_use]
    pub const fn for_prefixes(v4: u32, v6: u32) -> Self {
        Self {
            v4_rows: rows(v4),
            v6_rows: rows(v6),
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the bound is checked")]
const fn rows(prefixes: u32) -> u32 {
    let rows = rows_for(prefixes as usize);
    if rows > u32::MAX as usize {
        u32::MAX
    } else {
        rows as u32
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
    /// [`digest`] of the table.
    pub digest: [u8; 32],
}

/// A rule set that does not fit. What was in force stays in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{part} would need room for {needed}, and there is room for {available}")]
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
    /// Rows of the IPv4 orders.
    V4Rows,
    /// Rows of the IPv6 orders.
    V6Rows,
    /// Rows of the places of IPv4 addresses.
    PlaceV4Rows,
    /// Rows of the places of IPv6 addresses.
    PlaceV6Rows,
    /// Clauses.
    Clauses,
    /// Slots, those of earlier generations that are not retired included.
    Slots,
    /// Settings of interfaces.
    Settings,
    /// Host groups.
    HostGroups,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4Rows => "the rows of the IPv4 table",
            Self::V6Rows => "the rows of the IPv6 table",
            Self::PlaceV4Rows => "the rows of the IPv4 table of places",
            Self::PlaceV6Rows => "the rows of the IPv6 table of places",
            Self::Clauses => "the clauses",
            Self::Slots => "the slots",
            Self::Settings => "the settings of interfaces",
            Self::HostGroups => "the host groups",
        })
    }
}

impl Part {
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
    let places_v4 = places::<Row4>(rules);
    let places_v6 = places::<Row6>(rules);
    Part::PlaceV4Rows.check(places_v4.len(), PLACE_ROWS_CAPACITY)?;
    Part::PlaceV6Rows.check(places_v6.len(), PLACE_ROWS_CAPACITY)?;

    let mut cells = Cells::new(rules, CLAUSES_CAPACITY);
    let v4 = orders::<Row4>(&mut cells, &places_v4)?;
    Part::V4Rows.check(v4.len(), capacity.v4_rows as usize)?;
    let v6 = orders::<Row6>(&mut cells, &places_v6)?;
    Part::V6Rows.check(v6.len(), (capacity.v6_rows as usize).min(V6_ROWS_MAX))?;

    let (mut clauses, sets, overflowed) = cells.finish();
    let numbers = slots.assign(&sets)?;
    for TimedClause { slot, .. } in &mut clauses {
        *slot = numbers[*slot as usize];
    }
    let mut slots: Vec<_> = numbers.into_iter().zip(sets).collect();
    slots.sort_unstable_by_key(|(slot, _)| *slot);

    let table = Table {
        v4: arrays(v4),
        v6: arrays(v6),
        places_v4: arrays(places_v4),
        places_v6: arrays(places_v6),
        clauses,
        settings: settings.to_vec(),
        policies: rules.perimeter.policies(),
        vlans: rules.perimeter.vlan_words(),
    };
    let digest = digest(&table);
    Ok(Compiled {
        table,
        slots,
        overflowed,
        digest,
    })
}

/// The rows of the orders of one family.
fn orders<R: Family>(cells: &mut Cells<'_>, places: &[R]) -> Result<Vec<R>, CapacityError> {
    let listed = cells.listed::<R>();
    let is_protected = |row: &R| Place::from_bits(row.value()).scope_bits();
    let holes: Vec<R> = places
        .iter()
        .map(|row| R::new(row.start(), is_protected(row)))
        .collect();
    sweep(listed, &holes, |around, group| cells.inside(around, group))
}

/// The rows of places of one family: the never-block list, and what the perimeter says of prefixes.
fn places<R: Interval>(rules: &RuleSet) -> Vec<R> {
    let never_block = rules.never_block.iter();
    let never_block = never_block.map(|entry| (entry.net, Place::scope(entry.scope)));
    let mut prefixes: Vec<_> = never_block
        .chain(rules.perimeter.places())
        .filter_map(|(net, place)| R::prefix(&net, place.to_bits()))
        .collect();
    prefixes.sort_unstable_by_key(R::order);
    let inside = |around: u32, group: &[interval::Prefix<R::Start, u32>]| {
        let same = group.iter().map(|prefix| Place::from_bits(prefix.what));
        // Of one prefix each says something else, but for the scopes, of which the stronger holds; the
        // order makes no difference.
        let here = same.fold(Place::NONE, |all, place| place.inside(all));
        Ok::<_, std::convert::Infallible>(here.inside(Place::from_bits(around)).to_bits())
    };
    match sweep(&prefixes[..], &[], inside) {
        Ok(rows) => rows,
    }
}

fn arrays<R: Interval>(rows: Vec<R>) -> Arrays<R> {
    Arrays {
        roots: roots(&rows),
        rows,
    }
}

/// An index as it is stored; all of them count things in memory of more than 16 bytes each, or are
/// bounded by limits far below.
fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}
