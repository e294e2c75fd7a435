//! From nothing, or from whatever a crash left behind, to a running engine.
//!
//! What the kernel enforces is not touched until everything that was stored has been read back. If
//! what it enforces is what the stored orders amount to, it is not touched at all.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{DirBuilder, File},
    io,
    os::{fd::AsFd as _, unix::fs::DirBuilderExt as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use jiff::Timestamp;
use tokio::sync::watch;

use super::{
    clock::Clock,
    desired::Sources,
    engine::Engine,
    inherit::{INSTANCES_MAX, choose_instance, load_ledger},
    local::Local,
    pinned::Pinned,
    publish::Shown,
    receipts::Receipts,
    recover::Unreadable,
    sampling::Sampling,
    stored::Stored,
    trail::Trail,
    trust::Kept,
    view::View,
};
use crate::{
    audit::Event,
    config::{CapacityConfig, Config},
    durable::DurableError,
    events::Hub,
    evidence::Evidence,
    http::push::monitor::PushMonitor,
    kernel::{
        KernelError, attach::LoadedProgram, lock_file, object, pins::PinDir, sync::Publisher,
    },
    metrics::Durations,
    observe::ledger::LedgerError,
    order::{
        FeedName,
        store::{Store, StoreError},
        trust::{TrustError, TrustFile},
    },
    policy::RuleSet,
    receipt::store::ReceiptDir,
    table::compile::Capacity,
};

/// Why the service cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The state directory cannot be used.
    #[error("cannot {action} {}: {source}", .path.display())]
    State {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Its spool cannot be used.
    #[error(transparent)]
    Spool(#[from] DurableError),
    /// Another service uses the state directory.
    #[error("{} is in use by another filter-ctl; stop that one first", .0.display())]
    Locked(PathBuf),
    /// The time zone is unknown.
    #[error("timezone: {0}")]
    Timezone(jiff::Error),
    /// The kernel.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// The stored orders.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Takeovers that could not be completed have left too much.
    #[error(
        "more than {INSTANCES_MAX} sets of maps are pinned in {}, because interfaces could not be moved \
         from one to the next; the kernel goes on with them; start with the [capacity] of the last that \
         worked, or in a quiet hour `filter-ctl detach --all`",
        .0.display()
    )]
    Instances(PathBuf),
    /// New maps would hold less than those in force.
    #[error(
        "the maps in force were made by another version or for another [capacity], and new ones \
         cannot take their place: {0}; the kernel goes on with the old ones"
    )]
    Takeover(String),
}

/// The lock on the state directory, held as long as the service runs.
pub(super) type StateLock = File;

