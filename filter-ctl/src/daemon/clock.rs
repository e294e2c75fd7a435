//! Whether the time can be right.
//!
//! Two things are known besides the wall clock: the latest time that was ever seen here, the floor, which is
//! on disk, and how far the wall clock stood from the clock since boot, which nobody can set. A clock before the
//! floor is wrong. One that is more than a day ahead, of the floor at a start or of its own course while it
//! runs, is in doubt, unless the kernel says that it is synchronised.
//!
//! A floor that a synchronised clock has set stands, until an operator says otherwise. What a clock that nobody kept
//! right has added to it does not outweigh a synchronised one: a machine that boots some hours ahead, and is
//! then set right, admits at once.
//!
//! While it is wrong or in doubt nothing is admitted, because an old bundle would look fresh, and nothing
//! ends: time goes on from where it was known, by the clock since boot. Withdrawals and exceptions work.

#[cfg(test)]
mod tests;

use std::{io, path::Path};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    engine::{Engine, actor_name, failed, refused},
    handle::{Actor, Answer},
};
use crate::{
    audit::Event,
    durable,
    http::wire::{AcceptClock, Changed},
    kernel::{
        KernelError,
        clock::{boot_clock, is_synchronised},
        instance::Instance,
    },
    table::clock::BootClock,
};

/// The file below the state directory.
const FILE: &str = "clock.json";
/// How far a clock may be behind the floor, as after a small correction.
const TOLERANCE: SignedDuration = SignedDuration::from_secs(60);
/// How far the floor on disk may lag behind the clock.
const SAVE_EVERY: SignedDuration = SignedDuration::from_mins(10);
/// How far a clock that is not synchronised may be ahead, in seconds.
const AHEAD_MAX_SECONDS: i64 = 24 * 60 * 60;

/// What is known of the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Clock {
    /// What was seen.
    seen: Seen,
    /// What of it is on disk.
    saved: Seen,
    /// Where the wall clock stood when it was last known to be right.
    reference: BootClock,
    /// Whether the wall clock is ahead of the reference without an excuse.
    is_ahead: bool,
}

/// The clocks at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reading {
    /// The wall clock.
    now: Timestamp,
    /// Where it stands.
    clock: BootClock,
    /// Whether the kernel says that it is kept right.
    synchronised: bool,
}

/// The times that were seen here, as they are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seen {
    /// The latest.
    floor: Timestamp,
    /// The latest of a synchronised clock; the file of an earlier version does not say, and then the floor counts as
    /// such.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    synchronised: Option<Timestamp>,
}

impl Seen {
    /// Nothing yet.
    const NOTHING: Self = Self {
        floor: Timestamp::UNIX_EPOCH,
        synchronised: Some(Timestamp::UNIX_EPOCH),
    };

    /// The latest time that is beyond doubt.
    fn certain(self) -> Timestamp {
        self.synchronised.unwrap_or(self.floor)
    }
}

/// Whether one time is before another by more than a correction.
fn is_behind(now: Timestamp, time: Timestamp) -> bool {
    now.duration_since(time) < -TOLERANCE
}

impl Reading {
    /// Reads the clocks. A kernel that does not say whether they are kept right does not say so.
    fn take() -> Result<Self, KernelError> {
        Ok(Self {
            now: Timestamp::now(),
            clock: boot_clock()?,
            synchronised: is_synchronised().unwrap_or(false),
        })
    }
}

/// Where the clock that reads `reading` would stand, if the time were `floor`.
fn standing_at(floor: Timestamp, reading: Reading) -> BootClock {
    let ahead = reading.now.as_second().saturating_sub(floor.as_second());
    BootClock {
        boottime_at_unix_0: reading.clock.boottime_at_unix_0.saturating_add(ahead),
    }
}

/// The seconds by which one clock is ahead of the other.
const fn ahead(clock: BootClock, reference: BootClock) -> i64 {
    reference
        .boottime_at_unix_0
        .saturating_sub(clock.boottime_at_unix_0)
}

