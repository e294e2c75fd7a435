//! Lists that nobody signs, into [`VerifiedOrder`]s: what the configuration says of the feed is all the authority
//! that they have.
//!
//! An entry's id is its prefix. It ends a set time after the list was last seen, so that a list which vanishes ends
//! by itself, and late.

use std::{collections::HashSet, sync::Arc};

use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{entries::carry_since, since};
use crate::order::{
    Direction, EntriesBuilder, FeedName, Input, OrderInfo, Provenance, RefusalReason, RefusedEntry,
    Terms, VerifiedOrder, hex,
    list::{self, Expected, ListError, ListFormat},
};

/// Entries that may come or go in any case, whatever the percentages say.
pub const CHANGE_FLOOR: u64 = 50;

/// What the configuration says of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListTerms {
    /// How it is written.
    pub format: ListFormat,
    /// Seconds for which an entry holds after the list was last seen.
    pub ttl_seconds: u32,
    /// The shortest IPv4 prefix; an entry with a shorter one is refused.
    pub shortest_ipv4: u8,
    /// The shortest IPv6 prefix; an entry with a shorter one is refused.
    pub shortest_ipv6: u8,
    /// The most entries; more refuse the list.
    pub entries_max: u32,
    /// Whether no entries are good without evidence.
    pub can_be_empty: bool,
    /// The order that its entries belong to.
    pub order: OrderInfo,
}

/// How much of a list may change at once; more is held for an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListCaps {
    /// The most that may be added, in percent of the entries before.
    pub add_max_percent: u32,
    /// The most that may be removed, in percent of the entries before.
    pub remove_max_percent: u32,
}

/// What is in force of a list. It is stored; a restart judges by it alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListMark {
    /// SHA-256 of the list's bytes.
    #[serde(with = "hex::digest")]
    pub sha256: [u8; 32],
    /// When these bytes were admitted.
    pub admitted_at: Timestamp,
    /// When the publisher last had these bytes.
    pub seen_at: Timestamp,
    /// What it was judged by.
    pub terms: ListTerms,
}

impl ListMark {
    /// When all entries end unless the list is seen again.
    #[must_use]
    pub fn until(&self) -> Timestamp {
        let time = SignedDuration::from_secs(self.terms.ttl_seconds.into());
        self.seen_at.saturating_add(time).unwrap_or(Timestamp::MAX)
    }
}

/// A list that was admitted, and the mark that must be stored before it is enforced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdmittedList {
    /// The order.
    pub order: Arc<VerifiedOrder>,
    /// Its mark.
    pub mark: ListMark,
    /// What it changes; `None` for a first list.
    pub change: Option<ListChange>,
}

/// What of a list is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedList {
    /// The feed.
    pub feed: FeedName,
    /// The mark.
    pub mark: ListMark,
    /// The list.
    pub input: Input,
    /// Since when its entries have been there; see [`encode_since`](super::encode_since).
    pub since: Option<Vec<u8>>,
}

/// How two versions of a list differ, in entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListChange {
    /// How many there were.
    pub before: u64,
    /// How many came.
    pub added: u64,
    /// How many went.
    pub removed: u64,
}

impl ListChange {
    /// Whether it is as small as changes of a real list are.
    #[must_use]
    pub fn is_within(&self, caps: &ListCaps) -> bool {
        let allowed = |percent: u32| {
            let share = u128::from(self.before) * u128::from(percent) / 100;
            share.max(CHANGE_FLOOR.into())
        };
        u128::from(self.added) <= allowed(caps.add_max_percent)
            && u128::from(self.removed) <= allowed(caps.remove_max_percent)
    }
}

