//! The entries of a bundle, streamed against the feed's scope.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use super::AdmissionError;
use crate::order::{
    Entry, OrderInfo, RefusalReason, RefusedEntry, VerifiedOrder,
    parse::{self, Entries, Manifest, ParseError, ParseErrorKind, ParsedEntry, ParsedOrder},
    trust::Scope,
};

/// Different orders of one bundle; more are refused. The kernel's table names no more.
pub const BUNDLE_ORDERS_MAX: usize = 65_536;
/// The shortest line of an entry, so that an announced number reserves no more memory than its lines
/// can need.
const ENTRY_BYTES_MIN: usize = 21;

/// What became of the lines.
pub(super) struct Judged {
    pub(super) orders: Vec<OrderInfo>,
    /// Sorted by id.
    pub(super) entries: Vec<Entry>,
    /// Sorted by id.
    pub(super) refused: Vec<RefusedEntry>,
}

/// Reads all entries and judges each by the scope, as of `now`.
pub(super) fn judge(
    bundle: &[u8],
    (manifest, lines): (&Manifest, Entries<'_>),
    timezone: &TimeZone,
    scope: &Scope,
    now: Timestamp,
) -> Result<Judged, AdmissionError> {
    let feed = || manifest.feed.clone();
    if manifest.entries > scope.entries_max {
        return Err(AdmissionError::TooManyEntries {
            feed: feed(),
            found: manifest.entries,
            max: scope.entries_max,
        });
    }
    let furthest = furthest_until(now, scope.until_max_days);
    let mut orders = Orders::new(manifest.order.as_ref());
    let mut reasons: HashSet<Arc<str>> = HashSet::new();
    let announced = usize::try_from(manifest.entries).unwrap_or(usize::MAX);
    let mut entries = Vec::with_capacity(announced.min(bundle.len() / ENTRY_BYTES_MIN));
    let mut refused = Vec::new();
    let mut addresses = 0_u64;
    for entry in lines {
        let entry = entry?;
        let order = orders.resolve(&entry)?;
        let id = entry.id.into_owned().into_boxed_str();
        let net = entry.net;
        let until = match judge_until(entry.until, now, furthest) {
            Ok(_) if !scope.allows_family(&net) => Err(RefusalReason::FamilyOutOfScope),
            Ok(_) if !scope.allows_length(&net) => Err(RefusalReason::PrefixTooShort),
            judged => judged,
        };
        let until = match until {
            Ok(until) => until,
            Err(reason) => {
                refused.push(RefusedEntry {
                    id,
                    net,
                    order,
                    reason,
                });
                continue;
            }
        };
        addresses = addresses.saturating_add(Scope::addresses(&net));
        if addresses > scope.addresses_limit() {
            return Err(AdmissionError::TooManyAddresses {
                feed: feed(),
                line: entry.line,
                max: scope.addresses_limit(),
            });
        }
        let reason = entry.reason.filter(|reason| !reason.is_empty());
        entries.push(Entry {
            id,
            net,
            direction: entry.direction,
            protocol: entry.protocol,
            ports: entry.ports,
            until,
            since: now,
            reason: reason.map(|reason| shared(&mut reasons, &reason)),
            order,
        });
    }
    sort_by_id(&mut entries);
    refused.sort_unstable_by(|a, b| a.id.cmp(&b.id));
    if has_duplicates(&entries, &refused) {
        return Err(find_duplicate(bundle, timezone).into());
    }
    Ok(Judged {
        orders: orders.orders,
        entries,
        refused,
    })
}

/// The latest end that may be asked for.
pub(in crate::order) fn furthest_until(now: Timestamp, days: u16) -> Timestamp {
    now.saturating_add(SignedDuration::from_hours(24 * i64::from(days)))
        .unwrap_or(Timestamp::MAX)
}

/// Judges an end: there must be one, after `now`, and not after `furthest`.
pub(in crate::order) fn judge_until(
    until: Option<Timestamp>,
    now: Timestamp,
    furthest: Timestamp,
) -> Result<Timestamp, RefusalReason> {
    match until {
        None => Err(RefusalReason::NoUntil),
        Some(until) if until <= now => Err(RefusalReason::Expired),
        Some(until) if until > furthest => Err(RefusalReason::UntilTooFar),
        Some(until) => Ok(until),
    }
}

/// An entry that was there before, unchanged but for its end and reason, keeps its `since`. Both are
/// sorted by id.
pub(super) fn carry_since(entries: &mut [Entry], previous: &VerifiedOrder) {
    let mut before = previous.entries().iter().peekable();
    for entry in entries {
        while before.next_if(|known| known.id < entry.id).is_some() {}
        let same = |known: &&Entry| {
            known.id == entry.id
                && known.net == entry.net
                && known.direction == entry.direction
                && known.protocol == entry.protocol
                && known.ports == entry.ports
        };
        if let Some(known) = before.peek().copied().filter(same) {
            entry.since = known.since.min(entry.since);
        }
    }
}

/// Sorts by id. A comparison of ids costs two cache misses, and their order is often no order: so numbers
/// are sorted that stand for the ids behind what all have in common, and only equal ones compare ids.
fn sort_by_id(entries: &mut [Entry]) {
    if entries.is_sorted_by(|a, b| a.id <= b.id) {
        return;
    }
    let common = common_start(entries);
    let number = |entry: &Entry| {
        let mut number = [0; 8];
        let rest = &entry.id.as_bytes()[common..];
        let length = rest.len().min(number.len());
        number[..length].copy_from_slice(&rest[..length]);
        u64::from_be_bytes(number)
    };
    entries.sort_by_cached_key(number);
    for same in entries.chunk_by_mut(|a, b| number(a) == number(b)) {
        same.sort_unstable_by(|a, b| a.id.cmp(&b.id));
    }
}

/// How many bytes all ids begin with.
fn common_start(entries: &[Entry]) -> usize {
    let Some((first, rest)) = entries.split_first() else {
        return 0;
    };
    rest.iter().fold(first.id.len(), |common, entry| {
        let pairs = first.id.bytes().zip(entry.id.bytes()).take(common);
        pairs.take_while(|(a, b)| a == b).count()
    })
}

fn shared(known: &mut HashSet<Arc<str>>, text: &str) -> Arc<str> {
    if let Some(text) = known.get(text) {
        return Arc::clone(text);
    }
    let text = Arc::<str>::from(text);
    known.insert(Arc::clone(&text));
    text
}

/// The orders of a bundle. A reference has one description; another one is an error.
struct Orders {
    orders: Vec<OrderInfo>,
    by_reference: HashMap<Box<str>, u32>,
}

impl Orders {
    fn new(first: Option<&OrderInfo>) -> Self {
        Self {
            orders: first.cloned().into_iter().collect(),
            by_reference: first
                .map(|order| (order.reference.clone(), 0))
                .into_iter()
                .collect(),
        }
    }

    /// The index of an entry's order. Entries without one are of the manifest's, which is the first.
    fn resolve(&mut self, entry: &ParsedEntry<'_>) -> Result<u32, ParseError> {
        let Some(order) = &entry.order else {
            return Ok(0);
        };
        let at = |kind| ParseError {
            line: entry.line,
            kind,
        };
        if let Some(index) = self.by_reference.get(&*order.reference) {
            let known = &self.orders[*index as usize];
            return if same(known, order) {
                Ok(*index)
            } else {
                let reference = crate::order::field::excerpt(&order.reference);
                Err(at(ParseErrorKind::OrderConflict(reference)))
            };
        }
        let index = u32::try_from(self.orders.len()).ok();
        let index = index.filter(|_| self.orders.len() < BUNDLE_ORDERS_MAX);
        let index = index.ok_or_else(|| at(ParseErrorKind::TooManyOrders(BUNDLE_ORDERS_MAX)))?;
        let info = order.to_info();
        self.by_reference.insert(info.reference.clone(), index);
        self.orders.push(info);
        Ok(index)
    }
}

fn same(known: &OrderInfo, order: &ParsedOrder<'_>) -> bool {
    let OrderInfo {
        reference: _,
        issuer,
        basis,
        reason,
    } = known;
    **issuer == *order.issuer && **basis == *order.basis && **reason == *order.reason
}

fn has_duplicates(entries: &[Entry], refused: &[RefusedEntry]) -> bool {
    let mut entries_left = entries.iter().peekable();
    entries.windows(2).any(|pair| pair[0].id == pair[1].id)
        || refused.windows(2).any(|pair| pair[0].id == pair[1].id)
        || refused.iter().any(|refused| {
            while entries_left
                .next_if(|entry| entry.id < refused.id)
                .is_some()
            {}
            entries_left
                .peek()
                .is_some_and(|entry| entry.id == refused.id)
        })
}

/// Reads again to name the lines, which are not kept.
fn find_duplicate(bundle: &[u8], timezone: &TimeZone) -> ParseError {
    parse::check(bundle, timezone).err().unwrap_or(ParseError {
        line: 1,
        kind: ParseErrorKind::DuplicateId {
            id: String::new(),
            first: 1,
        },
    })
}

#[cfg(test)]
mod tests {
    use ipnet::IpNet;
    use proptest::prelude::*;

    use super::*;
    use crate::order::Direction;

    proptest! {
        #[test]
        fn entries_are_sorted_by_id(ids in prop::collection::vec("(abc)?[\\x00a-c]{0,11}é?", 0..40)) {
            let entry = |id: &String| Entry {
                id: id.as_str().into(),
                net: IpNet::from(std::net::IpAddr::from([203, 0, 113, 7])),
                direction: Direction::Both,
                protocol: None,
                ports: Box::default(),
                until: Timestamp::MAX,
                since: Timestamp::MIN,
                reason: None,
                order: 0,
            };
            let mut entries: Vec<_> = ids.iter().map(entry).collect();
            sort_by_id(&mut entries);
            let sorted: Vec<_> = entries.iter().map(|entry| entry.id.to_string()).collect();
            let mut expected = ids;
            expected.sort();
            prop_assert_eq!(sorted, expected);
        }
    }
}
