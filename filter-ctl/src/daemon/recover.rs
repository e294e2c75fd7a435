//! What is in force of sources that cannot be read: it is taken from the table that the kernel holds.
//!
//! While something stored is damaged nothing new is let into force. But taking blocking away never waits: for a
//! withdrawal, an exception or a feed that is switched off or taken back, the table is made anew from all that can be
//! read and from what the table in force says of the rest. A clause of the table names a slot, and the ledger says
//! which orders that is.
//!
//! Three things cannot be seen there. Where an entry of another feed hides the damaged one's, because it asks for
//! all that this one asks for and is more specific, the latter is not in the table. An end is known to the hour, rounded
//! up. And decisions of operators that cannot be read have shaped the whole table: then it is left as it is, and what
//! is decided is durable and waits for the damage to be mended.

use std::collections::HashSet;

use filter_common::{limits::CLAUSES_PER_CELL_MAX, table::ClauseFlags};
use jiff::Timestamp;

use super::{
    desired::{SourceKey, Sources},
    engine::Engine,
    lists::damage_subject,
    local::FILES,
    pinned::pin_subject,
};
use crate::{
    kernel::read_back,
    order::{Direction, FeedName, OrderId, PortRange, Terms, recovered::Recovery},
    table::{Table, TimedClause, intervals::prefixes, slots::SlotLedger},
};

/// What is known of sources that cannot be read.
#[derive(Clone, Debug, Default)]
pub(super) enum Unreadable {
    /// There are none, or nothing was in force when the service started: all that is in force was read.
    #[default]
    Nothing,
    /// The table in force says what they amount to.
    Recovered(Sources),
    /// Nobody can say what they amount to, and why. The table in force stays as it is.
    Unknown(String),
}

impl Engine {
    /// Recovers what is in force of all that is damaged.
    pub(super) fn recover(&mut self) {
        self.unreadable = match self.recovered() {
            Ok(sources) => Unreadable::Recovered(sources),
            Err(problem) => Unreadable::Unknown(problem),
        };
    }

    fn recovered(&mut self) -> Result<Sources, String> {
        if let Some(file) = FILES.iter().find(|file| self.damaged.contains(**file)) {
            return Err(format!(
                "{file} cannot be read, and it has shaped all of it"
            ));
        }
        let live = self.instance.live().map_err(|error| error.to_string())?;
        let live = live.ok_or("nothing is in force")?;
        let table = read_back::table(&self.instance, &live).map_err(|error| error.to_string())?;
        let in_force = self.pinned.in_force(&self.sources, &self.local.pauses);
        let readable: HashSet<OrderId> = in_force
            .values()
            .flat_map(|source| (0..).zip(source.orders()).map(|(n, _)| source.order_id(n)))
            .collect();
        let is_wanted = |order: &OrderId| {
            let feed = &order.feed;
            let damaged = [feed.to_string(), damage_subject(feed), pin_subject(feed)];
            let any = self.damaged.contains("feeds");
            !readable.contains(order) && (any || damaged.iter().any(|d| self.damaged.contains(d)))
        };
        recover(&table, self.ledger.slots(), is_wanted, Timestamp::now())
    }

    /// Adds what is known of sources that cannot be read, as long as nothing has taken their place.
    pub(super) fn with_recovered(&self, mut sources: Sources) -> Sources {
        let Unreadable::Recovered(recovered) = &self.unreadable else {
            return sources;
        };
        for (key, source) in recovered {
            let feed = source.feed();
            let still = |subject: &str, mended: SourceKey| {
                self.damaged.contains(subject) && !sources.contains_key(&mended)
            };
            let bundle = still(feed.as_str(), SourceKey::Bundle(feed.clone()));
            let list = still(&damage_subject(feed), SourceKey::List(feed.clone()));
            let others = [pin_subject(feed), "feeds".to_owned()];
            let others = others.iter().any(|subject| self.damaged.contains(subject));
            let letters = *feed == FeedName::operator() && self.damaged.contains(feed.as_str());
            if bundle || list || others || letters {
                sources.insert(key.clone(), std::sync::Arc::clone(source));
            }
        }
        sources
    }
}

/// What a table in force says of the orders that are wanted. An error if the ledger does not know all that it names.
fn recover(
    table: &Table,
    slots: &SlotLedger,
    is_wanted: impl Fn(&OrderId) -> bool,
    now: Timestamp,
) -> Result<Sources, String> {
    let mut recovery = Recovery::new(now);
    for (net, number) in prefixes(table) {
        let first = number as usize - 1;
        let run = table.clauses.get(first..).unwrap_or_default();
        for clause in run.iter().take(CLAUSES_PER_CELL_MAX) {
            let orders = slots.orders(clause.slot);
            let orders =
                orders.ok_or("the ledger was lost, and with it whose entries are which")?;
            let until = Timestamp::from_second(clause.until).unwrap_or(Timestamp::MAX);
            for order in orders
                .iter()
                .filter(|order| is_wanted(order) && until > now)
            {
                recovery.take(order, net, terms(clause, until, now));
            }
            if clause.flags & ClauseFlags::LAST != 0 {
                break;
            }
        }
    }
    let sources = recovery.finish().into_iter();
    Ok(sources
        .map(|source| (SourceKey::Table(source.feed().clone()), source))
        .collect())
}

fn terms(clause: &TimedClause, until: Timestamp, since: Timestamp) -> Terms {
    let has = |flag: u8| clause.flags & flag != 0;
    let [first, last] = clause.ports;
    Terms {
        direction: match (has(ClauseFlags::FROM), has(ClauseFlags::TO)) {
            (true, false) => Direction::From,
            (false, true) => Direction::To,
            _ => Direction::Both,
        },
        protocol: has(ClauseFlags::PROTOCOL).then_some(clause.protocol),
        ports: if has(ClauseFlags::PORTS) {
            [PortRange { first, last }].into()
        } else {
            Box::default()
        },
        until,
        since,
        reason: None,
        order: 0,
    }
}
