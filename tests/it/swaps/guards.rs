//! Two sets of rules, host groups and limits take each other's place under traffic on several CPUs.
//!
//! Every packet has the same verdict under either, for another reason: another rule, at another rank, found in
//! other dimensions; a limit of a host group with another number. Whoever took a part of one set and a part of
//! the other for one packet would find no rule, a rule that matches nothing of what is sent, or the limit
//! of another group, and all of these count.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
};

use filter_common::{
    counters::RuleCounter,
    limit::{CLASSES, Class, Limit},
    meter::Meter,
    policy::PolicySet,
    verdict::{Action, Reason},
};
use filter_ctl::{
    kernel::{attach::LoadedProgram, object::embedded},
    policy::perimeter::{HostGroup, Perimeter},
    table::Table,
};

use super::{StopWhenDropped, grows};
use crate::support::{
    kernel::Kernel,
    packet::{Flow, number},
    random::number_from_environment,
    rules::{parse, traffic_rules},
    say, skipped,
    timed::{LIMITS, compiled},
};

/// Swaps of a run that nobody has asked for more; else a tenth of what is asked for.
const SWAPS: u64 = 300;
/// Frames of a kind that follow each other.
const BURST: u32 = 50_000;
/// Programs that run at once, each on a CPU of its own where there are as many.
const SENDERS: usize = 2;

/// The slots of the rules: of one set, and of the other.
const DROPS: [u32; 2] = [1, 4];
const PASSES: [u32; 2] = [2, 5];
/// Of rules that match nothing of what is sent, unless a part of the other set is asked first.
const NEVER: [u32; 2] = [3, 6];
/// Of rules that match nothing of what is sent.
const OTHERS: u32 = 10;

/// A limit whose bucket never empties: what passes is the first packet, of each CPU at most.
const NOTHING: Limit = Limit {
    rate: 0,
    ..Limit::packets(1, 1)
};
/// How many first packets there can be: a line of buckets for each address and set, and some CPUs.
const FIRST: u64 = 2 * 2 * 4;

/// One of the two, as a perimeter.
fn one_of_two(even: bool) -> Perimeter {
    let mut written = Vec::new();
    let mut rule = |slot: u32, text: &str| written.push((slot, text.to_owned()));
    if even {
        for (client, attacked, served) in [
            ("203.0.113.7/32", "192.0.2.9/32", "192.0.2.200/32"),
            (
                "2001:db8:1::7/128",
                "2001:db8:7::9/128",
                "2001:db8:7::200/128",
            ),
        ] {
            rule(DROPS[0], &format!("dst {attacked} dport = 53 then drop"));
            rule(PASSES[0], &format!("dst {served} then pass"));
            rule(NEVER[0], &format!("src {client} then drop"));
        }
        // Rules before and behind, so that the same rank and the same number of a set mean something else.
        for other in 0..100 {
            rule(
                OTHERS,
                &format!("dst 10.{other}.0.0/16 sport = {other} length > 1000 then drop"),
            );
            rule(OTHERS, &format!("port = {} then pass", 1_000 + other));
        }
    } else {
        for (client, inside) in [
            ("203.0.113.7/32", "192.0.2.0/24"),
            ("2001:db8:1::7/128", "2001:db8:7::/48"),
        ] {
            rule(
                PASSES[1],
                &format!("dst {inside} src {client} dport = 123 then pass"),
            );
            rule(
                DROPS[1],
                &format!("dst {inside} src {client} sport = 40000 then drop"),
            );
            rule(NEVER[1], &format!("dst {inside} src {client} then drop"));
        }
    }
    Perimeter {
        rules: traffic_rules(written.iter().map(|(slot, text)| (*slot, text.as_str()))),
        groups: groups(even),
        upstream: PolicySet::default(),
        ..Perimeter::default()
    }
}

/// The attacked group is the first of one set, and the second of the other, behind one that nothing comes to.
fn groups(even: bool) -> Vec<HostGroup> {
    let limited = |class: Class| {
        let mut limits = [Limit::NONE; CLASSES];
        limits[class as usize] = NOTHING;
        limits
    };
    let group = |name: &str, networks: [&str; 2], class| HostGroup {
        name: name.to_owned(),
        networks: networks.map(parse).into(),
        limits: limited(class),
        ..HostGroup::default()
    };
    let attacked = group("web", ["192.0.3.0/24", "2001:db8:8::/48"], Class::Syn);
    let beside = group("dns", ["192.0.4.0/24", "2001:db8:9::/48"], Class::Udp);
    if even {
        vec![attacked]
    } else {
        vec![beside, attacked]
    }
}

/// What is sent, of either family: as many of each as of any other.
struct Frames {
    dropped: Vec<u8>,
    passed: Vec<u8>,
    /// To the group with a limit, in a class without one.
    within: Vec<u8>,
    over: Vec<u8>,
}

impl Frames {
    fn both() -> [Self; 2] {
        let frame = |from: &str, to: &str, port: u16| {
            Flow::udp(from, to, [40_000, port]).frame(&[0; 20]).bytes()
        };
        let syn = |from: &str, to: &str| {
            let flow = Flow::udp(from, to, [40_000, 443]).protocol(number::TCP);
            flow.frame(&[]).bytes()
        };
        [
            [
                "203.0.113.7",
                "192.0.2.9",
                "192.0.2.200",
                "198.51.100.1",
                "192.0.3.1",
            ],
            [
                "2001:db8:1::7",
                "2001:db8:7::9",
                "2001:db8:7::200",
                "2001:db8:2::1",
                "2001:db8:8::1",
            ],
        ]
        .map(|[client, attacked, served, other, limited]| Self {
            dropped: frame(client, attacked, 53),
            passed: frame(client, served, 123),
            within: frame(other, limited, 53),
            over: syn(other, limited),
        })
    }
}

