//! Samples and meters, as far as the engine has to do with them: how many samples there are, what their numbers
//! mean, and who may see addresses inside for how long.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    engine::{Engine, actor_name, failed, refused},
    handle::{Actor, Answer},
};
use crate::{
    audit::Event,
    events::Names,
    http::wire::CaptureRequest,
    kernel::{
        KernelError,
        clock::boottime_seconds,
        meters::MeterReader,
        samples::{SampleRing, SampleSettings, Tallies},
    },
};

/// The alarm; its subject is what cannot be had.
const ALARM: &str = "samples";

/// What the engine knows of samples and meters.
#[derive(Default)]
pub(super) struct Sampling {
    /// The captures of whole addresses that are open, and until when, in seconds of CLOCK_BOOTTIME.
    whole: BTreeMap<u64, u64>,
    /// The number of the last one.
    last: u64,
    /// The counts as of the last reading.
    pub(super) tallies: Tallies,
    meters: Option<Arc<MeterReader>>,
}

impl Engine {
    /// Has samples made as the configuration and the open captures say.
    pub(super) fn apply_sampling(&mut self) {
        let per_second = self.config.samples.per_second;
        let whole_until = self.sampling.whole.values().max().copied().unwrap_or(0);
        self.set_sampling(SampleSettings {
            per_second,
            whole_until,
        });
        self.hub.set_per_second(per_second);
    }

    /// The ring of samples. Without it the service filters all the same.
    pub(super) fn open_samples(&mut self) -> Option<SampleRing> {
        let ring = self.instance.sample_ring();
        ring.map_err(|error| self.raise(ALARM, "ring", error.to_string()))
            .ok()
    }

    /// A reader of the meters, for whoever looks. Without it the service filters all the same.
    pub(super) fn open_meters(&mut self) -> Option<Arc<MeterReader>> {
        self.meters()
            .map_err(|error| self.raise(ALARM, "meters", error.to_string()))
            .ok()
    }

    /// The reader, which is opened once: the instance stays the same as long as the service runs.
    fn meters(&mut self) -> Result<Arc<MeterReader>, KernelError> {
        if let Some(reader) = &self.sampling.meters {
            return Ok(Arc::clone(reader));
        }
        let reader = Arc::new(self.instance.meters()?);
        Ok(Arc::clone(self.sampling.meters.insert(reader)))
    }

    /// Ends it: there is nobody to read them.
    pub(super) fn stop_sampling(&mut self) {
        self.set_sampling(SampleSettings::default());
    }

    fn set_sampling(&mut self, settings: SampleSettings) {
        match self.instance.set_sampling(settings) {
            Ok(()) => self.clear_alarm(ALARM, "kernel"),
            Err(error) => self.raise(ALARM, "kernel", error.to_string()),
        }
    }

    /// Says what the numbers in samples of a generation mean. Before its first packet, and once the ledger knows
    /// them.
    pub(super) fn learn_names(&self, generation: u64) {
        let interfaces = self.ledger.interfaces().iter();
        let slots = self.ledger.slots().iter();
        let rules = self.ledger.rule_slots().iter();
        self.hub.learn(Names {
            generation,
            slots: slots
                .map(|(slot, orders)| (slot, Arc::clone(orders)))
                .collect(),
            rules: rules
                .map(|(rule, slot)| (slot, without_network(rule)))
                .collect(),
            interfaces: interfaces
                .map(|(name, known)| (known.number, name.clone()))
                .collect(),
            guarded: Arc::clone(&self.config.guarded),
        });
    }

    /// Lets addresses inside be whole for a capture, once the audit log says so.
    pub(super) fn open_whole(&mut self, request: &CaptureRequest, actor: &Actor) -> Answer<u64> {
        let now = boottime_seconds().map_err(|error| failed("clock", error.to_string()))?;
        let event = Event::new(&actor_name(actor), "capture_whole", "samples")
            .detail("seconds", request.seconds)
            .detail("packets", request.packets)
            .detail("reason", request.reason.as_deref().unwrap_or_default());
        self.try_record(event).map_err(|error| {
            refused(
                "not_recorded",
                format!("whole addresses are captured only if the audit log can say so: {error}"),
            )
        })?;
        // Those that could not say that they had ended.
        self.sampling.whole.retain(|_, until| *until > now);
        self.sampling.last += 1;
        let id = self.sampling.last;
        self.sampling
            .whole
            .insert(id, now + u64::from(request.seconds) + 1);
        self.apply_sampling();
        Ok(id)
    }

    /// Ends it, at the latest when its time has passed.
    pub(super) fn close_whole(&mut self, id: u64) {
        if self.sampling.whole.remove(&id).is_some() {
            self.apply_sampling();
        }
    }

    /// Reads the counts that are no verdicts, and the meters of host groups.
    pub(super) fn read_meters(&mut self) -> Result<(), KernelError> {
        let reader = self.meters()?;
        self.sampling.tallies = reader.read_tallies()?;
        let groups = reader.read_groups()?;
        let instance = self.instance.stable().nonce();
        self.ledger.groups_mut().absorb(instance, &groups);
        Ok(())
    }

    /// Gives the numbers of host groups the names of the generation that has just become live.
    pub(super) fn name_groups(&mut self) {
        let groups = self.rules.perimeter.groups.iter();
        self.ledger
            .groups_mut()
            .rename(groups.map(|group| group.name.as_str()));
    }
}

/// The name of a rule in samples. That of a host group's rule ends in one of the group's networks, which may be an
/// address inside: samples never show one.
fn without_network(rule: &str) -> String {
    rule.split('@').next().unwrap_or(rule).to_owned()
}
