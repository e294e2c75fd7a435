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

use filter_common::abi::instance_state;
use jiff::{Timestamp, tz::TimeZone};
use tokio::sync::watch;

use super::{
    clock::TimeFloor,
    enforce::{SourceKey, Sources},
    engine::Engine,
    local::Local,
    view::View,
};
use crate::{
    audit::{Audit, AuditError, Event},
    config::{CapacityConfig, Config},
    kernel::{KernelError, instance::Instance, lock_file, object, pins::PinDir, sync::Publisher},
    metrics::Durations,
    observe::ledger::{Ledger, LedgerError},
    order::{
        FeedName,
        letter::OperatorOrder,
        store::{Store, StoreError},
        trust::{TrustError, TrustFile},
        verify::{Readmitted, readmit},
    },
    policy::RuleSet,
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
    let timezone = TimeZone::get(&config.timezone).map_err(StartError::Timezone)?;
    let lock = lock_state(&config.state_dir)?;
    let store = Store::open(&config.state_dir)?;

    let pins = PinDir::lock(&config.pin_dir)?;
    let chosen = choose_instance(&pins, capacity(config.capacity))?;
    let (mut ledger, ledger_alarm) = load_ledger(&config.state_dir, &chosen)?;
    let takes_over = !chosen.surplus.is_empty() && chosen.instance.live()?.is_none();
    if let Some(old) = &chosen.old {
        ledger.absorb(old)?;
    }
    let started = Event::new("filter-ctl", "start", env!("CARGO_PKG_VERSION"))
        .detail("config", config_path.display())
        .detail("instance", chosen.number);
    let floor = TimeFloor::load(&config.state_dir);
    let (sender, receiver) = watch::channel(Arc::new(View::starting()));
    let mut engine = Engine {
        timezone,
        trust: TrustFile::default(),
        store,
        pins,
        instance: chosen.instance,
        publisher: Publisher::new()?,
        object,
        ledger,
        audit: None,
        local: Local::default(),
        floor,
        sources: Sources::new(),
        marks: BTreeMap::new(),
        letters: BTreeMap::new(),
        damaged: BTreeSet::new(),
        rules: Arc::new(RuleSet::default()),
        table_rows: [0, 0],
        feeds: BTreeMap::new(),
        alarms: BTreeMap::new(),
        detached: BTreeSet::new(),
        interface_errors: BTreeMap::new(),
        seconds: 0,
        capacity_errors: 0,
        publish_durations: Durations::default(),
        enforce_durations: Durations::default(),
        started_at: Timestamp::now(),
        view: sender,
        config_path,
        config,
    };
    if let Some(message) = ledger_alarm {
        engine.raise("ledger_lost", "ledger.json", message);
    }
    engine.open_audit();
    engine.record(started);
    engine.load_trust();
    engine.load_local();
    engine.load_sources();
    if takes_over {
        engine.check_takeover()?;
    }
    engine.bring_up(chosen.old.as_ref(), &chosen.surplus)?;
    engine.publish_view();
    Ok((engine, receiver, lock))
}

impl Engine {
    /// Reads the trust file. Without one no feed can admit anything, and what was admitted goes on.
    fn load_trust(&mut self) {
        match read_trust(&self.config.trust_file) {
            Ok(trust) => self.trust = trust,
            Err(error) => {
                let subject = self.config.trust_file.display().to_string();
                let message = format!("{error}; until this is mended no bundle is admitted");
                self.raise("trust_file", subject, message);
            }
        }
    }

    /// Opens the audit log. One whose end makes no sense is moved aside, with an alarm: it is evidence,
    /// and must not keep the service from protecting.
    fn open_audit(&mut self) {
        match Audit::open(&self.config.state_dir) {
            Ok(audit) => self.audit = Some(audit),
            Err(error @ AuditError::Damaged { .. }) => {
                let path = self.config.state_dir.join(crate::audit::FILE);
                let aside =
                    path.with_extension(format!("damaged-{}", Timestamp::now().as_second()));
                let outcome = match std::fs::rename(&path, &aside) {
                    Ok(()) => format!("it was moved to {}", aside.display()),
                    Err(error) => format!("it cannot be moved aside either: {error}"),
                };
                self.raise("audit_damaged", "audit.log", format!("{error}; {outcome}"));
            }
            Err(error) => self.raise("audit_failed", "audit.log", error.to_string()),
        }
    }

