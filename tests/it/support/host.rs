//! The decision on the host: by the tables, and from the plain list of rules.

use std::net::IpAddr;

use filter_common::{
    address::{Address, Family},
    decide::{Clock, Effects, Tables, decide},
    packet::{Classified, Packet, classify},
    settings::InterfaceSettings,
    table::{Clause, Intervals, Key4, Key6, Root, Row4, Row6, Scope, find},
    verdict::{Reason, Verdict},
};
use filter_ctl::{
    kernel::clock::boot_clock,
    table::{Arrays, Table},
};

use super::rules::{Rule, Rules};

/// A table with its deadlines on this machine's clock.
pub(crate) struct Host {
    table: Table,
    clauses: Vec<Clause>,
    settings: InterfaceSettings,
}

/// What is decided about a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) verdict: Verdict,
    /// The slots that would have dropped it, in the order of evaluation.
    pub(crate) would: Vec<u32>,
}

impl Host {
    pub(crate) fn new(rules: &Rules) -> Self {
        let table = rules.table();
        let clock = boot_clock().unwrap();
        Self {
            clauses: table
                .clauses
                .iter()
                .map(|clause| clause.at(clock))
                .collect(),
            settings: table.settings[0],
            table,
        }
    }

    pub(crate) fn decide(&self, frame: &[u8]) -> Decision {
        let mut would = Would(Vec::new());
        let verdict = decide(&classify(frame), self.settings, self, &Now, &mut would);
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

/// The arrays of one table.
struct Rows<'a, R>(&'a Arrays<R>);

impl Intervals<Key4> for Rows<'_, Row4> {
    fn root(&self, index: u32) -> Option<Root> {
        self.0.roots.get(index as usize).copied()
    }

    fn start(&self, index: u32) -> Option<Key4> {
        Some(Key4(self.0.rows.get(index as usize)?.start))
    }

    fn value(&self, index: u32) -> Option<u32> {
        Some(self.0.rows.get(index as usize)?.value)
    }
}

impl Intervals<Key6> for Rows<'_, Row6> {
    fn root(&self, index: u32) -> Option<Root> {
        self.0.roots.get(index as usize).copied()
    }

    fn start(&self, index: u32) -> Option<Key6> {
        let Row6 { high, low, .. } = *self.0.rows.get(index as usize)?;
        Some(Key6(Address { high, low }))
    }

    fn value(&self, index: u32) -> Option<u32> {
        Some(self.0.rows.get(index as usize)?.value)
    }
}

impl Tables for Host {
    fn never_block(&self, family: Family, address: Address) -> u32 {
        match family {
            Family::V4 => find(&Rows(&self.table.never_block_v4), Key4(address.v4())),
            Family::V6 => find(&Rows(&self.table.never_block_v6), Key6(address)),
        }
    }

    fn listed(&self, family: Family, address: Address) -> u32 {
        match family {
            Family::V4 => find(&Rows(&self.table.v4), Key4(address.v4())),
            Family::V6 => find(&Rows(&self.table.v6), Key6(address)),
        }
    }

    fn clause(&self, index: u32) -> Option<Clause> {
        self.clauses.get(index as usize).copied()
    }
}

/// The same decision without any table, each rule looked at in turn; the parser is the product's.
pub(crate) fn decide_plainly(rules: &Rules, frame: &[u8]) -> Decision {
    let packet = match classify(frame) {
        Classified::Ip(packet) => packet,
        Classified::Other(reason) => return passes(reason),
    };
    let ends = [packet.source, packet.destination].map(|end| standard(packet.family, end));
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
                return decision;
            }
        }
    }
    decision
}

fn speaks_of(rule: &Rule, packet: &Packet, is_source: bool) -> bool {
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

pub(crate) fn standard(family: Family, address: Address) -> IpAddr {
    match family {
        Family::V4 => IpAddr::V4(address.v4().into()),
        Family::V6 => IpAddr::V6((u128::from(address.high) << 64 | u128::from(address.low)).into()),
    }
}
