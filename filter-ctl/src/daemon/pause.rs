//! Feeds that stand still: paused where they are, or taken back to an earlier state.
//!
//! What a paused feed sends is admitted, stored and receipted as ever, so that nothing can be replayed and its
//! authority sees no gap. In force is the state that the feed stands at, as far as what was admitted last still
//! asks for it: withdrawing never waits. `feed sync` ends it.

use std::sync::Arc;

use jiff::Timestamp;

use super::{
    desired::Sources,
    engine::{Engine, actor_name, failed, invalid, not_found, refused},
    handle::{Actor, Answer},
    lists::damage_subject,
    local::Local,
    pinned::{PauseRecord, Pinned, State, pin_subject, read_pinned},
    stored::{read_list_state, read_state},
};
use crate::{
    audit::Event,
    http::wire::{Changed, FeedPaused, PauseFeed, RollBack},
    order::{
        FeedName, Provenance, hex,
        store::{STATES_MAX, StoreError},
    },
};

/// The alarm; its subject is the feed.
const ALARM: &str = "feed_paused";

impl Engine {
    /// Pauses a feed where it is.
    pub(super) fn pause(
        &mut self,
        feed: &FeedName,
        request: &PauseFeed,
        actor: &Actor,
    ) -> Answer<Changed> {
        self.check_pausable(feed, &request.reason)?;
        if self.pause_of(feed).is_some() {
            let error = format!("feed {feed} is paused already; `filter-ctl feed sync {feed}`");
            return Err(refused("already_paused", error));
        }
        let orders = self.standing(feed);
        let record = self.record_here(feed, &request.reason, actor);
        let digest = record.digest();
        let event = Event::new(&actor_name(actor), "feed_pause", feed.as_str())
            .detail("reason", &request.reason)
            .detail("before", &digest)
            .detail("after", &digest);
        let message = format!(
            "feed {feed} is paused: what it sends is admitted and waits, withdrawals apply; \
             `filter-ctl feed sync {feed}` ends it"
        );
        self.stand(feed, Some(record), orders, event, message)
    }

    /// Takes a feed back to an earlier state, and pauses it there.
    pub(super) fn roll_back(
        &mut self,
        feed: &FeedName,
        request: &RollBack,
        actor: &Actor,
    ) -> Answer<Changed> {
        self.check_pausable(feed, &request.reason)?;
        let here = self.record_here(feed, &request.reason, actor);
        let state = self.state_before(&here, request.to.as_deref())?;
        let order = match &state {
            State::Bundle(mark) => read_state(&self.store, feed, mark, &self.trust, &self.timezone),
            State::List(mark) => read_list_state(&self.store, feed, mark),
        };
        let name = state.name();
        let order = order.map_err(|error| {
            let error = format!("state {name} of feed {feed} cannot be used: {error}");
            refused("state_unusable", error)
        })?;
        let key = state.key(feed);
        let entries = order.entries().len();
        let left = self
            .sources
            .get(&key)
            .map_or(entries, |latest| order.within(latest).entries().len());
        let event = Event::new(&actor_name(actor), "rollback", feed.as_str())
            .detail("reason", &request.reason)
            .detail("to", &name)
            .detail("before", here.digest())
            .detail("after", hex::encode(state.sha256()));
        let message = format!(
            "feed {feed} stands at {name}, admitted {}, and is paused: of its {entries} entries {left} are \
             still asked for; `filter-ctl feed sync {feed}` ends it",
            order.admitted_at()
        );
        let mut orders = self.standing(feed);
        orders.insert(key, order);
        self.stand(feed, Some(state.into_record(here)), orders, event, message)
    }

