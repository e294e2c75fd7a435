//! Fetched lists: judged, held or made durable, enforced. And what fetching has come to.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use tokio::sync::oneshot;

use super::{
    desired::SourceKey,
    engine::{Engine, actor_name, failed, not_found, refused},
    handle::{Actor, Answer, Command, Handle},
};
use crate::{
    audit::Event,
    evidence::note::Became,
    feed::pull::PullFailure,
    http::wire::{Changed, DecideUpdate, HeldUpdate},
    metrics::PullCount,
    order::{
        FeedName, Input, Provenance, hex,
        store::HeldList,
        verify::{AdmittedList, ListMark, admit_list},
    },
};

/// What was fetched of a list.
#[derive(Debug)]
pub enum ListFetch {
    /// The list itself.
    New(Input),
    /// The publisher still has these, by their SHA-256.
    Unchanged([u8; 32]),
}

/// What can be asked of the engine about fetched feeds.
#[derive(Debug)]
pub enum PullCommand {
    /// Judge a list and enforce it. The answer is false if its bytes are needed.
    List(FeedName, ListFetch, oneshot::Sender<Answer<bool>>),
    /// Note what a fetch has come to.
    Note(
        FeedName,
        Result<(), PullFailure>,
        oneshot::Sender<Answer<()>>,
    ),
    /// Enforce the update of a list that is held, or (false) never.
    Decide(DecideUpdate, bool, Actor, oneshot::Sender<Answer<Changed>>),
}

impl Handle {
    /// See [`PullCommand::List`].
    pub async fn take_list(&self, feed: FeedName, fetch: ListFetch) -> Answer<bool> {
        self.ask(|answer| Command::Pull(PullCommand::List(feed, fetch, answer)))
            .await
    }

    /// See [`PullCommand::Note`]. A service that is too busy or stopping notes nothing.
    pub async fn note_pull(&self, feed: FeedName, outcome: Result<(), PullFailure>) {
        let noted = self.ask(|answer| Command::Pull(PullCommand::Note(feed, outcome, answer)));
        if let Err(refusal) = noted.await {
            tracing::warn!(code = refusal.code, "a fetch was not noted");
        }
    }

    /// See [`PullCommand::Decide`].
    pub async fn decide_update(
        &self,
        request: DecideUpdate,
        approve: bool,
        actor: Actor,
    ) -> Answer<Changed> {
        self.ask(|answer| Command::Pull(PullCommand::Decide(request, approve, actor, answer)))
            .await
    }
}

/// What is remembered of a fetched feed while the service runs.
#[derive(Clone, Debug, Default)]
pub(super) struct PullRecord {
    failures: BTreeMap<String, u64>,
    pub(super) failures_in_a_row: u64,
    pub(super) last_success: Option<Timestamp>,
    /// The update that waits for an operator.
    pub(super) held: Option<HeldUpdate>,
}

impl Engine {
    pub(super) fn pull_command(&mut self, command: PullCommand) {
        match command {
            PullCommand::List(feed, fetch, answer) => {
                let result = self.take_list(&feed, fetch);
                self.reply(answer, result);
            }
            PullCommand::Note(feed, outcome, answer) => {
                self.note_pull(&feed, outcome);
                self.reply(answer, Ok(()));
            }
            PullCommand::Decide(request, approve, actor, answer) => {
                let result = if approve {
                    self.approve_update(&request, &actor)
                } else {
                    self.reject_update(&request, &actor)
                };
                self.reply(answer, result);
            }
        }
    }

    fn take_list(&mut self, feed: &FeedName, fetch: ListFetch) -> Answer<bool> {
        let now = Timestamp::now();
        self.check_time(now)?;
        let held = self.read_held(feed)?;
        let mut input = match fetch {
            ListFetch::New(input) => input,
            ListFetch::Unchanged(sha256) => {
                let in_force = self
                    .lists
                    .get(feed)
                    .is_some_and(|mark| mark.sha256 == sha256);
                if !in_force {
                    return Ok(held.is_some_and(|held| held.sha256 == sha256));
                }
                self.store
                    .list_input(feed, &sha256)
                    .map_err(|error| failed("stored_list", error.to_string()))?
            }
        };
        let admitted = self.judge_list(feed, &input, now)?;
        let caps = self.feed_config(feed)?.list_caps();
        match admitted.change {
            Some(change) if !change.is_within(&caps) => {
                if held.is_none_or(|held| held.sha256 != admitted.mark.sha256) {
                    let held = HeldList {
                        sha256: admitted.mark.sha256,
                        fetched_at: now,
                        change,
                        rejected_by: None,
                    };
                    self.hold_list(feed, &mut input, &held)?;
                }
            }
            _ => {
                let actor = format!("pull {feed}");
                self.commit_list(&mut input, admitted, &actor)?;
            }
        }
        Ok(true)
    }

