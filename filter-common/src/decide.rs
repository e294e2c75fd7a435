//! The decision: a packet, the tables, the settings and a clock make a verdict.

use crate::{
    address::{Address, Family},
    limits::CLAUSES_PER_CELL_MAX,
    packet::{Classified, Packet},
    settings::InterfaceSettings,
    table::{Clause, ClauseFlags, End, Scope},
    verdict::{Reason, Verdict},
};

/// One generation of tables.
pub trait Tables {
    /// How far the address is protected: 0 or a [`Scope`].
    fn never_block(&self, family: Family, address: Address) -> u32;
    /// The number, from 1, of the address's first clause; 0 where no order lists it.
    fn listed(&self, family: Family, address: Address) -> u32;
    /// A clause by its number less 1.
    fn clause(&self, index: u32) -> Option<Clause>;
}

/// CLOCK_BOOTTIME; asked only when an order matches.
pub trait Clock {
    /// Seconds since boot, suspend included.
    fn boottime(&self) -> u32;
}

/// What is told while the evaluation goes on.
pub trait Effects {
    /// A monitored clause of this slot would have dropped the packet.
    fn would_drop(&mut self, slot: u32);
}

/// Decides about one frame.
///
/// The steps, of which the first match decides: control frames of the link pass; an end that is never
/// blocked passes at once (scope `all`) or cannot be blocked by an order (scope `lists`); an order
/// drops by source, then by destination.
#[inline(always)]
pub fn decide<T: Tables, C: Clock, E: Effects>(
    classified: &Classified,
    settings: InterfaceSettings,
    tables: &T,
    clock: &C,
    effects: &mut E,
) -> Verdict {
    let packet = match classified {
        Classified::Ip(packet) => packet,
        Classified::Other(reason) => return Verdict::plain(*reason),
    };
    let source_scope = tables.never_block(packet.family, packet.source);
    let destination_scope = tables.never_block(packet.family, packet.destination);
    if source_scope == Scope::All as u32 || destination_scope == Scope::All as u32 {
        return Verdict::plain(Reason::NeverBlock);
    }
    let mut verdict = Verdict::plain(packet.otherwise);
    let mut judge = Judge {
        packet,
        monitors: settings.monitors(),
        tables,
        clock,
        effects,
        verdict: &mut verdict,
    };
    if source_scope == 0 && judge.judge(End::Source) {
        return verdict;
    }
    if destination_scope == 0 {
        judge.judge(End::Destination);
    }
    verdict
}

struct Judge<'a, T, C, E> {
    packet: &'a Packet,
    monitors: bool,
    tables: &'a T,
    clock: &'a C,
    effects: &'a mut E,
    verdict: &'a mut Verdict,
}

impl<T: Tables, C: Clock, E: Effects> Judge<'_, T, C, E> {
    /// Judges one end; true if an order drops the packet.
    #[inline(always)]
    fn judge(&mut self, end: End) -> bool {
        let (address, port) = match end {
            End::Source => (self.packet.source, self.packet.source_port()),
            End::Destination => (self.packet.destination, self.packet.destination_port()),
        };
        let number = self.tables.listed(self.packet.family, address);
        if number == 0 {
            return false;
        }
        for step in 0..CLAUSES_PER_CELL_MAX as u32 {
            let Some(clause) = self.tables.clause((number - 1).wrapping_add(step)) else {
                return false;
            };
            if clause.matches(end, self.packet.protocol(), port)
                && self.clock.boottime() < clause.deadline
            {
                if self.monitors || clause.flags & ClauseFlags::MONITOR != 0 {
                    self.verdict.would_drop = true;
                    self.effects.would_drop(clause.slot);
                } else {
                    self.verdict.reason = Reason::Order;
                    self.verdict.slot = clause.slot;
                    return true;
                }
            }
            if clause.flags & ClauseFlags::LAST != 0 {
                return false;
            }
        }
        false
    }
}
