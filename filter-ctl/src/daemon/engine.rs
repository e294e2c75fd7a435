//! The service's state, and what each change does to it. One at a time, in one place.
//!
//! [`Engine`] is called by one task only. What it does is short of I/O but for the state directory and
//! the kernel; everything that waits lives in `tasks`.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

use jiff::{Timestamp, tz::TimeZone};
use tokio::sync::watch;

use super::{
    change::Save,
    clock::Clock,
    desired::{Plan, SourceKey, Sources, note_interfaces, plan},
    drift::Proof,
    enforce::has_been_set,
    handle::{Actor, Answer},
    leave::Left,
    lists::PullRecord,
    local::{EXCEPTIONS, Exception, Local},
    pinned::Pinned,
    publish::Shown,
    receipts::Receipts,
    recover::Unreadable,
    sampling::Sampling,
    trail::Trail,
    trust::Kept,
    view::View,
};
use crate::{
    config::Config,
    events::Hub,
    evidence::Evidence,
    http::{
        push::monitor::PushMonitor,
        wire::{Alarm, Refusal, RefusalKind},
    },
    kernel::{
        attach::{self, Attached},
        clock::boot_clock,
        instance::Instance,
        pins::PinDir,
        sync::Publisher,
    },
    metrics::Durations,
    observe::ledger::Ledger,
    order::{
        FeedName,
        letter::OperatorOrder,
        store::Store,
        trust::TrustFile,
        verify::{ListMark, Mark},
    },
    policy::RuleSet,
    table::compile::Capacity,
};

/// Seconds after which what failed with an interface or the tables is tried again.
pub(super) const RETRY_EVERY_SECONDS: u64 = 5;

/// The state.
pub(super) struct Engine {
    pub(super) config: Config,
    pub(super) config_path: PathBuf,
    pub(super) timezone: TimeZone,
    pub(super) trust: TrustFile,
    pub(super) kept_trust: Kept,
    pub(super) store: Store,
    pub(super) pins: PinDir,
    pub(super) instance: Instance,
    /// Maps that some interface may not have left yet, oldest first.
    pub(super) left: Vec<Left>,
    pub(super) publisher: Publisher,
    pub(super) object: &'static [u8],
    pub(super) ledger: Ledger,
    pub(super) audit: Trail,
    pub(super) local: Local,
    pub(super) clock: Clock,
    /// What was admitted last.
    pub(super) sources: Sources,
    /// Where paused feeds stand.
    pub(super) pinned: Pinned,
    /// What was admitted last of each feed; the same as on disk.
    pub(super) marks: BTreeMap<FeedName, Mark>,
    /// What is in force of each list; the same as on disk.
    pub(super) lists: BTreeMap<FeedName, ListMark>,
    pub(super) pulls: BTreeMap<FeedName, PullRecord>,
    pub(super) letters: BTreeMap<Box<str>, Arc<OperatorOrder>>,
    /// Feeds, and other stored things, that cannot be read. While there is one, what is in force stays.
    pub(super) damaged: BTreeSet<String>,
    /// What is known of them.
    pub(super) unreadable: Unreadable,
    pub(super) rules: Arc<RuleSet>,
    pub(super) table_rows: [u64; 2],
    pub(super) table_prefixes: [u64; 2],
    /// What shall lie in the kernel, once something does that this service knows.
    pub(super) proof: Option<Proof>,
    /// Whether something else was found there, and nothing was written since.
    pub(super) has_drifted: bool,
    /// How often.
    pub(super) drifts: u64,
    /// Entries that the kernel does not enforce as it should, by feed, as of the last look.
    pub(super) drifted: BTreeMap<FeedName, u64>,
    pub(super) feeds: BTreeMap<FeedName, FeedRecord>,
    pub(super) alarms: BTreeMap<(&'static str, String), String>,
    /// Interfaces that were taken off by hand, and stay off until they are put on by hand or the
    /// service starts anew.
    pub(super) detached: BTreeSet<String>,
    /// Files of decisions that are in force and could not be written.
    pub(super) unsaved: BTreeMap<&'static str, Save>,
    /// Whether a generation may come into force although its numbers cannot be written.
    pub(super) ledger_may_wait: bool,
    pub(super) interface_errors: BTreeMap<String, String>,
    /// Ticks since the start.
    pub(super) seconds: u64,
    pub(super) capacity_errors: u64,
    pub(super) publish_durations: Durations,
    pub(super) enforce_durations: Durations,
    pub(super) unblock_durations: Durations,
    pub(super) started_at: Timestamp,
    pub(super) view: watch::Sender<Arc<View>>,
    pub(super) shown: Shown,
    pub(super) receipts: Receipts,
    pub(super) evidence: Evidence,
    pub(super) hub: Hub,
    pub(super) sampling: Sampling,
    pub(super) push: PushMonitor,
}

/// What is remembered of a feed, besides its bundle, while the service runs.
#[derive(Clone, Debug, Default)]
pub(super) struct FeedRecord {
    pub(super) refused: BTreeMap<String, u64>,
    pub(super) last_refusal: Option<Refusal>,
}

impl Engine {
    /// The rows that the maps in use hold.
    pub(super) fn capacity(&self) -> Capacity {
        self.instance.capacity()
    }

