//! The text of `order holds`.

use super::{
    explain::more,
    outside,
    table::{Side, Table},
};
use crate::http::wire::{HeldEntry, Holds};

/// A line for each entry that waits.
#[must_use]
pub fn list(holds: &Holds) -> String {
    if holds.entries.is_empty() {
        return "Nothing waits for an approval.\n".to_owned();
    }
    let mut table = Table::new(&[
        ("NET", Side::Left),
        ("REASON", Side::Left),
        ("ORDER", Side::Left),
        ("ENTRY", Side::Left),
        ("APPROVED BY", Side::Left),
    ]);
    for HeldEntry {
        id,
        entry,
        net,
        reason,
        approved_by,
    } in &holds.entries
    {
        let persons: Vec<&str> = approved_by.iter().map(|p| p.name.as_str()).collect();
        table.row([
            net.to_string(),
            reason.name().to_owned(),
            id.to_string(),
            outside(entry).into_owned(),
            outside(&persons.join(", ")).into_owned(),
        ]);
    }
    table.render(0) + &more(holds.entries.len(), holds.total)
}