/// Starts the engine. What goes wrong with one feed or interface is an alarm, not a failure.
pub(super) fn start(
    config: Config,
    config_path: PathBuf,
) -> Result<(Engine, watch::Receiver<Arc<View>>, StateLock), StartError> {
    let object = object::embedded().map_err(KernelError::from)?;
    let timezone = config.time_zone().map_err(StartError::Timezone)?;
    let lock = lock_state(&config.state_dir)?;
    let store = Store::open(&config.state_dir)?;

    let pins = PinDir::lock(&config.pin_dir)?;
    let chosen = choose_instance(&pins, capacity(config.capacity))?;
    let (ledger, ledger_alarm) = load_ledger(&config.state_dir, &chosen)?;
    let in_force_elsewhere = !chosen.left.is_empty() || !pins.links()?.is_empty();
    let takes_over = in_force_elsewhere && chosen.instance.live()?.is_none();
    let started = Event::new("filter-ctl", "start", env!("CARGO_PKG_VERSION"))
        .detail("config", config_path.display())
        .detail("instance", chosen.number);
    let evidence = Evidence::new(&config.state_dir);
    let receipts = Receipts::open(ReceiptDir::new(&config.state_dir), &config.state_dir);
    let (clock, clock_alarm) = Clock::load(&config.state_dir, &chosen.instance)?;
    let (sender, receiver) = watch::channel(Arc::new(View::starting()));
    let mut engine = Engine {
        timezone,
        trust: TrustFile::default(),
        kept_trust: Kept::Nothing,
        store,
        pins,
        instance: chosen.instance,
        left: chosen.left,
        publisher: Publisher::new()?,
        object,
        ledger,
        audit: Trail::default(),
        local: Local::default(),
        clock,
        sources: Sources::new(),
        pinned: Pinned::default(),
        marks: BTreeMap::new(),
        lists: BTreeMap::new(),
        pulls: BTreeMap::new(),
        letters: BTreeMap::new(),
        damaged: BTreeSet::new(),
        unreadable: Unreadable::default(),
        rules: Arc::new(RuleSet::default()),
        table_rows: [0, 0],
        table_prefixes: [0, 0],
        proof: None,
        has_drifted: false,
        drifts: 0,
        drifted: BTreeMap::new(),
        feeds: BTreeMap::new(),
        alarms: BTreeMap::new(),
        detached: BTreeSet::new(),
        unsaved: BTreeMap::new(),
        ledger_may_wait: false,
        interface_errors: BTreeMap::new(),
        seconds: 0,
        capacity_errors: 0,
        publish_durations: Durations::default(),
        enforce_durations: Durations::default(),
        unblock_durations: Durations::default(),
        started_at: Timestamp::now(),
        view: sender,
        shown: Shown::default(),
        receipts,
        evidence,
        hub: Hub::default(),
        sampling: Sampling::default(),
        push: PushMonitor::default(),
        config_path,
        config,
    };
    if let Some(message) = ledger_alarm {
        engine.raise("ledger_lost", "ledger.json", message);
    }
    if let Some(message) = clock_alarm {
        engine.raise("clock_floor_lost", "clock.json", message);
    }
    engine.check_clock();
    engine.open_audit();
    engine.record(started);
    engine.load_trust();
    engine.load_local();
    engine.load_sources();
    engine.load_pinned();
    engine.recall_equivocations();
    if let Err(error) = engine.bring_up(takes_over) {
        if takes_over && !engine.instance.is_finished()? {
            // Where this fails, the next start removes what is unfinished.
            let _unfinished = engine.pins.remove_instance(chosen.number);
        }
        return Err(error);
    }
    // What only says what was done comes after what protects.
    engine.load_evidence();
    engine.complete_receipts();
    engine.apply_sampling();
    engine.publish_view();
    Ok((engine, receiver, lock))
}

impl Engine {
    /// Reads the operators' decisions.
    fn load_local(&mut self) {
        let (local, unusable) = Local::load(&self.config.state_dir);
        self.local = local;
        self.note_feeds_off();
        for (file, error) in unusable {
            self.damage(file, &error.to_string());
        }
    }

    /// All that the old instance was made from must be there, and the kernel must take the program over the
    /// new one, or the old one stays in force.
    fn check_takeover(&mut self) -> Result<(), StartError> {
        if !self.damaged.is_empty() {
            let alarms = self.alarm_list();
            let what = alarms.iter().filter(|alarm| alarm.code == "state_damaged");
            let what: Vec<String> = what.map(|alarm| alarm.message.clone()).collect();
            return Err(StartError::Takeover(what.join("; ")));
        }
        LoadedProgram::load(&self.instance, self.object, 0)
            .map_err(|error| StartError::Takeover(error.to_string()))?;
        Ok(())
    }

    /// Reads back all that was admitted.
    fn load_sources(&mut self) {
        let stored = Stored::read(&self.store, &self.trust, &self.timezone);
        self.take_stored(stored);
    }

    /// Reads back what was admitted of one feed.
    pub(super) fn load_feed(&mut self, feed: &FeedName) {
        let mut stored = Stored::default();
        stored.read_feed(feed, &self.store, &self.trust, &self.timezone);
        self.take_stored(stored);
    }

