//! kill -9 at any moment: while a bundle is read, compiled and swapped in, while the service starts, and
//! while it takes over from maps of another capacity or version. Whatever the moment, the kernel goes on
//! with a whole generation, no packet of a blocked host passes, and the next service reaches what was
//! desired, with all that was counted in between.
//!
//! `LEVEE_KILLS` sets how often and `LEVEE_SEED` when, which every run prints; `cargo xtask swaps` kills a
//! few hundred times.

mod wire;

use std::{
    path::PathBuf,
    sync::atomic::Ordering,
    thread,
    time::{Duration, Instant},
};

use filter_common::abi::STABLE_SINCE;
use jiff::{SignedDuration, Timestamp};

use super::{CONFIG, block, site};
use crate::support::{
    authority::{Authority, Bundle},
    bpffs::{is_finished, set_abi},
    daemon::{Daemon, Site},
    layout::{BAD_4, BAD_6, Layout},
    random::{Random, number_from_environment},
    say, skipped,
};
use wire::{Attack, PROBED, Probes, StopWhenDropped};

/// Kills of a run that nobody has asked for more.
const KILLS: u64 = 60;

/// Entries of a bundle beside those that are probed: enough that to verify, compile and write them takes
/// a while.
const ENTRIES: u32 = 10_000;

/// Prefixes that the maps hold, one way and the other.
const CAPACITIES: [u32; 2] = [20_000, 30_000];

/// When the service is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Moment {
    /// While it admits a bundle and puts it in force.
    Swap,
    /// While it starts over maps of its own.
    Start,
    /// While it takes over from maps of another capacity.
    OtherCapacity,
    /// While it takes over from maps of an older version.
    OlderVersion,
}

const MOMENTS: [Moment; 4] = [
    Moment::Swap,
    Moment::Start,
    Moment::OtherCapacity,
    Moment::OlderVersion,
];

struct Trial<'a> {
    site: Site<'a>,
    authority: Authority,
    probes: Probes,
    random: Random,
    /// The digests of the two generations that there may be.
    digests: [String; 2],
    /// The number of the last bundle that was made.
    seq: u64,
    /// The number of the last bundle that is known to be in force.
    acknowledged: u64,
    capacity: usize,
    until: Timestamp,
    /// How long a swap, a start and a takeover take.
    swap: Duration,
    start: Duration,
    takeover: Duration,
    counted: u64,
    found: Found,
}

/// What kills left behind, to say how deep they went.
#[derive(Debug, Default)]
struct Found {
    /// Maps that were not finished.
    unfinished: u64,
    /// Finished maps beside finished maps.
    beside: u64,
    /// A bundle that was admitted and never acknowledged.
    unacknowledged: u64,
}

impl<'a> Trial<'a> {
    fn new(layout: &'a Layout, seed: u64) -> Self {
        let (site, authority) = site(layout, CONFIG);
        let mut trial = Self {
            site,
            authority,
            probes: Probes::new(layout),
            random: Random::new(seed),
            digests: [String::new(), String::new()],
            seq: 0,
            acknowledged: 0,
            capacity: 0,
            until: Timestamp::now() + SignedDuration::from_hours(24),
            swap: Duration::ZERO,
            start: Duration::ZERO,
            takeover: Duration::ZERO,
            counted: 0,
            found: Found::default(),
        };
        trial.configure();
        let service = trial.site.start();
        block(&trial.site, &[BAD_4, BAD_6]);
        for _ in 0..2 {
            let bundle = trial.next_bundle();
            let start = Instant::now();
            trial.site.done(&["order", "apply", &bundle]);
            trial.swap = start.elapsed();
            trial.acknowledged = trial.seq;
            let status = trial.site.json(&["status"]);
            let digest = status["generation"]["digest"].as_str().unwrap();
            let parity = trial.parity();
            digest.clone_into(&mut trial.digests[parity]);
        }
        assert_ne!(trial.digests[0], trial.digests[1]);
        service.kill();
        trial.start = trial.time_to_start();
        trial.other_capacity();
        trial.takeover = trial.time_to_start();
        trial
    }

