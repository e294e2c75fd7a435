//! The kill switch of one feed: what it lists only counts, until it is switched on again.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    engine::{Engine, actor_name, not_found},
    handle::{Actor, Answer},
    local::Local,
};
use crate::{
    audit::Event,
    config::{ActionSetting, Config},
    http::wire::{Changed, PanicRequest},
    order::FeedName,
};

/// The alarm; its subject is the feed.
const ALARM: &str = "feed_off";

/// A feed that was switched off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FeedOff {
    /// The feed.
    pub feed: FeedName,
    /// Why.
    pub reason: String,
    /// Who switched it off.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// What becomes of what a feed lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FeedMode {
    /// Its kill switch is set: it is only counted.
    Off,
    /// The configuration says that it is only counted.
    Monitor,
    /// It is dropped.
    Enforce,
}

impl FeedMode {
    /// That of a feed by now.
    pub(super) fn of(config: &Config, local: &Local, feed: &FeedName) -> Self {
        let configured = config.feeds.iter().find(|config| config.name == *feed);
        let mode = configured.map_or(ActionSetting::Enforce, |config| config.mode);
        if local.feeds_off.iter().any(|off| off.feed == *feed) {
            Self::Off
        } else if mode == ActionSetting::Monitor {
            Self::Monitor
        } else {
            Self::Enforce
        }
    }

    /// The stable name.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Monitor => "monitor",
            Self::Enforce => "enforce",
        }
    }
}

impl Engine {
    /// Switches one feed off or on. Durable; no reload changes it.
    pub(super) fn panic_feed(
        &mut self,
        feed: &FeedName,
        request: &PanicRequest,
        actor: &Actor,
    ) -> Answer<Changed> {
        if !request.off {
            self.check_undamaged(None)?;
        }
        if !self.knows_feed(feed) {
            let error = format!("there is no feed `{feed}`; see `filter-ctl feed list`");
            return Err(not_found("no_such_feed", error));
        }
        let mut local = self.local.clone();
        local.feeds_off.retain(|off| off.feed != *feed);
        let (action, message) = if request.off {
            local.feeds_off.push(FeedOff {
                feed: feed.clone(),
                reason: request.reason.clone(),
                by: actor_name(actor),
                at: Timestamp::now(),
            });
            ("panic_off", "is off: what it lists is only counted")
        } else {
            ("panic_on", "is on")
        };
        let event = Event::new(&actor_name(actor), action, format!("feed {feed}"));
        let event = event.detail("reason", &request.reason);
        let message = format!("feed {feed} {message}");
        let result = if request.off {
            self.take_away(local, Local::save_feeds_off, event, message)
        } else {
            self.decide(local, Local::save_feeds_off, event, message)
        };
        self.clear_alarm(ALARM, feed.as_str());
        self.note_feeds_off();
        result
    }

    /// Raises the alarm of each feed that is off.
    pub(super) fn note_feeds_off(&mut self) {
        for FeedOff { feed, by, at, .. } in self.local.feeds_off.clone() {
            let message = format!(
                "{by} switched it off at {at}: what it lists is only counted, until `filter-ctl panic on \
                 --feed {feed}`"
            );
            self.raise(ALARM, feed.as_str(), message);
        }
    }
}
