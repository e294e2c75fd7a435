//! The text of `order holds`.

use super::{
    explain::more,
    order::packets,
    outside,
    table::{Side, Table},
    time,
};
use crate::http::wire::{HeldEntry, Holds};

/// A line for each entry that waits, and one for each order.
#[must_use]
pub fn list(holds: &Holds) -> String {
    if holds.entries.is_empty() {
        return "Nothing waits for an approval.\n".to_owned();
    }
    let mut table = Table::new(&[
        ("NET", Side::Left),
        ("PACKETS", Side::Left),
        ("UNTIL", Side::Left),
        ("REASON", Side::Left),
        ("ORDER", Side::Left),
        ("ENTRY", Side::Left),
        ("APPROVED BY", Side::Left),
        ("SEEN", Side::Left),
    ]);
    for HeldEntry {
        id,
        entry,
        net,
        dir,
        proto,
        ports,
        until,
        seen,
        reason,
        approved_by,
    } in &holds.entries
    {
        let persons: Vec<&str> = approved_by.iter().map(|p| p.name.as_str()).collect();
        table.row([
            net.to_string(),
            packets(*dir, proto.as_deref(), ports),
            time(*until),
            reason.name().to_owned(),
            id.to_string(),
            outside(entry).into_owned(),
            outside(&persons.join(", ")).into_owned(),
            seen.clone(),
        ]);
    }
    let mut orders = Table::new(&[
        ("ORDER", Side::Left),
        ("WAITING", Side::Right),
        ("SEEN", Side::Left),
    ]);
    for order in &holds.orders {
        orders.row([
            order.id.to_string(),
            order.waiting.to_string(),
            order.seen.clone(),
        ]);
    }
    let entries = table.render(0) + &more(holds.entries.len(), holds.total);
    format!("{entries}\n{}", orders.render(0))
}
