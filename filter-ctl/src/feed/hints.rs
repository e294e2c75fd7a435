//! Hints: what wakes a feed's fetching before its time.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use crate::order::FeedName;

/// Who waits for hints, by feed. Cheap to clone; all clones are one. At most one hint waits for each feed.
#[derive(Clone, Debug, Default)]
pub struct Hints(Arc<Mutex<BTreeMap<FeedName, Arc<Notify>>>>);

impl Hints {
    /// What wakes the feed from now on.
    #[must_use]
    pub fn register(&self, feed: &FeedName) -> Arc<Notify> {
        Arc::clone(self.lock().entry(feed.clone()).or_default())
    }

    /// Nobody waits for this feed's hints any more.
    pub fn unregister(&self, feed: &FeedName) {
        self.lock().remove(feed);
    }

    /// Wakes the feed; false if it is not fetched.
    #[must_use]
    pub fn hint(&self, feed: &FeedName) -> bool {
        let waiting = self.lock().get(feed).map(|notify| notify.notify_one());
        waiting.is_some()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<FeedName, Arc<Notify>>> {
        // Nothing can be half done in the map.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
