//! The decision: a packet, the tables, the settings and a clock make a verdict.
//!
//! The kernel's verifier follows every path through the program, and would follow the searches once
//! for each way a header can be parsed. So the two parts that loop over tables, [`Tables::ends`] and
//! [`Tables::judge`], are methods that the kernel side overrides to call this very code as functions
//! of plain numbers, which are verified once each; [`Query`], [`Ends`] and [`Judgement`] therefore fit
//! into one word, see [`words`].

mod guard;
mod words;

use crate::{
    address::{Address, Family},
    limit::{Class, Limit, Tick},
    limits::CLAUSES_PER_CELL_MAX,
    meter::Metered,
    packet::{Flow, Frame, Packet, stays_on_link},
    policy::{Policies, Policy, PolicySet},
    rule::{RuleRecord, RuleTables},
    settings::{Guards, InterfaceSettings, Role, VlanSettings},
    table::{Clause, ClauseFlags, End, Place, PlaceRecord, Special, Subject},
    verdict::{Action, POLICY_REASONS, Reason, Verdict},
};

pub use self::{
    guard::{Guarded, Guarding, judge_limit, judge_rules, meter, take_rule},
    words::{Ends, Judgement, Listing, Query},
};

/// One generation of tables.
pub trait Tables {
    /// The rules of the generation.
    type Rules: RuleTables;

    /// The number of what holds for the address beside the orders; 0 for nothing.
    fn place_number(&self, family: Family, address: Address) -> u32;

    /// What a number of [`Tables::place_number`] stands for.
    fn place(&self, number: u32) -> PlaceRecord;

    /// The number, from 1, of the address's first clause; 0 where no order lists it.
    fn listed(&self, family: Family, address: Address) -> u32;

    /// A clause by its number less 1.
    fn clause(&self, index: u32) -> Option<Clause>;

    /// The settings of a VLAN of this interface.
    fn vlan(&self, id: u16) -> VlanSettings;

    /// What is done about odd packets on interfaces of this role.
    fn role_policies(&self, role: Role) -> PolicySet;

    /// What a host group, by its number from 1, says of it.
    fn group_policies(&self, group: u32) -> PolicySet;

    /// The sets of rules.
    fn rules(&self) -> Self::Rules;

    /// The rule of a rank.
    fn rule(&self, rank: u32) -> RuleRecord;

    /// The limit of each destination in a host group, by its number from 1, for a class.
    fn class_limit(&self, group: u32, class: Class) -> Limit;

    /// Whether UDP from this port may be the answer of a reflector.
    fn is_reflector(&self, port: u16) -> bool;

    /// Looks both ends of a packet up.
    #[inline(always)]
    fn ends(&self, family: Family, source: Address, destination: Address) -> Ends {
        let [source_place, destination_place] =
            [source, destination].map(|address| self.place_number(family, address));
        Ends {
            source: Listing {
                place: source_place,
                number: self.listed(family, source),
            },
            destination: Listing {
                place: destination_place,
                number: self.listed(family, destination),
            },
        }
    }

    /// Judges one listed end of a packet.
    #[inline(always)]
    fn judge<C: Clock, E: Effects>(&self, query: Query, clock: &C, effects: &mut E) -> Judgement {
        walk(self, query, clock, effects)
    }

    /// Asks the rules about a packet.
    #[inline(always)]
    fn judge_rules<C: Clock, E: Effects>(
        &self,
        packet: &Packet,
        guarding: Guarding,
        clock: &C,
        effects: &mut E,
    ) -> Guarded {
        judge_rules(self, packet, guarding, clock, effects)
    }

    /// Whether a packet is within the limit of the rule of a rank; if so, charges it.
    #[inline(always)]
    fn take_rule<C: Clock, E: Effects>(&self, rank: u32, clock: &C, effects: &mut E) -> bool {
        take_rule(self, rank, clock, effects)
    }

    /// Asks the limits of its destination about a packet.
    #[inline(always)]
    fn judge_limit<C: Clock, E: Effects>(
        &self,
        packet: &Packet,
        guarding: Guarding,
        clock: &C,
        effects: &mut E,
    ) -> Guarded {
        judge_limit(self, packet, guarding, clock, effects)
    }

    /// Counts a packet for its destination.
    #[inline(always)]
    fn meter<C: Clock, E: Effects>(
        &self,
        packet: &Packet,
        guarding: Guarding,
        clock: &C,
        effects: &mut E,
    ) {
        meter(self, packet, guarding, clock, effects);
    }
}

