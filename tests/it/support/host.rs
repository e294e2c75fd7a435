//! The decision on the host: by the tables, and from the plain list of rules.

use std::net::IpAddr;

use filter_common::{
    address::{Address, Family},
    decide::{Clock, Effects, decide},
    packet::{Classified, Packet, classify},
    table::Scope,
    verdict::{Reason, Verdict},
};
use filter_ctl::{
    kernel::clock::boot_clock,
    table::{Table, clock::BootClock, host::HostTables},
};

use super::rules::{Rule, Rules};

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

impl Host {
    pub(crate) fn new(table: Table) -> Self {
        Self {
            table,
            clock: boot_clock().unwrap(),
        }
    }

    pub(crate) fn decide(&self, frame: &[u8]) -> Decision {
        let mut would = Would(Vec::new());
        let tables = HostTables {
            table: &self.table,
            clock: self.clock,
        };
        let settings = self.table.settings[0];
        let verdict = decide(&classify(frame), settings, &tables, &Now, &mut would);
        Decision {
            verdict,
            would: would.0,
        }
    }
}

struct Would(Vec<u32>);

impl Effects for Would {
    fn would_drop(&mut self, slot: u32) {
        self.0.push(slot);
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
}

/// The same decision without any table, each rule looked at in turn; the parser is the product's.
pub(crate) fn decide_plainly(rules: &Rules, frame: &[u8]) -> Decision {
    let packet = match classify(frame) {
        Classified::Ip(packet) => packet,
        Classified::Other(reason) => return passes(reason),
    };
    let ends = ends(&packet);
    let scopes = ends.map(|end| rules.scope(end));
    if scopes.contains(&(Scope::All as u32)) {
        return passes(Reason::NeverBlock);
    }
    let mut decision = passes(packet.otherwise);
    for (index, end) in ends.into_iter().enumerate() {
        if scopes[index] != 0 {
            continue;
        }
        for rule in rules.covering(end) {
            if !speaks_of(rule, &packet, index == 0) {
                continue;
            }
            if rule.monitor || rules.settings[0].monitors() {
                decision.verdict.would_drop = true;
                decision.would.push(rule.slot);
            } else {
                decision.verdict.reason = Reason::Order;
                decision.verdict.slot = rule.slot;
            }
            if !rule.monitor {
                return decision;
            }
        }
    }
    decision
}

/// Whether a rule that covers an end of a packet means that packet.
pub(crate) fn speaks_of(rule: &Rule, packet: &Packet, is_source: bool) -> bool {
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

fn passes(reason: Reason) -> Decision {
    Decision {
        verdict: Verdict::plain(reason),
        would: Vec::new(),
    }
}

/// Both ends of a packet, the source first.
pub(crate) fn ends(packet: &Packet) -> [IpAddr; 2] {
    [packet.source, packet.destination].map(|end| standard(packet.family, end))
}

fn standard(family: Family, address: Address) -> IpAddr {
    match family {
        Family::V4 => IpAddr::V4(address.v4().into()),
        Family::V6 => IpAddr::V6((u128::from(address.high) << 64 | u128::from(address.low)).into()),
    }
}
