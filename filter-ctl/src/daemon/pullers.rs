//! The tasks that fetch feeds.

use std::collections::BTreeMap;

use tokio::task::JoinHandle;

use super::handle::Handle;
use crate::{config::pull::PullConfig, feed::pull, order::FeedName};

/// The tasks that run, each with the settings that it runs by.
pub(super) struct Pullers {
    handle: Handle,
    running: BTreeMap<FeedName, (PullConfig, JoinHandle<()>)>,
}

impl Pullers {
    pub(super) fn new(handle: Handle) -> Self {
        Self {
            handle,
            running: BTreeMap::new(),
        }
    }

    /// Fetches these feeds and no others. One whose settings have changed begins anew.
    pub(super) fn follow(&mut self, wanted: Vec<(FeedName, PullConfig)>) {
        self.running.retain(|feed, (config, task)| {
            let keep = wanted
                .iter()
                .any(|(name, wanted)| (name, wanted) == (feed, &*config));
            if !keep {
                task.abort();
            }
            keep
        });
        for (feed, config) in wanted {
            if self.running.contains_key(&feed) {
                continue;
            }
            let wake = self.handle.hints().listen(feed.clone());
            let task = pull::run(feed.clone(), config.clone(), wake, self.handle.clone());
            self.running.insert(feed, (config, tokio::spawn(task)));
        }
    }
}

impl Drop for Pullers {
    fn drop(&mut self) {
        for (_, task) in self.running.values() {
            task.abort();
        }
    }
}
