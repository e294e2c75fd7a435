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

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = AHEAD_MAX_SECONDS;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + seconds).expect("a time")
    }

    /// A wall clock so far ahead of the truth, so long after boot.
    fn reading(boot: i64, ahead: i64, synchronised: bool) -> Reading {
        Reading {
            now: at(boot + ahead),
            clock: BootClock {
                boottime_at_unix_0: -1_795_000_000 - ahead,
            },
            synchronised,
        }
    }

    /// What a clock that was always kept right has seen.
    fn floor(seconds: i64) -> Seen {
        Seen {
            floor: at(seconds),
            synchronised: Some(at(seconds)),
        }
    }

    fn code(clock: &Clock, reading: Reading) -> Option<&'static str> {
        clock.doubt(reading.now).map(|(code, _)| code)
    }

    #[test]
    fn a_clock_set_back_is_not_trusted_even_after_a_restart() {
        let state = tempfile::tempdir().expect("a temporary directory");
        let mut clock = Clock::start(None, None, reading(100, 0, true));
        clock.raise_floor(at(100), state.path()).expect("writes");
        let (seen, problem) = load_seen(state.path());
        assert_eq!((seen, problem), (Some(floor(100)), None));
        let restarted = Clock::start(seen, None, reading(100, -61, true));
        assert_eq!(code(&restarted, reading(100, 0, true)), None);
        assert_eq!(code(&restarted, reading(100, -59, true)), None);
        assert_eq!(
            code(&restarted, reading(100, -61, true)),
            Some("clock_behind")
        );
        let back = reading(100, -10 * 365 * DAY, false);
        assert_eq!(
            restarted.time(back.now, back.clock),
            at(100),
            "what has ended stays ended"
        );
    }

    #[test]
    fn a_clock_that_was_behind_at_a_start_is_believed_once_it_is_set_right() {
        let back = reading(100, -10 * 365 * DAY, false);
        let right = reading(160, 0, false);
        // Of the generation in force before, and of one that was published with the wrong clock.
        for in_force in [None, Some(right.clock), Some(back.clock)] {
            let mut clock = Clock::start(Some(floor(90)), in_force, back);
            assert_eq!(code(&clock, back), Some("clock_behind"));
            clock.follow(right);
            assert_eq!(code(&clock, right), None, "{in_force:?}");
            assert_eq!(clock.time(right.now, right.clock), at(160));
            let restarted = Clock::start(Some(floor(90)), in_force, right);
            assert_eq!(code(&restarted, right), None, "{in_force:?}");
        }
    }

    #[test]
    fn a_clock_far_ahead_at_a_start_waits_for_synchronisation_and_time_goes_on_meanwhile() {
        let ahead = reading(50, 300 * DAY, false);
        let mut clock = Clock::start(Some(floor(0)), None, ahead);
        assert_eq!(code(&clock, ahead), Some("clock_unsynchronised"));
        assert_eq!(clock.time(ahead.now, ahead.clock), at(0));
        let later = reading(60, 300 * DAY, false);
        clock.follow(later);
        assert_eq!(clock.time(later.now, later.clock), at(10));
        let synchronised = reading(70, 0, true);
        clock.follow(synchronised);
        assert_eq!(code(&clock, synchronised), None);
        assert_eq!(clock.time(synchronised.now, synchronised.clock), at(70));
    }

    #[test]
    fn a_long_pause_of_the_service_alone_is_no_doubt_and_neither_is_a_new_installation() {
        let in_force = reading(0, 0, false).clock;
        let now = reading(3 * DAY, 0, false);
        assert_eq!(
            code(&Clock::start(Some(floor(0)), Some(in_force), now), now),
            None
        );
        assert_eq!(code(&Clock::start(None, None, now), now), None);
        let synchronised = reading(3 * DAY, 0, true);
        assert_eq!(
            code(
                &Clock::start(Some(floor(0)), None, synchronised),
                synchronised
            ),
            None
        );
    }

    #[test]
    fn a_running_clock_that_leaps_is_not_followed_unless_it_is_synchronised() {
        let start = reading(0, 0, false);
        let mut clock = Clock::start(None, None, start);
        // In small steps, too.
        for step in 1..=25 {
            clock.follow(reading(step, step * 3600, false));
        }
        let leapt = reading(26, 25 * 3600, false);
        assert_eq!(code(&clock, leapt), Some("clock_unsynchronised"));
        assert_eq!(clock.time(leapt.now, leapt.clock), at(26));
        assert_eq!(clock.for_deadlines(leapt.clock), start.clock);
        let mut clock = Clock::start(None, None, start);
        clock.follow(reading(1, 2 * DAY, true));
        assert_eq!(code(&clock, reading(1, 2 * DAY, true)), None);
    }

    #[test]
    fn what_an_unsynchronised_clock_has_seen_gives_way_to_a_synchronised_one_and_only_down_to_another()
     {
        let state = tempfile::tempdir().expect("a temporary directory");
        let mut clock = Clock::start(Some(floor(0)), None, reading(10, 7 * 3600, false));
        clock
            .raise_floor(at(10 + 7 * 3600), state.path())
            .expect("writes");
        let unsynchronised = reading(20, 0, false);
        clock.follow(unsynchronised);
        assert_eq!(code(&clock, unsynchronised), Some("clock_behind"));
        let right = reading(30, 0, true);
        let (seen, _) = load_seen(state.path());
        let restarted = Clock::start(seen, None, right);
        clock.follow(right);
        for (mut clock, what) in [(clock, "running"), (restarted, "restarted")] {
            assert_eq!(code(&clock, right), None, "{what}");
            assert_eq!(clock.time(right.now, right.clock), at(30), "{what}");
            clock.raise_floor(at(30), state.path()).expect("writes");
            assert_eq!(load_seen(state.path()).0, Some(floor(30)), "{what}");
            // A server of the time that lies has no such way back.
            let back = reading(40, -100, true);
            clock.follow(back);
            assert_eq!(code(&clock, back), Some("clock_behind"), "{what}");
        }
    }

    #[test]
    fn the_floor_of_an_earlier_version_stands_as_if_it_were_certain() {
        let state = tempfile::tempdir().expect("a temporary directory");
        let text = format!("{{\"floor\":\"{}\"}}", at(100));
        std::fs::write(state.path().join(FILE), text).expect("written");
        let (seen, problem) = load_seen(state.path());
        assert_eq!(problem, None);
        let back = reading(100, -61, true);
        let clock = Clock::start(seen, None, back);
        assert_eq!(code(&clock, back), Some("clock_behind"));
    }

    #[test]
    fn a_damaged_floor_is_said() {
        let state = tempfile::tempdir().expect("a temporary directory");
        assert_eq!(load_seen(state.path()), (None, None));
        std::fs::write(state.path().join(FILE), "{\"floor\":").expect("written");
        let (seen, problem) = load_seen(state.path());
        assert_eq!(seen, None);
        assert!(problem.expect("said").contains("clock.json"));
    }
}
