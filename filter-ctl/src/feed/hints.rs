//! Hints that a feed has something new: an authority says so, and the task that pulls the feed wakes up.
//!
//! Hints for the same feed that come before it wakes are one.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::Notify;

use crate::order::FeedName;

type Waiting = Arc<Mutex<BTreeMap<FeedName, Arc<Notify>>>>;

/// Who waits for hints, by feed. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub struct Hints(Waiting);

impl Hints {
    /// Waits for hints about a feed from now on, in the place of whoever did before.
    #[must_use]
    pub fn listen(&self, feed: FeedName) -> Hinted {
        let notify = Arc::new(Notify::new());
        self.with(|waiting| waiting.insert(feed.clone(), Arc::clone(&notify)));
        Hinted {
            hints: self.clone(),
            feed,
            notify,
        }
    }

    /// Wakes whoever pulls the feed; false if nobody does.
    #[must_use]
    pub fn give(&self, feed: &FeedName) -> bool {
        let notify = self.with(|waiting| waiting.get(feed).cloned());
        notify.inspect(|notify| notify.notify_one()).is_some()
    }

    fn with<T>(&self, call: impl FnOnce(&mut BTreeMap<FeedName, Arc<Notify>>) -> T) -> T {
        // Nothing that holds the lock can leave the list half changed.
        call(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The ear of a task that pulls a feed. Nobody listens any more once it is dropped.
#[derive(Debug)]
pub struct Hinted {
    hints: Hints,
    feed: FeedName,
    notify: Arc<Notify>,
}

impl Hinted {
    /// Waits for a hint; at once if there was one since the last time.
    pub async fn wait(&self) {
        self.notify.notified().await;
    }
}

impl Drop for Hinted {
    fn drop(&mut self) {
        self.hints.with(|waiting| {
            let mine = waiting.get(&self.feed);
            if mine.is_some_and(|notify| Arc::ptr_eq(notify, &self.notify)) {
                waiting.remove(&self.feed);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::samples::feed;

    #[tokio::test]
    async fn hints_wake_who_listens_and_several_are_one() {
        let hints = Hints::default();
        assert!(!hints.give(&feed()), "nobody listens yet");
        let first = hints.listen(feed());
        let second = hints.listen(feed());
        drop(first);
        assert!(hints.give(&feed()) && hints.give(&feed()));
        second.wait().await;
        let again = tokio::time::timeout(std::time::Duration::from_millis(10), second.wait()).await;
        assert!(again.is_err(), "both hints were one");
        drop(second);
        assert!(!hints.give(&feed()));
    }
}
