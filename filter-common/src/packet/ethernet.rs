//! The Ethernet header, VLAN tags, SNAP, and the kinds of frames that are not IP.

use super::{Source, Stop, pppoe};
use crate::{limits::VLAN_TAGS_MAX, policy::Policy, verdict::Reason};

pub(super) const IPV4: u16 = 0x0800;
pub(super) const IPV6: u16 = 0x86dd;
pub(super) const ARP: u16 = 0x0806;
const RARP: u16 = 0x8035;
const LLDP: u16 = 0x88cc;
const SLOW_PROTOCOLS: u16 = 0x8809;
const PPPOE_DISCOVERY: u16 = 0x8863;
pub(super) const PPPOE_SESSION: u16 = 0x8864;
pub(super) const MPLS_UNICAST: u16 = 0x8847;
const MPLS_MULTICAST: u16 = 0x8848;
/// IEEE 802.1Q.
pub(super) const C_TAG: u16 = 0x8100;
/// IEEE 802.1ad.
pub(super) const S_TAG: u16 = 0x88a8;
/// Pause frames (IEEE 802.3, annex 31).
const MAC_CONTROL: u16 = 0x8808;
/// IEEE 802.1X.
const EAPOL: u16 = 0x888e;
/// IEEE 802.1Q registration: MSRP, MVRP, MMRP.
const MSRP: u16 = 0x22ea;
const MVRP: u16 = 0x88f5;
const MMRP: u16 = 0x88f6;
/// IEEE 1588.
const PTP: u16 = 0x88f7;
/// IEEE 802.1ag and ITU-T Y.1731.
const CFM: u16 = 0x8902;
/// IS-IS frames longer than a length field can say.
const LLC_LARGE: u16 = 0x8870;
/// The loopback test of Ethernet 2.0, which switches send as keepalive.
const LOOPBACK: u16 = 0x9000;
/// Up to here the field is a length and an IEEE 802.2 LLC header follows (IEEE 802.3, 3.2.6).
const LENGTH_MAX: u16 = 1500;
/// An LLC header for SNAP with the organisation of EtherTypes (RFC 1042).
const SNAP: [u8; 6] = [0xaa, 0xaa, 0x03, 0, 0, 0];

/// What a frame carries, and where that begins.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    /// The identifier in the outermost tag that has one; 0 for none.
    pub(super) vlan: u16,
    /// Why it is opened no further; a reason's number that is not 0.
    stop: u32,
    is_v6: bool,
    /// Whether it may as well be no IP: see [`super::Packet::doubtful`].
    pub(super) doubtful: bool,
    offset: usize,
}

impl Link {
    /// A frame that ends before it says what it carries.
    pub const CUT: Self = Self {
        vlan: 0,
        stop: Stop::policy(Policy::Truncated).number(),
        is_v6: false,
        doubtful: false,
        offset: 0,
    };

    #[inline(always)]
    pub(super) const fn new(vlan: u16, opened: Result<(Ip, usize), Stop>, doubtful: bool) -> Self {
        match opened {
            Ok((ip, offset)) => Self {
                vlan,
                stop: 0,
                is_v6: matches!(ip, Ip::V6),
                doubtful,
                offset,
            },
            Err(stop) => Self {
                vlan,
                stop: stop.number(),
                ..Self::CUT
            },
        }
    }

    /// The IP header that it carries, or why it is opened no further.
    #[inline(always)]
    pub(super) const fn payload(&self) -> Result<(Ip, usize), Stop> {
        if self.stop != 0 {
            return Err(Stop::from_number(self.stop));
        }
        let ip = if self.is_v6 { Ip::V6 } else { Ip::V4 };
        Ok((ip, self.offset))
    }
}

/// A version of the Internet Protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ip {
    /// RFC 791.
    V4,
    /// RFC 8200.
    V6,
}

/// Opens everything up to the IP header.
#[inline(always)]
pub(super) fn open<S: Source + ?Sized>(source: &S) -> Link {
    let mut vlan = 0;
    let mut doubtful = false;
    let opened = open_tags(source, &mut vlan, &mut doubtful);
    Link::new(vlan, opened, doubtful)
}

#[inline(always)]
fn open_tags<S: Source + ?Sized>(
    source: &S,
    vlan: &mut u16,
    doubtful: &mut bool,
) -> Result<(Ip, usize), Stop> {
    let Some(field) = source.read::<2>(12) else {
        return Err(Stop::policy(Policy::Truncated));
    };
    let mut ethertype = u16::from_be_bytes(field);
    let mut offset = 14;
    for _ in 0..VLAN_TAGS_MAX {
        if !is_tag(ethertype) {
            break;
        }
        // Two bytes of tag control information, then the next EtherType.
        let Some([high, low, field @ ..]) = source.read::<4>(offset) else {
            return Err(Stop::policy(Policy::Truncated));
        };
        // Priority tags before the one that names a VLAN are skipped by receivers as well.
        if *vlan == 0 {
            *vlan = u16::from_be_bytes([high & 0x0f, low]);
        }
        ethertype = u16::from_be_bytes(field);
        offset += 4;
    }
    if ethertype <= LENGTH_MAX {
        let Some([rest @ .., high, low]) = source.read::<8>(offset) else {
            return Err(Stop::reason(Reason::Llc));
        };
        if rest != SNAP {
            return Err(Stop::reason(Reason::Llc));
        }
        ethertype = u16::from_be_bytes([high, low]);
        offset += 8;
    }
    match ethertype {
        IPV4 => Ok((Ip::V4, offset)),
        IPV6 => Ok((Ip::V6, offset)),
        MPLS_UNICAST | MPLS_MULTICAST => open_stack(source, offset, doubtful),
        PPPOE_SESSION => match pppoe::open(source, offset)? {
            (pppoe::Payload::Ip(ip), offset) => Ok((ip, offset)),
            (pppoe::Payload::Mpls, offset) => open_stack(source, offset, doubtful),
        },
        other => Err(stop(other)),
    }
}

#[inline(always)]
fn open_stack<S: Source + ?Sized>(
    source: &S,
    offset: usize,
    doubtful: &mut bool,
) -> Result<(Ip, usize), Stop> {
    let link = source.mpls(offset);
    *doubtful = link.doubtful;
    link.payload()
}

/// 802.1Q, 802.1ad, and the two identifiers used for stacked tags before 802.1ad.
#[inline(always)]
const fn is_tag(ethertype: u16) -> bool {
    matches!(ethertype, C_TAG | S_TAG | 0x9100 | 0x9200)
}

/// Why a frame that is not IP goes no further.
#[inline(always)]
const fn stop(ethertype: u16) -> Stop {
    Stop::reason(match ethertype {
        ARP | RARP => Reason::Arp,
        LLDP => Reason::Lldp,
        SLOW_PROTOCOLS => Reason::SlowProtocol,
        PPPOE_DISCOVERY => Reason::PppoeDiscovery,
        LLC_LARGE | 0..=LENGTH_MAX => Reason::Llc,
        MAC_CONTROL | EAPOL | MSRP | MVRP | MMRP | PTP | CFM | LOOPBACK => Reason::LinkControl,
        tag if is_tag(tag) => return Stop::policy(Policy::TooManyTags),
        _ => return Stop::policy(Policy::OtherEthertype),
    })
}
