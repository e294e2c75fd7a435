//! The program over its maps, run by `BPF_PROG_TEST_RUN`: one frame in, all that it changed out.

use std::collections::{BTreeMap, BTreeSet};

use filter_common::{
    counters::Counter,
    policy::{Policies, Policy},
    verdict::{Action, Reason},
};
use filter_ctl::{
    kernel::{
        KernelError,
        attach::LoadedProgram,
        clock::boot_clock,
        count::Counted,
        instance::Instance,
        object::embedded,
        pins::PinDir,
        sync::{Published, Publisher},
    },
    table::{Table, compile::Capacity},
};

use super::{
    bpffs::Bpffs,
    host::{Host, pass_reason},
    rules::Rules,
    skip,
};

/// Enough for every table that a test writes by hand.
pub(crate) const SMALL: Capacity = Capacity {
    v4_prefixes: 4_096,
    v6_prefixes: 4_096,
    limit_lines: 256,
};

/// The default configuration: a million IPv4 and a quarter of a million IPv6 prefixes.
pub(crate) const LARGE: Capacity = Capacity {
    v4_prefixes: 1 << 20,
    v6_prefixes: 1 << 18,
    limit_lines: 1 << 16,
};

/// An instance with a program over it, on a BPF file system of its own.
pub(crate) struct Kernel {
    pub(crate) instance: Instance,
    pub(crate) publisher: Publisher,
    pub(crate) program: LoadedProgram,
    generation: u64,
    can_split: Option<bool>,
    slots: BTreeSet<u32>,
    before: Snapshot,
    /// The rules in force on the host, where they were published as rules.
    host: Option<Host>,
    pub(crate) pins: PinDir,
    // Last, so that it is unmounted after all else is closed.
    pub(crate) bpffs: Bpffs,
}

/// What one frame did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) dropped: bool,
    /// The one verdict under which it was counted.
    pub(crate) reason: Reason,
    /// The slots that were charged for a drop.
    pub(crate) slots: Vec<u32>,
    /// The slots that were charged for a drop that did not happen.
    pub(crate) would: Vec<u32>,
    /// Whether the interface counted it as one that an order would have dropped.
    pub(crate) would_drop: bool,
    /// The policies that would have dropped it.
    pub(crate) would_policies: Policies,
    /// Of what is expected: the reason is the one named, though nothing spoke against the frame.
    decided: bool,
}

impl Outcome {
    pub(crate) fn pass(reason: Reason) -> Self {
        Self {
            dropped: false,
            reason,
            slots: Vec::new(),
            would: Vec::new(),
            would_drop: false,
            would_policies: Policies::NONE,
            decided: false,
        }
    }

    pub(crate) fn drop(slot: u32) -> Self {
        Self {
            dropped: true,
            slots: vec![slot],
            ..Self::pass(Reason::Order)
        }
    }

    /// Dropped by a policy.
    pub(crate) fn refused(policy: Policy) -> Self {
        Self {
            dropped: true,
            ..Self::pass(Reason::Policy(policy))
        }
    }

    /// Dropped by a rule.
    pub(crate) fn by_rule() -> Self {
        Self {
            dropped: true,
            ..Self::pass(Reason::Rule)
        }
    }

    /// Where nothing spoke against the frame, the first thing that is odd about it is named.
    pub(crate) fn named_for(mut self, frame: &[u8]) -> Self {
        if self.reason == Reason::Clean && !self.decided {
            self.reason = pass_reason(frame);
        }
        self.decided = false;
        self
    }

    /// For the very reason that is named.
    pub(crate) fn decided(mut self) -> Self {
        self.decided = true;
        self
    }