    fn take_stored(&mut self, stored: Stored) {
        let Stored {
            sources,
            marks,
            letters,
            lists,
            alarms,
            damaged,
        } = stored;
        self.sources.extend(sources);
        self.marks.extend(marks);
        self.take_lists(lists);
        let letters = letters.into_iter();
        self.letters
            .extend(letters.map(|(reference, letter)| (reference, Arc::new(letter))));
        for (feed, alarm) in alarms {
            self.raise(alarm.code(), feed.as_str(), alarm.to_string());
        }
        for (subject, message) in damaged {
            self.damage(&subject, &message);
        }
    }

    pub(super) fn damage(&mut self, subject: &str, message: &str) {
        let message = format!("{message}; what is in force is kept as it is");
        self.raise("state_damaged", subject, message);
        self.damaged.insert(subject.to_owned());
    }

    /// Enforces what was read back and attaches. With damaged state and something in force, what is in
    /// force stays; with nothing in force, what could be read is better than nothing.
    ///
    /// Where this takes over from other maps, all of it has to be enforced, or they stay in force.
    fn bring_up(&mut self, takes_over: bool) -> Result<(), StartError> {
        if takes_over {
            self.check_takeover()?;
        }
        if self.note_interfaces().is_err() {
            self.raise(
                "too_many_interfaces",
                "configuration",
                LedgerError::Interfaces.to_string(),
            );
        }
        let (sources, local) = (self.sources.clone(), self.local.clone());
        let keep = !self.damaged.is_empty() && self.instance.live()?.is_some();
        if keep {
            self.recover();
        }
        match self.plan(&sources, &local) {
            // What can be read is shown, though more is in force.
            Ok(plan) if keep => {
                self.rules = Arc::new(plan.rules);
                if let Some(live) = self.instance.live()? {
                    self.learn_names(live.generation);
                }
            }
            Ok(plan) => {
                // A failure has raised its alarm; the pins, if any, go on enforcing.
                let _alarmed = self.enforce_plan(plan);
            }
            Err(refusal) if takes_over => return Err(StartError::Takeover(refusal.error)),
            Err(refusal) => self.raise("capacity", "tables", refusal.error),
        }
        if self.generation().is_none() {
            // An empty instance in place of a full one would take protection away.
            return Ok(());
        }
        self.attach_all();
        if self.left.is_empty() {
            // Links of interfaces that the configuration no longer names get this program as well.
            match self.carry_links() {
                Ok(failures) => failures.iter().for_each(|why| tracing::warn!("{why}")),
                Err(error) => tracing::warn!("not every link has this program: {error}"),
            }
        }
        self.leave_old_maps();
        self.read_counters();
        self.save_counters();
        Ok(())
    }
}

fn lock_state(state_dir: &Path) -> Result<StateLock, StartError> {
    let error = |action| {
        let path = state_dir.to_owned();
        move |source| StartError::State {
            action,
            path,
            source,
        }
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o750)
        .create(state_dir)
        .map_err(error("create"))?;
    let directory = File::open(state_dir).map_err(error("open"))?;
    if lock_file(directory.as_fd()).map_err(error("lock"))? {
        Ok(directory)
    } else {
        Err(StartError::Locked(state_dir.to_owned()))
    }
}

/// The room that is configured.
#[must_use]
pub fn capacity(config: CapacityConfig) -> Capacity {
    Capacity {
        v4_prefixes: config.ipv4,
        v6_prefixes: config.ipv6,
        limit_lines: config.limit_addresses,
    }
}

/// Reads and checks a trust file.
pub fn read_trust(path: &Path) -> Result<TrustFile, TrustFileError> {
    let text = std::fs::read_to_string(path).map_err(|source| TrustFileError::Read {
        path: path.to_owned(),
        source,
    })?;
    TrustFile::parse(&text).map_err(|source| TrustFileError::Invalid {
        path: path.to_owned(),
        source,
    })
}

/// A trust file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TrustFileError {
    /// It cannot be read.
    #[error("cannot read the trust file {}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It says something impossible.
    #[error("{}: {source}", .path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What.
        source: TrustError,
    },
}
