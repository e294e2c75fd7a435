//! Updates swap whole generations: no packet sees half of one, none sees nothing, and what cannot be
//! put in force leaves in force what was.

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::Duration,
};

use filter_common::{
    abi::{ABI_VERSION, PLACE_DEEP_CAPACITY, PLACE4_ROWS_CAPACITY, SETTINGS_CAPACITY, map},
    counters::Counter,
    limits::CLAUSES_MAX,
    table::Deep,
    verdict::Reason,
};
use filter_ctl::{
    kernel::{
        KernelError, attach::LoadedProgram, instance::Instance, object::embedded, pins::PinDir,
    },
    table::{Table, compile::Capacity},
};

use crate::support::{
    bpffs::{Bpffs, set_abi},
    kernel::{Kernel, Outcome, SMALL},
    packet::Flow,
    rules::{Rule, Rules},
    say, skipped, wait_for,
};

const A: &str = "203.0.113.7";
const B: &str = "198.51.100.9";

fn frame(from: &str, to: &str) -> Vec<u8> {
    Flow::udp(from, to, [1, 2]).frame(&[0; 20]).bytes()
}

/// Blocks `A` only, or `B` only, with tables that look quite different.
fn one_of_two(generation: u64) -> Rules {
    let mut rules = Vec::new();
    if generation.is_multiple_of(2) {
        // Rows before and behind, so that the same index means something else.
        for host in 0..100 {
            rules.push(Rule::new(&format!("203.0.{host}.0/25"), 5));
        }
        rules.push(Rule::new(A, 1));
    } else {
        rules.push(Rule::new("198.51.100.0/24", 2).protocol(17));
    }
    Rules::new(rules)
}

/// Every packet between `A` and `B` is blocked by each generation, for one end or the other. One that
/// looked up its ends in two generations would pass. The packets follow each other inside the kernel,
/// so that hardly a moment is without one.
#[test]
fn no_packet_sees_two_generations() {
    const GENERATIONS: usize = 60;
    const BURST: u32 = 100_000;
    if skipped() {
        return;
    }
    let mut kernel = Kernel::with(&one_of_two(0));
    let tables = [one_of_two(0), one_of_two(1)].map(|rules| rules.table());
    let mut program = LoadedProgram::load(&kernel.instance, embedded().unwrap(), 0).unwrap();
    let frames = [frame(A, B), frame(B, A)];
    let stop = AtomicBool::new(false);
    let sent = AtomicU64::new(0);
    thread::scope(|scope| {
        let traffic = scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                for frame in &frames {
                    program.test_run_repeated(frame, BURST).unwrap();
                    sent.fetch_add(u64::from(BURST), Ordering::Relaxed);
                }
            }
        });
        let mut before = kernel.snapshot();
        for generation in 1..=GENERATIONS {
            kernel
                .publish_table(&tables[generation % 2], [0; 32])
                .unwrap();
            let after = kernel.snapshot();
            for (before, after) in before.verdicts.iter().zip(&after.verdicts) {
                assert!(
                    grows(&before.counter, &after.counter),
                    "{before:?}, then {after:?}"
                );
            }
            before = after;
        }
        stop.store(true, Ordering::Relaxed);
        traffic.join().unwrap();
    });
    let verdicts = kernel.snapshot().verdicts;
    let all: u64 = verdicts.iter().map(|counted| counted.counter.packets).sum();
    let orders = kernel.snapshot().packets(Reason::Order);
    assert_eq!(all, sent.load(Ordering::Relaxed), "each packet counts once");
    assert_eq!(orders, all, "{} packets saw no rule", all - orders);
    let slots = [1, 2].map(|slot| kernel.instance.slot_counter(slot).unwrap().packets);
    assert_eq!(slots.iter().sum::<u64>(), orders, "each drop has one order");
    assert!(slots.iter().all(|packets| *packets > 0), "{slots:?}");
    say(&format!("{orders} packets over {GENERATIONS} generations"));
}

fn grows(before: &Counter, after: &Counter) -> bool {
    before.packets <= after.packets
        && before.bytes <= after.bytes
        && before.would_packets <= after.would_packets
        && before.would_bytes <= after.would_bytes
}

#[test]
fn a_generation_is_written_beside_the_one_in_force() {
    if skipped() {
        return;
    }
    let mut kernel = Kernel::empty(SMALL);
    assert_eq!(kernel.instance.live().unwrap(), None);
    let tables = [one_of_two(0), one_of_two(1)].map(|rules| rules.table());
    let mut expected = [[0; 32]; 2];
    for number in 1..=5_u8 {
        let half = usize::from(number - 1) % 2;
        kernel.publish_table(&tables[half], [number; 32]).unwrap();
        expected[half] = [number; 32];
        assert_eq!(kernel.instance.header().unwrap().digests, expected);
        let live = kernel.instance.live().unwrap().unwrap();
        assert_eq!(
            (live.generation, live.digest),
            (u64::from(number), [number; 32])
        );
        kernel.settle();
        let blocked = if half == 0 { A } else { B };
        assert!(kernel.run(&frame(blocked, "192.0.2.1")).dropped);
        let passing = if half == 0 { B } else { A };
        assert!(!kernel.run(&frame(passing, "192.0.2.1")).dropped);
    }
}

