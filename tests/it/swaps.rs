//! Thousands of generations take each other's place under traffic: no packet is decided by half of one,
//! no counter goes back, and nothing grows.
//!
//! Two tables follow each other that look quite different: what one blocks by its sender the other blocks
//! by its receiver, and what one lists and never blocks the other does not know. Whoever looked into both
//! for one packet would decide wrongly.
//!
//! [`guards`] does the same with rules, host groups and limits. `service::swaps` has the real service do so.
//! `LEVEE_SWAPS` sets the number of swaps; `cargo xtask swaps` makes ten thousand.

mod guards;

use std::{
    net::IpAddr,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use filter_common::{counters::Counter, table::Scope, verdict::Action};
use filter_ctl::{
    kernel::{
        attach::{Mode, attach},
        object::embedded,
        stable::Stable,
    },
    table::Table,
};

use crate::support::{
    kernel::{Kernel, SMALL},
    layout::{BAD_4, BAD_6, CUSTOMER_4, CUSTOMER_6},
    netns::{Namespace, PATIENCE},
    packet::Flow,
    process::Process,
    random::number_from_environment,
    rules::{Rule, Rules},
    say, skipped,
    tap::Tap,
    wait_for,
};

/// Swaps of a run that nobody has asked for more.
const SWAPS: u64 = 1_000;

/// Frames of each kind in a burst.
const BURST: u64 = 20;

/// A second customer, whom half of the generations list.
const LISTED: [&str; 2] = ["192.0.2.66", "2001:db8:200::66"];
/// Listed by half of the generations, and then never blocked.
const ALLOWED: [&str; 2] = ["203.0.113.20", "2001:db8:bad::20"];
/// Listed by half of the generations.
const SOMETIMES: [&str; 2] = ["203.0.113.30", "2001:db8:bad::30"];

/// The slots, by family.
const BY_SENDER: [u32; 2] = [1, 11];
const BY_RECEIVER: [u32; 2] = [2, 12];
const SOMETIMES_SLOT: [u32; 2] = [3, 13];
const ALLOWED_SLOT: [u32; 2] = [4, 14];

fn one_of_two(even: bool) -> Table {
    let mut entries = Vec::new();
    for family in 0..2 {
        if even {
            entries.push(Rule::new([BAD_4, BAD_6][family], BY_SENDER[family]).only_from());
            entries.push(Rule::new(SOMETIMES[family], SOMETIMES_SLOT[family]));
            entries.push(Rule::new(ALLOWED[family], ALLOWED_SLOT[family]));
        } else {
            entries.push(Rule::new(LISTED[family], BY_RECEIVER[family]).only_to());
        }
    }
    if even {
        // Rows before and behind, so that the same index means something else.
        for host in 0..100 {
            entries.push(Rule::new(&format!("198.18.{host}.0/25"), 5));
            entries.push(Rule::new(&format!("2001:db8:77:{host}::/64"), 5));
        }
    }
    let rules = Rules::new(entries);
    let rules = if even {
        let never = |rules: Rules, net: &str| rules.never_block(net, Scope::Lists);
        ALLOWED.into_iter().fold(rules, never)
    } else {
        rules
    };
    rules.table()
}

const INSIDE: &str = "in0";
const OUTSIDE: &str = "out0";

/// A cable on which nothing is but what the test sends: neither end has an address.
struct Cable {
    outside: Namespace,
    router: Namespace,
}

impl Cable {
    fn new() -> Self {
        let [outside, router] = ["outside", "router"].map(Namespace::new);
        for namespace in [&outside, &router] {
            for which in ["all", "default"] {
                namespace.sysctl(&format!("net/ipv6/conf/{which}/disable_ipv6"), "1");
            }
        }
        let [near, far] = ["02:00:00:00:00:01", "02:00:00:00:00:02"];
        router.cable(INSIDE, near, &outside, OUTSIDE, far);
        Self { outside, router }
    }
}

/// What is sent, in every burst as often.
struct Frames(Vec<Vec<u8>>);

impl Frames {
    /// Of either family: blocked by every generation, allowed by every one, blocked by half of them.
    fn new() -> Self {
        let kinds = (0..2).flat_map(|family| {
            let customer = [CUSTOMER_4, CUSTOMER_6][family];
            [
                ([BAD_4, BAD_6][family], LISTED[family]),
                (ALLOWED[family], customer),
                (SOMETIMES[family], customer),
            ]
        });
        let frame = |(from, to): (&str, &str)| {
            let flow = Flow::udp(from, to, [4_000, 5_000]);
            flow.frame(&[0; 20]).bytes()
        };
        Self(kinds.map(frame).collect())
    }

    /// Sends bursts until told to stop, each after the one before was counted. How many there were.
    fn send(&self, wire: &Tap, counters: &Stable, stop: &AtomicBool) -> u64 {
        let mut bursts = 0;
        while !stop.load(Ordering::Relaxed) {
            for _ in 0..BURST {
                for frame in &self.0 {
                    wire.send(frame);
                }
            }
            bursts += 1;
            let sent = bursts * BURST * self.0.len() as u64;
            wait_for(PATIENCE, || (counted(counters) == sent).then_some(()))
                .unwrap_or_else(|| panic!("{} of {sent} frames were counted", counted(counters)));
        }
        bursts
    }
}

fn counted(counters: &Stable) -> u64 {
    let verdicts = counters.verdict_counters(0).unwrap();
    verdicts.iter().map(|counted| counted.counter.packets).sum()
}

fn grows(before: &Counter, after: &Counter) -> bool {
    before.packets <= after.packets
        && before.bytes <= after.bytes
        && before.would_packets <= after.would_packets
        && before.would_bytes <= after.would_bytes
}

/// The sender of an untagged IP frame.
fn sender(frame: &[u8]) -> Option<IpAddr> {
    match frame.get(12..14)? {
        [0x08, 0x00] => Some(<[u8; 4]>::try_from(frame.get(26..30)?).ok()?.into()),
        [0x86, 0xdd] => Some(<[u8; 16]>::try_from(frame.get(22..38)?).ok()?.into()),
        _ => None,
    }
}

/// How many frames come out behind the filter, and how many of them from blocked senders, until told to
/// stop.
fn leaks(wire: &Tap, stop: &AtomicBool) -> [u64; 2] {
    let blocked = [BAD_4, BAD_6].map(|address| address.parse::<IpAddr>().unwrap());
    let [mut seen, mut leaked] = [0; 2];
    while !stop.load(Ordering::Relaxed) {
        while let Some(frame) = wire.receive(Duration::from_millis(1)) {
            seen += 1;
            leaked += u64::from(sender(&frame).is_some_and(|from| blocked.contains(&from)));
        }
    }
    [seen, leaked]
}

#[test]
fn thousands_of_swaps_under_traffic_decide_no_packet_wrongly_and_leave_nothing_behind() {
    if skipped() {
        return;
    }
    let asked = number_from_environment("LEVEE_SWAPS");
    let swaps = asked.unwrap_or(SWAPS);
    let cable = Cable::new();
    let tables = [one_of_two(true), one_of_two(false)];
    let mut kernel = Kernel::empty(SMALL);
    kernel.publish_table(&tables[0], [0; 32]).unwrap();
    let Kernel { pins, instance, .. } = &mut kernel;
    let put_on = || attach(pins, instance, embedded().unwrap(), INSIDE, 0, Mode::Native);
    cable.router.run(put_on).unwrap();
    let [counters, of_sender] = [(); 2].map(|()| Stable::open(&kernel.pins.instance(1)).unwrap());
    let frames = Frames::new();
    let near = Tap::open(&cable.outside, OUTSIDE);
    let behind = Tap::open(&cable.router, INSIDE);
    let stop = AtomicBool::new(false);
    let start = Instant::now();
    let (bursts, [arrived, leaked]) = thread::scope(|scope| {
        let (frames, near, stop) = (&frames, &near, &stop);
        let sender = scope.spawn(move || {
            // A sender that fails must not leave the others waiting.
            let _stop = StopWhenDropped(stop);
            frames.send(near, &of_sender, stop)
        });
        let receiver = scope.spawn(|| leaks(&behind, stop));
        let _stop = StopWhenDropped(stop);
        let mut before = counters.verdict_counters(0).unwrap();
        let mut warm = Process::own().resources();
        for swap in 1..=swaps {
            assert!(!stop.load(Ordering::Relaxed), "the traffic has ended");
            let table = &tables[usize::try_from(swap % 2).unwrap()];
            kernel.publish_table(table, [0; 32]).unwrap();
            let after = counters.verdict_counters(0).unwrap();
            for (before, after) in before.iter().zip(&after) {
                let grows = grows(&before.counter, &after.counter);
                assert!(grows, "swap {swap}: {before:?}, then {after:?}");
            }
            before = after;
            if swap == swaps / 10 {
                warm = Process::own().resources();
            }
        }
        // Other tests run in this process: what grows with every swap is more than they need.
        let end = Process::own().resources();
        let allowed = usize::try_from(swaps).unwrap() / 2;
        assert!(end.files < warm.files + allowed, "{warm:?}, then {end:?}");
        assert!(
            end.mappings < warm.mappings + allowed,
            "{warm:?}, then {end:?}"
        );
        // Who asks for a number runs this test alone.
        if asked.is_some() {
            assert!(
                end.memory < warm.memory + 8 * 1_024,
                "{warm:?}, then {end:?}"
            );
            assert_eq!((end.maps, end.map_memory), (warm.maps, warm.map_memory));
        }
        stop.store(true, Ordering::Relaxed);
        (sender.join().unwrap(), receiver.join().unwrap())
    });
    let seconds = start.elapsed().as_secs_f64();

    let sent = bursts * BURST;
    let of = |slot: u32| counters.slot_counter(slot).unwrap();
    let mut dropped = 0;
    for family in 0..2 {
        let blocked = [BY_SENDER, BY_RECEIVER].map(|slots| of(slots[family]).packets);
        assert_eq!(
            blocked.iter().sum::<u64>(),
            sent,
            "not one blocked frame passed: {blocked:?}"
        );
        assert!(blocked.iter().all(|packets| *packets > 0), "{blocked:?}");
        let sometimes = of(SOMETIMES_SLOT[family]).packets;
        assert!(0 < sometimes && sometimes < sent, "{sometimes} of {sent}");
        let allowed = of(ALLOWED_SLOT[family]);
        assert_eq!(allowed, Counter::default(), "no allowed frame was dropped");
        dropped += sent + sometimes;
    }
    let verdicts = counters.verdict_counters(0).unwrap();
    let of = |action: Action| -> u64 {
        let counted = verdicts.iter().filter(|counted| counted.action == action);
        counted.map(|counted| counted.counter.packets).sum()
    };
    assert_eq!(of(Action::Drop), dropped, "each drop has one order");
    assert_eq!(of(Action::Pass), 6 * sent - dropped, "all others passed");
    assert_eq!(leaked, 0, "of {arrived} frames behind the filter");
    assert!(arrived > 0);
    say(&format!(
        "swapped {swaps} generations under {} packets in {seconds:.1} s: none wrongly decided",
        6 * sent
    ));
}

/// Ends the traffic, also after a failure.
struct StopWhenDropped<'a>(&'a AtomicBool);

impl Drop for StopWhenDropped<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