/// All counters that a swap could set back.
struct Counters {
    verdicts: Vec<filter_ctl::kernel::count::Counted>,
    rules: Vec<RuleCounter>,
    groups: Vec<Meter>,
}

impl Counters {
    fn of(kernel: &Kernel) -> Self {
        let rule = |slot| kernel.instance.rule_counter(slot).unwrap().unwrap();
        Self {
            verdicts: kernel.instance.verdict_counters(0).unwrap(),
            rules: (0..=OTHERS).map(rule).collect(),
            groups: kernel.instance.meters().unwrap().read_groups().unwrap(),
        }
    }

    fn grew_to(&self, after: &Self) -> bool {
        let words = |rule: &RuleCounter| {
            [
                rule.matched_packets,
                rule.matched_bytes,
                rule.dropped_packets,
                rule.dropped_bytes,
            ]
        };
        let of_meter = |meter: &Meter| {
            let dropped = [meter.dropped_packets, meter.dropped_bytes];
            [&meter.packets[..], &meter.bytes, &dropped].concat()
        };
        let not_less =
            |before: &[u64], after: &[u64]| before.iter().zip(after).all(|(a, b)| a <= b);
        let mut verdicts = self.verdicts.iter().zip(&after.verdicts);
        let mut rules = self.rules.iter().zip(&after.rules);
        let mut groups = self.groups.iter().zip(&after.groups);
        verdicts.all(|(before, after)| grows(&before.counter, &after.counter))
            && rules.all(|(before, after)| not_less(&words(before), &words(after)))
            && groups.all(|(before, after)| not_less(&of_meter(before), &of_meter(after)))
    }
}

#[test]
fn no_packet_is_decided_by_half_a_set_of_rules_and_no_counter_goes_back() {
    if skipped() {
        return;
    }
    let swaps = number_from_environment("LEVEE_SWAPS").map_or(SWAPS, |swaps| swaps / 10);
    let tables: [Table; 2] = [true, false].map(|even| compiled(one_of_two(even)).table);
    let mut kernel = Kernel::empty(LIMITS);
    kernel.publish_table(&tables[0], [0; 32]).unwrap();
    let frames = Frames::both();
    let stop = AtomicBool::new(false);
    let bursts = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..SENDERS {
            let mut program =
                LoadedProgram::load(&kernel.instance, embedded().unwrap(), 0).unwrap();
            let (frames, stop, bursts) = (&frames, &stop, &bursts);
            scope.spawn(move || {
                // A sender that fails must not leave the others waiting.
                let _stop = StopWhenDropped(stop);
                while !stop.load(Ordering::Relaxed) {
                    for of_family in frames {
                        let Frames {
                            dropped,
                            passed,
                            within,
                            over,
                        } = of_family;
                        for frame in [dropped, passed, within, over] {
                            program.test_run_repeated(frame, BURST).unwrap();
                        }
                    }
                    bursts.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let _stop = StopWhenDropped(&stop);
        let mut before = Counters::of(&kernel);
        for swap in 1..=swaps {
            assert!(!stop.load(Ordering::Relaxed), "the traffic has ended");
            let table = &tables[usize::try_from(swap % 2).unwrap()];
            kernel.publish_table(table, [0; 32]).unwrap();
            let after = Counters::of(&kernel);
            assert!(before.grew_to(&after), "a counter went back at swap {swap}");
            before = after;
        }
    });

    // Of each kind, in both families.
    let sent = 2 * bursts.into_inner() * u64::from(BURST);
    let counters = Counters::of(&kernel);
    let of = |reason: Reason, action: Action| {
        let counter = kernel.instance.verdict_counter(0, reason, action);
        counter.unwrap().packets
    };
    assert_eq!(of(Reason::Rule, Action::Drop), sent, "dropped by a rule");
    assert_eq!(of(Reason::Rule, Action::Pass), sent, "passed by a rule");
    // Whatever else there is to say of a packet that passes.
    let passed = counters.verdicts.iter();
    let passed = passed.filter(|counted| counted.action == Action::Pass);
    let passed: u64 = passed.map(|counted| counted.counter.packets).sum();
    let first = passed - 2 * sent;
    assert!(first <= FIRST, "{first} packets passed a limit");
    let over = sent - first;
    assert_eq!(of(Reason::LimitSyn, Action::Drop), over, "over the limit");
    let all = counters
        .verdicts
        .iter()
        .map(|counted| counted.counter.packets);
    assert_eq!(all.sum::<u64>(), 4 * sent, "and nothing else");
    let rule = |slot: u32| counters.rules[usize::try_from(slot).unwrap()];
    for slots in [DROPS, PASSES] {
        let matched = slots.map(|slot| rule(slot).matched_packets);
        assert_eq!(matched.iter().sum::<u64>(), sent, "{matched:?}");
        assert!(matched.iter().all(|packets| *packets > 0), "{matched:?}");
    }
    for slot in [NEVER[0], NEVER[1], OTHERS] {
        assert_eq!(rule(slot), RuleCounter::default(), "slot {slot}");
    }
    let metered = counters
        .groups
        .iter()
        .map(|group| group.packets.iter().sum::<u64>());
    assert_eq!(metered.sum::<u64>(), 2 * sent, "every packet to the group");
    let dropped = counters.groups.iter().map(|group| group.dropped_packets);
    assert_eq!(dropped.sum::<u64>(), over, "that was over its limit");
    say(&format!(
        "swapped {swaps} sets of rules and limits under {} packets: none decided by half of one",
        4 * sent
    ));
}
