//! From what is desired to what is in force: policy, tables, kernel, ledger, in that order.

use std::{collections::BTreeMap, sync::Arc};

use filter_common::{
    settings::{Enforcement, InterfaceSettings, Role},
    table::Scope,
};
use jiff::Timestamp;

use super::engine::Engine;
use crate::{
    audit::Event,
    config::{ActionSetting, Config, NeverBlockSetting, ScopeSetting},
    kernel::{KernelError, clock::boot_clock, instance::Live},
    observe::ledger::{Ledger, LedgerError},
    order::{FeedName, RefusalReason, VerifiedOrder, hex},
    policy::{
        NeverBlock, RuleSet, Withheld, WithheldReason,
        merge::{FeedPolicy, PolicyInput, ShortestPrefix, merge},
        special_use,
    },
    table::{
        clock::BootClock,
        compile::{Capacity, CapacityError, Compiled, compile},
        slots,
    },
};

use super::local::Local;

/// The sources of a rule set: a bundle by its feed, an operator's order by its reference.
pub(super) type Sources = BTreeMap<SourceKey, Arc<VerifiedOrder>>;

/// What tells one source from another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SourceKey {
    /// The bundle of a feed.
    Bundle(FeedName),
    /// An operator's order, by reference.
    Letter(Box<str>),
}

/// A rule set that fits.
pub(super) struct Plan {
    pub(super) rules: RuleSet,
    pub(super) compiled: Compiled,
}

/// Why a plan did not become a generation.
#[derive(Debug, thiserror::Error)]
pub(super) enum EnforceError {
    #[error(transparent)]
    Kernel(#[from] KernelError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Slots(#[from] slots::LedgerError),
}

/// Plans what the sources and the operators' decisions amount to. Changes nothing.
pub(super) fn plan(
    config: &Config,
    capacity: Capacity,
    ledger: &Ledger,
    sources: &Sources,
    local: &Local,
    now: Timestamp,
) -> Result<Plan, CapacityError> {
    let never_block = never_block(config, local, now);
    let feeds = feed_policies(config);
    let withdrawals = local.policy_withdrawals();
    let documents: Vec<&VerifiedOrder> = sources.values().map(Arc::as_ref).collect();
    let mut rules = merge(&PolicyInput {
        sources: &documents,
        feeds: &feeds,
        never_block: &never_block,
        never_block_changes: next_exception_end(local, now),
        withdrawals: &withdrawals,
        now,
    });
    let compiled = compile(&rules, &settings(ledger), ledger.slots(), capacity)?;
    withhold(&mut rules, &compiled.overflowed);
    Ok(Plan { rules, compiled })
}

impl Engine {
    /// Makes a plan the generation in force, unless it already is. Returns the generation.
    ///
    /// The order matters: the ledger says on disk what the new slots mean before a packet can be
    /// charged to one, and a slot is given free only after the generation that used it has ended and
    /// its counter was read.
    pub(super) fn enforce(&mut self, plan: Plan) -> Result<u64, EnforceError> {
        let Plan { rules, compiled } = plan;
        let live = self.instance.live()?;
        let clock = boot_clock()?;
        let same = |live: &Live| live.digest == compiled.digest && !has_been_set(live.clock, clock);
        if let Some(live) = live.filter(same) {
            self.rules = Arc::new(rules);
            self.note_table(&compiled);
            return Ok(live.generation);
        }
        let generation = self
            .ledger
            .generation()
            .max(live.map_or(0, |live| live.generation))
            + 1;
        self.ledger.slots_mut().adopt(&compiled.slots)?;
        self.ledger.note_generation(generation);
        if let Err(error) = self.ledger.save(&self.config.state_dir) {
            // With nothing in force, as after a reboot onto a full disk, protection comes first.
            if live.is_some() {
                return Err(error.into());
            }
            self.raise("state_not_writable", "ledger.json", error.to_string());
        }
        let published = self.publisher.publish(
            &mut self.instance,
            &compiled.table,
            compiled.digest,
            clock,
            generation,
        )?;
        self.publish_durations.observe(published.write);
        self.rules = Arc::new(rules);
        self.note_table(&compiled);
        self.ledger.absorb(&self.instance)?;
        let unused = self.ledger.slots().unused(&compiled.slots);
        self.ledger.retire(&unused);
        self.record(
            Event::new("filter-ctl", "generation", generation.to_string())
                .detail("digest", hex::encode(&compiled.digest))
                .detail(
                    "before",
                    live.map_or_else(String::new, |live| hex::encode(&live.digest)),
                )
                .detail("entries", self.rules.rules.len()),
        );
        tracing::info!(
            generation,
            entries = self.rules.rules.len(),
            milliseconds = published.write.as_millis(),
            "a new generation is in force"
        );
        Ok(generation)
    }