impl Clock {
    /// Reads the floor, and compares the clock with it or with that of the generation in force. Where there
    /// is neither, as in a new installation, the clock is believed. The second value says what is wrong with
    /// the file, which is a safeguard and must not keep the service from starting.
    pub(super) fn load(
        state_dir: &Path,
        instance: &Instance,
    ) -> Result<(Self, Option<String>), KernelError> {
        let (seen, problem) = load_seen(state_dir);
        let in_force = instance.live()?.map(|live| live.clock);
        Ok((Self::start(seen, in_force, Reading::take()?), problem))
    }

    fn start(seen: Option<Seen>, in_force: Option<BootClock>, reading: Reading) -> Self {
        let by_floor = seen.map(|seen| standing_at(seen.floor, reading));
        // Whichever says that it is later: a generation may be from a time when the clock was wrong.
        let reference = [in_force, by_floor]
            .into_iter()
            .flatten()
            .min_by_key(|clock| clock.boottime_at_unix_0);
        let seen = seen.unwrap_or(Seen::NOTHING);
        let mut clock = Self {
            seen,
            saved: seen,
            reference: reading.clock,
            is_ahead: false,
        };
        if let Some(reference) = reference
            && !reading.synchronised
        {
            clock.is_ahead = ahead(reading.clock, reference) > AHEAD_MAX_SECONDS;
            // A clock that is wrong already is nothing to compare a later one with.
            if clock.is_ahead || is_behind(reading.now, seen.floor) {
                clock.reference = reference;
            }
        }
        clock.follow(reading);
        clock
    }

    /// Goes by another reading.
    fn follow(&mut self, reading: Reading) {
        if reading.synchronised {
            self.reference = reading.clock;
            self.is_ahead = false;
            let certain = self.seen.certain();
            if is_behind(reading.now, certain) {
                return;
            }
            self.seen.synchronised = Some(certain.max(reading.now));
            if is_behind(reading.now, self.seen.floor) {
                self.seen.floor = reading.now;
            }
        } else if ahead(reading.clock, self.reference) > AHEAD_MAX_SECONDS {
            self.is_ahead = true;
        }
    }

    /// What is wrong with a clock that says `now`: the stable name of it, and a sentence.
    pub(super) fn doubt(&self, now: Timestamp) -> Option<(&'static str, String)> {
        let floor = self.seen.floor;
        if self.is_ahead {
            return Some((
                "clock_unsynchronised",
                format!(
                    "the clock says {now}, more than a day ahead of what is known, and the kernel says \
                     that nobody keeps it right: nothing is admitted and nothing ends until it is \
                     synchronised, or until `filter-ctl clock accept`"
                ),
            ));
        }
        is_behind(now, floor).then(|| {
            let error = format!(
                "the clock says {now}, but it has been {floor} here already: nothing is admitted and \
                 nothing ends until it is set right, or until `filter-ctl clock accept`"
            );
            ("clock_behind", error)
        })
    }

    /// The clock by which deadlines are set in the kernel.
    pub(super) const fn for_deadlines(&self, clock: BootClock) -> BootClock {
        if self.is_ahead { self.reference } else { clock }
    }

    /// The time to go by.
    fn time(&self, now: Timestamp, clock: BootClock) -> Timestamp {
        let ahead = ahead(clock, self.for_deadlines(clock));
        let now = now
            .checked_sub(SignedDuration::from_secs(ahead))
            .unwrap_or(now);
        // A clock behind the floor would bring back what has ended.
        if is_behind(now, self.seen.floor) {
            self.seen.floor
        } else {
            now
        }
    }

    /// Raises the floor to `now`, and writes it if the one on disk has fallen behind, or is above it.
    fn raise_floor(
        &mut self,
        now: Timestamp,
        state_dir: &Path,
    ) -> Result<(), durable::DurableError> {
        self.seen.floor = self.seen.floor.max(now);
        let (seen, saved) = (self.seen, self.saved);
        if seen.floor < saved.floor
            || seen.floor.duration_since(saved.floor) >= SAVE_EVERY
            || seen.certain().duration_since(saved.certain()) >= SAVE_EVERY
        {
            self.save(state_dir)?;
        }
        Ok(())
    }

