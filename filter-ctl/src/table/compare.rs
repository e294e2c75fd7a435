//! Which feeds' entries one table enforces otherwise than another.

use std::{collections::BTreeMap, iter, net::IpAddr};

use filter_common::{
    address::{Address, Family},
    decide::Tables as _,
    limits::CLAUSES_PER_CELL_MAX,
    table::{Clause, ClauseFlags},
};

use super::{Table, clock::BootClock, host::HostTables};
use crate::{
    order::FeedName,
    policy::{Rule, RuleSet},
};

/// How many entries in force, by feed, `found` does not enforce as `meant` does. Feeds without one are absent.
///
/// Both are searched with the kernel's own code. Of each entry the first and the last address are looked at: that
/// is all of a host, and the work stays bounded for prefixes.
#[must_use]
pub fn differing(
    rules: &RuleSet,
    meant: &Table,
    found: &Table,
    clock: BootClock,
) -> BTreeMap<FeedName, u64> {
    let tables = |table| HostTables {
        table,
        interface: 0,
        clock,
    };
    let (meant, found) = (tables(meant), tables(found));
    let mut differing = BTreeMap::new();
    for Rule { entry, order, .. } in rules.rules() {
        let ends = [entry.net.network(), entry.net.broadcast()];
        let same = |address: &IpAddr| says(&meant, *address).eq(says(&found, *address));
        if !ends.iter().all(same) {
            let feed = &rules.orders[order as usize].id.feed;
            *differing.entry(feed.clone()).or_default() += 1;
        }
    }
    differing
}

/// What a table says of an address: how it is protected, and the clauses in their order.
fn says<'a>(
    tables: &'a HostTables<'a>,
    address: IpAddr,
) -> impl Iterator<Item = (u32, Clause)> + 'a {
    let (family, address) = key(address);
    let place = tables.place(tables.place_number(family, address));
    let place = place.place().scope_bits();
    let number = tables.listed(family, address);
    let mut ended = number == 0;
    let clauses = iter::successors(Some(number.wrapping_sub(1)), |index| index.checked_add(1));
    let clauses = clauses.take(CLAUSES_PER_CELL_MAX).map_while(move |index| {
        let clause = tables.clause(index).filter(|_| !ended)?;
        ended = clause.flags & ClauseFlags::LAST != 0;
        Some((0, clause))
    });
    iter::once((place, Clause::default())).chain(clauses)
}

/// An address as tables are asked for it.
pub(super) fn key(address: IpAddr) -> (Family, Address) {
    match address {
        IpAddr::V4(address) => (Family::V4, Address::from_v4(address.octets())),
        IpAddr::V6(address) => (Family::V6, Address::from_v6(address.octets())),
    }
}
