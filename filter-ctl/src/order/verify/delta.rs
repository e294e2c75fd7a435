//! Deltas: from what a feed amounts to and the changes of it to what it amounts to then.

use std::collections::{HashMap, HashSet};

use super::{AdmissionError, entries::Judged};
use crate::order::{
    Entries, EntriesBuilder, Entry, FeedName, OrderInfo, RefusedEntry, Terms, trust::Scope,
};

/// What a feed amounts to before a delta.
#[derive(Clone, Copy)]
pub(super) struct Base<'a> {
    pub(super) orders: &'a [OrderInfo],
    pub(super) entries: &'a Entries,
    /// Sorted by id.
    pub(super) refused: &'a [RefusedEntry],
}

/// Applies a delta whose lines were judged. What it does not name stays as it was judged. Takes O(n log n)
/// for the `n` entries of the result.
pub(super) fn apply(
    feed: &FeedName,
    base: Base<'_>,
    change: &Judged<'_>,
    scope: &Scope,
) -> Result<Judged<'static>, AdmissionError> {
    let is_refused = |id: &str| {
        let found = base.refused.binary_search_by(|entry| (*entry.id).cmp(id));
        found.ok().map(|index| base.refused[index].net)
    };
    let mut gone: HashSet<&str> = HashSet::new();
    for removal in &change.removed {
        let known = base.entries.find(&removal.id);
        let known = known.map(|position| base.entries.at(position).net);
        let known = known.or_else(|| is_refused(&removal.id));
        if known.is_none_or(|known| removal.net.is_some_and(|net| net != known)) {
            return Err(AdmissionError::UnknownEntry {
                feed: feed.clone(),
                line: removal.line,
            });
        }
        gone.insert(&removal.id);
    }
    // What is added anew takes the place of what was there.
    gone.extend(change.entries.by_id().map(|entry| entry.id));
    gone.extend(change.refused.iter().map(|entry| &*entry.id));

    let mut result = Merged::new(feed, base.entries.len() + change.entries.len());
    for entry in base.entries.by_id() {
        if !gone.contains(entry.id) {
            result.add(entry, base.orders, entry.terms.since)?;
        }
    }
    for entry in change.entries.by_id() {
        result.add(entry, &change.orders, since(base.entries, &entry))?;
    }
    let stay = base
        .refused
        .iter()
        .filter(|entry| !gone.contains(&*entry.id));
    let refused = stay.map(|entry| (entry, base.orders));
    for (entry, orders) in refused.chain(change.refused.iter().map(|e| (e, &*change.orders))) {
        result.refuse(entry, orders)?;
    }
    result.finish(scope)
}

/// An entry that was there before, unchanged but for its end and reason, keeps its `since`.
fn since(base: &Entries, entry: &Entry<'_>) -> jiff::Timestamp {
    let known = base.find(entry.id).map(|position| base.at(position));
    let same =
        known.filter(|known| known.net == entry.net && known.terms.mean_the_same(entry.terms));
    let since = entry.terms.since;
    same.map_or(since, |known| known.terms.since.min(since))
}

/// A result in the making. It names the orders that an entry has, and no others.
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
        since: jiff::Timestamp,
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
            mut refused,
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
        refused.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        Ok(Judged {
            orders,
            entries: entries.finish(),
            refused,
            removed: Vec::new(),
        })
    }
}