/// The kernel's clocks.
pub trait Clock {
    /// Seconds of CLOCK_BOOTTIME: since boot, suspend included. Asked only when an order matches.
    fn boottime(&self) -> u32;

    /// The kernel's time as limits count it.
    fn tick(&self) -> Tick;
}

/// What is told and what is used up while the evaluation goes on.
pub trait Effects {
    /// A monitored clause of this slot would have dropped the packet.
    fn would_drop(&mut self, slot: u32);

    /// The same number, see [`crate::packet::Source::forget_number`].
    #[inline(always)]
    fn forget(&self, number: u64) -> u64 {
        number
    }

    /// Bytes of the frame, at most 65,535.
    fn bytes(&self) -> u16;

    /// The rule with this slot matched, and dropped the packet or would have.
    fn rule_matched(&mut self, slot: u32, dropped: bool);

    /// Whether a packet of this cost is within the limit of the rule with this slot; if so, charges it.
    fn take_rule(&mut self, slot: u32, limit: &Limit, cost: u64, tick: Tick) -> bool;

    /// The same for the line of buckets with this number and a class.
    fn take_line(&mut self, line: u32, class: Class, limit: &Limit, cost: u64, tick: Tick) -> bool;

    /// The same for a destination that has no line of its own.
    fn take_shared(
        &mut self,
        address: Address,
        class: Class,
        limit: &Limit,
        cost: u64,
        tick: Tick,
    ) -> bool;

    /// Counts a packet for its destination.
    fn meter(&mut self, packet: &Metered, tick: Tick);
}

/// Decides about one frame.
///
/// The steps, of which the first match decides: control frames of the link pass; an end that is never
/// blocked passes at once (scope `all`) or cannot be blocked by an order (scope `lists`); an order
/// drops by source, then by destination, first as the packet is on the wire, then by the IPv4 addresses
/// that its own stand for behind a NAT64, then as the packet is inside a tunnel; what is odd is a matter
/// of the policies of the interface's role and of the inside end's host group; then the rules are asked, and
/// then the limits of the destination. What arrives at the rules is metered.
///
/// An address inside, in a tunnel or behind a translator, takes protection only for itself: wrapping a
/// packet to an address that always passes opens no way for the wrapper.
#[inline(always)]
pub fn decide<T: Tables, C: Clock, E: Effects>(
    frame: &Frame,
    settings: InterfaceSettings,
    tables: &T,
    clock: &C,
    effects: &mut E,
) -> Verdict {
    let (mut verdict, guarding) = decide_lists(frame, settings, tables, clock, effects);
    if guarding.is_some() {
        decide_guards(
            frame.packet(),
            guarding,
            tables,
            clock,
            effects,
            &mut verdict,
        );
    }
    verdict
}

/// The steps of [`decide`] up to the policies, and what the others are asked; nothing where those decided.
///
/// The kernel side calls this and [`decide_guards`] one after the other, because its stack has no room for both.
#[inline(always)]
pub fn decide_lists<T: Tables, C: Clock, E: Effects>(
    frame: &Frame,
    settings: InterfaceSettings,
    tables: &T,
    clock: &C,
    effects: &mut E,
) -> (Verdict, Guarding) {
    let settings = on_vlan(frame, settings, tables);
    if let Some(stop) = frame.stop() {
        let mut verdict = Verdict::pass(Reason::Clean);
        verdict.number = stop.number();
        if !stop.policies().is_empty() {
            let set = tables.role_policies(settings.role());
            apply(&mut verdict, stop.policies(), set, settings);
        }
        return (verdict, Guarding::NONE);
    }
    let packet = frame.packet();
    let Flow {
        family,
        source,
        destination,
        ..
    } = packet.outer;
    let ends = tables.ends(family, source, destination);
    let places = records(tables, ends);
    if places.iter().any(|record| record.place().always_passes()) {
        return (Verdict::pass(Reason::NeverBlock), Guarding::NONE);
    }
    let mut verdict = Verdict::pass(Reason::Clean);
    if judge_flow(
        &packet.outer,
        ends,
        &places,
        settings,
        tables,
        clock,
        effects,
        &mut verdict,
    ) {
        return (verdict, Guarding::NONE);
    }
    if places.iter().any(|record| record.place().is_nat64()) {
        let (flow, ends) = translated(&packet.outer, &places, tables);
        let places = records(tables, ends);
        if judge_flow(
            &flow,
            ends,
            &places,
            settings,
            tables,
            clock,
            effects,
            &mut verdict,
        ) {
            return (verdict, Guarding::NONE);
        }
    }
    if let Some(inner) = packet.inner() {
        let ends = tables.ends(inner.family, inner.source, inner.destination);
        let places = records(tables, ends);
        if judge_flow(
            inner,
            ends,
            &places,
            settings,
            tables,
            clock,
            effects,
            &mut verdict,
        ) {
            return (verdict, Guarding::NONE);
        }
    }
    if packet.doubtful {
        verdict.number = Reason::MplsPseudowire.number();
        return (verdict, Guarding::NONE);
    }
    judge_oddities(packet, &places, settings, tables, &mut verdict);
    let guarding = if verdict.action == Action::Pass {
        Guarding::new(ends, settings)
    } else {
        Guarding::NONE
    };
    (verdict, guarding)
}

