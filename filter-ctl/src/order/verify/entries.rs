//! The entries of a bundle, streamed against the feed's scope.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use super::AdmissionError;
use crate::order::{
    Entries, EntriesBuilder, OrderInfo, RefusalReason, RefusedEntry, Terms, VerifiedOrder,
    parse::{
        self, Manifest, ParseError, ParseErrorKind, ParsedEntry, ParsedLine, ParsedOrder, Removal,
    },
    trust::Scope,
};

/// Different orders of one bundle; more are refused. The kernel's table names no more.
pub const BUNDLE_ORDERS_MAX: usize = 65_536;
/// The shortest line of an entry, so that an announced number reserves no more memory than its lines
/// can need.
const ENTRY_BYTES_MIN: usize = 21;

/// What became of the lines.
pub(super) struct Judged<'a> {
    pub(super) orders: Vec<OrderInfo>,
    pub(super) entries: Entries,
    /// Sorted by id.
    pub(super) refused: Vec<RefusedEntry>,
    /// In a delta: what is no longer asked for, in the order of the lines.
    pub(super) removed: Vec<Removal<'a>>,
}

/// Reads all entries and judges each by the scope, as of `now`.
pub(super) fn judge<'a>(
    bundle: &'a [u8],
    (manifest, lines): (&Manifest, parse::Entries<'a>),
    timezone: &TimeZone,
    scope: &Scope,
    now: Timestamp,
) -> Result<Judged<'a>, AdmissionError> {
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
    let announced = announced.min(bundle.len() / ENTRY_BYTES_MIN);
    let mut entries = EntriesBuilder::with_capacity(announced);
    let (mut refused, mut removed) = (Vec::new(), Vec::new());
    let mut addresses = 0_u64;
    for line in lines {
        let entry = match line? {
            ParsedLine::Add(entry) => entry,
            ParsedLine::Remove(removal) => {
                removed.push(removal);
                continue;
            }
        };
        let order = orders.resolve(&entry)?;
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
                    id: entry.id.into(),
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
        let terms = Terms {
            direction: entry.direction,
            protocol: entry.protocol,
            ports: entry.ports,
            until,
            since: now,
            reason: reason.map(|reason| shared(&mut reasons, &reason)),
            order,
        };
        entries.push(&entry.id, net, terms);
    }
    let entries = entries.finish();
    refused.sort_unstable_by(|a, b| a.id.cmp(&b.id));
    if has_duplicates(&entries, &refused, &removed) {
        return Err(find_duplicate(bundle, timezone).into());
    }
    Ok(Judged {
        orders: orders.orders,
        entries,
        refused,
        removed,
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

/// An entry that was there before, unchanged but for its end and reason, keeps its `since`.
pub(super) fn carry_since(entries: Entries, previous: &VerifiedOrder) -> Entries {
    let mut before = previous.entries().alongside();
    entries.stamp(|entry| {
        let since = entry.terms.since;
        let known = before(entry.id).filter(|known| known.asks_the_same(&entry));
        known.map_or(since, |known| known.terms.since.min(since))
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

fn has_duplicates(entries: &Entries, refused: &[RefusedEntry], removed: &[Removal<'_>]) -> bool {
    let is_refused = |id: &str| {
        refused
            .binary_search_by(|entry| (*entry.id).cmp(id))
            .is_ok()
    };
    let mut ids = HashSet::with_capacity(removed.len());
    let removed = removed.iter().map(|removal| &*removal.id);
    let mut removed =
        removed.filter(|id| !ids.insert(*id) || is_refused(id) || entries.find(id).is_some());
    entries.duplicate().is_some()
        || removed.next().is_some()
        || refused.windows(2).any(|pair| pair[0].id == pair[1].id)
        || refused
            .iter()
            .any(|entry| entries.find(&entry.id).is_some())
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