    /// Ends the pause of a feed. `None` if it is not paused.
    pub(super) fn resume(&mut self, feed: &FeedName, actor: &Actor) -> Answer<Option<Changed>> {
        let Some(record) = self.pause_of(feed).cloned() else {
            return Ok(None);
        };
        // It lets things into force; and it mends a state that a feed stands at and that cannot be read.
        self.check_undamaged_but(&pin_subject(feed))?;
        let mut orders = self.pinned.orders.clone();
        orders.retain(|key, _| key.feed() != Some(feed));
        let latest = PauseRecord {
            bundle: self.marks.get(feed).cloned(),
            list: self.lists.get(feed).cloned(),
            ..record.clone()
        };
        let event = Event::new(&actor_name(actor), "feed_sync", feed.as_str())
            .detail("paused_by", &record.by)
            .detail("paused_since", record.at)
            .detail("before", record.digest())
            .detail("after", latest.digest());
        let message = format!("feed {feed} is no longer paused: what it sent last is in force");
        let changed = self.stand(feed, None, orders, event, message)?;
        self.complete_receipts();
        Ok(Some(changed))
    }

    /// Makes durable where a feed stands, and enforces it.
    fn stand(
        &mut self,
        feed: &FeedName,
        record: Option<PauseRecord>,
        orders: Sources,
        event: Event,
        message: String,
    ) -> Answer<Changed> {
        let mut local = self.local.clone();
        local.pauses.retain(|pause| pause.feed != *feed);
        local.pauses.extend(record);
        let wanted = local.pauses.clone();
        let before = std::mem::replace(&mut self.pinned, Pinned::new(orders));
        let damage = pin_subject(feed);
        let was_damaged = self.damaged.remove(&damage);
        let result = self.decide(local, Local::save_pauses, event, message);
        if self.local.pauses == wanted {
            self.clear_alarm("state_damaged", &damage);
            self.clear_alarm(ALARM, feed.as_str());
            self.note_pauses();
        } else {
            self.pinned = before;
            if was_damaged {
                self.damaged.insert(damage);
            }
        }
        result
    }

    /// What paused feeds stand at, and this feed as well: where nothing is pinned, at what was admitted last.
    fn standing(&self, feed: &FeedName) -> Sources {
        let mut orders = self.pinned.orders.clone();
        let latest = self.sources.iter();
        for (key, order) in latest.filter(|(key, _)| key.feed() == Some(feed)) {
            orders
                .entry(key.clone())
                .or_insert_with(|| Arc::clone(order));
        }
        orders
    }

    /// Where a feed stands now.
    fn record_here(&self, feed: &FeedName, reason: &str, actor: &Actor) -> PauseRecord {
        let (bundle, list) = match self.pause_of(feed) {
            Some(PauseRecord { bundle, list, .. }) => (bundle.clone(), list.clone()),
            None => (self.marks.get(feed).cloned(), self.lists.get(feed).cloned()),
        };
        PauseRecord {
            feed: feed.clone(),
            reason: reason.to_owned(),
            by: actor_name(actor),
            at: Timestamp::now(),
            bundle,
            list,
        }
    }

    /// The state with this name, or else the last before the one where the feed stands.
    fn state_before(&self, here: &PauseRecord, name: Option<&str>) -> Answer<State> {
        let PauseRecord {
            feed, bundle, list, ..
        } = here;
        let unreadable = |error: StoreError| failed("state_unreadable", error.to_string());
        let config = self.config.feeds.iter().find(|config| config.name == *feed);
        let is_list = config.is_some_and(|config| config.list_terms().is_some());
        let past: Vec<State> = match (bundle, list) {
            (_, Some(_)) if is_list || bundle.is_none() => {
                let past = self.store.past_list_marks(feed).map_err(unreadable)?;
                past.into_iter().map(State::List).collect()
            }
            (Some(_), _) => {
                let past = self.store.past_marks(feed).map_err(unreadable)?;
                past.into_iter().map(State::Bundle).collect()
            }
            _ => Vec::new(),
        };
        let names: Vec<String> = past.iter().map(State::name).collect();
        let mut states = past.into_iter();
        let found = match name {
            Some(name) => states.find(|state| state.is_called(name)),
            None => states.find(|state| state.is_before(here)),
        };
        found.ok_or_else(|| {
            let what = name.map_or_else(
                || format!("no earlier state of feed {feed} is kept"),
                |name| format!("state {name} of feed {feed} is not kept"),
            );
            let kept = if names.is_empty() {
                "none is".to_owned()
            } else {
                format!("kept are {}", names.join(", "))
            };
            refused(
                "no_such_state",
                format!("{what}: {kept}, of at most {STATES_MAX} with the last"),
            )
        })
    }