#[test]
fn a_table_that_does_not_fit_changes_nothing() {
    if skipped() {
        return;
    }
    let rules = Rules::new([Rule::new(A, 1)]);
    let mut kernel = Kernel::with(&rules);
    let live = kernel.instance.live().unwrap();
    let fits = rules.table();
    let mut tables: Vec<(&str, usize, Table)> = vec![];
    let mut add = |what, needed, change: &dyn Fn(&mut Table)| {
        let mut table = fits.clone();
        change(&mut table);
        tables.push((what, needed, table));
    };
    let rows = [SMALL.v4_rows(), SMALL.v6_rows(), SMALL.v6_deep()];
    let [v4, v6, deep] = rows.map(|rows| rows as usize + 1);
    let (place, place_deep) = (PLACE4_ROWS_CAPACITY + 1, PLACE_DEEP_CAPACITY + 1);
    let clause = fits.clauses[0];
    let setting = fits.settings[0];
    add(map::V4_STARTS, v4, &|t| t.v4.starts = vec![0; v4]);
    add(map::V4_VALUES, v4, &|t| t.v4.values = vec![0; v4]);
    add(map::V6_STARTS, v6, &|t| t.v6.starts = vec![0; v6]);
    add(map::V6_DEEP, deep, &|t| {
        t.v6.deep = vec![Deep::default(); deep];
    });
    add(map::PLACE4_STARTS, place, &|t| {
        t.places_v4.starts = vec![0; place];
    });
    add(map::PLACE6_DEEP, place_deep, &|t| {
        t.places_v6.deep = vec![Deep::default(); place_deep];
    });
    add(map::CLAUSES, CLAUSES_MAX + 1, &|t| {
        t.clauses = vec![clause; CLAUSES_MAX + 1];
    });
    add(map::SETTINGS, SETTINGS_CAPACITY + 1, &|t| {
        t.settings = vec![setting; SETTINGS_CAPACITY + 1];
    });
    for (name, size, table) in tables {
        match kernel.publish_table(&table, [9; 32]) {
            Err(KernelError::Capacity {
                what,
                needed,
                available,
            }) => {
                assert_eq!((what, needed, available + 1), (name, size, size));
            }
            other => panic!("{name}: {other:?}"),
        }
        assert_eq!(kernel.instance.live().unwrap(), live, "{name}");
        assert_eq!(kernel.run(&frame(A, B)), Outcome::drop(1), "{name}");
    }
    // What fits to the last element is taken.
    let mut full = fits.clone();
    full.v4.starts.resize(SMALL.v4_rows() as usize, u16::MAX);
    full.v4.values.resize(SMALL.v4_rows() as usize, 0);
    kernel.publish_table(&full, [8; 32]).unwrap();
    assert_eq!(kernel.run(&frame(A, B)), Outcome::drop(1));
}

#[test]
fn a_successor_finds_generation_digest_and_counters() {
    if skipped() {
        return;
    }
    let mut kernel = Kernel::with(&Rules::new([Rule::new(A, 1)]));
    kernel
        .publish_table(&Rules::new([Rule::new(B, 2)]).table(), [7; 32])
        .unwrap();
    for _ in 0..5 {
        assert!(kernel.program.test_run(&frame(B, A)).unwrap());
    }
    kernel.instance.set_bypass(true);
    let Kernel {
        instance,
        pins,
        publisher,
        bpffs,
        program,
        ..
    } = kernel;
    let verdicts = instance.verdict_counters(0).unwrap();
    drop((instance, pins, publisher, program));

    let pins = PinDir::lock(&bpffs.pins()).unwrap();
    assert_eq!(pins.instances().unwrap(), [1]);
    let found = Instance::open(&pins.instance(1)).unwrap();
    let live = found.live().unwrap().unwrap();
    assert_eq!((live.generation, live.digest), (2, [7; 32]));
    let age = jiff::Timestamp::now().as_second() - live.published;
    assert!((0..60).contains(&age), "published {age} s ago");
    assert_eq!(found.capacity(), SMALL);
    assert!(found.bypass(), "the kill switch stays as it was set");
    found.set_bypass(false);
    assert_eq!(found.verdict_counters(0).unwrap(), verdicts);
    assert_eq!(found.slot_counter(2).unwrap().packets, 5);

    let mut program = LoadedProgram::load(&found, embedded().unwrap(), 0).unwrap();
    assert!(program.test_run(&frame(B, A)).unwrap());
    assert!(!program.test_run(&frame(A, "192.0.2.1")).unwrap());
    assert_eq!(found.slot_counter(2).unwrap().packets, 6);
}

