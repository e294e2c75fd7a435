//! From configuration, state, moment and interface to the table by which packets are judged.

use std::collections::HashMap;

use filter_common::{limit::Tick, settings::InterfaceSettings};
use jiff::Timestamp;

use super::{moment, state::State};
use crate::{
    config::{ActionSetting, Config, InterfaceConfig, RoleSetting},
    daemon::{
        desired::{note_interfaces, plan},
        start::capacity,
    },
    kernel::attach::Mode,
    observe::ledger::{Ledger, LedgerError},
    order::OrderId,
    policy::RuleSet,
    table::{
        Slot, Table,
        clock::{BootClock, StoppedClock},
        compile::{CapacityError, Compiled},
        host::HostTables,
    },
};

/// The interface that is assumed where the configuration has none.
const ASSUMED: &str = "upstream";

/// The table and the interface.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(super) table: Table,
    /// The orders that each slot means.
    pub(super) orders: HashMap<Slot, Vec<OrderId>>,
    /// The name of the rule of each slot.
    pub(super) rules: HashMap<u32, String>,
    /// The number of the interface.
    pub(super) interface: u32,
    /// Its name.
    pub(crate) interface_name: String,
    /// The moment as of which orders hold.
    pub(crate) at: Timestamp,
    /// What was assumed, in a sentence each.
    pub(crate) notes: Vec<String>,
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Choice<'a> {
    /// The interface; the first one where none is named.
    pub(crate) interface: Option<&'a str>,
    /// The moment; `None` for now, with everything that is stored.
    pub(crate) at: Option<Timestamp>,
    /// The time.
    pub(crate) now: Timestamp,
}

/// Why there is no such scene.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SceneError {
    /// There is no such interface.
    #[error("interface `{name}` is not in the configuration: expected {}", expected(.known))]
    Interface {
        /// What was asked for.
        name: String,
        /// Those that are configured.
        known: Vec<String>,
    },
    /// The orders do not fit.
    #[error("{0}; the service would refuse this too")]
    Capacity(#[from] CapacityError),
    /// The interfaces do not fit.
    #[error(transparent)]
    Interfaces(#[from] LedgerError),
}

impl Scene {
    /// Plans what the service would enforce, by the settings of the configuration as it is given.
    pub(crate) fn new(
        config: &Config,
        state: State,
        choice: Choice<'_>,
    ) -> Result<Self, SceneError> {
        let mut config = config.clone();
        let mut notes = Vec::new();
        let name = interface(&mut config, choice.interface, &mut notes)?;
        let mut ledger = Ledger::new();
        note_interfaces(&config, &mut ledger)?;
        let number = ledger.interfaces().get(&name).map(|known| known.number);
        let State {
            sources,
            local,
            mut pinned,
            ..
        } = state;
        let local = match choice.at {
            Some(at) => moment::local_at(local, at),
            None => local,
        };
        let sources = pinned.in_force(&sources, &local.pauses);
        let sources = match choice.at {
            Some(at) => moment::sources_at(sources, at),
            None => sources,
        };
        let at = choice.at.unwrap_or(choice.now);
        let plan = plan(
            &config,
            capacity(config.capacity),
            &ledger,
            &sources,
            &local,
            &RuleSet::default(),
            at,
        )?;
        let Compiled { table, slots, .. } = plan.compiled;
        let rules = plan.rules.perimeter.rules.into_iter();
        let rules = rules.map(|rule| (rule.record.slot, rule.id)).collect();
        Ok(Self {
            table,
            orders: slots.into_iter().collect(),
            rules,
            interface: number.unwrap_or_default(),
            interface_name: name,
            at,
            notes,
        })
    }

    /// The settings of the interface.
    pub(super) fn settings(&self) -> InterfaceSettings {
        let settings = self.table.settings.get(self.interface as usize);
        settings.copied().unwrap_or_default()
    }

    /// The table as of the moment, and the clock that stands still there.
    pub(super) fn tables(&self, tick: Tick) -> (HostTables<'_>, StoppedClock) {
        let at = self.at.as_second();
        let clock = BootClock {
            boottime_at_unix_0: at.saturating_neg(),
        };
        let tables = HostTables {
            table: &self.table,
            interface: self.interface,
            clock,
        };
        let clock = StoppedClock {
            boottime: clock.boottime(at),
            tick,
        };
        (tables, clock)
    }

    /// The rule of a slot.
    pub(super) fn rule(&self, slot: u32) -> Option<&str> {
        self.rules.get(&slot).map(String::as_str)
    }

    /// The orders of a slot.
    pub(super) fn orders(&self, slot: Slot) -> &[OrderId] {
        self.orders.get(&slot).map_or(&[], Vec::as_slice)
    }
}

/// The name of the interface that is meant; one is added to a configuration that has none.
fn interface(
    config: &mut Config,
    asked: Option<&str>,
    notes: &mut Vec<String>,
) -> Result<String, SceneError> {
    let known = || config.interfaces.iter().map(|known| known.name.clone());
    if let Some(name) = asked {
        return match known().find(|known| known == name) {
            Some(known) => Ok(known),
            None => Err(SceneError::Interface {
                name: name.to_owned(),
                known: known().collect(),
            }),
        };
    }
    if let Some(first) = known().next() {
        if config.interfaces.len() > 1 {
            notes.push(format!(
                "the packets are taken to come in on {first}, the first interface of the \
                 configuration; choose with --interface"
            ));
        }
        return Ok(first);
    }
    notes.push(
        "the configuration has no interface; the packets are taken to come in on one that faces \
         upstream and enforces"
            .to_owned(),
    );
    config.interfaces.push(InterfaceConfig {
        name: ASSUMED.to_owned(),
        role: RoleSetting::Upstream,
        mode: Mode::Native,
        action: ActionSetting::Enforce,
        vlans: Vec::new(),
    });
    Ok(ASSUMED.to_owned())
}

fn expected(known: &[String]) -> String {
    match known {
        [] => "none, as it has no interface".to_owned(),
        some => format!("one of {}", some.join(", ")),
    }
}