/// The settings of an interface, or of the VLAN that a frame is of.
#[inline(always)]
pub fn on_vlan<T: Tables>(
    frame: &Frame,
    settings: InterfaceSettings,
    tables: &T,
) -> InterfaceSettings {
    if settings.has_vlans() && frame.vlan != 0 {
        settings.on(tables.vlan(frame.vlan))
    } else {
        settings
    }
}

/// What holds for both ends, the source first.
#[inline(always)]
fn records<T: Tables>(tables: &T, ends: Ends) -> [PlaceRecord; 2] {
    [
        tables.place(ends.source.place),
        tables.place(ends.destination.place),
    ]
}

/// The steps of [`decide`] behind the policies: rules, limits, meters.
#[inline(always)]
pub fn decide_guards<T: Tables, C: Clock, E: Effects>(
    packet: &Packet,
    guarding: Guarding,
    tables: &T,
    clock: &C,
    effects: &mut E,
    verdict: &mut Verdict,
) {
    let guards = guarding.guards();
    let mut decided = false;
    if guards.has(Guards::RULES) {
        let guarded = tables.judge_rules(packet, guarding, clock, effects);
        guarded.tell(verdict);
        decided = guarded.decided();
    }
    if guards.has(Guards::LIMITS) && !decided {
        let guarded = tables.judge_limit(packet, guarding, clock, effects);
        guarded.tell(verdict);
    }
    if guards.has(Guards::METERS) {
        let guarding = guarding.dropped(verdict.action == Action::Drop);
        tables.meter(packet, guarding, clock, effects);
    }
}

/// Asks the orders about both ends. True if one decided.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "the parts of one question")]
fn judge_flow<T: Tables, C: Clock, E: Effects>(
    flow: &Flow,
    ends: Ends,
    places: &[PlaceRecord; 2],
    settings: InterfaceSettings,
    tables: &T,
    clock: &C,
    effects: &mut E,
    verdict: &mut Verdict,
) -> bool {
    let mut judge = |end, listing: Listing, place: Place| {
        if listing.number == 0 || place.is_never_blocked() {
            return false;
        }
        let query = query(flow, end, listing.number, settings.monitors());
        let judgement = tables.judge(query, clock, effects);
        if let Some(slot) = judgement.would_drop() {
            verdict.note_would_drop(Reason::Order.number(), slot);
        }
        if let Some(slot) = judgement.drop() {
            verdict.action = Action::Drop;
            verdict.number = Reason::Order.number();
            verdict.slot = slot;
        }
        judgement.decided()
    };
    judge(End::Source, ends.source, places[0].place())
        || judge(End::Destination, ends.destination, places[1].place())
}

/// The packet between the IPv4 addresses that its IPv6 addresses stand for (RFC 6052), and what the
/// tables say of those. An end that stands for none is not asked about.
#[inline(always)]
fn translated<T: Tables>(outer: &Flow, places: &[PlaceRecord; 2], tables: &T) -> (Flow, Ends) {
    let source = places[0].place().embedded_v4(outer.source);
    let destination = places[1].place().embedded_v4(outer.destination);
    let nobody = Address::default();
    let flow = outer.between(
        Family::V4,
        source.unwrap_or(nobody),
        destination.unwrap_or(nobody),
    );
    let mut ends = tables.ends(Family::V4, flow.source, flow.destination);
    if source.is_none() {
        ends.source = Listing::NONE;
    }
    if destination.is_none() {
        ends.destination = Listing::NONE;
    }
    (flow, ends)
}

