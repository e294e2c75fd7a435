//! What is compared, and on what.

use std::collections::BTreeMap;

use filter_common::{
    counters::Counter,
    limits::SLOTS_MAX,
    packet::classify,
    settings::Tunnels,
    verdict::{Action, Reason},
};
use filter_ctl::kernel::count::Counted;

use crate::support::{
    compiled::CompiledRules,
    host::{Decision, Host},
    kernel::{Kernel, SMALL},
    oracle::Oracle,
    random::Random,
    rules::Rules,
    say,
};

/// The first buffer that `BPF_PROG_TEST_RUN` makes has room for more than this.
const LINEAR_MAX: usize = 3_000;

/// A frame, and how much of it the first buffer holds; `None` for as much as fits.
pub(super) struct Trial {
    frame: Vec<u8>,
    linear: Option<usize>,
}

impl Trial {
    pub(super) fn new(frame: Vec<u8>, random: &mut Random, can_split: bool) -> Self {
        let room = frame.len().min(LINEAR_MAX);
        let linear = (can_split && random.one_in(2)).then(|| 14 + random.below(room - 13));
        Self { frame, linear }
    }
}

/// Kernel, host and oracle under the same rules.
pub(super) struct Comparison {
    pub(super) kernel: Kernel,
    pub(super) rules: Rules,
    host: Host,
    oracle: Oracle,
    /// Where the product's compiler has made the table, not the plain builder of the tests.
    compiled: Option<CompiledRules>,
    seed: u64,
    tally: BTreeMap<String, usize>,
}

impl Comparison {
    pub(super) fn new(seed: u64) -> Self {
        let rules = Rules::new([]);
        Self {
            kernel: Kernel::empty(SMALL),
            host: Host::new(rules.table()),
            oracle: Oracle::new(&rules),
            compiled: None,
            rules,
            seed,
            tally: BTreeMap::new(),
        }
    }

    /// Puts rules in force, by a table of the tests' own or by the compiler's.
    pub(super) fn publish(&mut self, rules: Rules, compiled: bool) {
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
        self.oracle = Oracle::new(&rules);
        self.rules = rules;
    }

    /// Compares the host's decision with the oracle's.
    fn compare_host(&self, trial: &Trial, decision: &Decision) {
        let plainly = self.oracle.decide(&trial.frame);
        let Some(compiled) = &self.compiled else {
            let about = || self.about(trial);
            assert_eq!(*decision, plainly, "host, rules: {}", about());
            return;
        };
        // Of equally specific entries the compiler may ask another first, or name several at once;
        // each must fit. Whether a monitored one comes before the one that drops is its choice too.
        let verdict = decision.verdict;
        let same = verdict.number == plainly.verdict.number
            && verdict.action == plainly.verdict.action
            && verdict.would == plainly.verdict.would
            && (verdict.would_drop() == plainly.verdict.would_drop()
                || verdict.reason() == Reason::Order);
        assert!(same, "{decision:?}, {plainly:?}: {}", self.about(trial));
        let dropping = (verdict.reason() == Reason::Order).then_some(verdict.slot);
        let mut named = decision.would.iter().copied().chain(dropping).peekable();
        if named.peek().is_none() {
            return;
        }
        let questions = self.oracle.questions(&trial.frame);
        for slot in named {
            let covers = compiled.slot_covers(slot, &self.rules, &questions);
            assert!(covers, "{decision:?}: {}", self.about(trial));
        }
    }

