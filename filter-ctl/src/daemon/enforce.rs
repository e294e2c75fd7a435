//! From what is desired to what is in force: ledger, kernel, in that order.

use std::sync::Arc;

use super::{desired::Plan, drift::Proof, engine::Engine};
use crate::{
    audit::Event,
    kernel::{KernelError, clock::boot_clock, instance::Live},
    observe::ledger::LedgerError,
    order::hex,
    table::{clock::BootClock, compile::Compiled, slots},
};

/// Why a plan did not become a generation.
#[derive(Debug, thiserror::Error)]
pub(super) enum EnforceError {
    #[error(transparent)]
    Kernel(#[from] KernelError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Slots(#[from] slots::LedgerError),
}

impl Engine {
    /// Makes a plan the generation in force, unless it already is. Returns the generation.
    ///
    /// The order matters: the ledger says on disk what the new slots mean before a packet can be
    /// charged to one, and a slot is given free only after the generation that used it has ended and
    /// its counter was read.
    pub(super) fn enforce(&mut self, plan: Plan) -> Result<u64, EnforceError> {
        let live = self.instance.live()?;
        let clock = self.clock.for_deadlines(boot_clock()?);
        let same =
            |live: &Live| live.digest == plan.compiled.digest && !has_been_set(live.clock, clock);
        if let Some(live) = live.filter(same)
            && !self.has_drifted
        {
            let proof = Proof::new(&plan.compiled, live.generation, live.clock);
            let differing = proof.differing(&self.instance)?;
            if differing.is_empty() {
                self.rules = Arc::new(plan.rules);
                self.learn_names(live.generation);
                self.name_groups();
                self.note_table(&plan.compiled);
                self.proof = Some(proof);
                self.finish_instance()?;
                return Ok(live.generation);
            }
            // It says that it is this table, and is not: it is written anew.
            self.note_drift(live.generation, &differing, Some(&plan));
        }
        let Plan {
            rules, compiled, ..
        } = plan;
        let generation = self
            .ledger
            .generation()
            .max(live.map_or(0, |live| live.generation))
            + 1;
        self.ledger.slots_mut().adopt(&compiled.slots)?;
        let traffic = rules.perimeter.rules.iter();
        let numbers = traffic.map(|rule| (rule.id.as_str(), rule.record.slot));
        self.ledger.rule_slots_mut().adopt(numbers);
        self.ledger.note_generation(generation);
        if let Err(error) = self.ledger.save(&self.config.state_dir) {
            // With nothing in force, as after a reboot onto a full disk, protection comes first.
            // And what takes blocking away does not wait for a disk.
            if (live.is_some() || !self.left.is_empty()) && !self.ledger_may_wait {
                return Err(error.into());
            }
            self.raise("state_not_writable", "ledger.json", error.to_string());
        }
        self.learn_names(generation);
        let published = self.publisher.publish(
            &mut self.instance,
            &compiled.table,
            compiled.digest,
            clock,
            generation,
        )?;
        self.publish_durations.observe(published.write);
        self.proof = Some(Proof::new(&compiled, generation, clock));
        self.has_drifted = false;
        self.finish_instance()?;
        self.rules = Arc::new(rules);
        self.note_table(&compiled);
        self.read_all_counters()?;
        self.read_meters()?;
        self.name_groups();
        let unused = self.ledger.slots().unused(&compiled.slots);
        self.ledger.retire(&unused);
        self.ledger.keep_rules(&self.rules.perimeter.rules);
        self.record(
            Event::new("filter-ctl", "generation", generation.to_string())
                .detail("digest", hex::encode(&compiled.digest))
                .detail(
                    "before",
                    live.map_or_else(String::new, |live| hex::encode(&live.digest)),
                )
                .detail("entries", self.rules.len()),
        );
        tracing::info!(
            generation,
            entries = self.rules.len(),
            milliseconds = published.write.as_millis(),
            "a new generation is in force"
        );
        self.check_drift();
        Ok(generation)
    }

    /// Marks new maps as those that count, once they hold a generation and before any interface comes to
    /// them. The kill switch is as it was.
    fn finish_instance(&mut self) -> Result<(), KernelError> {
        if self.instance.is_finished()? {
            return Ok(());
        }
        // It may have been switched on in these maps already.
        if self.bypass_before() {
            self.instance.set_bypass(true);
        }
        self.instance.finish()
    }

    fn note_table(&mut self, compiled: &Compiled) {
        self.table_rows = [
            compiled.table.v4.starts.len() as u64,
            compiled.table.v6.starts.len() as u64,
        ];
        self.table_prefixes = compiled.prefixes.map(|prefixes| prefixes as u64);
    }
}

/// Whether the wall clock was set between two readings, by more than it drifts. Deadlines in the kernel
/// then stand at the wrong time.
pub(super) const fn has_been_set(before: BootClock, now: BootClock) -> bool {
    const DRIFT_SECONDS: u64 = 30;
    before.boottime_at_unix_0.abs_diff(now.boottime_at_unix_0) > DRIFT_SECONDS
}
