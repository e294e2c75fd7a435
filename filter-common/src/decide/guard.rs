//! The steps behind the orders and policies: rules, limits, meters.
//!
//! Like [`super::walk`] these loop, so in the kernel each is a function of plain numbers; what they take
//! beside the packet is [`Guarding`], and what they answer is [`Guarded`].

use super::{Clock, Effects, Ends, Tables};
use crate::{
    address::Family,
    limit::Class,
    limits::{RULE_SLOTS_MAX, RULES_CONTINUING_MAX},
    meter::{MeterEntry, Metered},
    packet::Packet,
    rule::{Found, RULE_WORDS, RuleAction, RuleTables, Sets},
    settings::{Guards, InterfaceSettings, Role},
    table::PlaceRecord,
    verdict::{Action, LIMIT_REASONS, Reason, Verdict},
};

/// What is asked of rules and limits beside the packet, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guarding(u64);

impl Guarding {
    const SOURCE_SHIFT: u32 = 16;
    const CUSTOMER: u64 = 1 << 32;
    const MONITORS: u64 = 1 << 33;
    const DROPPED: u64 = 1 << 34;
    const NUMBER: u64 = 0xffff;

    const GUARDS_SHIFT: u32 = 40;

    /// Nothing.
    pub const NONE: Self = Self(0);

    /// About a packet between these ends, on an interface with these settings.
    #[inline(always)]
    #[must_use]
    pub const fn new(ends: Ends, settings: InterfaceSettings) -> Self {
        Self(
            ends.destination.place as u64
                | (ends.source.place as u64) << Self::SOURCE_SHIFT
                | (matches!(settings.role(), Role::Customer) as u64) << 32
                | (settings.monitors() as u64) << 33
                | (settings.guards().to_bits() as u64) << Self::GUARDS_SHIFT,
        )
    }

    /// The steps to take.
    #[inline(always)]
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the bits of the steps")]
    pub const fn guards(self) -> Guards {
        Guards::from_bits((self.0 >> Self::GUARDS_SHIFT) as u8)
    }

    /// Whether there are any.
    #[inline(always)]
    #[must_use]
    pub const fn is_some(self) -> bool {
        !self.guards().is_empty()
    }

    /// The same, of a packet that was dropped or not.
    #[inline(always)]
    #[must_use]
    pub const fn dropped(self, dropped: bool) -> Self {
        Self(self.0 | (dropped as u64) << 34)
    }

    /// The word.
    #[inline(always)]
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        self.0
    }

    /// From the word.
    #[inline(always)]
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    #[inline(always)]
    const fn source(self) -> u32 {
        (self.0 >> Self::SOURCE_SHIFT & Self::NUMBER) as u32
    }

    #[inline(always)]
    const fn destination(self) -> u32 {
        (self.0 & Self::NUMBER) as u32
    }

    /// The role of the interface.
    #[inline(always)]
    #[must_use]
    pub const fn role(self) -> Role {
        if self.0 & Self::CUSTOMER == 0 {
            Role::Upstream
        } else {
            Role::Customer
        }
    }

    #[inline(always)]
    const fn monitors(self) -> bool {
        self.0 & Self::MONITORS != 0
    }
}

/// What rules or limits make of a packet, in one word: flags and the reason, from bit 32 the slot of the rule
/// that decided, and from bit 48 that of the first rule that would have dropped the packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guarded(u64);

impl Guarded {
    const DROP: u64 = 1;
    const WOULD_DROP: u64 = 2;
    const DECIDED: u64 = 4;
    const PASSED: u64 = 8;
    const REASON_SHIFT: u32 = 8;
    const SLOT_SHIFT: u32 = 32;
    const WOULD_SLOT_SHIFT: u32 = 48;
    const SLOT: u64 = 0xffff;

    /// Nothing.
    pub const NONE: Self = Self(0);

    /// The word.
    #[inline(always)]
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        self.0
    }

    /// From the word.
    #[inline(always)]
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    #[inline(always)]
    const fn reason(self, number: u32) -> Self {
        Self(self.0 | (number as u64) << Self::REASON_SHIFT)
    }

    /// The same, by the rule of this slot.
    #[inline(always)]
    const fn slot(self, slot: u32) -> Self {
        Self(self.0 & !(Self::SLOT << Self::SLOT_SHIFT) | (slot as u64) << Self::SLOT_SHIFT)
    }

    /// Says that the rule of the slot, or a limit, would have dropped the packet. The first is kept.
    ///
    /// Without a branch, which the verifier would follow both ways at every rule.
    #[inline(always)]
    fn would_drop<E: Effects>(self, effects: &E) -> Self {
        let first = effects.forget(!self.0 >> 1 & 1);
        let slot = self.0 >> Self::SLOT_SHIFT & Self::SLOT;
        Self(self.0 | Self::WOULD_DROP | (slot * first) << Self::WOULD_SLOT_SHIFT)
    }

    /// Drops the packet, or where nothing is dropped says that it would have been.
    #[inline(always)]
    fn drop<E: Effects>(self, monitors: bool, effects: &E) -> Self {
        if monitors {
            Self(self.would_drop(effects).0 | Self::DECIDED)
        } else {
            Self(self.0 | Self::DROP | Self::DECIDED)
        }
    }

    /// Whether nothing further is asked.
    #[inline(always)]
    #[must_use]
    pub const fn decided(self) -> bool {
        self.0 & Self::DECIDED != 0
    }

    /// Writes it into a verdict.
    #[inline(always)]
    pub const fn tell(self, verdict: &mut Verdict) {
        let reason = (self.0 >> Self::REASON_SHIFT & 0x3f) as u32;
        if self.0 & Self::WOULD_DROP != 0 {
            verdict.note_would_drop(reason, (self.0 >> Self::WOULD_SLOT_SHIFT) as u32);
        }
        if self.0 & (Self::DROP | Self::PASSED) != 0 {
            verdict.number = reason;
            verdict.slot = (self.0 >> Self::SLOT_SHIFT & Self::SLOT) as u32;
        }
        if self.0 & Self::DROP != 0 {
            verdict.action = Action::Drop;
        }
    }
}