    fn check_pausable(&self, feed: &FeedName, reason: &str) -> Answer<()> {
        if reason.trim().is_empty() {
            let error = "a pause or a rollback needs a reason".to_owned();
            return Err(invalid("reason", error));
        }
        if *feed == FeedName::operator() {
            let error = "operators' own orders are not paused: `filter-ctl order withdraw`";
            return Err(refused("operator_feed", error.to_owned()));
        }
        if !self.knows_feed(feed) {
            let error = format!("there is no feed `{feed}`; see `filter-ctl feed list`");
            return Err(not_found("no_such_feed", error));
        }
        let list = damage_subject(feed);
        if self.damaged.contains(feed.as_str()) || self.damaged.contains(&list) {
            let error = format!(
                "what feed {feed} sent last cannot be read, so nobody knows what it withdraws; apply its \
                 bundle again, or `filter-ctl panic off --feed {feed}`"
            );
            return Err(refused("state_damaged", error));
        }
        Ok(())
    }

    /// The record of a feed that is paused.
    pub(super) fn pause_of(&self, feed: &FeedName) -> Option<&PauseRecord> {
        self.local.pauses.iter().find(|pause| pause.feed == *feed)
    }

    /// Reads back the states that paused feeds stand at.
    pub(super) fn load_pinned(&mut self) {
        let (pinned, damaged) = read_pinned(&self.local, &self.store, &self.trust, &self.timezone);
        self.pinned = pinned;
        for (subject, message) in damaged {
            self.damage(&subject, &message);
        }
        self.note_pauses();
    }

    /// Raises the alarm of each feed that is paused.
    fn note_pauses(&mut self) {
        for PauseRecord { feed, by, at, .. } in self.local.pauses.clone() {
            let message = format!(
                "paused by {by} at {at}: withdrawals apply, all else that it sends waits for `filter-ctl feed \
                 sync {feed}`"
            );
            self.raise(ALARM, feed.as_str(), message);
        }
    }

    /// Removes the bundles of a feed that are no longer needed, and never those of a state it may stand at.
    pub(super) fn prune_bundles(&self, feed: &FeedName) {
        self.prune(feed, |pause| {
            let pinned = pause.and_then(|pause| pause.bundle.as_ref());
            self.store.prune(feed, pinned).map(drop)
        });
    }

    /// Removes the lists of a feed that are no longer needed, and never the one it may stand at.
    pub(super) fn prune_lists(&self, feed: &FeedName) {
        self.prune(feed, |pause| {
            let pinned = pause.and_then(|pause| pause.list.as_ref());
            self.store.prune_lists(feed, pinned)
        });
    }

    /// Nothing is removed while nobody knows which feeds are paused.
    fn prune(
        &self,
        feed: &FeedName,
        remove: impl FnOnce(Option<&PauseRecord>) -> Result<(), StoreError>,
    ) {
        if self.damaged.contains(super::local::PAUSES) {
            return;
        }
        if let Err(error) = remove(self.pause_of(feed)) {
            tracing::warn!(%feed, %error, "cannot remove old bundles and lists");
        }
    }

    /// How a feed that is paused is shown.
    pub(super) fn paused_status(&self, feed: &FeedName) -> Option<FeedPaused> {
        let PauseRecord { at, by, reason, .. } = self.pause_of(feed)?;
        let mut status = FeedPaused {
            since: *at,
            by: by.clone(),
            reason: reason.clone(),
            epoch: None,
            seq: None,
            sha256: None,
            admitted_at: None,
        };
        let mut latest = self.sources.iter();
        if let Some((_, latest)) = latest.find(|(key, _)| key.feed() == Some(feed)) {
            status.admitted_at = Some(latest.admitted_at());
            match latest.provenance() {
                Provenance::Bundle {
                    epoch, seq, sha256, ..
                } => {
                    (status.epoch, status.seq) = (Some(*epoch), Some(*seq));
                    status.sha256 = Some(hex::encode(sha256));
                }
                Provenance::List { sha256, .. } => status.sha256 = Some(hex::encode(sha256)),
                Provenance::Operator { .. } | Provenance::Table => {}
            }
        }
        Some(status)
    }
}
