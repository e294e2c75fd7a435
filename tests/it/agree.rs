//! The kernel decides as the host does, and both as the plain list of rules says.
//!
//! Random frames, recorded frames and damaged ones, of either family, in one buffer and in two. The
//! verdict is compared for each frame; reason, slot and what would have been dropped by the sums of
//! the counters over a batch. `LEVEE_AGREE_PACKETS` sets the number of frames per family and
//! `LEVEE_SEED` the seed, which a failure prints.

use std::collections::BTreeMap;

use filter_common::{
    counters::Counter,
    limits::SLOTS_MAX,
    packet::{Classified, classify},
    settings::Tunnels,
    verdict::{Action, Reason},
};

use filter_ctl::kernel::count::Counted;

use crate::support::{
    capture,
    compiled::CompiledRules,
    generate,
    host::{Decision, Host, decide_plainly, ends},
    kernel::{Kernel, SMALL},
    random::{Random, number_from_environment},
    rules::{Rule, Rules},
    say, skip, skipped,
};

const BATCH: usize = 2_000;
const RULES: usize = 250;

/// The first buffer that `BPF_PROG_TEST_RUN` makes has room for more than this.
const LINEAR_MAX: usize = 3_000;

/// How often the random rules are replaced by others.
const ROUNDS: usize = 4;

/// A frame, and how much of it the first buffer holds; `None` for as much as fits.
struct Trial {
    frame: Vec<u8>,
    linear: Option<usize>,
}

impl Trial {
    fn new(frame: Vec<u8>, random: &mut Random, can_split: bool) -> Self {
        let room = frame.len().min(LINEAR_MAX);
        let linear = (can_split && random.one_in(2)).then(|| 14 + random.below(room - 13));
        Self { frame, linear }
    }
}

/// What is compared, and on what.
struct Comparison {
    kernel: Kernel,
    rules: Rules,
    host: Host,
    /// Where the product's compiler has made the table, not the plain builder of the tests.
    compiled: Option<CompiledRules>,
    seed: u64,
    by_reason: BTreeMap<&'static str, usize>,
}

impl Comparison {
    fn new(seed: u64) -> Self {
        let rules = Rules::new([]);
        Self {
            kernel: Kernel::empty(SMALL),
            host: Host::new(rules.table()),
            compiled: None,
            rules,
            seed,
            by_reason: BTreeMap::new(),
        }
    }

    /// Puts rules in force, by a table of the tests' own or by the compiler's.
    fn publish(&mut self, rules: Rules, compiled: bool) {
        self.compiled = compiled.then(|| CompiledRules::new(&rules, SMALL));
        let table = match &self.compiled {
            Some(compiled) => (**compiled).clone(),
            None => rules.table(),
        };
        self.kernel.publish_table(&table, [0; 32]).unwrap();
        match &self.compiled {
            Some(compiled) => self.kernel.watch(compiled.slots()),
            None => self.kernel.watch(rules.slots()),
        }
        self.host = Host::new(table);
        self.rules = rules;
    }

    /// Compares the host's decision with the plain list of rules.
    fn compare_host(&self, trial: &Trial, decision: &Decision) {
        let plainly = decide_plainly(&self.rules, &trial.frame);
        let Some(compiled) = &self.compiled else {
            assert_eq!(*decision, plainly, "host, rules: {}", self.about(trial));
            return;
        };
        // Of equally specific entries the compiler may ask another first, or name several at once;
        // each must fit. Whether a monitored one comes before the one that drops is its choice too.
        let verdict = decision.verdict;
        let same = verdict.number == plainly.verdict.number
            && (verdict.would_drop == plainly.verdict.would_drop
                || verdict.reason() == Reason::Order);
        assert!(same, "{decision:?}, {plainly:?}: {}", self.about(trial));
        let dropping = (verdict.reason() == Reason::Order).then_some(verdict.slot);
        for slot in decision.would.iter().copied().chain(dropping) {
            let covers = compiled.slot_covers(slot, &self.rules, &trial.frame);
            assert!(covers, "{decision:?}: {}", self.about(trial));
        }
    }

    /// Compares a batch: each verdict, then the sums.
    fn compare(&mut self, batch: &[Trial]) {
        let before = self.kernel.snapshot();
        let mut verdicts = before.verdicts.clone();
        let mut slots = before.slots.clone();
        for trial in batch {
            let decision = self.host.decide(&trial.frame);
            self.compare_host(trial, &decision);
            let Trial { frame, linear } = trial;
            let program = &mut self.kernel.program;
            let dropped = match linear {
                None => program.test_run(frame).unwrap(),
                Some(linear) => program.test_run_split(frame, *linear).unwrap(),
            };
            let reason = decision.verdict.reason();
            let drops = decision.verdict.action == Action::Drop;
            assert_eq!(dropped, drops, "{decision:?}: {}", self.about(trial));
            charge(&mut verdicts, &mut slots, &decision, frame.len() as u64);
            *self.by_reason.entry(reason.name()).or_default() += 1;
        }
        let after = self.kernel.snapshot();
        if after.verdicts != verdicts || after.slots != slots {
            self.find(batch);
        }
    }

    /// Finds the frame that was counted wrongly.
    fn find(&mut self, batch: &[Trial]) {
        self.kernel.settle();
        for trial in batch {
            let outcome = match trial.linear {
                None => self.kernel.run(&trial.frame),
                Some(linear) => self.kernel.run_split(&trial.frame, linear),
            };
            let decision = self.host.decide(&trial.frame);
            let verdict = decision.verdict;
            let mut would = decision.would.clone();
            would.sort_unstable();
            let same = outcome.reason == verdict.reason()
                && (outcome.slots == [verdict.slot] || verdict.reason() != Reason::Order)
                && outcome.would == would
                && outcome.would_drop == verdict.would_drop
                && outcome.would_policies == verdict.would;
            assert!(same, "{outcome:?}, {decision:?}: {}", self.about(trial));
        }
        panic!("the sums differ and no single frame does: {}", self.seed);
    }