    /// Compares a batch: each verdict, then the sums.
    pub(super) fn compare(&mut self, batch: &[Trial]) {
        let before = self.kernel.snapshot();
        let mut sums = Sums {
            verdicts: before.verdicts.clone(),
            slots: before.slots.clone(),
        };
        for trial in batch {
            let decision = self.host.decide(&trial.frame);
            self.compare_host(trial, &decision);
            let Trial { frame, linear } = trial;
            let program = &mut self.kernel.program;
            let dropped = match linear {
                None => program.test_run(frame).unwrap(),
                Some(linear) => program.test_run_split(frame, *linear).unwrap(),
            };
            let drops = decision.verdict.action == Action::Drop;
            assert_eq!(dropped, drops, "{decision:?}: {}", self.about(trial));
            sums.charge(&decision, frame.len() as u64);
        }
        let after = self.kernel.snapshot();
        if after.verdicts != sums.verdicts || after.slots != sums.slots {
            self.find(batch);
        }
        for (before, after) in before.verdicts.iter().zip(&after.verdicts) {
            let packets = after.counter.packets - before.counter.packets;
            if packets > 0 {
                let action = match after.action {
                    Action::Pass => "passed",
                    Action::Drop => "dropped",
                };
                let key = format!("{} {action}", after.reason.name());
                *self.tally.entry(key).or_default() += usize::try_from(packets).unwrap();
            }
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
            let about = self.about(trial);
            assert_eq!(outcome, decision.outcome(), "{decision:?}: {about}");
        }
        panic!("the sums differ and no single frame does: {}", self.seed);
    }

    fn about(&self, trial: &Trial) -> String {
        let settings = self.rules.settings[0];
        format!(
            "LEVEE_SEED={} LEVEE_AGREE_PACKETS={} {settings:?} first buffer {:?} {:?}\n{:02x?}",
            self.seed,
            super::packets(),
            trial.linear,
            classify(&trial.frame[..], Tunnels::ALL),
            trial.frame
        )
    }

    /// Says what was compared, and checks that no counter beside the expected ones moved.
    pub(super) fn finish(&self, what: &str) {
        let slots = (0..u32::try_from(SLOTS_MAX).unwrap())
            .map(|slot| self.kernel.instance.slot_counter(slot).unwrap().packets);
        let orders = self.kernel.snapshot().packets(Reason::Order);
        assert_eq!(slots.sum::<u64>(), orders, "each drop has one slot");
        let total: usize = self.tally.values().sum();
        let reasons = self.tally.iter();
        let reasons: Vec<String> = reasons
            .map(|(key, count)| format!("{key} {count}"))
            .collect();
        let reasons = reasons.join(", ");
        say(&format!(
            "compared {total} packets, {what}, seed {}: {reasons}",
            self.seed
        ));
    }
}

/// What the counters must be.
struct Sums {
    verdicts: Vec<Counted>,
    slots: BTreeMap<u32, Counter>,
}

impl Sums {
    /// What they must be after a frame.
    fn charge(&mut self, decision: &Decision, bytes: u64) {
        let Decision { verdict, would } = decision;
        self.real(verdict.reason(), verdict.action, bytes);
        for policy in verdict.would.iter() {
            self.would(Reason::Policy(policy), bytes);
        }
        if verdict.would_drop() {
            self.would(Reason::Order, bytes);
        }
        if verdict.reason() == Reason::Order {
            let counter = self.slots.get_mut(&verdict.slot).unwrap();
            counter.packets += 1;
            counter.bytes += bytes;
        }
        for slot in would {
            let counter = self.slots.get_mut(slot).unwrap();
            counter.would_packets += 1;
            counter.would_bytes += bytes;
        }
    }

    fn verdict(&mut self, reason: Reason, action: Action) -> &mut Counter {
        let is = |counted: &&mut Counted| counted.reason == reason && counted.action == action;
        &mut self.verdicts.iter_mut().find(is).unwrap().counter
    }

    fn real(&mut self, reason: Reason, action: Action, bytes: u64) {
        let counter = self.verdict(reason, action);
        counter.packets += 1;
        counter.bytes += bytes;
    }

    fn would(&mut self, reason: Reason, bytes: u64) {
        let counter = self.verdict(reason, Action::Drop);
        counter.would_packets += 1;
        counter.would_bytes += bytes;
    }
}
