//! What a network card does to frames before a program sees them.

use super::sys;

/// Whether the interface takes VLAN tags out of frames (`ethtool -k`: `rx-vlan-offload`), so that the
/// program cannot tell VLANs apart. `false` for one that cannot be asked.
#[must_use]
pub fn strips_vlan_tags(interface: &str) -> bool {
    const ETH_FLAG_RXVLAN: u32 = 1 << 8;
    sys::ethtool_flags(interface).is_ok_and(|flags| flags & ETH_FLAG_RXVLAN != 0)
}

/// What to say of an interface that does.
#[must_use]
pub fn vlan_advice(interface: &str) -> String {
    format!(
        "{interface} takes VLAN tags out of frames, so its [[interface.vlan]] settings have no effect \
         and every VLAN is judged as the interface itself; run `ethtool -K {interface} rxvlan off`"
    )
}