    /// Reads the operators' decisions.
    fn load_local(&mut self) {
        match Local::load(&self.config.state_dir) {
            Ok(local) => self.local = local,
            Err(error) => self.damage("decisions", &error.to_string()),
        }
    }

    /// A new instance must hold all that the old one did, or the old one stays in force.
    fn check_takeover(&mut self) -> Result<(), StartError> {
        if !self.damaged.is_empty() {
            let alarms = self.alarm_list();
            let what = alarms.iter().filter(|alarm| alarm.code == "state_damaged");
            let what: Vec<String> = what.map(|alarm| alarm.message.clone()).collect();
            return Err(StartError::Takeover(what.join("; ")));
        }
        let (sources, local) = (self.sources.clone(), self.local.clone());
        match self.plan(&sources, &local) {
            Ok(_) => Ok(()),
            Err(refusal) => Err(StartError::Takeover(refusal.error)),
        }
    }

    /// Reads back all that was admitted.
    fn load_sources(&mut self) {
        match self.store.feeds() {
            Ok((feeds, damaged)) => {
                for feed in feeds {
                    self.load_feed(&feed);
                }
                for error in damaged {
                    self.damage("feeds", &error.to_string());
                }
            }
            Err(error) => self.damage("feeds", &error.to_string()),
        }
        match self.store.load_operators() {
            Ok((letters, damaged)) => {
                for letter in letters {
                    self.load_letter(letter);
                }
                for error in damaged {
                    self.damage(FeedName::OPERATOR, &error.to_string());
                }
            }
            Err(error) => self.damage(FeedName::OPERATOR, &error.to_string()),
        }
    }

    pub(super) fn load_feed(&mut self, feed: &FeedName) {
        // Known even where the bundle is not: what came before must not come again.
        if let Ok(Some(mark)) = self.store.mark(feed) {
            self.marks.insert(feed.clone(), mark);
        }
        let committed = match self.store.load_feed(feed) {
            Ok(Some(committed)) => committed,
            Ok(None) => return,
            Err(error) => return self.damage(feed.as_str(), &error.to_string()),
        };
        match readmit(&committed, &self.trust, &self.timezone) {
            Ok(Readmitted { order, alarms }) => {
                for alarm in alarms {
                    self.raise(alarm.code(), feed.as_str(), alarm.to_string());
                }
                self.sources
                    .insert(SourceKey::Bundle(feed.clone()), Arc::new(order));
            }
            Err(error) => self.damage(feed.as_str(), &error.to_string()),
        }
    }

    fn load_letter(&mut self, letter: OperatorOrder) {
        match letter.verified() {
            Ok(order) => {
                let reference = letter.info.reference.clone();
                self.sources
                    .insert(SourceKey::Letter(reference.clone()), Arc::new(order));
                self.letters.insert(reference, letter);
            }
            Err(error) => self.damage(FeedName::OPERATOR, &error.to_string()),
        }
    }

    fn damage(&mut self, subject: &str, message: &str) {
        let message = format!("{message}; what is in force is kept as it is");
        self.raise("state_damaged", subject, message);
        self.damaged.insert(subject.to_owned());
    }

    /// Enforces what was read back and attaches. With damaged state and something in force, what is in
    /// force stays; with nothing in force, what could be read is better than nothing.
    fn bring_up(&mut self, old: Option<&Instance>, surplus: &[u32]) -> Result<(), StartError> {
        if self.note_interfaces().is_err() {
            self.raise(
                "too_many_interfaces",
                "configuration",
                LedgerError::Interfaces.to_string(),
            );
        }
        // What the old maps still count until every interface has left them.
        let mut rest = self.ledger.fork();
        let (sources, local) = (self.sources.clone(), self.local.clone());
        let keep = !self.damaged.is_empty() && self.instance.live()?.is_some();
        match self.plan(&sources, &local) {
            // What can be read is shown, though more is in force.
            Ok(plan) if keep => self.rules = Arc::new(plan.rules),
            Ok(plan) => {
                // A failure has raised its alarm; the pins, if any, go on enforcing.
                let _alarmed = self.enforce_plan(plan);
            }
            Err(refusal) => self.raise("capacity", "tables", refusal.error),
        }
        if self.instance.live()?.is_none() {
            // An empty instance in place of a full one would take protection away.
            return Ok(());
        }
        if let Some(old) = old {
            self.instance.set_bypass(old.bypass());
        }
        self.instance.finish()?;
        self.attach_all();
        if self.interface_errors.is_empty() {
            if let Some(old) = old {
                self.publisher.wait()?;
                rest.absorb(old)?;
                self.ledger.join(rest);
            }
            for number in surplus {
                self.pins.remove_instance(*number)?;
            }
        }
        self.save_counters();
        Ok(())
    }
}

