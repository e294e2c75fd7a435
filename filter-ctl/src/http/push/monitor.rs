//! What the listener for authorities tells the engine: its counts, and what is wrong with its files.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::order::FeedName;

/// How often what was asked of the listener. There is a count for each feed that a client may see, and for each
/// status that the routes can answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PushCounts {
    /// Requests by feed, where the client may see one, and HTTP status.
    pub requests: BTreeMap<(Option<FeedName>, u16), u64>,
    /// Connections that ended before both certificates were accepted.
    pub handshakes_failed: u64,
}

#[derive(Debug, Default)]
struct State {
    counts: PushCounts,
    trouble: Option<String>,
}

/// The shared note. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub struct PushMonitor(Arc<Mutex<State>>);

impl PushMonitor {
    /// The counts so far.
    #[must_use]
    pub fn counts(&self) -> PushCounts {
        self.with(|state| state.counts.clone())
    }

    /// What is wrong with the certificates, in a sentence.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        self.with(|state| state.trouble.clone())
    }

    pub(super) fn count(&self, feed: Option<FeedName>, status: u16) {
        self.with(|state| *state.counts.requests.entry((feed, status)).or_default() += 1);
    }

    pub(super) fn handshake_failed(&self) {
        self.with(|state| state.counts.handshakes_failed += 1);
    }

    pub(super) fn set_trouble(&self, trouble: Option<String>) {
        self.with(|state| state.trouble = trouble);
    }

    fn with<T>(&self, call: impl FnOnce(&mut State) -> T) -> T {
        // Nothing that holds the lock can leave the state half changed.
        call(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
