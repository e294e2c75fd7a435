//! The decision: a packet, the tables, the settings and a clock make a verdict.
//!
//! The kernel's verifier follows every path through the program, and would follow the searches once
//! for each way a header can be parsed. So the two parts that loop over tables, [`Tables::ends`] and
//! [`Tables::judge`], are methods that the kernel side overrides to call this very code as functions
//! of plain numbers, which are verified once each; [`Query`], [`Ends`] and [`Judgement`] therefore fit
//! into one word.

use crate::{
    address::{Address, Family},
    limits::CLAUSES_PER_CELL_MAX,
    packet::{Classified, Packet},
    settings::InterfaceSettings,
    table::{Clause, ClauseFlags, End, Scope, Subject},
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

    /// Looks both ends of a packet up.
    #[inline(always)]
    fn ends(&self, family: Family, source: Address, destination: Address) -> Ends {
        let [source_scope, destination_scope] = [
            self.never_block(family, source),
            self.never_block(family, destination),
        ];
        Ends {
            source: Listing {
                scope: source_scope,
                number: self.listed(family, source),
            },
            destination: Listing {
                scope: destination_scope,
                number: self.listed(family, destination),
            },
        }
    }

    /// Judges one listed end of a packet.
    #[inline(always)]
    fn judge<C: Clock, E: Effects>(&self, query: Query, clock: &C, effects: &mut E) -> Judgement {
        walk(self, query, clock, effects)
    }
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

/// What the tables say of one end of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listing {
    /// 0 or a [`Scope`].
    pub scope: u32,
    /// The number, from 1, of its first clause; 0 for none. Below 2^20.
    pub number: u32,
}

impl Listing {
    const BITS: u32 = 22;
    const NUMBER_BITS: u32 = 20;

    #[inline(always)]
    const fn to_bits(self) -> u64 {
        (self.scope << Self::NUMBER_BITS | self.number) as u64
    }

    #[inline(always)]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the upper bits belong to the other end"
    )]
    const fn from_bits(bits: u64) -> Self {
        let bits = bits as u32;
        Self {
            scope: bits >> Self::NUMBER_BITS & 3,
            number: bits & ((1 << Self::NUMBER_BITS) - 1),
        }
    }
}

/// What the tables say of both ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// Of the sender.
    pub source: Listing,
    /// Of the receiver.
    pub destination: Listing,
}

impl Ends {
    /// As one word.
    #[inline(always)]
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        self.source.to_bits() | self.destination.to_bits() << Listing::BITS
    }

    /// From [`Ends::to_bits`].
    #[inline(always)]
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self {
            source: Listing::from_bits(bits),
            destination: Listing::from_bits(bits >> Listing::BITS),
        }
    }
}

/// The question whether an order drops a packet for one of its ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query {
    /// The number, from 1, of the end's first clause.
    pub number: u32,
    /// Which end it is.
    pub end: End,
    /// The transport protocol, if known.
    pub protocol: Option<u8>,
    /// The port at that end, if known.
    pub port: Option<u16>,
    /// Whether every match is only counted.
    pub monitors: bool,
}

impl Query {
    const PORT_SHIFT: u32 = 32;
    const PROTOCOL_SHIFT: u32 = 48;
    const DESTINATION: u64 = 1 << 56;
    const PROTOCOL_KNOWN: u64 = 1 << 57;
    const PORT_KNOWN: u64 = 1 << 58;
    const MONITORS: u64 = 1 << 59;

    /// As one word.
    #[inline(always)]
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        let mut bits = self.number as u64;
        if let End::Destination = self.end {
            bits |= Self::DESTINATION;
        }
        if let Some(protocol) = self.protocol {
            bits |= (protocol as u64) << Self::PROTOCOL_SHIFT | Self::PROTOCOL_KNOWN;
        }
        if let Some(port) = self.port {
            bits |= (port as u64) << Self::PORT_SHIFT | Self::PORT_KNOWN;
        }
        if self.monitors {
            bits |= Self::MONITORS;
        }
        bits
    }

    /// From [`Query::to_bits`].
    #[inline(always)]
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "each field is cut out of the word"
    )]
    pub const fn from_bits(bits: u64) -> Self {
        Self {
            number: bits as u32,
            end: if bits & Self::DESTINATION == 0 {
                End::Source
            } else {
                End::Destination
            },
            protocol: if bits & Self::PROTOCOL_KNOWN == 0 {
                None
            } else {
                Some((bits >> Self::PROTOCOL_SHIFT) as u8)
            },
            port: if bits & Self::PORT_KNOWN == 0 {
                None
            } else {
                Some((bits >> Self::PORT_SHIFT) as u16)
            },
            monitors: bits & Self::MONITORS != 0,
        }
    }
}