/// The instance to work with.
struct Chosen {
    number: u32,
    instance: Instance,
    /// The one in force until now, if it cannot be used further and can be read.
    old: Option<Instance>,
    /// Instances to remove once every interface has left them.
    surplus: Vec<u32>,
}

/// Chooses the newest finished instance if it has the right version and capacity, else makes a new
/// one beside it. Removes what an interrupted start left unfinished.
fn choose_instance(pins: &PinDir, capacity: Capacity) -> Result<Chosen, StartError> {
    let mut finished = Vec::new();
    let numbers = pins.instances()?;
    let next = numbers.last().map_or(1, |newest| newest + 1);
    for number in numbers {
        let path = pins.instance(number);
        match Instance::open(&path) {
            Ok(instance) if instance.header()?.state == instance_state::READY => {
                finished.push((number, Some(instance)));
            }
            // Of an older version, hence finished by an older controller. A newer one's pins are left
            // to it.
            Err(KernelError::Abi {
                found, expected, ..
            }) if (1..expected).contains(&found) => {
                finished.push((number, None));
            }
            Ok(_) => unfinished(pins, number)?,
            // A crash while it was made, before its record was written.
            Err(KernelError::Abi { found: 0, .. }) => unfinished(pins, number)?,
            Err(KernelError::Pins { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                unfinished(pins, number)?;
            }
            // Anything else may pass, and what it is about may be in force.
            Err(error) => return Err(error.into()),
        }
    }
    let newest = finished.pop();
    let mut surplus: Vec<u32> = finished.into_iter().map(|(number, _)| number).collect();
    if let Some((number, instance)) = newest {
        match instance {
            Some(instance) if instance.capacity() == capacity => {
                return Ok(Chosen {
                    number,
                    instance,
                    old: None,
                    surplus,
                });
            }
            old => {
                surplus.push(number);
                let instance = Instance::create(&pins.instance(next), capacity, nonce())?;
                return Ok(Chosen {
                    number: next,
                    instance,
                    old,
                    surplus,
                });
            }
        }
    }
    let instance = Instance::create(&pins.instance(next), capacity, nonce())?;
    Ok(Chosen {
        number: next,
        instance,
        old: None,
        surplus,
    })
}

/// Removes what an interrupted start left behind.
fn unfinished(pins: &PinDir, number: u32) -> Result<(), KernelError> {
    tracing::warn!(
        instance = number,
        "removing maps that an interrupted start left unfinished"
    );
    pins.remove_instance(number)
}

/// A number that no other set of maps has.
fn nonce() -> u64 {
    use std::hash::{BuildHasher as _, Hasher as _};
    // The standard library's per-process random keys, and the time, which differs between processes.
    let mut hasher = std::hash::RandomState::new().build_hasher();
    hasher.write_i128(Timestamp::now().as_nanosecond());
    hasher.finish().max(1)
}

fn load_ledger(state_dir: &Path, chosen: &Chosen) -> Result<(Ledger, Option<String>), StartError> {
    match Ledger::load(state_dir) {
        Ok(Some(ledger)) => Ok((ledger, None)),
        Ok(None) => {
            let instance = chosen.old.as_ref().unwrap_or(&chosen.instance);
            if instance.live()?.is_none() {
                return Ok((Ledger::new(), None));
            }
            let message = "it is missing; the totals of orders begin anew".to_owned();
            Ok((Ledger::recover(instance)?, Some(message)))
        }
        Err(error @ LedgerError::Damaged { .. }) => {
            let path = state_dir.join(crate::observe::ledger::FILE);
            let aside = path.with_extension(format!("damaged-{}", Timestamp::now().as_second()));
            std::fs::rename(&path, &aside).map_err(|source| StartError::State {
                action: "move aside",
                path,
                source,
            })?;
            let ledger = Ledger::recover(chosen.old.as_ref().unwrap_or(&chosen.instance))?;
            let message = format!(
                "{error}; it was moved to {}, and the totals of orders begin anew",
                aside.display()
            );
            Ok((ledger, Some(message)))
        }
        Err(error) => Err(error.into()),
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

/// The rows for a configured number of prefixes.
#[must_use]
pub fn capacity(config: CapacityConfig) -> Capacity {
    Capacity::for_prefixes(config.ipv4, config.ipv6)
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