    fn time_to_start(&self) -> Duration {
        let start = Instant::now();
        self.site.start().kill();
        start.elapsed()
    }

    fn other_capacity(&mut self) {
        self.capacity = 1 - self.capacity;
        self.configure();
    }

    fn configure(&self) {
        let capacity = CAPACITIES[self.capacity];
        let limits = format!("[capacity]\nipv4 = {capacity}\nipv6 = {capacity}\n");
        self.site.configure(&format!("{CONFIG}{limits}"));
    }

    fn parity(&self) -> usize {
        usize::from(self.seq % 2 == 1)
    }

    /// Signs the bundle that comes next: all entries, and those that every second bundle lists.
    fn next_bundle(&mut self) -> String {
        self.seq += 1;
        let mut bundle = Bundle::new(self.seq, &[]);
        let hosts = (0..ENTRIES).map(|host| format!("45.{}.{}.1", host >> 8, host & 255));
        let probed = PROBED[self.parity()].map(str::to_owned);
        bundle.entries = hosts
            .chain(probed)
            .enumerate()
            .map(|(number, net)| {
                let until = self.until;
                format!("\"id\":\"e{number}\",\"net\":\"{net}\",\"until\":\"{until}\"")
            })
            .collect();
        let path = self.authority.sign(&self.site, "next.jsonl", &bundle);
        path.to_str().unwrap().to_owned()
    }

    /// A time that may be in the middle of what takes about so long.
    fn moment_within(&mut self, time: Duration) -> Duration {
        let most = usize::try_from(time.as_micros()).unwrap() * 5 / 4;
        Duration::from_micros(self.random.below(most).try_into().unwrap())
    }

    /// Kills a service at such a moment. It runs before, or not, as [`Trial::recover`] has left it.
    fn kill(&mut self, moment: Moment, running: Option<Daemon>) {
        if moment == Moment::Swap {
            let service = running.unwrap_or_else(|| self.recover());
            let bundle = self.next_bundle();
            let after = self.moment_within(self.swap);
            let site = &self.site;
            let applied = thread::scope(|scope| {
                let applied = scope.spawn(|| site.cli(&["order", "apply", &bundle]));
                thread::sleep(after);
                service.kill();
                applied.join().unwrap()
            });
            if applied.code == Some(0) {
                self.acknowledged = self.seq;
            }
            return;
        }
        drop(running);
        let mut time = self.takeover;
        match moment {
            Moment::OtherCapacity => self.other_capacity(),
            Moment::OlderVersion => {
                let pinned = self.pinned();
                let newest = pinned.iter().rfind(|path| is_finished(path));
                set_abi(newest.unwrap(), STABLE_SINCE);
            }
            Moment::Start | Moment::Swap => time = self.start,
        }
        let service = self.site.launch();
        thread::sleep(self.moment_within(time));
        service.kill();
    }

    /// The pinned sets of maps, oldest first.
    fn pinned(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.site.pins()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut numbers: Vec<u32> = names.filter_map(|name| name.parse().ok()).collect();
        numbers.sort_unstable();
        let path = |number: u32| self.site.pins().join(number.to_string());
        numbers.into_iter().map(path).collect()
    }

    /// With nobody in control: a whole generation is in force, one of the two, and the pins say so.
    fn check_whole(&mut self, when: &str) -> usize {
        let config = self.site.config();
        let status = self
            .site
            .json(&["status", "--config", config.to_str().unwrap()]);
        let in_force = self.probes.in_force(when);
        let finished: Vec<bool> = self.pinned().iter().map(|path| is_finished(path)).collect();
        self.found.unfinished += u64::from(finished.contains(&false));
        let beside = finished.iter().filter(|finished| **finished).count() > 1;
        self.found.beside += u64::from(beside);
        // Maps of an older version do not tell.
        if let Some(digest) = status["generation"]["digest"].as_str()
            && !status["alarms"].to_string().contains("takeover_incomplete")
        {
            assert_eq!(digest, self.digests[in_force], "{when}: {status}");
        }
        in_force
    }

