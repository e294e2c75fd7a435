//! Deltas: from what a feed amounts to and the changes of it to what it amounts to then.
//!
//! Several deltas are put together first, by id, where the last one counts, and applied once: a restart would
//! otherwise go through all entries of the feed for each. Of what each of them alone would be checked for, removals
//! are: they must name what is there by then. The limits of the scope and the descriptions of the orders are checked
//! of the result alone. They were checked of each state in between when it was admitted, over the very bytes that
//! its digest proves to be the same.

use std::collections::HashMap;

use jiff::Timestamp;

use super::{AdmissionError, entries::Judged};
use crate::order::{
    Entries, EntriesBuilder, Entry, FeedName, OrderInfo, RefusedEntry, Terms, VerifiedOrder,
    trust::Scope,
};

/// What a feed amounts to before a delta.
#[derive(Clone, Copy)]
pub(super) struct Base<'a> {
    pub(super) orders: &'a [OrderInfo],
    pub(super) entries: &'a Entries,
    /// Sorted by id.
    pub(super) refused: &'a [RefusedEntry],
}

/// What the deltas make of an id that one of them names.
#[derive(Clone, Copy)]
enum Change<'a> {
    /// It is no longer asked for.
    Gone,
    Entry {
        entry: Entry<'a>,
        orders: &'a [OrderInfo],
        since: Timestamp,
    },
    Refused {
        entry: &'a RefusedEntry,
        orders: &'a [OrderInfo],
    },
}

/// Applies deltas, in their order, whose lines were judged. What they do not name stays as it was judged. Takes
/// O(n + d log d) for the `n` entries of the result and the `d` lines of the deltas.
pub(super) fn apply<'a>(
    feed: &FeedName,
    base: Base<'a>,
    deltas: impl IntoIterator<Item = &'a Judged<'a>>,
    scope: &Scope,
) -> Result<Judged<'static>, AdmissionError> {
    let mut changes = HashMap::new();
    for delta in deltas {
        put_together(feed, base, &mut changes, delta)?;
    }
    let mut changes: Vec<_> = changes.into_iter().collect();
    changes.sort_unstable_by_key(|(id, _)| *id);
    let is_named = |id: &str| changes.binary_search_by_key(&id, |(id, _)| *id).is_ok();

    let mut result = Merged::new(feed, base.entries.len() + changes.len());
    let mut before = base.entries.by_id().peekable();
    for (id, change) in &changes {
        while let Some(entry) = before.next_if(|entry| entry.id < *id) {
            result.add(entry, base.orders, entry.terms.since)?;
        }
        // What is named takes the place of what was there.
        before.next_if(|entry| entry.id == *id);
        if let Change::Entry {
            entry,
            orders,
            since,
        } = change
        {
            result.add(*entry, orders, *since)?;
        }
    }
    for entry in before {
        result.add(entry, base.orders, entry.terms.since)?;
    }
    let stay = base.refused.iter().filter(|entry| !is_named(&entry.id));
    let mut refused: Vec<_> = stay.map(|entry| (entry, base.orders)).collect();
    refused.extend(changes.iter().filter_map(|(_, change)| match change {
        Change::Refused { entry, orders } => Some((*entry, *orders)),
        Change::Gone | Change::Entry { .. } => None,
    }));
    refused.sort_unstable_by_key(|(entry, _)| &entry.id);
    for (entry, orders) in refused {
        result.refuse(entry, orders)?;
    }
    result.finish(scope)
}

/// Adds the changes of the next delta.
fn put_together<'a>(
    feed: &FeedName,
    base: Base<'a>,
    changes: &mut HashMap<&'a str, Change<'a>>,
    delta: &'a Judged<'a>,
) -> Result<(), AdmissionError> {
    for removal in &delta.removed {
        let known = match changes.get(&*removal.id) {
            Some(Change::Gone) => None,
            Some(Change::Entry { entry, .. }) => Some(entry.net),
            Some(Change::Refused { entry, .. }) => Some(entry.net),
            None => base.net(&removal.id),
        };
        if known.is_none_or(|known| removal.net.is_some_and(|net| net != known)) {
            return Err(AdmissionError::UnknownEntry {
                feed: feed.clone(),
                line: removal.line,
            });
        }
        changes.insert(&removal.id, Change::Gone);
    }
    let orders = &*delta.orders;
    for entry in delta.entries.by_id() {
        let known = match changes.get(entry.id) {
            Some(Change::Entry { entry, since, .. }) => Some((*entry, *since)),
            Some(Change::Gone | Change::Refused { .. }) => None,
            None => base.entry(entry.id).map(|entry| (entry, entry.terms.since)),
        };
        let change = Change::Entry {
            entry,
            orders,
            since: since(known, &entry),
        };
        changes.insert(entry.id, change);
    }
    for entry in &delta.refused {
        changes.insert(&entry.id, Change::Refused { entry, orders });
    }
    Ok(())
}