    /// Would have been dropped by these slots too.
    pub(crate) fn would(mut self, slots: &[u32]) -> Self {
        self.would = slots.to_vec();
        self.would_drop = true;
        self
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Snapshot {
    /// By reason.
    pub(crate) verdicts: Vec<Counted>,
    pub(crate) slots: BTreeMap<u32, Counter>,
}

impl Snapshot {
    /// Packets counted under a reason, whatever was done with them.
    pub(crate) fn packets(&self, reason: Reason) -> u64 {
        let counted = self.verdicts.iter();
        let counted = counted.filter(|counted| counted.reason == reason);
        counted.map(|counted| counted.counter.packets).sum()
    }
}

impl Kernel {
    /// Maps and program, and no generation yet.
    pub(crate) fn empty(capacity: Capacity) -> Self {
        let bpffs = Bpffs::mount();
        let pins = PinDir::lock(&bpffs.pins()).unwrap();
        let mut instance = Instance::create(&pins.instance(1), capacity, 1).unwrap();
        instance.finish().unwrap();
        let program = LoadedProgram::load(&instance, embedded().unwrap(), 0).unwrap();
        let mut kernel = Self {
            instance,
            publisher: Publisher::new().unwrap(),
            program,
            generation: 0,
            can_split: None,
            slots: BTreeSet::new(),
            before: Snapshot::default(),
            host: None,
            pins,
            bpffs,
        };
        kernel.before = kernel.snapshot();
        kernel
    }

    /// The rules in force.
    pub(crate) fn with(rules: &Rules) -> Self {
        let mut kernel = Self::empty(SMALL);
        kernel.publish(rules);
        kernel
    }

    /// Puts rules in force, and remembers which slots to watch.
    pub(crate) fn publish(&mut self, rules: &Rules) {
        let table = rules.table();
        self.publish_table(&table, [0; 32]).unwrap();
        self.watch(rules.slots());
        self.host = Some(Host::new(table));
    }

    /// Puts a table in force by which the host decides as well.
    pub(crate) fn publish_compiled(&mut self, table: Table) {
        self.publish_table(&table, [0; 32]).unwrap();
        self.host = Some(Host::new(table));
    }

    /// Looks at the counters of these slots too.
    pub(crate) fn watch(&mut self, slots: impl IntoIterator<Item = u32>) {
        self.slots.extend(slots);
        self.settle();
    }

    /// Puts a table in force.
    pub(crate) fn publish_table(
        &mut self,
        table: &Table,
        digest: [u8; 32],
    ) -> Result<Published, KernelError> {
        self.host = None;
        let published = self.publisher.publish(
            &mut self.instance,
            table,
            digest,
            boot_clock().unwrap(),
            self.generation + 1,
        )?;
        self.generation = published.generation;
        Ok(published)
    }

    /// All counters of interface 0 and of the slots of the rules.
    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot {
            verdicts: self.instance.verdict_counters(0).unwrap(),
            slots: self
                .slots
                .iter()
                .map(|slot| (*slot, self.instance.slot_counter(*slot).unwrap()))
                .collect(),
        }
    }

    /// Takes the counters as they are for the state before the next frame.
    pub(crate) fn settle(&mut self) {
        self.before = self.snapshot();
    }

    /// Runs one frame, all of it in one buffer as far as that has room.
    pub(crate) fn run(&mut self, frame: &[u8]) -> Outcome {
        self.outcome(frame, |program| program.test_run(frame).unwrap())
    }

    /// Runs one frame of which the first buffer holds only `linear` bytes.
    pub(crate) fn run_split(&mut self, frame: &[u8], linear: usize) -> Outcome {
        self.outcome(frame, |program| {
            program.test_run_split(frame, linear).unwrap()
        })
    }

    /// Runs one frame in one buffer and in two, and asks the host: all must say what is expected.
    pub(crate) fn check(&mut self, what: &str, frame: &[u8], expected: &Outcome) {
        let expected = &expected.clone().named_for(frame);
        assert_eq!(self.run(frame), *expected, "{what}: {frame:02x?}");
        if self.can_split() {
            let outcome = self.run_split(frame, 14);
            assert_eq!(outcome, *expected, "{what}, in two buffers: {frame:02x?}");
        }
        // The host knows of no kill switch.
        if let Some(host) = &self.host
            && expected.reason != Reason::Bypass
        {
            let outcome = host.decide(frame).outcome();
            assert_eq!(outcome, *expected, "{what}, on the host: {frame:02x?}");
        }
    }

    /// Whether this kernel can run a frame whose headers are not in one buffer (Linux 6.18 and later).
    pub(crate) fn can_split(&mut self) -> bool {
        if let Some(can) = self.can_split {
            return can;
        }
        let frame = [0; 60];
        let can = self.program.test_run_split(&frame, 14).is_ok();
        self.settle();
        if !can {
            skip(
                Some("frames in two buffers"),
                "needs BPF_PROG_TEST_RUN of Linux 6.18",
            );
        }
        self.can_split = Some(can);
        can
    }

    fn outcome(&mut self, frame: &[u8], run: impl FnOnce(&mut LoadedProgram) -> bool) -> Outcome {
        let dropped = run(&mut self.program);
        let after = self.snapshot();
        let before = std::mem::replace(&mut self.before, after);
        let mut verdicts = Vec::new();
        let mut would_drop = false;
        let mut would_policies = Policies::NONE;
        let counters = before.verdicts.iter().zip(&self.before.verdicts);
        for (before, after) in counters {
            let reason = after.reason;
            let change = Change::between(&before.counter, &after.counter, frame.len());
            verdicts.extend(change.real.then_some((reason, after.action)));
            match (change.would, reason) {
                (false, _) => {}
                (true, Reason::Order) => would_drop = true,
                (true, Reason::Policy(policy)) => would_policies.add(policy),
                (true, other) => panic!("{other:?} drops nothing"),
            }
        }
        let [(reason, action)] = verdicts[..] else {
            panic!("a frame is counted under one verdict, not under {verdicts:?}");
        };
        assert_eq!(dropped, action == Action::Drop, "{reason:?}");
        let mut slots = Vec::new();
        let mut would = Vec::new();
        for (slot, after) in &self.before.slots {
            let change = Change::between(&before.slots[slot], after, frame.len());
            slots.extend(change.real.then_some(*slot));
            would.extend(change.would.then_some(*slot));
        }
        Outcome {
            dropped,
            reason,
            slots,
            would,
            would_drop,
            would_policies,
            decided: false,
        }
    }
}

/// Whether a counter counted the frame.
struct Change {
    real: bool,
    would: bool,
}

impl Change {
    fn between(before: &Counter, after: &Counter, frame: usize) -> Self {
        let counted = |before: [u64; 2], after: [u64; 2]| match [
            after[0] - before[0],
            after[1] - before[1],
        ] {
            [0, 0] => false,
            [1, bytes] if bytes == frame as u64 => true,
            other => panic!("a frame of {frame} bytes counted as {other:?}"),
        };
        Self {
            real: counted([before.packets, before.bytes], [after.packets, after.bytes]),
            would: counted(
                [before.would_packets, before.would_bytes],
                [after.would_packets, after.would_bytes],
            ),
        }
    }
}