    /// Starts the service, which reaches what is desired: the last bundle that was admitted.
    fn recover(&mut self) -> Daemon {
        let service = self.site.start();
        let status = self.site.json(&["status"]);
        let feeds = status["feeds"].as_array().unwrap();
        let feed = feeds.iter().find(|feed| feed["feed"] == "cert").unwrap();
        let admitted = feed["seq"].as_u64().unwrap();
        assert!(
            (self.acknowledged..=self.seq).contains(&admitted),
            "{admitted} is in force after {} of {}: {status}",
            self.acknowledged,
            self.seq
        );
        self.found.unacknowledged += u64::from(admitted > self.acknowledged);
        self.acknowledged = admitted;
        self.seq = admitted;
        let desired = self.parity();
        assert_eq!(status["generation"]["digest"], self.digests[desired]);
        assert_eq!(status["alarms"].to_string(), "[]", "{status}");
        assert_eq!(self.probes.in_force("after the restart"), desired);
        assert_eq!(self.pinned().len(), 1, "old maps are gone");
        let counted = self.counted();
        assert!(counted >= self.counted, "{counted} after {}", self.counted);
        self.counted = counted;
        service
    }

    /// Packets that were dropped by the order that always holds.
    fn counted(&self) -> u64 {
        let stats = self.site.json(&["stats"]);
        let orders = stats["orders"].as_array().unwrap();
        let order = orders.iter().find(|order| order["id"] == "operator:1");
        order.map_or(0, |order| order["packets"].as_u64().unwrap())
    }
}

#[test]
fn kill_9_at_any_moment_leaves_a_whole_generation_and_the_restart_reaches_the_desired_one() {
    if skipped() {
        return;
    }
    let kills = number_from_environment("LEVEE_KILLS").unwrap_or(KILLS);
    let seed = Random::seed("LEVEE_SEED", 0x9_0009);
    let layout = Layout::new();
    let mut trial = Trial::new(&layout, seed);
    say(&format!(
        "seed {seed}; a swap takes {:?}, a start {:?}, a takeover {:?}",
        trial.swap, trial.start, trial.takeover
    ));
    let attack = Attack::default();
    let before = trial.recover();
    let counted_before = trial.counted();
    before.kill();
    let mut killed = [0_u64; 4];
    thread::scope(|scope| {
        scope.spawn(|| attack.run(&layout));
        let _stop = StopWhenDropped(&attack.stop);
        let mut running = None;
        for kill in 1..=kills {
            let moment = *trial.random.pick(&MOMENTS);
            killed[moment as usize] += 1;
            let when = format!("kill {kill}, {moment:?}, seed {seed}");
            trial.kill(moment, running.take());
            trial.check_whole(&when);
            assert_eq!(attack.leaked.load(Ordering::Relaxed), 0, "{when}");
            // Sometimes several in a row.
            if trial.random.one_in(2) {
                running = Some(trial.recover());
            }
        }
    });
    let _service = trial.recover();
    let sent = attack.sent.load(Ordering::Relaxed);
    assert_eq!(
        attack.leaked.load(Ordering::Relaxed),
        0,
        "of {sent} packets"
    );
    assert_eq!(
        trial.counted() - counted_before,
        sent,
        "each was counted once, through all maps"
    );
    let [swap, start, capacity, version] = killed;
    let Found {
        unfinished,
        beside,
        unacknowledged,
    } = trial.found;
    say(&format!(
        "killed {kills} times, seed {seed}: {swap} in a swap, {start} in a start, {capacity} taking over \
         another capacity, {version} an older version; left behind: {unfinished} times unfinished maps, \
         {beside} times maps beside maps, {unacknowledged} times a bundle that nobody was told of; {sent} \
         packets of blocked hosts, none passed"
    ));
}