/// Words without a match, and matches behind which the evaluation goes on, and the one that decides.
const STEPS: usize = RULE_WORDS + RULES_CONTINUING_MAX + 1;

/// Asks the rules in the order of their ranks up to the first that decides (RFC 8955, 5.1 and 7).
///
/// A rule that passes a packet spares it all that follows. A limit that is kept decides about the
/// rules, not about what follows them.
#[inline(always)]
pub fn judge_rules<T: Tables + ?Sized, C: Clock, E: Effects>(
    tables: &T,
    packet: &Packet,
    guarding: Guarding,
    clock: &C,
    effects: &mut E,
) -> Guarded {
    const RULE: u32 = Reason::Rule.number();
    const PASS: u32 = RuleAction::Pass as u32;
    const DROP: u32 = RuleAction::Drop as u32;
    const MONITOR: u32 = RuleAction::Monitor as u32;
    const LIMIT: u32 = RuleAction::Limit as u32;
    let rules = tables.rules();
    let header = rules.header();
    let mut guarded = Guarded::NONE.reason(RULE);
    if header.rules == 0 {
        return guarded;
    }
    let places = [
        tables.place(guarding.source()),
        tables.place(guarding.destination()),
    ];
    let Some(sets) = Sets::of(&rules, header, packet, &places, guarding.role()) else {
        return guarded;
    };
    let mut found = Found::start(&sets);
    for _ in 0..STEPS {
        if found.is_end() {
            break;
        }
        let step = found.step(&sets);
        found.forget(|number| effects.forget(number));
        let Some(rank) = step else {
            continue;
        };
        let rule = tables.rule(rank);
        let drops = match rule.action() {
            DROP => true,
            LIMIT => !tables.take_rule(rank, clock, effects),
            _ => false,
        };
        effects.rule_matched(rule.slot, drops);
        guarded = Guarded(effects.forget(guarded.slot(rule.slot).0));
        if rule.action() == MONITOR {
            guarded = Guarded(effects.forget(guarded.would_drop(effects).0));
            continue;
        }
        if drops {
            guarded = Guarded(effects.forget(guarded.drop(guarding.monitors(), effects).0));
            break;
        }
        if rule.continues() {
            continue;
        }
        if rule.action() == PASS {
            return Guarded(guarded.0 | Guarded::DECIDED | Guarded::PASSED);
        }
        break;
    }
    guarded
}

/// Whether a packet is within the limit of the rule of a rank; if so, charges it.
#[inline(always)]
pub fn take_rule<T: Tables + ?Sized, C: Clock, E: Effects>(
    tables: &T,
    rank: u32,
    clock: &C,
    effects: &mut E,
) -> bool {
    let rule = tables.rule(rank);
    let cost = rule.limit.cost(effects.bytes());
    effects.take_rule(rule.slot, &rule.limit, cost, clock.tick())
}

/// Asks the limit of the destination for the packet's class, if it is in a host group that has one.
#[inline(always)]
pub fn judge_limit<T: Tables + ?Sized, C: Clock, E: Effects>(
    tables: &T,
    packet: &Packet,
    guarding: Guarding,
    clock: &C,
    effects: &mut E,
) -> Guarded {
    let record: PlaceRecord = tables.place(guarding.destination());
    let group = record.place().group_number();
    if group == 0 {
        return Guarded::NONE;
    }
    let class = Class::of(packet, |port| tables.is_reflector(port));
    let limit = tables.class_limit(group, class);
    if !limit.is_some() {
        return Guarded::NONE;
    }
    let cost = limit.cost(effects.bytes());
    let tick = clock.tick();
    let address = packet.outer.destination;
    let within = if record.has_buckets() {
        let line = address.v4().wrapping_add(record.buckets);
        effects.take_line(line, class, &limit, cost, tick)
    } else {
        effects.take_shared(address, class, &limit, cost, tick)
    };
    if within {
        return Guarded::NONE;
    }
    Guarded::NONE
        .reason(LIMIT_REASONS + class as u32)
        .drop(guarding.monitors(), effects)
}

/// Counts the packet for its destination, if that is in a host group.
#[inline(always)]
pub fn meter<T: Tables + ?Sized, C: Clock, E: Effects>(
    tables: &T,
    packet: &Packet,
    guarding: Guarding,
    clock: &C,
    effects: &mut E,
) {
    let group = tables.place(guarding.destination()).place().group_number();
    if group == 0 {
        return;
    }
    let class = Class::of(packet, |port| tables.is_reflector(port));
    let family = match packet.outer.family {
        Family::V4 => 0,
        Family::V6 => MeterEntry::V6,
    };
    let metered = Metered {
        address: packet.outer.destination,
        group: group | family,
        class: class as u32,
        bytes: u64::from(effects.bytes()),
        dropped: guarding.0 >> 34 & 1,
    };
    effects.meter(&metered, clock.tick());
}

const _: () = {
    assert!(PlaceRecord::NUMBER_BITS <= 16);
    assert!(Guarding::DROPPED == 1 << 34);
    assert!(RULE_SLOTS_MAX as u64 <= Guarded::SLOT + 1);
};
