//! What is stored of admitted and decided things, read back without changing anything.

use std::{collections::BTreeMap, sync::Arc};

use jiff::tz::TimeZone;

use super::{
    desired::{SourceKey, Sources},
    lists::damage_subject,
};
use crate::order::{
    FeedName, VerifiedOrder,
    letter::OperatorOrder,
    store::Store,
    trust::TrustFile,
    verify::{ListMark, Mark, ReadmitAlarm, Readmitted, readmit, readmit_list},
};

/// What could be read, and what could not.
#[derive(Debug, Default)]
pub(crate) struct Stored {
    /// The orders.
    pub(crate) sources: Sources,
    /// What was admitted last of each feed, also where the bundle cannot be read: what came before must
    /// not come again.
    pub(crate) marks: BTreeMap<FeedName, Mark>,
    /// What is in force of each unsigned list.
    pub(crate) lists: BTreeMap<FeedName, ListMark>,
    /// The operators' orders as they were entered.
    pub(crate) letters: BTreeMap<Box<str>, OperatorOrder>,
    /// What is odd about a feed's bundle that is used nevertheless.
    pub(crate) alarms: Vec<(FeedName, ReadmitAlarm)>,
    /// What cannot be read: whose, and why.
    pub(crate) damaged: Vec<(String, String)>,
}

impl Stored {
    /// Reads back all that was admitted.
    pub(crate) fn read(store: &Store, trust: &TrustFile, timezone: &TimeZone) -> Self {
        let mut stored = Self::default();
        match store.feeds() {
            Ok((feeds, damaged)) => {
                for feed in feeds {
                    stored.read_feed(&feed, store, trust, timezone);
                    stored.read_list(&feed, store);
                }
                for error in damaged {
                    stored.damage("feeds", &error);
                }
            }
            Err(error) => stored.damage("feeds", &error),
        }
        match store.load_operators() {
            Ok((letters, damaged)) => {
                for letter in letters {
                    stored.take_letter(letter);
                }
                for error in damaged {
                    stored.damage(FeedName::OPERATOR, &error);
                }
            }
            Err(error) => stored.damage(FeedName::OPERATOR, &error),
        }
        stored
    }

    /// Reads back what was admitted of one feed.
    pub(crate) fn read_feed(
        &mut self,
        feed: &FeedName,
        store: &Store,
        trust: &TrustFile,
        timezone: &TimeZone,
    ) {
        if let Ok(Some(mark)) = store.mark(feed) {
            self.marks.insert(feed.clone(), mark);
        }
        let committed = match store.load_feed(feed) {
            Ok(Some(committed)) => committed,
            Ok(None) => return,
            Err(error) => return self.damage(feed.as_str(), &error),
        };
        match readmit(&committed, trust, timezone) {
            Ok(Readmitted { order, alarms }) => {
                let alarms = alarms.into_iter();
                self.alarms
                    .extend(alarms.map(|alarm| (feed.clone(), alarm)));
                self.add(SourceKey::Bundle(feed.clone()), order);
            }
            Err(error) => self.damage(feed.as_str(), &error),
        }
    }

    fn read_list(&mut self, feed: &FeedName, store: &Store) {
        let subject = damage_subject(feed);
        let committed = match store.load_list(feed) {
            Ok(Some(committed)) => committed,
            Ok(None) => return,
            Err(error) => return self.damage(&subject, &error),
        };
        match readmit_list(&committed) {
            Ok((order, odd)) => {
                if let Some(odd) = odd {
                    tracing::warn!(%feed, odd, "since when entries hold is lost in part");
                }
                self.add(SourceKey::List(feed.clone()), order);
                self.lists.insert(feed.clone(), committed.mark);
            }
            Err(error) => self.damage(&subject, &error),
        }
    }

    fn take_letter(&mut self, letter: OperatorOrder) {
        match letter.verified() {
            Ok(order) => {
                let reference = letter.info.reference.clone();
                self.add(SourceKey::Letter(reference.clone()), Arc::new(order));
                self.letters.insert(reference, letter);
            }
            Err(error) => self.damage(FeedName::OPERATOR, &error),
        }
    }

    fn add(&mut self, key: SourceKey, order: Arc<VerifiedOrder>) {
        self.sources.insert(key, order);
    }

    fn damage(&mut self, subject: &str, error: &dyn std::fmt::Display) {
        self.damaged.push((subject.to_owned(), error.to_string()));
    }
}

/// Reads back an earlier state of a feed. What its signatures are worth by now was said when it was in force.
pub(super) fn read_state(
    store: &Store,
    feed: &FeedName,
    mark: &Mark,
    trust: &TrustFile,
    timezone: &TimeZone,
) -> Result<Arc<VerifiedOrder>, String> {
    let committed = store.load_state(feed, mark.clone());
    let committed = committed.map_err(|error| error.to_string())?;
    let readmitted = readmit(&committed, trust, timezone);
    let readmitted = readmitted.map_err(|error| error.to_string())?;
    Ok(readmitted.order)
}

/// Reads back an earlier version of a list.
pub(super) fn read_list_state(
    store: &Store,
    feed: &FeedName,
    mark: &ListMark,
) -> Result<Arc<VerifiedOrder>, String> {
    let committed = store.load_list_state(feed, mark.clone());
    let committed = committed.map_err(|error| error.to_string())?;
    let readmitted = readmit_list(&committed).map_err(|error| error.to_string())?;
    Ok(readmitted.0)
}
