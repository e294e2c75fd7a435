//! The decision on the host.

use filter_common::{
    address::Address,
    decide::{Tables as _, decide, oddities},
    limit::Tick,
    packet::{Classified, Frame},
    policy::Policies,
    verdict::Verdict,
};

use super::scene::Scene;
use crate::table::{Slot, host::Buckets};

/// What is decided about a frame, and all that is odd about it.
#[derive(Clone, Debug)]
pub(super) struct Decision {
    pub(super) verdict: Verdict,
    /// The policies that apply, whatever they do.
    pub(super) odd: Policies,
    /// The slots that would have dropped it, each once, in the order of evaluation.
    pub(super) would: Vec<Slot>,
    /// The slots of the rules that matched, in the order of evaluation.
    pub(super) rules: Vec<u32>,
}

/// Decides about one frame.
pub(super) fn judge(scene: &Scene, frame: &Frame, tick: Tick, buckets: &mut Buckets) -> Decision {
    let (tables, clock) = scene.tables(tick);
    let verdict = decide(frame, scene.settings(), &tables, &clock, buckets);
    let odd = match frame.content() {
        Classified::Stopped(stop) => stop.policies(),
        Classified::Ip(packet) if packet.doubtful => Policies::NONE,
        Classified::Ip(packet) => {
            let place = |address: Address| {
                let number = tables.place_number(packet.outer.family, address);
                tables.place(number).place()
            };
            let places = [place(packet.outer.source), place(packet.outer.destination)];
            oddities(&packet, places)
        }
    };
    Decision {
        verdict,
        odd,
        would: each_once(&buckets.would),
        rules: buckets.matched.clone(),
    }
}

/// At most one slot for each clause of each end.
fn each_once(slots: &[Slot]) -> Vec<Slot> {
    let mut once = Vec::new();
    for slot in slots {
        if !once.contains(slot) {
            once.push(*slot);
        }
    }
    once
}
