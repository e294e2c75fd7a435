//! Which clocks are believed.

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
