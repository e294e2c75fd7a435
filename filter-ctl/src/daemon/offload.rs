//! Whether the network cards leave in frames what the settings go by.

use super::engine::Engine;
use crate::kernel::offload::{strips_vlan_tags, vlan_advice};

pub(super) const ALARM: &str = "vlan_offload";

impl Engine {
    /// Raises an alarm for each interface with settings by VLAN that hides VLANs from the program, and
    /// takes it back where that has been mended.
    pub(super) fn check_offloads(&mut self) {
        let interfaces = self.config.interfaces.iter();
        let states: Vec<(String, bool)> = interfaces
            .map(|interface| {
                let hides = !interface.vlans.is_empty() && strips_vlan_tags(&interface.name);
                (interface.name.clone(), hides)
            })
            .collect();
        for (name, hides) in states {
            if hides {
                let advice = vlan_advice(&name);
                self.raise(ALARM, name, advice);
            } else {
                self.clear_alarm(ALARM, &name);
            }
        }
    }
}
