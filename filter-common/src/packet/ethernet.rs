//! The Ethernet header, VLAN tags, and the kinds of frames that are not IP.

use super::Source;
use crate::{limits::VLAN_TAGS_MAX, verdict::Reason};

pub(super) const IPV4: u16 = 0x0800;
pub(super) const IPV6: u16 = 0x86dd;
const ARP: u16 = 0x0806;
const LLDP: u16 = 0x88cc;
const SLOW_PROTOCOLS: u16 = 0x8809;
const PPPOE_DISCOVERY: u16 = 0x8863;
/// Up to here the field is a length and an IEEE 802.2 LLC header follows (IEEE 802.3, 3.2.6).
const LENGTH_MAX: u16 = 1500;

/// The EtherType behind the tags, and where its payload begins.
#[inline(always)]
pub(super) fn open<S: Source + ?Sized>(source: &S) -> Result<(u16, usize), Reason> {
    let Some(field) = source.read::<2>(12) else {
        return Err(Reason::Truncated);
    };
    let mut ethertype = u16::from_be_bytes(field);
    let mut offset = 14;
    for _ in 0..VLAN_TAGS_MAX {
        if !is_tag(ethertype) {
            return Ok((ethertype, offset));
        }
        // Two bytes of tag control information, then the next EtherType.
        let Some(field) = source.read::<2>(offset + 2) else {
            return Err(Reason::Truncated);
        };
        ethertype = u16::from_be_bytes(field);
        offset += 4;
    }
    if is_tag(ethertype) {
        Err(Reason::TooManyTags)
    } else {
        Ok((ethertype, offset))
    }
}

/// 802.1Q, 802.1ad, and the two identifiers used for stacked tags before 802.1ad.
#[inline(always)]
const fn is_tag(ethertype: u16) -> bool {
    matches!(ethertype, 0x8100 | 0x88a8 | 0x9100 | 0x9200)
}

/// Why a frame that is not IP passes.
#[inline(always)]
pub(super) const fn reason(ethertype: u16) -> Reason {
    match ethertype {
        ARP => Reason::Arp,
        LLDP => Reason::Lldp,
        SLOW_PROTOCOLS => Reason::SlowProtocol,
        PPPOE_DISCOVERY => Reason::PppoeDiscovery,
        0..=LENGTH_MAX => Reason::Llc,
        _ => Reason::OtherEthertype,
    }
}