    /// Plans for other sources and decisions than those in force. Changes nothing but the count of
    /// plans that did not fit.
    pub(super) fn plan(&mut self, sources: &Sources, local: &Local) -> Answer<Plan> {
        let now = self.now();
        let sources = self.pinned.in_force(sources, &local.pauses);
        let sources = self.with_recovered(sources);
        plan(
            &self.config,
            self.capacity(),
            &self.ledger,
            &sources,
            local,
            &self.rules,
            now,
        )
        .map_err(|error| {
            self.capacity_errors += 1;
            refused(
                "capacity",
                format!("{error}; what was in force before stays in force"),
            )
        })
    }

    /// Plans and enforces what is desired now.
    pub(super) fn enforce_desired(&mut self) -> Answer<u64> {
        let (sources, local) = (self.sources.clone(), self.local.clone());
        let plan = self.plan(&sources, &local);
        let plan = plan.inspect_err(|refusal| {
            self.raise("capacity", "tables", refusal.error.clone());
        })?;
        self.enforce_plan(plan)
    }

    /// Enforces a plan for what has been made durable already.
    pub(super) fn enforce_plan(&mut self, plan: Plan) -> Answer<u64> {
        self.note_left_out(&plan.left_out);
        match self.enforce(plan) {
            Ok(generation) => {
                self.clear_alarm("enforce_failed", "kernel");
                self.clear_alarm("capacity", "tables");
                self.note_enforced(generation);
                Ok(generation)
            }
            Err(error) => {
                let message = format!("{error}; it is tried again every few seconds");
                self.raise("enforce_failed", "kernel", message.clone());
                Err(failed("enforce_failed", message))
            }
        }
    }

    /// Raises an alarm; logs it if it is new or says something else.
    pub(super) fn raise(
        &mut self,
        code: &'static str,
        subject: impl Into<String>,
        message: String,
    ) {
        let key = (code, subject.into());
        if self.alarms.get(&key) != Some(&message) {
            tracing::error!(code, subject = key.1, "{message}");
            self.alarms.insert(key, message);
        }
    }

    /// Whether a change could be stored, as its answer says it. What could not be written is an alarm too, until a
    /// change is stored again.
    pub(super) fn stored<E: std::fmt::Display>(
        &mut self,
        code: &str,
        result: Result<(), E>,
    ) -> Answer<()> {
        match result {
            Ok(()) => {
                self.clear_alarm("state_not_writable", "changes");
                Ok(())
            }
            Err(error) => {
                let message =
                    format!("{error}; the alarm ends with the next change that is stored");
                self.raise("state_not_writable", "changes", message);
                Err(failed(code, error.to_string()))
            }
        }
    }

    /// Whether an alarm is raised.
    pub(super) fn has_alarm(&self, code: &'static str, subject: &str) -> bool {
        self.alarms.contains_key(&(code, subject.to_owned()))
    }

    /// Ends an alarm.
    pub(super) fn clear_alarm(&mut self, code: &'static str, subject: &str) {
        if self.alarms.remove(&(code, subject.to_owned())).is_some() {
            tracing::info!(code, subject, "the alarm has ended");
        }
    }