/// Judges a list that was seen at `now`. What was in force before, with its mark, gives entries that stay their
/// `since`.
pub fn admit_list(
    feed: &FeedName,
    input: &Input,
    terms: &ListTerms,
    before: Option<(&ListMark, &VerifiedOrder)>,
    now: Timestamp,
) -> Result<AdmittedList, ListError> {
    let sha256 = input.sha256();
    // What had ended begins anew when it comes back.
    let running = before.filter(|(mark, _)| mark.until() > now);
    let same = running.filter(|(mark, _)| mark.sha256 == sha256 && mark.terms == *terms);
    let mark = ListMark {
        sha256,
        admitted_at: same.map_or(now, |(mark, _)| mark.admitted_at),
        seen_at: now,
        terms: terms.clone(),
    };
    let mut order = judge(feed, input.bytes(), &mark)?;
    let change = before.map(|(_, before)| difference(before, &order));
    if let Some((_, running)) = running {
        let entries = Arc::unwrap_or_clone(order.entries);
        order.entries = Arc::new(carry_since(entries, running));
    }
    Ok(AdmittedList {
        order: Arc::new(order),
        mark,
        change,
    })
}

/// Reads back what was admitted. What is wrong with the dates of its entries is a text beside it; they then begin
/// with the admission.
pub fn readmit_list(
    committed: &CommittedList,
) -> Result<(Arc<VerifiedOrder>, Option<String>), ListReadmitError> {
    let CommittedList {
        feed,
        mark,
        input,
        since,
    } = committed;
    if input.sha256() != mark.sha256 {
        return Err(ListReadmitError::OtherBytes(feed.clone()));
    }
    let mut order = judge(feed, input.bytes(), mark).map_err(|error| ListReadmitError::List {
        feed: feed.clone(),
        error,
    })?;
    let mut odd = None;
    if let Some(since) = since {
        let entries = Arc::unwrap_or_clone(order.entries);
        let (entries, outcome) = since::apply(since, entries);
        order.entries = Arc::new(entries);
        odd = outcome.err();
    }
    Ok((Arc::new(order), odd))
}

/// A stored list that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListReadmitError {
    /// The bytes are not those that were admitted.
    #[error(
        "feed `{0}`: the stored list is not the one that was admitted: expected its SHA-256 in the mark"
    )]
    OtherBytes(FeedName),
    /// It is no list any more.
    #[error("feed `{feed}`: the stored list: {error}")]
    List {
        /// The feed.
        feed: FeedName,
        /// Why.
        error: ListError,
    },
}

fn judge(feed: &FeedName, bytes: &[u8], mark: &ListMark) -> Result<VerifiedOrder, ListError> {
    let terms = &mark.terms;
    let nets = list::parse(
        bytes,
        &Expected {
            format: terms.format,
            entries_max: terms.entries_max,
            can_be_empty: terms.can_be_empty,
        },
    )?;
    let until = mark.until();
    let mut entries = EntriesBuilder::with_capacity(nets.len());
    let mut refused = Vec::new();
    for net in nets {
        let id = net.to_string();
        let shortest = match net {
            IpNet::V4(_) => terms.shortest_ipv4,
            IpNet::V6(_) => terms.shortest_ipv6,
        };
        if net.prefix_len() < shortest {
            refused.push(RefusedEntry {
                id: id.into(),
                net,
                order: 0,
                reason: RefusalReason::PrefixTooShort,
            });
            continue;
        }
        let all_packets = Terms {
            direction: Direction::Both,
            protocol: None,
            ports: Box::default(),
            until,
            since: mark.admitted_at,
            reason: None,
            order: 0,
        };
        entries.push(&id, net, all_packets);
    }
    refused.sort_unstable_by(|a, b| a.id.cmp(&b.id));
    Ok(VerifiedOrder {
        feed: feed.clone(),
        provenance: Provenance::List {
            sha256: mark.sha256,
            fetched_at: mark.seen_at,
            until,
        },
        admitted_at: mark.admitted_at,
        orders: vec![terms.order.clone()],
        entries: Arc::new(entries.finish()),
        refused,
    })
}

/// Refused entries count as well: what the publisher lists is compared, not what became of it.
fn difference(before: &VerifiedOrder, after: &VerifiedOrder) -> ListChange {
    let (old, new) = (listed(before), listed(after));
    ListChange {
        before: old.len() as u64,
        added: new.difference(&old).count() as u64,
        removed: old.difference(&new).count() as u64,
    }
}

fn listed(order: &VerifiedOrder) -> HashSet<IpNet> {
    let entries = order.entries.by_id().map(|entry| entry.net);
    let refused = order.refused.iter().map(|entry| entry.net);
    entries.chain(refused).collect()
}