/// The answer to a [`Query`]: one word, because a walk only ever adds bits to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judgement(u64);

impl Judgement {
    const DROP: u64 = 1 << 32;
    const WOULD_DROP: u64 = 1 << 33;
    const DECIDED: u64 = 1 << 34;

    /// As one word.
    #[inline(always)]
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        self.0
    }

    /// From [`Judgement::to_bits`].
    #[inline(always)]
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The slot of the orders that drop the packet.
    #[inline(always)]
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the slot is the low 32 bits"
    )]
    pub const fn drop(self) -> Option<u32> {
        if self.0 & Self::DROP == 0 {
            None
        } else {
            Some(self.0 as u32)
        }
    }

    /// Whether a monitored order would have dropped it.
    #[inline(always)]
    #[must_use]
    pub const fn would_drop(self) -> bool {
        self.0 & Self::WOULD_DROP != 0
    }

    /// Whether an order decided about it that drops where the interface enforces: nothing further is
    /// asked, so that what a monitored interface counts is what it would drop.
    #[inline(always)]
    #[must_use]
    pub const fn decided(self) -> bool {
        self.0 & Self::DECIDED != 0
    }
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
    let ends = tables.ends(packet.family, packet.source, packet.destination);
    if ends.source.scope == Scope::All as u32 || ends.destination.scope == Scope::All as u32 {
        return Verdict::plain(Reason::NeverBlock);
    }
    let mut verdict = Verdict::plain(packet.otherwise);
    for (end, listing) in [
        (End::Source, ends.source),
        (End::Destination, ends.destination),
    ] {
        if listing.number == 0 || listing.scope != 0 {
            continue;
        }
        let query = query(packet, end, listing.number, settings.monitors());
        let judgement = tables.judge(query, clock, effects);
        verdict.would_drop |= judgement.would_drop();
        if let Some(slot) = judgement.drop() {
            verdict.reason = Reason::Order;
            verdict.slot = slot;
        }
        if judgement.decided() {
            break;
        }
    }
    verdict
}

#[inline(always)]
fn query(packet: &Packet, end: End, number: u32, monitors: bool) -> Query {
    let port = match end {
        End::Source => packet.source_port(),
        End::Destination => packet.destination_port(),
    };
    Query {
        number,
        end,
        protocol: packet.protocol(),
        port,
        monitors,
    }
}

/// Walks the clauses of one end up to the first that matches and enforces: it drops the packet, or is
/// told to `effects` where the interface monitors. Monitored ones before it are told.
#[inline(always)]
pub fn walk<T: Tables + ?Sized, C: Clock, E: Effects>(
    tables: &T,
    query: Query,
    clock: &C,
    effects: &mut E,
) -> Judgement {
    let mut judgement = 0;
    let subject = Subject::new(query.end, query.protocol, query.port);
    for step in 0..CLAUSE_STEPS {
        let index = query.number.wrapping_sub(1).wrapping_add(step);
        let Some(clause) = tables.clause(index) else {
            break;
        };
        if clause.matches(subject) && clock.boottime() < clause.deadline {
            let monitored = clause.flags & ClauseFlags::MONITOR != 0;
            if !monitored {
                judgement |= Judgement::DECIDED;
            }
            if monitored || query.monitors {
                judgement |= Judgement::WOULD_DROP;
                effects.would_drop(clause.slot);
            } else {
                judgement |= Judgement::DROP | u64::from(clause.slot);
            }
            if !monitored {
                break;
            }
        }
        if clause.flags & ClauseFlags::LAST != 0 {
            break;
        }
    }
    Judgement(judgement)
}

#[expect(clippy::cast_possible_truncation, reason = "a small number")]
const CLAUSE_STEPS: u32 = CLAUSES_PER_CELL_MAX as u32;

const _: () = assert!(crate::limits::CLAUSES_MAX < 1 << Listing::NUMBER_BITS);