    fn note_table(&mut self, compiled: &Compiled) {
        self.table_rows = [
            compiled.table.v4.rows.len() as u64,
            compiled.table.v6.rows.len() as u64,
        ];
    }
}

/// Whether the wall clock was set between two readings, by more than it drifts. Deadlines in the kernel
/// then stand at the wrong time.
pub(super) const fn has_been_set(before: BootClock, now: BootClock) -> bool {
    const DRIFT_SECONDS: u64 = 30;
    before.boottime_at_unix_0.abs_diff(now.boottime_at_unix_0) > DRIFT_SECONDS
}

/// Takes rules that could not be represented out of the set and says so.
fn withhold(rules: &mut RuleSet, overflowed: &[usize]) {
    let mut indexes = overflowed.to_vec();
    indexes.sort_unstable_by(|a, b| b.cmp(a));
    for index in indexes {
        let rule = rules.rules.swap_remove(index);
        rules.withheld.push(Withheld {
            order: rules.orders[rule.order as usize].id.clone(),
            entry: rule.entry,
            net: rule.net,
            why: WithheldReason::Refused(RefusalReason::OverlapLimit),
        });
    }
}

/// Everything that is never blocked: built in, configured, exempted by operators.
pub(super) fn never_block(config: &Config, local: &Local, now: Timestamp) -> Vec<NeverBlock> {
    let mut never_block = special_use::built_in();
    never_block.extend(config.never_block.iter().map(|setting| {
        let (net, scope, reason) = match setting {
            NeverBlockSetting::Net(net) => (*net, ScopeSetting::Lists, ""),
            NeverBlockSetting::Full { net, scope, reason } => (*net, *scope, reason.as_str()),
        };
        let scope = match scope {
            ScopeSetting::Lists => Scope::Lists,
            ScopeSetting::All => Scope::All,
        };
        NeverBlock {
            net,
            scope,
            reason: format!("configuration: {reason}"),
        }
    }));
    never_block.extend(
        local
            .exceptions
            .iter()
            .filter(|exception| exception.holds(now))
            .map(|exception| NeverBlock {
                net: exception.net,
                scope: exception.scope(),
                reason: format!("exception: {}", exception.reason),
            }),
    );
    never_block
}

fn next_exception_end(local: &Local, now: Timestamp) -> Option<Timestamp> {
    local
        .exceptions
        .iter()
        .filter(|exception| exception.holds(now))
        .filter_map(|e| e.until)
        .min()
}

fn feed_policies(config: &Config) -> BTreeMap<FeedName, FeedPolicy> {
    let shortest = ShortestPrefix {
        v4: config.orders.shortest_ipv4,
        v6: config.orders.shortest_ipv6,
    };
    let operator = FeedPolicy {
        monitor: false,
        shortest,
    };
    let mut policies = BTreeMap::from([(FeedName::operator(), operator)]);
    for feed in &config.feeds {
        // A feed's shortest prefix is bound by its key's scope, which admission has judged.
        let shortest = ShortestPrefix { v4: 0, v6: 0 };
        let monitor = feed.mode == ActionSetting::Monitor;
        policies.insert(feed.name.clone(), FeedPolicy { monitor, shortest });
    }
    policies
}

fn settings(ledger: &Ledger) -> Vec<InterfaceSettings> {
    let mut settings = vec![InterfaceSettings::default(); ledger.interfaces().len()];
    for known in ledger.interfaces().values() {
        let enforcement = if known.monitor {
            Enforcement::Monitor
        } else {
            Enforcement::Enforce
        };
        let role = if known.customer {
            Role::Customer
        } else {
            Role::Upstream
        };
        settings[known.number as usize] = InterfaceSettings::new(enforcement, role);
    }
    settings
}
