//! From a record of the capture to a line.

use std::{borrow::Cow, fmt, net::IpAddr};

use filter_common::{
    address::{Address, Family},
    limit::Tick,
    packet::{Classified, Flow, Frame, Source as _, classify},
    policy::{Policies, Policy},
    verdict::{Action, Reason, Verdict},
};
use jiff::Timestamp;

use super::{
    cut::Captured,
    host::{self, Decision},
    kernel::{KernelRun, Ran},
    scene::Scene,
    tally::Tally,
    wire::{Ends, Line, Outcome, Summary},
};
use crate::{
    capture::Record,
    http::wire::Refusal,
    kernel::KernelError,
    order::field::protocol_name,
    table::{Slot, host::Buckets},
};

/// The reason of a packet of which the capture does not have enough.
const SNAP_LENGTH: &str = "snap_length";
/// The reason of a packet that the kernel was to judge and cannot run.
const TOO_LONG: &str = "too_long";

/// A simulation in the making.
pub(crate) struct Simulation {
    scene: Scene,
    kernel: Option<KernelRun>,
    buckets: Buckets,
    ticks: CaptureTicks,
    cut_headers: bool,
    tally: Tally,
}

/// How packets are judged.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Options {
    /// By the program too.
    pub(crate) kernel: bool,
    /// Also those that were cut, if all their headers are there.
    pub(crate) cut_headers: bool,
}

/// A packet, judged.
#[derive(Debug)]
pub(crate) struct Judged<'a> {
    /// Its line.
    pub(crate) line: Line<'a>,
    /// How the kernel differs from the host, if it does.
    pub(crate) difference: Option<String>,
}

/// The time of limits, by the capture's own clock.
#[derive(Clone, Copy, Debug, Default)]
struct CaptureTicks {
    last: i64,
}

impl CaptureTicks {
    /// The tick of a record. Time stands still where a record has none or goes back.
    fn at(&mut self, time: Option<Timestamp>) -> Tick {
        if let Some(time) = time {
            self.last = self.last.max(time.as_millisecond());
        }
        Buckets::tick(self.last.unsigned_abs())
    }
}

/// What was decided, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ruling {
    outcome: Outcome,
    reason: &'static str,
    /// The slot of the orders that drop it.
    slot: Option<Slot>,
    /// The slot of the rule that decides.
    rule: Option<u32>,
}

impl Ruling {
    const fn undecided(reason: &'static str) -> Self {
        Self {
            outcome: Outcome::Undecided,
            reason,
            slot: None,
            rule: None,
        }
    }

    fn decided(action: Action, reason: Reason, slot: Option<Slot>) -> Self {
        let outcome = match action {
            Action::Pass => Outcome::Pass,
            Action::Drop => Outcome::Drop,
        };
        Self {
            outcome,
            reason: reason.name(),
            slot: slot.filter(|_| reason == Reason::Order),
            rule: slot.filter(|_| reason == Reason::Rule),
        }
    }
}

impl Simulation {
    /// Prepares to judge packets in a scene.
    pub(crate) fn new(scene: Scene, options: Options) -> Result<Self, KernelError> {
        let kernel = if options.kernel {
            Some(KernelRun::new(&scene)?)
        } else {
            None
        };
        Ok(Self {
            tally: Tally::new(kernel.is_some()),
            buckets: Buckets::new(&scene.table.guard),
            ticks: CaptureTicks::default(),
            cut_headers: options.cut_headers,
            scene,
            kernel,
        })
    }

