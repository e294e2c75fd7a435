//! The decision on the host.

use filter_common::{
    address::Address,
    decide::{Effects, Tables as _, decide, oddities},
    packet::{Classified, Frame},
    policy::Policies,
    verdict::Verdict,
};

use super::scene::Scene;
use crate::table::Slot;

/// What is decided about a frame, and all that is odd about it.
#[derive(Clone, Debug)]
pub(super) struct Decision {
    pub(super) verdict: Verdict,
    /// The policies that apply, whatever they do.
    pub(super) odd: Policies,
    /// The slots that would have dropped it, in the order of evaluation.
    pub(super) would: Vec<Slot>,
}

/// Decides about one frame.
pub(super) fn judge(scene: &Scene, frame: &Frame) -> Decision {
    let (tables, clock) = scene.tables();
    let mut would = Would(Vec::new());
    let verdict = decide(frame, scene.settings(), &tables, &clock, &mut would);
    let odd = match frame.content() {
        Classified::Stopped(stop) => stop.policies(),
        Classified::Ip(packet) if packet.doubtful => Policies::NONE,
        Classified::Ip(packet) => {
            let place = |address: Address| tables.place(packet.outer.family, address);
            let places = [place(packet.outer.source), place(packet.outer.destination)];
            oddities(&packet, places)
        }
    };
    Decision {
        verdict,
        odd,
        would: would.0,
    }
}

/// At most one slot for each clause of each end.
struct Would(Vec<Slot>);

impl Effects for Would {
    fn would_drop(&mut self, slot: u32) {
        if !self.0.contains(&slot) {
            self.0.push(slot);
        }
    }
}