    fn feed_config(&self, feed: &FeedName) -> Answer<&crate::config::FeedConfig> {
        let found = self.config.feeds.iter().find(|config| config.name == *feed);
        found.ok_or_else(|| {
            let error = format!("there is no [[feed]] `{feed}` in the configuration");
            not_found("no_such_feed", error)
        })
    }

    fn judge_list(&self, feed: &FeedName, input: &Input, now: Timestamp) -> Answer<AdmittedList> {
        let terms = self
            .feed_config(feed)?
            .list_terms()
            .ok_or_else(|| failed("not_a_list", format!("the format of `{feed}` is bundle")))?;
        let source = self.sources.get(&SourceKey::List(feed.clone()));
        let before = self.lists.get(feed).zip(source.map(Arc::as_ref));
        admit_list(feed, input, &terms, before, now)
            .map_err(|error| refused(error.code(), error.to_string()))
    }

    fn commit_list(
        &mut self,
        input: &mut Input,
        admitted: AdmittedList,
        actor: &str,
    ) -> Answer<u64> {
        let feed = admitted.order.feed().clone();
        let damage = damage_subject(&feed);
        self.check_undamaged_but(&damage)?;
        let sources = self.sources_with(SourceKey::List(feed.clone()), Arc::clone(&admitted.order));
        let local = self.local.clone();
        let plan = self.plan(&sources, &local)?;
        let stored = self.store.commit_list(input, &admitted);
        self.stored("commit", stored)?;
        let AdmittedList {
            order,
            mark,
            change,
        } = admitted;
        self.sources = sources;
        let before = self.lists.insert(feed.clone(), mark.clone());
        if self.damaged.remove(&damage) {
            self.clear_alarm("state_damaged", &damage);
        }
        self.end_held(&feed);
        // What was only seen again is not worth a record each hour.
        let is_new = before.is_none_or(|before| before.sha256 != mark.sha256);
        if is_new {
            let change = change.unwrap_or_default();
            self.record(
                Event::new(actor, "list_admitted", feed.as_str())
                    .detail("sha256", hex::encode(&mark.sha256))
                    .detail("entries", order.entries().len())
                    .detail("refused", order.refused().len())
                    .detail("added", change.added)
                    .detail("removed", change.removed),
            );
        }
        let generation = self.enforce_plan(plan);
        // Nothing that is blocked or unblocked waits for these.
        if is_new {
            self.keep_list(&feed, input, actor, Became::Admitted);
        }
        self.prune_lists(&feed);
        generation
    }

    fn hold_list(&mut self, feed: &FeedName, input: &mut Input, held: &HeldList) -> Answer<()> {
        let stored = self.store.hold_list(feed, input, held);
        self.stored("commit", stored)?;
        self.prune_lists(feed);
        self.keep_list(feed, input, &format!("pull {feed}"), Became::Held);
        self.record(
            Event::new(&format!("pull {feed}"), "update_held", feed.as_str())
                .detail("sha256", hex::encode(&held.sha256))
                .detail("before", held.change.before)
                .detail("added", held.change.added)
                .detail("removed", held.change.removed),
        );
        self.raise_held(feed, held);
        Ok(())
    }

    fn raise_held(&mut self, feed: &FeedName, held: &HeldList) {
        let crate::order::verify::ListChange {
            before,
            added,
            removed,
        } = held.change;
        let message = format!(
            "an update of {before} entries adds {added} and removes {removed}, more than allowed; the last \
             good list stays: `filter-ctl feed approve {feed}` or `feed reject {feed}`"
        );
        self.raise("update_held", feed.as_str(), message);
        self.pulls.entry(feed.clone()).or_default().held = Some(HeldUpdate {
            sha256: hex::encode(&held.sha256),
            fetched_at: held.fetched_at,
            before,
            added,
            removed,
        });
    }

    fn end_held(&mut self, feed: &FeedName) {
        self.clear_alarm("update_held", feed.as_str());
        if let Some(record) = self.pulls.get_mut(feed) {
            record.held = None;
        }
    }

    fn read_held(&self, feed: &FeedName) -> Answer<Option<HeldList>> {
        let held = self.store.held_list(feed);
        held.map_err(|error| failed("stored_list", error.to_string()))
    }

    /// The update that a request means: the one that was looked at, if it says which.
    fn waiting_update(&self, request: &DecideUpdate) -> Answer<HeldList> {
        let DecideUpdate { feed, sha256 } = request;
        let held = self.read_held(feed)?;
        let held = held.filter(|held| held.rejected_by.is_none());
        let held = held
            .ok_or_else(|| not_found("nothing_held", format!("no update of `{feed}` is held")))?;
        let Some(seen) = sha256 else { return Ok(held) };
        if !hex::is_named(&held.sha256, &seen.to_ascii_lowercase()) {
            let digest = hex::encode(&held.sha256);
            let error = format!(
                "the update of `{feed}` that is held has SHA-256 {digest}, expected `{seen}`: look at it with \
                 `filter-ctl feed show {feed}`"
            );
            return Err(refused("update_changed", error));
        }
        Ok(held)
    }

