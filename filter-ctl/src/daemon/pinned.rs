//! Where feeds stand that are paused, and what is in force of them. Without I/O but for reading states back.

use std::{collections::BTreeMap, sync::Arc};

use jiff::{Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};

use super::{
    desired::{SourceKey, Sources},
    local::Local,
    stored::{read_list_state, read_state},
};
use crate::order::{
    FeedName, VerifiedOrder, hex,
    store::Store,
    trust::TrustFile,
    verify::{ListMark, Mark},
};

/// A feed that stands still, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PauseRecord {
    /// The feed.
    pub feed: FeedName,
    /// Why.
    pub reason: String,
    /// Who paused it, or took it back.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// The state of its bundles; `None` where there was none.
    #[serde(default)]
    pub bundle: Option<Mark>,
    /// The version of its list; `None` where there was none.
    #[serde(default)]
    pub list: Option<ListMark>,
}

impl PauseRecord {
    /// The digest of what the feed stands at.
    pub(super) fn digest(&self) -> String {
        let bundle = self.bundle.as_ref().map(|mark| &mark.sha256);
        let list = self.list.as_ref().map(|mark| &mark.sha256);
        let digests = bundle.into_iter().chain(list);
        let digests: Vec<String> = digests.map(|sha256| hex::encode(sha256)).collect();
        digests.join(" ")
    }
}

/// The states that paused feeds stand at.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pinned {
    pub(super) orders: Sources,
    /// What each amounted to when it was asked last, with what was admitted last then.
    known: BTreeMap<SourceKey, [Arc<VerifiedOrder>; 2]>,
}

impl Pinned {
    pub(crate) const fn new(orders: Sources) -> Self {
        Self {
            orders,
            known: BTreeMap::new(),
        }
    }

    /// What is to be in force of all that was admitted. Where what was admitted last cannot be read, a paused feed
    /// stands at the whole of its state; where its state cannot be read, nothing of it is known to be wanted.
    pub(crate) fn in_force(&mut self, admitted: &Sources, pauses: &[PauseRecord]) -> Sources {
        let is_paused = |key: &SourceKey| {
            let feed = key.feed();
            feed.is_some_and(|feed| pauses.iter().any(|pause| pause.feed == *feed))
        };
        let pinned = self.orders.iter().filter(|(key, _)| is_paused(key));
        let mut in_force: Sources = pinned
            .map(|(key, order)| (key.clone(), Arc::clone(order)))
            .collect();
        for (key, latest) in admitted {
            if !is_paused(key) {
                in_force.insert(key.clone(), Arc::clone(latest));
            } else if let Some(order) = in_force.get_mut(key) {
                *order = match self.known.get(key) {
                    Some([known, within]) if Arc::ptr_eq(known, latest) => Arc::clone(within),
                    _ => order.within(latest),
                };
                let known = [Arc::clone(latest), Arc::clone(order)];
                self.known.insert(key.clone(), known);
            }
        }
        in_force
    }
}

/// A state of a feed that can be gone back to.
pub(super) enum State {
    Bundle(Mark),
    List(ListMark),
}

impl State {
    pub(super) fn key(&self, feed: &FeedName) -> SourceKey {
        match self {
            Self::Bundle(_) => SourceKey::Bundle(feed.clone()),
            Self::List(_) => SourceKey::List(feed.clone()),
        }
    }

    pub(super) const fn sha256(&self) -> &[u8; 32] {
        match self {
            Self::Bundle(mark) => &mark.sha256,
            Self::List(mark) => &mark.sha256,
        }
    }

    /// What names it: `EPOCH/SEQ`, or the beginning of the digest of a list.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Bundle(mark) => format!("{}/{}", mark.epoch, mark.seq),
            Self::List(mark) => hex::encode(&mark.sha256[..NAME_BYTES]),
        }
    }

    /// Whether an operator means it.
    pub(super) fn is_called(&self, name: &str) -> bool {
        match self {
            Self::Bundle(mark) => self.name() == name || mark.seq.to_string() == name,
            Self::List(mark) => hex::is_named(&mark.sha256, name),
        }
    }

    /// Whether it was admitted before the one where the feed stands.
    pub(super) fn is_before(&self, here: &PauseRecord) -> bool {
        match self {
            Self::Bundle(mark) => {
                let here = here.bundle.as_ref();
                here.is_some_and(|here| mark.number() < here.state_number())
            }
            Self::List(mark) => {
                let here = here.list.as_ref();
                here.is_some_and(|here| mark.admitted_at < here.admitted_at)
            }
        }
    }

    /// What its feed keeps of it.
    pub(super) fn into_record(self, known: PauseRecord) -> PauseRecord {
        match self {
            Self::Bundle(mark) => PauseRecord {
                bundle: Some(mark),
                ..known
            },
            Self::List(mark) => PauseRecord {
                list: Some(mark),
                ..known
            },
        }
    }
}