/// Asks the policies, where there is something to ask about.
#[inline(always)]
fn judge_oddities<T: Tables>(
    packet: &Packet,
    places: &[PlaceRecord; 2],
    settings: InterfaceSettings,
    tables: &T,
    verdict: &mut Verdict,
) {
    let places = [places[0].place(), places[1].place()];
    let odd = oddities(packet, places);
    if odd.is_empty() {
        return;
    }
    let role = settings.role();
    let inside = match role {
        Role::Upstream => places[1],
        Role::Customer => places[0],
    };
    let mut set = tables.role_policies(role);
    if inside.group_number() != 0 {
        set = set.under(tables.group_policies(inside.group_number()));
    }
    apply(verdict, odd, set, settings);
}

/// The policies that apply to a packet whose ends, the source first, have these places.
#[inline(always)]
#[must_use]
pub fn oddities(packet: &Packet, places: [Place; 2]) -> Policies {
    if places[0].special_bits() == 0 && places[1].special_bits() == 0 {
        return packet.odd;
    }
    packet.odd.or(out_of_place(packet, places))
}

/// The policies about addresses that should not be where they are.
///
/// Hosts without an address yet speak to groups from the unspecified address (RFC 2131, RFC 3590,
/// RFC 4541), and link-local addresses to groups and to each other: that is not odd.
#[inline(always)]
fn out_of_place(packet: &Packet, [source, destination]: [Place; 2]) -> Policies {
    const BOGON: u32 = Special::Bogon as u32;
    const GROUP: u32 = Special::Group as u32;
    const NOWHERE: u32 = Special::Nowhere as u32;
    let Flow {
        family,
        source: sender,
        destination: receiver,
        ..
    } = packet.outer;
    let to_group = destination.special_bits() == GROUP;
    let unspecified = sender.high == 0 && sender.low == 0;
    let local = matches!(family, Family::V6)
        && stays_on_link(sender)
        && (to_group || stays_on_link(receiver));
    let special = source.special_bits();
    let mut odd = Policies::NONE;
    odd.add_if(
        Policy::MartianSource,
        (special == GROUP || special == NOWHERE) && !(unspecified && to_group),
    );
    odd.add_if(Policy::BogonSource, special == BOGON && !local);
    odd.add_if(
        Policy::MartianDestination,
        destination.special_bits() == NOWHERE,
    );
    odd
}

/// What the policies in `set` make of a packet to which those in `odd` apply.
#[inline(always)]
fn apply(verdict: &mut Verdict, odd: Policies, set: PolicySet, settings: InterfaceSettings) {
    let drop = odd.and(set.drop).lowest();
    // Asked in the order of their numbers: what comes behind the one that drops is not asked.
    verdict.would = odd.and(set.monitor).before(drop);
    let named = if drop.is_empty() {
        odd
    } else if settings.monitors() {
        verdict.would = verdict.would.or(drop);
        odd
    } else {
        verdict.action = Action::Drop;
        drop
    };
    verdict.number = POLICY_REASONS + named.lowest_number();
}

#[inline(always)]
fn query(flow: &Flow, end: End, number: u32, monitors: bool) -> Query {
    let port = match end {
        End::Source => flow.source_port(),
        End::Destination => flow.destination_port(),
    };
    Query {
        number,
        end,
        protocol: flow.protocol(),
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
    let mut judgement = Judgement(0);
    let subject = Subject::new(query.end, query.protocol, query.port);
    for step in 0..CLAUSE_STEPS {
        let index = query.number.wrapping_sub(1).wrapping_add(step);
        let Some(clause) = tables.clause(index) else {
            break;
        };
        if clause.matches(subject) && clock.boottime() < clause.deadline {
            let monitored = clause.flags & ClauseFlags::MONITOR != 0;
            if !monitored {
                judgement.0 |= Judgement::DECIDED;
            }
            if monitored || query.monitors {
                // Noted behind the call, so that the verifier has less to carry through it.
                effects.would_drop(clause.slot);
                judgement = judgement.note_would_drop(clause.slot, effects);
            } else {
                judgement.0 |= Judgement::DROP | u64::from(clause.slot);
            }
            if !monitored {
                break;
            }
        }
        if clause.flags & ClauseFlags::LAST != 0 {
            break;
        }
    }
    judgement
}

#[expect(clippy::cast_possible_truncation, reason = "a small number")]
const CLAUSE_STEPS: u32 = CLAUSES_PER_CELL_MAX as u32;
