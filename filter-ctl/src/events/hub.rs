//! The last events, and everybody who is told of the next ones.
//!
//! A lock is held for as long as it takes to file one event; nobody who is slow is waited for.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use filter_common::{
    sample::{Sample, SampleFlags},
    verdict::Reason,
};
use jiff::Timestamp;
use tokio::sync::mpsc::{self, error::TrySendError};

use super::{
    event::{event, reason_of},
    mask::mask,
    names::{Known, Names},
};
use crate::{http::wire::Event, policy::hold::Guarded};

/// Events that are kept; a further one takes the place of the oldest.
pub const EVENTS_MAX: usize = 4_096;
/// Followers and captures at a time; a further one is refused.
pub const SUBSCRIPTIONS_MAX: usize = 16;
/// Samples that may wait for a follower or capture; further ones are lost to it, and it is told how many.
pub const QUEUE_MAX: usize = 1_024;

/// The hub. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Hub(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    known: Known,
    recent: VecDeque<Arc<Event>>,
    /// The number of the last event.
    last: u64,
    /// Samples of each reason in a second.
    per_second: u32,
    by_reason: BTreeMap<&'static str, u64>,
    subscribers: Vec<Subscriber>,
}

/// What somebody wants to see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// `None` for all.
    pub reason: Option<Reason>,
    /// Only events after this one.
    pub after: u64,
}

/// How addresses inside are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addresses {
    /// As networks.
    Masked,
    /// As they are, while the data path leaves them so: for a capture that the audit log tells of.
    Whole,
}

/// A sample, as somebody may see it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The document.
    pub event: Arc<Event>,
    /// The headers.
    pub sample: Sample,
}

#[derive(Debug)]
struct Subscriber {
    filter: Filter,
    addresses: Addresses,
    queue: mpsc::Sender<Seen>,
    lost: Arc<AtomicU64>,
}

/// The samples from now on. Ends when it is dropped.
#[derive(Debug)]
pub struct Subscription {
    queue: mpsc::Receiver<Seen>,
    lost: Arc<AtomicU64>,
}

impl Subscription {
    /// The next sample; `None` once the service stops.
    pub async fn next(&mut self) -> Option<Seen> {
        self.queue.recv().await
    }

    /// How many were lost since this was asked last.
    pub fn take_lost(&mut self) -> u64 {
        self.lost.swap(0, Ordering::Relaxed)
    }
}

impl Hub {
    fn state(&self) -> MutexGuard<'_, State> {
        // What is behind the lock is whole after every statement.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the names of a generation; has to be called before its first packet.
    pub fn learn(&self, names: Names) {
        self.state().known.learn(names);
    }

    /// Files a sample, and tells everybody who wants it.
    pub fn take(&self, sample: &Sample, time: Timestamp) {
        let mut state = self.state();
        let guarded = state.known.newest().map(|names| &*names.guarded);
        let masked = mask(sample, guarded.unwrap_or(&Guarded::default()));
        state.last += 1;
        let event = Arc::new(event(&masked, state.last, time, &state.known));
        if let Some(reason) = reason_of(sample) {
            *state.by_reason.entry(reason.name()).or_default() += 1;
        }
        if state.recent.len() >= EVENTS_MAX {
            state.recent.pop_front();
        }
        state.recent.push_back(Arc::clone(&event));
        state.subscribers.retain(|subscriber| {
            if subscriber
                .filter
                .reason
                .is_some_and(|reason| reason.number() != sample.reason)
            {
                return !subscriber.queue.is_closed();
            }
            let is_whole = sample.flags & SampleFlags::WHOLE != 0;
            let seen = Seen {
                event: Arc::clone(&event),
                sample: match subscriber.addresses {
                    Addresses::Whole if is_whole => *sample,
                    Addresses::Whole | Addresses::Masked => masked,
                },
            };
            match subscriber.queue.try_send(seen) {
                Ok(()) => true,
                Err(TrySendError::Full(_)) => {
                    subscriber.lost.fetch_add(1, Ordering::Relaxed);
                    true
                }
                Err(TrySendError::Closed(_)) => false,
            }
        });
    }

    /// Notes how many samples of each reason there are in a second.
    pub fn set_per_second(&self, per_second: u32) {
        self.state().per_second = per_second;
    }

    /// Samples of each reason in a second; 0 for none.
    #[must_use]
    pub fn per_second(&self) -> u32 {
        self.state().per_second
    }

    /// The last events, oldest first.
    #[must_use]
    pub fn recent(&self, filter: Filter) -> Vec<Arc<Event>> {
        self.state().recent(filter)
    }

