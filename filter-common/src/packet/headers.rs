//! What one call of the parser hands to the next: an IP header, and what was found behind it.

use super::{Features, Flow, Stop, protocol};
use crate::policy::{Policies, Policy};

/// An IP header and what was found behind it.
#[derive(Clone, Copy, Debug)]
pub struct Headers {
    /// Why it is opened no further; a reason's number that is not 0. Then nothing else here counts, but the
    /// addresses where they were read.
    pub(super) stop: u32,
    pub(super) flow: Flow,
    pub(super) features: Features,
    pub(super) odd: Policies,
    /// The time to live, or hop limit.
    pub(super) hop_limit: u8,
    /// Bytes of options in an IPv4 header.
    pub(super) options: usize,
    /// What it carries, where that is known.
    pub(super) upper: Upper,
    /// Where the IP header in a tunnel to look into begins; else 0.
    pub(super) inner: usize,
    /// Whether that is IPv6.
    pub(super) inner_v6: bool,
}

impl Headers {
    /// A frame that ends before the addresses.
    pub const CUT: Self = Self::stopped(Stop::TRUNCATED);

    #[inline(always)]
    pub(super) const fn new(flow: Flow, hop_limit: u8) -> Self {
        let mut odd = Policies::NONE;
        odd.add_if(Policy::TtlZero, hop_limit == 0);
        Self {
            stop: 0,
            flow,
            features: Features::NONE,
            odd,
            hop_limit,
            options: 0,
            upper: Upper { at: 0, length: 0 },
            inner: 0,
            inner_v6: false,
        }
    }

    #[inline(always)]
    pub(super) const fn stopped(stop: Stop) -> Self {
        let mut headers = Self::new(Flow::NONE, 0);
        headers.stop = stop.number();
        headers
    }

    /// Whether it is an echo of bidirectional forwarding detection: a router sends it to itself by way of
    /// its neighbour (RFC 5881, 4; RFC 9747). Whoever is further away than that neighbour cannot make
    /// one, because the neighbour has taken off one hop at most.
    #[inline(always)]
    pub(super) fn is_bfd_echo(&self) -> bool {
        const PORT: u16 = 3_785;
        const HOP_LIMIT_MIN: u8 = 254;
        let flow = &self.flow;
        flow.protocol_number() == protocol::UDP
            && flow.destination_port() == Some(PORT)
            && self.hop_limit >= HOP_LIMIT_MIN
    }
}

/// What an IP header and its extensions carry, where that is known and not the middle of something.
#[derive(Clone, Copy, Debug)]
pub(super) struct Upper {
    /// Where it begins in the frame; 0 where it is not known.
    pub(super) at: usize,
    /// Its bytes, as the IP header says.
    pub(super) length: usize,
}