#[test]
fn a_pinned_map_of_another_shape_is_refused_by_name() {
    if skipped() {
        return;
    }
    let kernel = Kernel::empty(SMALL);
    let other = Capacity {
        v4_prefixes: 8,
        v6_prefixes: 8,
        limit_lines: 8,
    };
    let directory = kernel.pins.instance(1);
    let beside = kernel.pins.instance(2);
    Instance::create(&beside, other, 2).unwrap();
    for (name, instead, what) in [
        (
            map::V4_STARTS,
            beside.join(map::V4_STARTS),
            "number of elements",
        ),
        (
            map::V6_DEEP,
            beside.join(map::V6_DEEP),
            "number of elements",
        ),
        (map::CLAUSES, directory.join(map::SLOTS), "type"),
        (map::CONTROL, directory.join(map::V4_MARKS), "value size"),
        (
            map::SLOTS,
            directory.join(map::VERDICTS),
            "number of elements",
        ),
        (
            map::V4_BASES,
            directory.join(map::V4_VALUES),
            "number of elements",
        ),
    ] {
        let pin = directory.join(name);
        let aside = kernel.pins.path().join("aside");
        fs::rename(&pin, &aside).unwrap();
        fs::hard_link(&instead, &pin).unwrap();
        match Instance::open(&directory).map(drop) {
            Err(KernelError::Shape { path, what: found }) => {
                assert_eq!(path, pin);
                assert!(found.contains(what), "{name}: {found}");
            }
            other => panic!("{name}: {other:?}"),
        }
        fs::remove_file(&pin).unwrap();
        // Nothing at all is named as well.
        assert_names(&directory, name);
        fs::rename(&aside, &pin).unwrap();
        Instance::open(&directory).unwrap();
    }
}

fn assert_names(directory: &Path, name: &str) {
    let error = Instance::open(directory).map(drop).unwrap_err().to_string();
    assert!(error.contains(&format!("/{name}")), "{error}");
}

#[test]
fn pins_of_another_abi_are_refused() {
    if skipped() {
        return;
    }
    let kernel = Kernel::empty(SMALL);
    let directory = kernel.pins.instance(1);
    set_abi(&directory, ABI_VERSION + 1);
    match Instance::open(&directory).map(drop) {
        Err(KernelError::Abi {
            found, expected, ..
        }) => {
            assert_eq!((found, expected), (ABI_VERSION + 1, ABI_VERSION));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_controller_at_a_time() {
    if skipped() {
        return;
    }
    let bpffs = Bpffs::mount();
    let held = PinDir::lock(&bpffs.pins()).unwrap();
    let refused = PinDir::lock(&bpffs.pins()).map(drop);
    assert!(
        matches!(refused, Err(KernelError::Locked(_))),
        "{refused:?}"
    );
    // Looking is free.
    let looking = PinDir::look(&bpffs.pins()).unwrap();
    assert!(looking.instances().unwrap().is_empty());
    drop(held);
    drop(PinDir::lock(&bpffs.pins()).unwrap());
    let elsewhere = PinDir::look(&bpffs.path().join("nothing")).map(drop);
    assert!(
        matches!(elsewhere, Err(KernelError::NothingPinned(_))),
        "{elsewhere:?}"
    );
}

#[test]
fn pins_lie_on_a_bpf_file_system_or_nowhere() {
    if skipped() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let refused = PinDir::lock(&directory.path().join("levee")).map(drop);
    assert!(
        matches!(refused, Err(KernelError::NotBpffs(_))),
        "{refused:?}"
    );
}

#[test]
fn an_instance_can_be_removed_and_made_again() {
    if skipped() {
        return;
    }
    let mut kernel = Kernel::with(&Rules::new([Rule::new(A, 1)]));
    kernel.pins.remove_instance(1).unwrap();
    assert!(kernel.pins.instances().unwrap().is_empty());
    // A loaded program keeps its maps.
    assert_eq!(kernel.run(&frame(A, B)), Outcome::drop(1));
    let again = Instance::create(&kernel.pins.instance(3), SMALL, 3).unwrap();
    assert_eq!(again.live().unwrap(), None);
    assert_eq!(kernel.pins.instances().unwrap(), [3]);
}

/// No controller has a part in this: the maps are written once, and nothing speaks with the kernel
/// until the time is over.
#[test]
fn with_a_dead_controller_an_entry_ends_at_its_deadline_and_nothing_else_changes() {
    if skipped() {
        return;
    }
    // Loading the program can take longer than the entry holds.
    let mut kernel = Kernel::empty(SMALL);
    let now = || jiff::Timestamp::now().as_second();
    let end = now() + 5;
    kernel.publish(&Rules::new([Rule::new(A, 1).until(end), Rule::new(B, 2)]));
    let [ends, stays] = [frame(A, "192.0.2.1"), frame(B, "192.0.2.1")];
    assert_eq!(kernel.run(&ends), Outcome::drop(1));
    let live = kernel.instance.live().unwrap();
    let passes = || (kernel.run(&ends) == Outcome::pass(Reason::Clean)).then(now);
    // The kernel's clock is set against the calendar to the second.
    let ended = wait_for(Duration::from_secs(20), passes);
    assert!(ended.is_some_and(|time| time + 1 >= end));
    assert_eq!(kernel.run(&stays), Outcome::drop(2));
    assert_eq!(kernel.instance.live().unwrap(), live);
}