impl<'a> From<&'a VerifiedOrder> for Base<'a> {
    fn from(order: &'a VerifiedOrder) -> Self {
        Self {
            orders: &order.orders,
            entries: &order.entries,
            refused: &order.refused,
        }
    }
}

impl<'a> From<&'a Judged<'_>> for Base<'a> {
    fn from(judged: &'a Judged<'_>) -> Self {
        Self {
            orders: &judged.orders,
            entries: &judged.entries,
            refused: &judged.refused,
        }
    }
}

impl<'a> Base<'a> {
    fn entry(&self, id: &str) -> Option<Entry<'a>> {
        let position = self.entries.find(id)?;
        Some(self.entries.at(position))
    }

    /// The prefix of an entry, admitted or refused.
    fn net(&self, id: &str) -> Option<ipnet::IpNet> {
        let refused = || {
            let found = self.refused.binary_search_by(|entry| (*entry.id).cmp(id));
            found.ok().map(|index| self.refused[index].net)
        };
        self.entry(id).map(|entry| entry.net).or_else(refused)
    }
}

/// An entry that was there before, unchanged but for its end and reason, keeps its `since`.
fn since(known: Option<(Entry<'_>, Timestamp)>, entry: &Entry<'_>) -> Timestamp {
    let same = known.filter(|(known, _)| known.asks_the_same(entry));
    let now = entry.terms.since;
    same.map_or(now, |(_, since)| since.min(now))
}

/// A result in the making. It names the orders that an entry has, and no others, in the order of the entries'
/// ids, so that it is the same whichever way it came about. What is refused is added in that order as well.
struct Merged<'a> {
    feed: &'a FeedName,
    orders: Vec<OrderInfo>,
    by_reference: HashMap<&'a str, u32>,
    entries: EntriesBuilder,
    count: u64,
    addresses: u64,
    refused: Vec<RefusedEntry>,
}

impl<'a> Merged<'a> {
    fn new(feed: &'a FeedName, capacity: usize) -> Self {
        Self {
            feed,
            orders: Vec::new(),
            by_reference: HashMap::new(),
            entries: EntriesBuilder::with_capacity(capacity),
            count: 0,
            addresses: 0,
            refused: Vec::new(),
        }
    }

    fn add(
        &mut self,
        entry: Entry<'_>,
        orders: &'a [OrderInfo],
        since: Timestamp,
    ) -> Result<(), AdmissionError> {
        let order = self.order(&orders[entry.terms.order as usize])?;
        self.count += 1;
        self.addresses = self.addresses.saturating_add(Scope::addresses(&entry.net));
        let terms = Terms {
            since,
            order,
            ..entry.terms.clone()
        };
        self.entries.push(entry.id, entry.net, terms);
        Ok(())
    }

    fn refuse(
        &mut self,
        entry: &RefusedEntry,
        orders: &'a [OrderInfo],
    ) -> Result<(), AdmissionError> {
        let order = self.order(&orders[entry.order as usize])?;
        self.count += 1;
        self.refused.push(RefusedEntry {
            order,
            ..entry.clone()
        });
        Ok(())
    }

    fn order(&mut self, info: &'a OrderInfo) -> Result<u32, AdmissionError> {
        if let Some(index) = self.by_reference.get(&*info.reference) {
            return if self.orders[*index as usize] == *info {
                Ok(*index)
            } else {
                Err(AdmissionError::OrderChanged {
                    feed: self.feed.clone(),
                    reference: crate::order::field::excerpt(&info.reference),
                })
            };
        }
        let index = u32::try_from(self.orders.len()).unwrap_or(u32::MAX);
        if self.orders.len() >= super::BUNDLE_ORDERS_MAX {
            return Err(AdmissionError::TooManyOrders(self.feed.clone()));
        }
        self.by_reference.insert(&info.reference, index);
        self.orders.push(info.clone());
        Ok(index)
    }

    fn finish(self, scope: &Scope) -> Result<Judged<'static>, AdmissionError> {
        let Self {
            feed,
            orders,
            entries,
            count,
            addresses,
            refused,
            ..
        } = self;
        if count > scope.entries_max {
            return Err(AdmissionError::TooManyEntries {
                feed: feed.clone(),
                found: count,
                max: scope.entries_max,
            });
        }
        if addresses > scope.addresses_limit() {
            return Err(AdmissionError::TooManyAddressesAfter {
                feed: feed.clone(),
                max: scope.addresses_limit(),
            });
        }
        Ok(Judged {
            orders,
            entries: entries.finish(),
            refused,
            removed: Vec::new(),
        })
    }
}
