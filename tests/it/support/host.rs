//! The decision on the host, by the tables.

use std::net::IpAddr;

use filter_common::{
    address::{Address, Family},
    decide::{Clock, decide},
    limit::Tick,
    packet::{Classified, Flow, Packet, Stop, classify},
    settings::Tunnels,
    verdict::{Action, Reason, Verdict},
};
use filter_ctl::{
    kernel::clock::boot_clock,
    table::{
        Table,
        clock::BootClock,
        host::{Buckets, HostTables},
    },
};

use super::{kernel::Outcome, rules::Rule};

/// A table on this machine's clock.
pub(crate) struct Host {
    table: Table,
    clock: BootClock,
}

/// What is decided about a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) verdict: Verdict,
    /// The slots that would have dropped it, in the order of evaluation.
    pub(crate) would: Vec<u32>,
}

impl Decision {
    /// As the counters show it.
    pub(crate) fn outcome(&self) -> Outcome {
        let verdict = self.verdict;
        let reason = verdict.reason();
        let mut would = self.would.clone();
        would.sort_unstable();
        let mut outcome = Outcome::pass(reason);
        outcome.dropped = verdict.action == Action::Drop;
        outcome.slots = Vec::from_iter((reason == Reason::Order).then_some(verdict.slot));
        outcome.would = would;
        outcome.would_drop = verdict.would_drop();
        outcome.would_policies = verdict.would;
        outcome
    }
}

impl Host {
    pub(crate) fn new(table: Table) -> Self {
        Self {
            table,
            clock: boot_clock().unwrap(),
        }
    }

    pub(crate) fn decide(&self, frame: &[u8]) -> Decision {
        let mut buckets = Buckets::new(&self.table.guard);
        let tables = HostTables {
            table: &self.table,
            interface: 0,
            clock: self.clock,
        };
        let settings = self.table.settings[0];
        let verdict = decide(
            &classify(frame, settings.tunnels()),
            settings,
            &tables,
            &Now,
            buckets.begin(frame.len()),
        );
        Decision {
            verdict,
            would: buckets.would,
        }
    }
}

struct Now;

impl Clock for Now {
    fn boottime(&self) -> u32 {
        let mut time = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: a live, writable record.
        unsafe { libc::clock_gettime(libc::CLOCK_BOOTTIME, &raw mut time) };
        u32::try_from(time.tv_sec).unwrap()
    }

    fn tick(&self) -> Tick {
        Buckets::tick(0)
    }
}

/// Whether a rule that covers an end of a packet means that packet.
pub(crate) fn speaks_of(rule: &Rule, packet: &Flow, is_source: bool) -> bool {
    let (direction, port) = if is_source {
        (rule.from, packet.source_port())
    } else {
        (rule.to, packet.destination_port())
    };
    let protocol = rule.protocol.is_none() || rule.protocol == packet.protocol();
    let ports = rule
        .ports
        .is_none_or(|[first, last]| port.is_some_and(|port| (first..=last).contains(&port)));
    let holds = jiff::Timestamp::now().as_second() < rule.until;
    direction && protocol && ports && holds
}

/// Why a frame passes if no order speaks of it and no policy drops: the first thing that is odd.
pub(crate) fn pass_reason(frame: &[u8]) -> Reason {
    match classify(frame, Tunnels::NONE).content() {
        Classified::Ip(packet) => otherwise(&packet),
        Classified::Stopped(stop) => reason_of(stop),
    }
}

/// The reason that a stop stands for.
pub(crate) fn reason_of(stop: Stop) -> Reason {
    Reason::numbered(stop.number()).unwrap()
}

fn otherwise(packet: &Packet) -> Reason {
    if packet.doubtful {
        return Reason::MplsPseudowire;
    }
    let first = packet.odd.iter().next();
    first.map_or(Reason::Clean, Reason::Policy)
}

/// Both ends of a packet, the source first.
pub(crate) fn ends(packet: &Flow) -> [IpAddr; 2] {
    [packet.source, packet.destination].map(|end| standard(packet.family, end))
}

fn standard(family: Family, address: Address) -> IpAddr {
    match family {
        Family::V4 => IpAddr::V4(address.v4().into()),
        Family::V6 => IpAddr::V6((u128::from(address.high) << 64 | u128::from(address.low)).into()),
    }
}