    /// The last events and all from then on, none missing and none twice; `None` if too many follow already.
    #[must_use]
    pub fn follow(
        &self,
        filter: Filter,
        addresses: Addresses,
    ) -> Option<(Vec<Arc<Event>>, Subscription)> {
        let mut state = self.state();
        state
            .subscribers
            .retain(|subscriber| !subscriber.queue.is_closed());
        if state.subscribers.len() >= SUBSCRIPTIONS_MAX {
            return None;
        }
        let (sender, queue) = mpsc::channel(QUEUE_MAX);
        let lost = Arc::new(AtomicU64::new(0));
        state.subscribers.push(Subscriber {
            filter,
            addresses,
            queue: sender,
            lost: Arc::clone(&lost),
        });
        Some((state.recent(filter), Subscription { queue, lost }))
    }

    /// Samples since the service started, by reason.
    #[must_use]
    pub fn by_reason(&self) -> BTreeMap<&'static str, u64> {
        self.state().by_reason.clone()
    }
}

impl State {
    fn recent(&self, filter: Filter) -> Vec<Arc<Event>> {
        let reason = filter.reason.map(Reason::name);
        let wanted = |event: &&Arc<Event>| {
            event.seq > filter.after && reason.is_none_or(|reason| reason == event.reason)
        };
        self.recent.iter().filter(wanted).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use filter_common::sample::SampleFlags;

    use super::*;
    use crate::events::mask::tests::sample;

    fn whole() -> Sample {
        let flags = SampleFlags::WHOLE | SampleFlags::DESTINATION_INSIDE;
        sample("203.0.113.7", "192.0.2.2", flags)
    }

    const ALL: Filter = Filter {
        reason: None,
        after: 0,
    };

    #[tokio::test]
    async fn whole_addresses_are_seen_by_the_capture_that_is_open_for_them_and_by_nobody_else() {
        let hub = Hub::default();
        let (_, mut masked) = hub.follow(ALL, Addresses::Masked).unwrap();
        let (_, mut open) = hub.follow(ALL, Addresses::Whole).unwrap();
        hub.take(&whole(), Timestamp::UNIX_EPOCH);
        let [masked, open] = [masked.next().await.unwrap(), open.next().await.unwrap()];
        assert_eq!(masked.sample.ip[16..20], [192, 0, 2, 0]);
        assert_eq!(open.sample.ip[16..20], [192, 0, 2, 2]);
        for event in [&masked.event, &open.event, &hub.recent(ALL)[0]] {
            assert_eq!(event.destination.as_deref(), Some("192.0.2.0/24"));
        }
    }

    #[tokio::test]
    async fn a_slow_follower_loses_events_and_is_told_how_many() {
        let hub = Hub::default();
        let (_, mut slow) = hub.follow(ALL, Addresses::Masked).unwrap();
        for _ in 0..QUEUE_MAX + 5 {
            hub.take(&whole(), Timestamp::UNIX_EPOCH);
        }
        assert_eq!(slow.take_lost(), 5);
        assert_eq!(slow.take_lost(), 0);
        for seq in 1..=QUEUE_MAX as u64 {
            assert_eq!(slow.next().await.unwrap().event.seq, seq);
        }
    }

    #[test]
    fn what_is_kept_and_who_follows_is_bounded() {
        let hub = Hub::default();
        for _ in 0..EVENTS_MAX + 5 {
            hub.take(&whole(), Timestamp::UNIX_EPOCH);
        }
        let recent = hub.recent(ALL);
        assert_eq!(recent.len(), EVENTS_MAX);
        assert_eq!(recent[0].seq, 6);
        let follow = || hub.follow(ALL, Addresses::Masked);
        let mut following: Vec<_> = (0..SUBSCRIPTIONS_MAX).map(|_| follow().unwrap()).collect();
        assert!(follow().is_none());
        following.pop();
        assert!(follow().is_some(), "a place is free again");
    }

    #[tokio::test]
    async fn a_follower_of_one_reason_sees_no_other_and_begins_where_it_left_off() {
        let hub = Hub::default();
        let rule = Sample {
            reason: 17,
            ..whole()
        };
        for sample in [whole(), rule, whole(), rule] {
            hub.take(&sample, Timestamp::UNIX_EPOCH);
        }
        let filter = Filter {
            reason: Some(Reason::Rule),
            after: 2,
        };
        let (before, mut after) = hub.follow(filter, Addresses::Masked).unwrap();
        hub.take(&whole(), Timestamp::UNIX_EPOCH);
        hub.take(&rule, Timestamp::UNIX_EPOCH);
        let before: Vec<u64> = before.iter().map(|event| event.seq).collect();
        assert_eq!(before, [4]);
        assert_eq!(after.next().await.unwrap().event.seq, 6);
        assert_eq!(hub.by_reason(), [("order", 3), ("rule", 3)].into());
    }
}