    fn about(&self, trial: &Trial) -> String {
        format!(
            "LEVEE_SEED={} first buffer {:?} {:?}\n{:02x?}",
            self.seed,
            trial.linear,
            classify(&trial.frame[..], Tunnels::ALL),
            trial.frame
        )
    }

    /// Says what was compared, and checks that no counter beside the expected ones moved.
    fn finish(&self, what: &str) {
        let slots = (0..u32::try_from(SLOTS_MAX).unwrap())
            .map(|slot| self.kernel.instance.slot_counter(slot).unwrap().packets);
        let orders = self.kernel.snapshot().packets(Reason::Order);
        assert_eq!(slots.sum::<u64>(), orders, "each drop has one slot");
        say(&format!("{what}, seed {}: {:?}", self.seed, self.by_reason));
    }
}

/// What the counters must be after a frame.
fn charge(
    verdicts: &mut [Counted],
    slots: &mut BTreeMap<u32, Counter>,
    decision: &Decision,
    bytes: u64,
) {
    let verdict = decision.verdict;
    let real = |counter: &mut Counter| {
        counter.packets += 1;
        counter.bytes += bytes;
    };
    let would = |counter: &mut Counter| {
        counter.would_packets += 1;
        counter.would_bytes += bytes;
    };
    let mut count = |reason: Reason, action: Action, count: &dyn Fn(&mut Counter)| {
        let is = |counted: &&mut Counted| counted.reason == reason && counted.action == action;
        count(&mut verdicts.iter_mut().find(is).unwrap().counter);
    };
    count(verdict.reason(), verdict.action, &real);
    for policy in verdict.would.iter() {
        count(Reason::Policy(policy), Action::Drop, &would);
    }
    if verdict.would_drop {
        count(Reason::Order, Action::Drop, &would);
    }
    if verdict.reason() == Reason::Order {
        real(slots.get_mut(&verdict.slot).unwrap());
    }
    for slot in &decision.would {
        would(slots.get_mut(slot).unwrap());
    }
}

fn packets() -> usize {
    let number = number_from_environment("LEVEE_AGREE_PACKETS").unwrap_or(20_000);
    usize::try_from(number).unwrap()
}

fn random_frames(v6: bool) {
    if skipped() {
        return;
    }
    let seed = Random::seed("LEVEE_SEED", 0x1e7e_e000 + u64::from(v6));
    let mut random = Random::new(seed);
    let mut comparison = Comparison::new(seed);
    let can_split = comparison.kernel.can_split();
    let per_round = packets().div_ceil(ROUNDS);
    for round in 0..ROUNDS {
        let rules = generate::rules(&mut random, v6, RULES);
        let rules = if round < ROUNDS / 2 {
            rules
        } else {
            rules.monitoring()
        };
        comparison.publish(rules, round % 2 == 1);
        let mut left = per_round;
        while left > 0 {
            let count = left.min(BATCH);
            let batch: Vec<Trial> = (0..count)
                .map(|_| {
                    let frame = generate::frame(&mut random, &comparison.rules, v6);
                    Trial::new(frame, &mut random, can_split)
                })
                .collect();
            comparison.compare(&batch);
            left -= count;
        }
    }
    comparison.finish(if v6 { "random IPv6" } else { "random IPv4" });
}

#[test]
fn kernel_and_host_agree_on_random_ipv4() {
    random_frames(false);
}

#[test]
fn kernel_and_host_agree_on_random_ipv6() {
    random_frames(true);
}

#[test]
fn kernel_and_host_agree_on_recorded_traffic() {
    if skipped() {
        return;
    }
    let frames = capture::frames();
    if frames.is_empty() {
        skip(None, "there are no captures beside the checkout");
        return;
    }
    let seed = Random::seed("LEVEE_SEED", 0x1e7e_e002);
    let mut random = Random::new(seed);
    let mut comparison = Comparison::new(seed);
    let can_split = comparison.kernel.can_split();
    comparison.publish(rules_for(&frames), true);
    for frames in frames.chunks(BATCH) {
        let mut batch = Vec::new();
        for frame in frames.iter().filter(|frame| frame.len() >= 14) {
            let mut damaged = frame.clone();
            generate::damage(&mut random, &mut damaged);
            batch.push(Trial::new(frame.clone(), &mut random, can_split));
            batch.push(Trial::new(damaged, &mut random, can_split));
        }
        comparison.compare(&batch);
    }
    comparison.finish("recorded");
}

/// Lists every third sender, some for a protocol or port only.
fn rules_for(frames: &[Vec<u8>]) -> Rules {
    let mut senders = Vec::new();
    for frame in frames {
        if let Classified::Ip(packet) = classify(&frame[..], Tunnels::NONE).content() {
            let [sender, _] = ends(&packet.outer);
            if senders.len() < 900 && !senders.contains(&sender) {
                senders.push(sender);
            }
        }
    }
    let listed = senders.iter().step_by(3).zip(1_u32..);
    let rules: Vec<Rule> = listed
        .map(|(sender, slot)| {
            let rule = Rule::new(&sender.to_string(), slot);
            match slot % 5 {
                0 => rule.protocol(17),
                1 => rule.ports(0, 1_023),
                2 => rule.monitor(),
                _ => rule,
            }
        })
        .collect();
    Rules::new(rules)
}