    fn save(&mut self, state_dir: &Path) -> Result<(), durable::DurableError> {
        let path = state_dir.join(FILE);
        let bytes = serde_json::to_vec(&self.seen)
            .map_err(|error| durable::DurableError::at("write", &path)(io::Error::other(error)))?;
        durable::write_atomic(&path, &bytes)?;
        self.saved = self.seen;
        Ok(())
    }
}

/// What is on disk, and what is wrong with the file.
fn load_seen(state_dir: &Path) -> (Option<Seen>, Option<String>) {
    let path = state_dir.join(FILE);
    let problem = match std::fs::read(&path) {
        Ok(bytes) => match serde_json::from_slice(&bytes) {
            Ok(seen) => return (Some(seen), None),
            Err(error) => error.to_string(),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => return (None, None),
        Err(error) => error.to_string(),
    };
    let message = format!(
        "{} cannot be used: {problem}; the latest time that was seen here is not known, and is taken \
         from this machine's clock: see that it is right, then run `filter-ctl clock accept`",
        path.display()
    );
    (None, Some(message))
}

impl Engine {
    /// The time to go by: the wall clock's while that can be right.
    pub(super) fn now(&self) -> Timestamp {
        let now = Timestamp::now();
        match boot_clock() {
            Ok(clock) => self.clock.time(now, clock),
            Err(_) => now,
        }
    }

    /// Looks at the clocks, once a second.
    pub(super) fn watch_clock(&mut self) {
        match Reading::take() {
            Ok(reading) => {
                self.clock.follow(reading);
                self.clear_alarm("clock_unreadable", "clock");
            }
            Err(error) => self.raise("clock_unreadable", "clock", error.to_string()),
        }
        self.check_clock();
        let now = self.now();
        match self.clock.raise_floor(now, &self.config.state_dir) {
            Ok(()) => self.clear_alarm("state_not_writable", FILE),
            Err(error) => self.raise("state_not_writable", FILE, error.to_string()),
        }
    }

    /// Raises and ends the alarms about the clock.
    pub(super) fn check_clock(&mut self) {
        let doubt = self.clock.doubt(Timestamp::now());
        for code in ["clock_unsynchronised", "clock_behind"] {
            match &doubt {
                // Said once: the time in the sentence is that of the first look.
                Some((found, _)) if *found == code && self.has_alarm(code, "clock") => {}
                Some((found, message)) if *found == code => {
                    self.raise(code, "clock", message.clone());
                }
                Some(_) | None => self.clear_alarm(code, "clock"),
            }
        }
    }

    /// An operator says that the clock is right. The floor becomes what it says.
    pub(super) fn accept_clock(&mut self, request: &AcceptClock, actor: &Actor) -> Answer<Changed> {
        let now = Timestamp::now();
        let doubt = self.clock.doubt(now);
        if doubt.is_none() && !self.has_alarm("clock_floor_lost", FILE) {
            let error = format!("the clock says {now}, and nothing is held against it");
            return Err(refused("clock_not_in_doubt", error));
        }
        let before = self.clock.seen.floor;
        let clock = boot_clock().map_err(|error| failed("clock", error.to_string()))?;
        let seen = Seen {
            floor: now,
            synchronised: Some(now),
        };
        let mut accepted = Clock {
            seen,
            saved: seen,
            reference: clock,
            is_ahead: false,
        };
        let stored = accepted.save(&self.config.state_dir);
        self.stored("state_not_writable", stored)?;
        self.clock = accepted;
        self.record(
            Event::new(&actor_name(actor), "clock_accept", now.to_string())
                .detail("floor_before", before)
                .detail("doubt", doubt.map_or("none", |(code, _)| code))
                .detail("reason", &request.reason),
        );
        self.clear_alarm("clock_floor_lost", FILE);
        self.check_clock();
        Ok(Changed {
            message: format!("the clock is taken for right: {now}"),
            generation: self.generation(),
        })
    }
}