/// Bytes of a list's digest that name it.
const NAME_BYTES: usize = 4;

/// Reads back the states that paused feeds stand at, and says which cannot be read, and why.
pub(crate) fn read_pinned(
    local: &Local,
    store: &Store,
    trust: &TrustFile,
    timezone: &TimeZone,
) -> (Pinned, Vec<(String, String)>) {
    let (mut pinned, mut damaged) = (Pinned::default(), Vec::new());
    for PauseRecord {
        feed, bundle, list, ..
    } in &local.pauses
    {
        let bundle = bundle.as_ref().map(|mark| {
            let order = read_state(store, feed, mark, trust, timezone);
            (SourceKey::Bundle(feed.clone()), order)
        });
        let list = list.as_ref().map(|mark| {
            let order = read_list_state(store, feed, mark);
            (SourceKey::List(feed.clone()), order)
        });
        for (key, order) in bundle.into_iter().chain(list) {
            match order {
                Ok(order) => {
                    pinned.orders.insert(key, order);
                }
                Err(error) => damaged.push((pin_subject(feed), error)),
            }
        }
    }
    (pinned, damaged)
}

/// Under which name the state that a feed stands at is damaged; no feed has it.
pub(super) fn pin_subject(feed: &FeedName) -> String {
    format!("{feed}/pinned")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::{Direction, Entries, EntriesBuilder, OrderInfo, Provenance, Terms};

    fn feed() -> FeedName {
        FeedName::try_from("cert".to_owned()).unwrap()
    }

    fn order(ids: &[&str]) -> Arc<VerifiedOrder> {
        let mut entries = EntriesBuilder::default();
        for id in ids {
            let terms = Terms {
                direction: Direction::Both,
                protocol: None,
                ports: Box::default(),
                until: Timestamp::MAX,
                since: Timestamp::UNIX_EPOCH,
                reason: None,
                order: 0,
            };
            entries.push(id, "203.0.113.7/32".parse().unwrap(), terms);
        }
        let entries: Entries = entries.finish();
        let info = OrderInfo {
            reference: "1".into(),
            issuer: "x".into(),
            basis: "".into(),
            reason: "".into(),
        };
        let (at, none) = (Timestamp::UNIX_EPOCH, Vec::new());
        let provenance = Provenance::Operator { uid: 0 };
        let order = VerifiedOrder::for_test(feed(), provenance, at, vec![info], entries, none);
        Arc::new(order)
    }

    fn sources(ids: &[&str]) -> Sources {
        Sources::from([(SourceKey::Bundle(feed()), order(ids))])
    }

    fn ids(sources: &Sources) -> Vec<&str> {
        let entries = sources.values().flat_map(|source| source.entries().by_id());
        entries.map(|entry| entry.id).collect()
    }

    #[test]
    fn a_feed_stands_where_it_was_pinned_until_its_pause_ends_and_then_where_it_would_be() {
        let pause = PauseRecord {
            feed: feed(),
            reason: "a look".to_owned(),
            by: "an".to_owned(),
            at: Timestamp::UNIX_EPOCH,
            bundle: None,
            list: None,
        };
        let pauses = [pause];
        let mut pinned = Pinned::new(sources(&["a", "b"]));
        for _ in 0..2 {
            let latest = sources(&["b", "c"]);
            assert_eq!(ids(&pinned.in_force(&latest, &pauses)), ["b"]);
            assert_eq!(ids(&pinned.in_force(&latest, &[])), ["b", "c"]);
            let all = sources(&["a", "b", "c"]);
            assert_eq!(ids(&pinned.in_force(&all, &pauses)), ["a", "b"]);
        }
        // What cannot be read withdraws nothing, and a feed that was paused before it sent anything waits.
        assert_eq!(ids(&pinned.in_force(&Sources::new(), &pauses)), ["a", "b"]);
        let mut empty = Pinned::default();
        assert!(empty.in_force(&sources(&["a"]), &pauses).is_empty());
    }
}