    /// Enforces the update that is held, whatever it changes.
    pub(super) fn approve_update(
        &mut self,
        request: &DecideUpdate,
        actor: &Actor,
    ) -> Answer<Changed> {
        let held = self.waiting_update(request)?;
        let feed = &request.feed;
        let mut input = self
            .store
            .list_input(feed, &held.sha256)
            .map_err(|error| failed("stored_list", error.to_string()))?;
        if input.sha256() != held.sha256 {
            let error =
                format!("the held update of `{feed}` is damaged; `filter-ctl feed reject {feed}`");
            return Err(failed("stored_list", error));
        }
        let now = Timestamp::now();
        self.check_time(now)?;
        let admitted = self.judge_list(feed, &input, now)?;
        let generation = self.commit_list(&mut input, admitted, &actor_name(actor))?;
        Ok(Changed {
            message: format!("the update of {feed} is approved and in force"),
            generation: Some(generation),
        })
    }

    /// Keeps the last good list. The very same update is not held again.
    pub(super) fn reject_update(
        &mut self,
        request: &DecideUpdate,
        actor: &Actor,
    ) -> Answer<Changed> {
        let mut held = self.waiting_update(request)?;
        let feed = &request.feed;
        held.rejected_by = Some(actor_name(actor));
        let stored = self.store.save_held(feed, &held);
        self.stored("commit", stored)?;
        self.end_held(feed);
        self.note_list(feed, &held.sha256, &actor_name(actor), Became::Rejected);
        self.record(
            Event::new(&actor_name(actor), "update_rejected", feed.as_str())
                .detail("sha256", hex::encode(&held.sha256)),
        );
        Ok(Changed {
            message: format!("the update of {feed} is rejected; the last good list stays"),
            generation: self.generation(),
        })
    }

    fn note_pull(&mut self, feed: &FeedName, outcome: Result<(), PullFailure>) {
        let record = self.pulls.entry(feed.clone()).or_default();
        match outcome {
            Ok(()) => {
                record.failures_in_a_row = 0;
                record.last_success = Some(Timestamp::now());
                self.clear_alarm("feed_failing", feed.as_str());
            }
            Err(PullFailure { code, error }) => {
                *record.failures.entry(code.clone()).or_default() += 1;
                record.failures_in_a_row += 1;
                let message = format!(
                    "fetching fails: {error} ({code}); what is in force stays until its own end"
                );
                self.raise("feed_failing", feed.as_str(), message);
            }
        }
    }

    /// What fetching has come to, for the metrics.
    pub(super) fn pull_counts(&self) -> Vec<PullCount> {
        let pulls = self.pulls.iter();
        pulls
            .map(|(feed, record)| PullCount {
                feed: feed.clone(),
                failures: record.failures.clone(),
                last_success: record.last_success,
            })
            .collect()
    }

    /// Takes over the marks of lists that were read back, and says what still waits.
    pub(super) fn take_lists(&mut self, marks: BTreeMap<FeedName, ListMark>) {
        for feed in marks.keys() {
            match self.store.held_list(feed) {
                Ok(Some(held)) if held.rejected_by.is_none() => self.raise_held(feed, &held),
                Ok(_) => {}
                Err(error) => self.raise("update_held", feed.as_str(), error.to_string()),
            }
        }
        self.lists.extend(marks);
    }

    /// Alarms of feeds that are fetched no more end with their settings.
    pub(super) fn forget_pulls(&mut self) {
        let fetched = |feed: &str| {
            let feeds = &self.config.feeds;
            feeds
                .iter()
                .any(|config| config.name.as_str() == feed && config.url.is_some())
        };
        self.pulls.retain(|feed, _| fetched(feed.as_str()));
        self.alarms
            .retain(|(code, subject), _| *code != "feed_failing" || fetched(subject));
    }

    /// Lists that have ended because nobody has seen them for so long.
    pub(super) fn check_lists(&mut self, now: Timestamp) {
        let lists =
            self.sources
                .iter()
                .filter_map(|(key, source)| match (key, source.provenance()) {
                    (SourceKey::List(feed), Provenance::List { until, .. }) => {
                        Some((feed.clone(), *until))
                    }
                    _ => None,
                });
        for (feed, until) in lists.collect::<Vec<_>>() {
            if until <= now {
                let message =
                    format!("the list was not seen again, and its entries ended at {until}");
                self.raise("list_ended", feed.as_str(), message);
            } else {
                self.clear_alarm("list_ended", feed.as_str());
            }
        }
    }
}

/// Under which name a list is damaged; no feed has it.
pub(super) fn damage_subject(feed: &FeedName) -> String {
    format!("{feed}/list")
}