    /// Whether the wall clock was set since the generation in force was published.
    fn clock_was_set(&self) -> bool {
        let live = self.instance.live().ok().flatten();
        match (live, boot_clock()) {
            (Some(live), Ok(now)) => has_been_set(live.clock, self.clock.for_deadlines(now)),
            (None, _) | (_, Err(_)) => false,
        }
    }

    /// Refuses a change of what is in force while part of it cannot be read.
    pub(super) fn check_undamaged(&self, feed: Option<&FeedName>) -> Answer<()> {
        self.check_undamaged_but(feed.map_or("", FeedName::as_str))
    }

    /// Refuses it unless the only damage is this, which the change will mend.
    pub(super) fn check_undamaged_but(&self, mended: &str) -> Answer<()> {
        let others: Vec<&str> = self
            .damaged
            .iter()
            .map(String::as_str)
            .filter(|damaged| *damaged != mended)
            .collect();
        if others.is_empty() {
            return Ok(());
        }
        Err(failed(
            "state_damaged",
            format!(
                "what is stored of {} cannot be read, so what is in force is kept as it is; see the \
                 alarms of `filter-ctl status`, mend the file or apply the feed's bundle again",
                others.join(", ")
            ),
        ))
    }

    /// Notes all configured interfaces in the ledger, so that they have numbers and settings.
    pub(super) fn note_interfaces(&mut self) -> Answer<()> {
        note_interfaces(&self.config, &mut self.ledger)
            .map_err(|error| failed("ledger", error.to_string()))
    }

    /// Makes sure the program is on every configured interface that was not taken off by hand.
    ///
    /// Nothing is put on while there is nothing to enforce: an empty instance in place of a full one
    /// would take protection away. One that failed is tried again every few seconds.
    pub(super) fn attach_all(&mut self) {
        if self.generation().is_none() {
            return;
        }
        let retry = self.seconds.is_multiple_of(RETRY_EVERY_SECONDS);
        let names: Vec<String> = self
            .config
            .interfaces
            .iter()
            .map(|interface| interface.name.clone())
            .collect();
        for name in names {
            if self.detached.contains(&name) || self.interface_errors.contains_key(&name) && !retry
            {
                continue;
            }
            if let Err(refusal) = self.attach_one(&name) {
                self.raise("not_attached", name.clone(), refusal.error.clone());
                self.interface_errors.insert(name, refusal.error);
            }
        }
        self.check_offloads();
    }

    /// Puts the program on one configured interface.
    pub(super) fn attach_one(&mut self, name: &str) -> Answer<Attached> {
        let known = self
            .config
            .interfaces
            .iter()
            .find(|interface| interface.name == name);
        let number = self.ledger.interfaces().get(name).map(|known| known.number);
        let (Some(interface), Some(number)) = (known, number) else {
            return Err(not_found(
                "no_such_interface",
                format!(
                    "{name} is not in the configuration; add an [[interface]] for it and reload"
                ),
            ));
        };
        let mode = interface.mode;
        let attached = attach::attach(
            &self.pins,
            &mut self.instance,
            self.object,
            name,
            number,
            mode,
        )
        .map_err(|error| failed("attach", error.to_string()))?;
        self.interface_errors.remove(name);
        self.clear_alarm("not_attached", name);
        if attached != Attached::Kept {
            self.record_attached(name, mode, attached);
        }
        Ok(attached)
    }

    /// Whether an interface carries the program.
    pub(super) fn is_attached(&self, name: &str, mode: attach::Mode) -> bool {
        attach::is_attached(&self.pins, name, mode).unwrap_or(false)
    }

    /// All alarms, for the view.
    pub(super) fn alarm_list(&self) -> Vec<Alarm> {
        self.alarms
            .iter()
            .map(|((code, subject), message)| Alarm {
                code: (*code).to_owned(),
                subject: subject.clone(),
                message: message.clone(),
                detail: self.alarm_detail(code, subject),
            })
            .collect()
    }

    /// What changes while an alarm is raised, so that its message is logged once.
    fn alarm_detail(&self, code: &str, subject: &str) -> Option<String> {
        if code != "feed_failing" {
            return None;
        }
        let mut pulls = self.pulls.iter();
        let (_, record) = pulls.find(|(feed, _)| feed.as_str() == subject)?;
        Some(format!("{} times in a row", record.failures_in_a_row))
    }

