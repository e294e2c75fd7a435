//! The program over private maps, on a clock that the test sets.

use filter_common::{
    settings::{Enforcement, InterfaceSettings, Role},
    verdict::{Action, Reason},
};
use filter_ctl::{
    kernel::{
        attach::LoadedProgram,
        clock::boot_clock,
        instance::Instance,
        object::embedded,
        private::{self, SimulatedClock, Ticks},
        sync::Publisher,
    },
    policy::{RuleSet, perimeter::Perimeter},
    table::{
        compile::{Capacity, Compiled, compile},
        slots::SlotLedger,
    },
};

/// Room for what limits need, and hardly for orders.
pub(crate) const LIMITS: Capacity = Capacity {
    v4_prefixes: 64,
    v6_prefixes: 64,
    limit_lines: 1 << 16,
};

/// A program that filters one interface that faces upstream.
pub(crate) struct Timed {
    clock: SimulatedClock,
    pub(crate) instance: Instance,
    program: LoadedProgram,
    publisher: Publisher,
    generation: u64,
}

impl Timed {
    /// With what the perimeter says, and no orders.
    pub(crate) fn new(perimeter: Perimeter) -> Self {
        let object = embedded().unwrap();
        let (instance, program) = private::load(LIMITS, object, 0, Ticks::Simulated).unwrap();
        let mut timed = Self {
            clock: SimulatedClock::of(&instance).unwrap(),
            instance,
            program,
            publisher: Publisher::new().unwrap(),
            generation: 0,
        };
        timed.publish(perimeter);
        timed
    }

    /// Puts another perimeter in force.
    pub(crate) fn publish(&mut self, perimeter: Perimeter) {
        let table = compiled(perimeter).table;
        self.generation += 1;
        let clock = boot_clock().unwrap();
        self.publisher
            .publish(&mut self.instance, &table, [0; 32], clock, self.generation)
            .unwrap();
    }

    /// Sets the clock, in milliseconds.
    pub(crate) fn at(&mut self, milliseconds: u64) {
        self.clock.set(milliseconds);
    }

    /// Whether a frame passes.
    pub(crate) fn passes(&mut self, frame: &[u8]) -> bool {
        !self.program.test_run(frame).unwrap()
    }

    /// Sends a frame so many times, one by one: for a run of more than one the kernel waits for a grace period.
    pub(crate) fn run(&mut self, frame: &[u8], times: u32) {
        for _ in 0..times {
            self.passes(frame);
        }
    }

    /// Sends a frame so many times, and says how many of them passed.
    pub(crate) fn send(&mut self, frame: &[u8], times: u32) -> u64 {
        let before = self.passed();
        self.run(frame, times);
        self.passed() - before
    }

    /// Packets that passed so far.
    pub(crate) fn passed(&self) -> u64 {
        let counted = self.instance.verdict_counters(0).unwrap().into_iter();
        let passed = counted.filter(|counted| counted.action == Action::Pass);
        passed.map(|counted| counted.counter.packets).sum()
    }

    /// Packets dropped for a reason so far.
    pub(crate) fn dropped(&self, reason: Reason) -> u64 {
        let counter = self.instance.verdict_counter(0, reason, Action::Drop);
        counter.unwrap().packets
    }
}

/// What the product's compiler makes of a perimeter.
pub(crate) fn compiled(perimeter: Perimeter) -> Compiled {
    let rules = RuleSet {
        perimeter,
        ..RuleSet::default()
    };
    let settings = [InterfaceSettings::new(Enforcement::Enforce, Role::Upstream)];
    compile(&rules, &settings, &SlotLedger::default(), LIMITS).unwrap()
}
