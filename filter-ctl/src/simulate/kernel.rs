//! The decision by the XDP program, over private maps: attached to nothing and pinned nowhere.

use std::collections::HashMap;

use filter_common::{
    limit::Tick,
    verdict::{Action, Reason, Verdict},
};
use jiff::Timestamp;

use super::scene::Scene;
use crate::{
    kernel::{
        KernelError,
        attach::LoadedProgram,
        clock::boot_clock,
        instance::Instance,
        object,
        private::{self, SimulatedClock, Ticks},
        sync::Publisher,
    },
    table::{Slot, clock::BootClock, compile::Capacity},
};

/// The shortest frame that `BPF_PROG_TEST_RUN` takes: an Ethernet header.
const FRAME_MIN: usize = 14;

/// The longest frame that is run: an IP packet of 65,535 bytes and its wrapping. `BPF_PROG_TEST_RUN`
/// takes one page and 17 more, and refuses what does not fit.
const FRAME_MAX: usize = 66_048;

/// How much earlier than the moment the program's clock is, in seconds.
///
/// The host's clock stands still at the moment; the program's goes on. The table holds nothing that has
/// ended by then, so an earlier clock changes no verdict, and a run that takes less than this sees
/// nothing end in the middle.
const CLOCK_LEAD: i64 = 7 * 86_400;

/// The program over its own maps.
pub(super) struct KernelRun {
    clock: SimulatedClock,
    instance: Instance,
    program: LoadedProgram,
    interface: u32,
    /// Packets under each verdict so far; absent for none.
    verdicts: HashMap<(Reason, Action), u64>,
    /// Packets of each slot so far; absent for none.
    slots: HashMap<Slot, u64>,
    /// Packets that each rule has matched so far; absent for none.
    rules: HashMap<u32, u64>,
    /// Every slot that can be charged.
    known_slots: Vec<Slot>,
    frame: Vec<u8>,
}

/// What the program did with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ran {
    /// It judged it.
    Judged {
        /// What it did.
        action: Action,
        /// Under which reason it counted it.
        reason: Reason,
        /// The slot that it charged, of a drop by an order, or of a decision by a rule.
        slot: Option<Slot>,
    },
    /// The frame is too short to be run.
    TooShort,
    /// The frame is too long to be run.
    TooLong,
}

impl KernelRun {
    /// Loads the program and puts the scene in force for it.
    pub(super) fn new(scene: &Scene) -> Result<Self, KernelError> {
        // As much as this table needs: a router may not have the memory for all of it once more.
        let capacity = Capacity::for_table(&scene.table);
        let (mut instance, program) = private::load(
            capacity,
            object::embedded()?,
            scene.interface,
            Ticks::Simulated,
        )?;
        let clock = clock_for(boot_clock()?, Timestamp::now(), scene.at);
        Publisher::new()?.publish(&mut instance, &scene.table, [0; 32], clock, 1)?;
        Ok(Self {
            clock: SimulatedClock::of(&instance)?,
            instance,
            program,
            interface: scene.interface,
            verdicts: HashMap::new(),
            slots: HashMap::new(),
            rules: HashMap::new(),
            known_slots: scene.orders.keys().copied().collect(),
            frame: Vec::new(),
        })
    }

    /// Runs the program over the beginning of a frame of `length` bytes, with zeros for the rest, of
    /// which the host has read nothing. What the host decided is where the counters are looked at first.
    pub(super) fn run(
        &mut self,
        bytes: &[u8],
        length: usize,
        expected: &Verdict,
        tick: Tick,
    ) -> Result<Ran, KernelError> {
        self.clock.set(tick.count);
        let length = length.max(bytes.len());
        if length < FRAME_MIN {
            return Ok(Ran::TooShort);
        }
        if length > FRAME_MAX {
            return Ok(Ran::TooLong);
        }
        let dropped = if length > bytes.len() {
            self.frame.clear();
            self.frame.extend_from_slice(bytes);
            self.frame.resize(length, 0);
            self.program.test_run(&self.frame)?
        } else {
            self.program.test_run(bytes)?
        };
        let action = if dropped { Action::Drop } else { Action::Pass };
        let reason = self.counted(expected.reason(), action)?;
        let slot = if reason == Reason::Order {
            self.charged(expected.slot)?
        } else if reason == Reason::Rule {
            self.matched(expected.slot)?
        } else {
            None
        };
        Ok(Ran::Judged {
            action,
            reason,
            slot,
        })
    }

    /// The reason under which the last frame was counted. Each counts under one, so where that of the
    /// host has moved, it is that one.
    fn counted(&mut self, expected: Reason, action: Action) -> Result<Reason, KernelError> {
        let packets = self
            .instance
            .verdict_counter(self.interface, expected, action)?
            .packets;
        if moved(&mut self.verdicts, (expected, action), packets) {
            return Ok(expected);
        }
        let mut found = Vec::new();
        for counted in self.instance.verdict_counters(self.interface)? {
            let key = (counted.reason, counted.action);
            if moved(&mut self.verdicts, key, counted.counter.packets) {
                found.push(key);
            }
        }
        match found[..] {
            [(reason, counted)] if counted == action => Ok(reason),
            _ => Err(KernelError::Miscounted(found.len())),
        }
    }

    /// The slot of the rule that decided about the last frame: that of the host, if it has matched.
    fn matched(&mut self, expected: u32) -> Result<Option<u32>, KernelError> {
        let counter = self.instance.rule_counter(expected)?;
        let packets = counter.map_or(0, |counter| counter.matched_packets);
        Ok(moved(&mut self.rules, expected, packets).then_some(expected))
    }

    /// The slot that was charged for the last frame.
    fn charged(&mut self, expected: Slot) -> Result<Option<Slot>, KernelError> {
        let Self {
            instance,
            slots,
            known_slots,
            ..
        } = self;
        let others = known_slots.iter().copied();
        let mut found = None;
        for slot in std::iter::once(expected).chain(others) {
            let packets = instance.slot_counter(slot)?.packets;
            if moved(slots, slot, packets) {
                found = Some(slot);
                break;
            }
        }
        Ok(found)
    }
}

/// Whether a counter has grown since it was last looked at.
fn moved<K: Eq + std::hash::Hash>(seen: &mut HashMap<K, u64>, key: K, now: u64) -> bool {
    let before = seen.insert(key, now).unwrap_or_default();
    now > before
}

/// The clocks by which it is a little before `at` now.
fn clock_for(machine: BootClock, now: Timestamp, at: Timestamp) -> BootClock {
    let ahead = now.as_second().saturating_sub(at.as_second());
    let shifted = machine.boottime_at_unix_0.saturating_add(ahead);
    BootClock {
        boottime_at_unix_0: shifted.saturating_add(CLOCK_LEAD),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_at_the_moment_has_its_deadline_ahead() {
        let machine = BootClock {
            boottime_at_unix_0: -1_000_000,
        };
        let time = |second| Timestamp::from_second(second).expect("a time");
        // It is 500 s after boot; the moment is a year later, or earlier.
        for at in [1_000_500 + 31_536_000, 1_000_500, 1_000_500 - 31_536_000] {
            let clock = clock_for(machine, time(1_000_500), time(at));
            assert_eq!(i64::from(clock.boottime(at)), 500 + CLOCK_LEAD);
            assert!(clock.boottime(at + 1) > 500);
        }
    }
}