    /// What happens once a second: entries that end, interfaces that come and go, clocks, alarms.
    pub(super) fn tick(&mut self) {
        self.watch_clock();
        let now = self.now();
        self.seconds += 1;
        let clock_set = self.clock_was_set();
        let due = clock_set || self.rules.next_change.is_some_and(|change| change <= now);
        let failing =
            self.has_alarm("enforce_failed", "kernel") || self.has_alarm("capacity", "tables");
        let retry = failing && self.seconds.is_multiple_of(RETRY_EVERY_SECONDS);
        if (due && !failing || retry)
            && self.damaged.is_empty()
            && self.clock.doubt(Timestamp::now()).is_none()
        {
            // A failure has raised its alarm and is tried again at a later tick.
            let _alarmed = self.enforce_desired();
        }
        let expired = |exception: &Exception| !exception.holds(now);
        if self.local.exceptions.iter().any(expired) {
            self.local
                .exceptions
                .retain(|exception| exception.holds(now));
            self.save_decisions(EXCEPTIONS, Local::save_exceptions);
        }
        self.forget_ended_rules(now);
        if self.seconds.is_multiple_of(RETRY_EVERY_SECONDS) {
            self.save_unsaved();
        }
        // What was only counted so far may be enforced by now, without a new generation.
        if let Some(generation) = self
            .generation()
            .filter(|_| !failing && self.damaged.is_empty())
        {
            self.note_enforced(generation);
        }
        self.check_drift_regularly();
        self.attach_all();
        self.leave_old_maps();
        self.check_feeds(now);
        self.check_lists(now);
        self.seal_audit(false);
        self.verify_audit_regularly();
        self.check_push();
        self.complete_receipts_regularly();
        self.prune_evidence_regularly();
        self.check_trust_age(now);
    }

    /// Reads the counters into the totals.
    pub(super) fn read_counters(&mut self) {
        match self.read_all_counters().and_then(|()| self.read_meters()) {
            Ok(()) => self.clear_alarm("counters", "kernel"),
            Err(error) => self.raise("counters", "kernel", error.to_string()),
        }
    }

    /// Writes the totals to disk.
    pub(super) fn save_counters(&mut self) {
        match self.ledger.save(&self.config.state_dir) {
            Ok(()) => self.clear_alarm("state_not_writable", "ledger.json"),
            Err(error) => self.raise("state_not_writable", "ledger.json", error.to_string()),
        }
    }

    fn check_feeds(&mut self, now: Timestamp) {
        let mut stale = Vec::new();
        let mut fresh = Vec::new();
        for (key, source) in &self.sources {
            let SourceKey::Bundle(feed) = key else {
                continue;
            };
            if let crate::order::Provenance::Bundle { expires_at, .. } = source.provenance() {
                if *expires_at <= now {
                    stale.push((feed.clone(), *expires_at));
                } else {
                    fresh.push(feed.clone());
                }
            }
        }
        for (feed, expires_at) in stale {
            let message = format!(
                "the last bundle expired at {expires_at} and no newer one has come; its entries hold \
                 until their own until"
            );
            self.raise("feed_stale", feed.as_str(), message);
        }
        for feed in fresh {
            self.clear_alarm("feed_stale", feed.as_str());
        }
    }
}

/// The name under which an actor goes into the audit log.
pub(super) fn actor_name(actor: &Actor) -> String {
    match actor.uid {
        Some(uid) => format!("{} (uid {uid})", actor.name),
        None => actor.name.clone(),
    }
}

pub(super) fn refused(code: &str, error: String) -> Refusal {
    Refusal {
        kind: RefusalKind::Refused,
        code: code.to_owned(),
        error,
    }
}

pub(super) fn failed(code: &str, error: String) -> Refusal {
    Refusal {
        kind: RefusalKind::Failed,
        code: code.to_owned(),
        error,
    }
}

pub(super) fn invalid(code: &str, error: String) -> Refusal {
    Refusal {
        kind: RefusalKind::Invalid,
        code: code.to_owned(),
        error,
    }
}

pub(super) fn not_found(code: &str, error: String) -> Refusal {
    Refusal {
        kind: RefusalKind::NotFound,
        code: code.to_owned(),
        error,
    }
}
