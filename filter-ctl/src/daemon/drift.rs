//! Whether the kernel holds what was put there.
//!
//! After each publication, and regularly between them, what lies in the half in force is read back and
//! compared with what was compiled. Nothing but the engine writes there, so a difference means faulty
//! memory, a faulty kernel, or somebody who writes to the pinned maps by hand.

use std::collections::BTreeMap;

use filter_common::abi::map;
use jiff::Timestamp;

use super::{desired::Plan, engine::Engine};
use crate::{
    audit::Event,
    kernel::{KernelError, instance::Instance, read_back, verify},
    order::FeedName,
    table::{
        clock::BootClock,
        compare,
        compile::Compiled,
        print::{Print, clauses_print},
    },
};

/// The alarm.
const ALARM: &str = "drift";
const SUBJECT: &str = "kernel";
/// Ticks, of a second each, between two checks.
const CHECK_EVERY: u64 = 60;

/// What shall lie in the kernel.
#[derive(Clone, Debug)]
pub(super) struct Proof {
    generation: u64,
    prints: Vec<Print>,
}

impl Proof {
    /// Of a table that is in force as `generation`, its deadlines being on `clock`.
    pub(super) fn new(compiled: &Compiled, generation: u64, clock: BootClock) -> Self {
        let mut prints = compiled.prints.clone();
        prints.push(clauses_print(&compiled.table.clauses, clock));
        Self { generation, prints }
    }

    /// The maps that hold something else.
    pub(super) fn differing(&self, instance: &Instance) -> Result<Vec<&'static str>, KernelError> {
        let live = instance.live()?.map(|live| live.generation);
        if live != Some(self.generation) {
            return Ok(vec![map::CONTROL]);
        }
        verify::differing(instance, &self.prints)
    }
}

impl Engine {
    /// Compares, once in [`CHECK_EVERY`] ticks. What has drifted is written anew.
    pub(super) fn check_drift_regularly(&mut self) {
        if !self.seconds.is_multiple_of(CHECK_EVERY) || self.check_drift() {
            return;
        }
        if self.damaged.is_empty() && self.clock.doubt(Timestamp::now()).is_none() {
            // A failure has raised its alarm, and is tried again.
            let _alarmed = self.enforce_desired();
        }
    }

    /// Compares. False if something has drifted.
    pub(super) fn check_drift(&mut self) -> bool {
        let Some(proof) = &self.proof else {
            return true;
        };
        let generation = proof.generation;
        match proof.differing(&self.instance) {
            Ok(differing) if differing.is_empty() => {
                self.drifted.clear();
                self.clear_alarm(ALARM, SUBJECT);
                true
            }
            Ok(differing) => {
                let (sources, local) = (self.sources.clone(), self.local.clone());
                // Where it does not fit, nobody can say whose entries have drifted.
                let plan = self.plan(&sources, &local).ok();
                self.note_drift(generation, &differing, plan.as_ref());
                false
            }
            Err(error) => {
                self.raise(ALARM, SUBJECT, format!("cannot be checked: {error}"));
                true
            }
        }
    }

    /// Tells that a generation is not what was put there, and whose entries it does not enforce as `meant`, the plan
    /// that it was made from.
    pub(super) fn note_drift(
        &mut self,
        generation: u64,
        maps: &[&'static str],
        meant: Option<&Plan>,
    ) {
        let maps = maps.join(", ");
        self.drifted = meant.map_or_else(BTreeMap::new, |meant| self.drifted_from(meant));
        let feeds = self.drifted.iter();
        let feeds: Vec<String> = feeds
            .map(|(feed, entries)| format!("{feed} ({entries})"))
            .collect();
        let feeds = match feeds.as_slice() {
            [] => "none that was looked at".to_owned(),
            feeds => feeds.join(", "),
        };
        self.drifts += 1;
        self.has_drifted = true;
        let message = format!(
            "generation {generation} in the kernel is not what was put there, see {maps}; entries by feed that it \
             does not enforce as it should: {feeds}; it is written anew; look for whoever writes to the pinned maps, \
             or for faulty memory"
        );
        self.raise(ALARM, SUBJECT, message);
        self.record(
            Event::new("filter-ctl", "drift", generation.to_string())
                .detail("maps", maps)
                .detail("feeds", feeds),
        );
    }

    /// Entries, by feed, that the kernel does not enforce as planned.
    fn drifted_from(&self, meant: &Plan) -> BTreeMap<FeedName, u64> {
        let live = self.instance.live().ok().flatten();
        let found = live.and_then(|live| {
            let table = read_back::table(&self.instance, &live).ok()?;
            Some((table, live.clock))
        });
        let Some((found, clock)) = found else {
            return BTreeMap::new();
        };
        compare::differing(&meant.rules, &meant.compiled.table, &found, clock)
    }
}