    /// Judges the next packet.
    pub(crate) fn judge(&mut self, record: &Record<'_>) -> Result<Judged<'_>, KernelError> {
        let captured = Captured::new(record.frame, record.length);
        let frame = classify(&captured, self.scene.settings().tunnels());
        if captured.is_cut() && (!self.cut_headers || captured.missed()) {
            let ruling = Ruling::undecided(SNAP_LENGTH);
            return Ok(self.judged(record, &frame, ruling, None, None));
        }
        let tick = self.ticks.at(record.time);
        let buckets = self.buckets.begin(captured.frame_length());
        let decision = host::judge(&self.scene, &frame, tick, buckets);
        let verdict = decision.verdict;
        let host = Ruling::decided(verdict.action, verdict.reason(), Some(verdict.slot));
        let Some(kernel) = &mut self.kernel else {
            return Ok(self.judged(record, &frame, host, Some(decision), None));
        };
        let ruling = match kernel.run(record.frame, record.length, &verdict, tick)? {
            Ran::TooShort => {
                self.tally.skip();
                return Ok(self.judged(record, &frame, host, Some(decision), None));
            }
            Ran::TooLong => {
                self.tally.skip();
                let ruling = Ruling::undecided(TOO_LONG);
                return Ok(self.judged(record, &frame, ruling, None, None));
            }
            Ran::Judged {
                action,
                reason,
                slot,
            } => Ruling::decided(action, reason, slot),
        };
        let is_different = ruling != host;
        self.tally.compare(record.number, is_different);
        let difference = is_different.then_some(host);
        Ok(self.judged(record, &frame, ruling, Some(decision), difference))
    }

    /// What became of all packets; with why not all were judged.
    pub(crate) fn summary(self, error: Option<Refusal>) -> Summary {
        self.tally.summary(&self.scene, error)
    }

    fn judged(
        &mut self,
        record: &Record<'_>,
        frame: &Frame,
        ruling: Ruling,
        decision: Option<Decision>,
        host: Option<Ruling>,
    ) -> Judged<'_> {
        let mut odd = Policies::NONE;
        let mut would_drop = Vec::new();
        let mut matched = Vec::new();
        if let Some(decision) = decision {
            odd = decision.odd;
            matched = decision.rules;
            let slots = decision.would.iter();
            let orders = slots.flat_map(|slot| self.scene.orders(*slot));
            would_drop.extend(orders.map(|order| Cow::Owned(order.to_string())));
            let policies = decision.verdict.would.iter();
            would_drop.extend(policies.map(|policy| Cow::Borrowed(policy.name())));
            let others = would_reasons(&decision.verdict);
            would_drop.extend(others.map(|reason| Cow::Borrowed(reason.name())));
        }
        let Ruling {
            outcome,
            reason,
            slot,
            rule,
        } = ruling;
        self.tally
            .add(outcome, reason, [slot, rule], !would_drop.is_empty());
        let scene = &self.scene;
        let difference = host.map(|host| {
            let number = record.number;
            let [host, kernel] = [host, ruling].map(|ruling| Worded { ruling, scene });
            format!("packet {number}: the host says {host}, the kernel says {kernel}")
        });
        let orders = slot.map_or(&[][..], |slot| scene.orders(slot));
        let outer = frame.flow().map(ends).unwrap_or_default();
        let inner = match frame.content() {
            Classified::Stopped(_) => None,
            Classified::Ip(packet) => packet.inner().map(ends),
        };
        let line = Line {
            n: record.number,
            verdict: outcome,
            reason,
            order: orders.first(),
            orders,
            feed: orders.first().map(|order| &order.feed),
            rule: rule.and_then(|slot| scene.rule(slot)),
            rules: matched
                .iter()
                .filter_map(|slot| scene.rule(*slot))
                .collect(),
            time: record.time,
            length: record.length.max(record.frame.len()) as u64,
            vlan: Some(frame.vlan).filter(|vlan| *vlan != 0),
            ends: outer,
            inner,
            odd: odd.iter().map(Policy::name).collect(),
            would_drop,
        };
        Judged { line, difference }
    }
}

/// A ruling in words.
struct Worded<'a> {
    ruling: Ruling,
    scene: &'a Scene,
}

impl fmt::Display for Worded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ruling {
            outcome,
            reason,
            slot,
            rule,
        } = self.ruling;
        write!(f, "{} for {reason}", outcome.name())?;
        if let Some(order) = slot.and_then(|slot| self.scene.orders(slot).first()) {
            write!(f, " {order}")?;
        }
        if let Some(rule) = rule.and_then(|slot| self.scene.rule(slot)) {
            write!(f, " {rule}")?;
        }
        Ok(())
    }
}

/// The reasons other than orders and policies that would have dropped it.
fn would_reasons(verdict: &Verdict) -> impl Iterator<Item = Reason> {
    let told = verdict.would_reasons;
    Reason::all().filter(move |reason| {
        let number = reason.number();
        *reason != Reason::Order && number < u64::BITS && told >> number & 1 != 0
    })
}

fn ends(flow: &Flow) -> Ends {
    let address = |address: Address| match flow.family {
        Family::V4 => IpAddr::V4(address.v4().into()),
        Family::V6 => {
            let bits = u128::from(address.high) << 64 | u128::from(address.low);
            IpAddr::V6(bits.into())
        }
    };
    let protocol = flow.protocol().map(|number| {
        let name = protocol_name(number).map(Cow::Borrowed);
        name.unwrap_or_else(|| Cow::Owned(number.to_string()))
    });
    Ends {
        source: Some(address(flow.source)),
        destination: Some(address(flow.destination)),
        protocol,
        source_port: flow.source_port(),
        destination_port: flow.destination_port(),
    }
}
