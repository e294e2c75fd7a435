//! What is left of an earlier state of a feed while a later one has been admitted.
//!
//! A paused feed stands at an earlier state, and withdrawing never waits: what the later state no longer asks for
//! ends. So an entry holds for what both states ask for under its id, which is again one entry or none, because a
//! condition is a product of ranges.

use std::sync::Arc;

use ipnet::IpNet;

use super::{Direction, EntriesBuilder, Entry, PortRange, Provenance, Terms, VerifiedOrder};

impl VerifiedOrder {
    /// This state as far as `latest`, a later one of the same feed, still asks for it; the very same where that is
    /// all. Nothing is blocked that either of them does not block, and each entry keeps its order and its `since`.
    ///
    /// An entry ends at the earlier of both `until`. The end of a list's entries says only when it was last seen, so
    /// there the later state's holds. Takes O(n log n) for `n` entries.
    #[must_use]
    pub fn within(self: &Arc<Self>, latest: &Arc<Self>) -> Arc<Self> {
        if Arc::ptr_eq(self, latest) {
            return Arc::clone(self);
        }
        let is_list = matches!(latest.provenance, Provenance::List { .. });
        let mut entries = EntriesBuilder::with_capacity(self.entries.len());
        let mut later = latest.entries.alongside();
        for entry in self.entries.by_id() {
            let later = later(entry.id);
            if let Some((net, mut terms)) = later.and_then(|later| common(&entry, &later)) {
                if let Some(later) = later.filter(|_| is_list) {
                    terms.until = later.terms.until;
                }
                entries.push(entry.id, net, terms);
            }
        }
        let entries = entries.finish();
        if entries == *self.entries {
            return Arc::clone(self);
        }
        Arc::new(Self {
            entries: Arc::new(entries),
            ..Self::clone(self)
        })
    }
}

/// What two entries both ask for; the order, the reason and the `since` are those of the first.
fn common(one: &Entry<'_>, other: &Entry<'_>) -> Option<(IpNet, Terms)> {
    let net = if other.net.contains(&one.net) {
        one.net
    } else if one.net.contains(&other.net) {
        other.net
    } else {
        return None;
    };
    let terms = Terms {
        direction: direction(one.terms.direction, other.terms.direction)?,
        protocol: match (one.terms.protocol, other.terms.protocol) {
            (Some(one), Some(other)) if one != other => return None,
            (one, other) => one.or(other),
        },
        ports: ports(&one.terms.ports, &other.terms.ports)?,
        until: one.terms.until.min(other.terms.until),
        ..one.terms.clone()
    };
    Some((net, terms))
}

fn direction(one: Direction, other: Direction) -> Option<Direction> {
    match (one, other) {
        (Direction::Both, narrow) | (narrow, Direction::Both) => Some(narrow),
        (one, other) => (one == other).then_some(one),
    }
}

/// The ports of both; none at all means all.
fn ports(one: &[PortRange], other: &[PortRange]) -> Option<Box<[PortRange]>> {
    let (one, other) = match (one, other) {
        ([], all) | (all, []) => return Some(all.into()),
        ranges => ranges,
    };
    let mut common = Vec::new();
    let (mut left, mut right) = (one.iter().peekable(), other.iter().peekable());
    while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
        let (first, last) = (a.first.max(b.first), a.last.min(b.last));
        if first <= last {
            common.push(PortRange { first, last });
        }
        if a.last <= b.last {
            left.next();
        } else {
            right.next();
        }
    }
    (!common.is_empty()).then(|| common.into())
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};
    use proptest::{collection::vec, prelude::*, sample::select};

    use super::*;
    use crate::order::{FeedName, OrderInfo};

    fn hour(hour: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hour)
    }

    /// Entries under few ids, over few addresses, ports and times, so that two states often speak of the same.
    fn state() -> impl Strategy<Value = Arc<VerifiedOrder>> {
        let direction = select(vec![Direction::From, Direction::To, Direction::Both]);
        let ports = select(vec![
            vec![],
            vec![(0, 1)],
            vec![(1, 2), (4, 5)],
            vec![(2, 4)],
        ]);
        let protocol = select(vec![None, Some(6), Some(17)]);
        let entry = (
            0..6u8,
            0..4u8,
            29..=32u8,
            direction,
            protocol,
            ports,
            1..4i64,
        );
        vec(entry, 0..8).prop_map(|entries| {
            let mut builder = EntriesBuilder::default();
            let mut known = Vec::new();
            for (id, host, length, direction, protocol, ports, until) in entries {
                if known.contains(&id) {
                    continue;
                }
                known.push(id);
                let net: IpNet = format!("192.0.2.{host}/{length}").parse().unwrap();
                let ports = ports.into_iter();
                let ports = ports.map(|(first, last)| PortRange { first, last });
                let ports = ports.filter(|_| protocol.is_some()).collect();
                let terms = Terms {
                    direction,
                    protocol,
                    ports,
                    until: hour(until),
                    since: hour(0),
                    reason: None,
                    order: 0,
                };
                builder.push(&format!("e{id}"), net.trunc(), terms);
            }
            let feed = FeedName::try_from("cert".to_owned()).unwrap();
            let provenance = Provenance::Bundle {
                epoch: 1,
                seq: 1,
                sha256: [0; 32],
                signers: Vec::new(),
                test: false,
                expires_at: hour(9),
            };
            let info = OrderInfo {
                reference: "1".into(),
                issuer: "x".into(),
                basis: "".into(),
                reason: "".into(),
            };
            let entries = builder.finish();
            let orders = vec![info];
            Arc::new(VerifiedOrder::for_test(
                feed,
                provenance,
                hour(0),
                orders,
                entries,
                Vec::new(),
            ))
        })
    }

    /// Everything that an entry can block, one packet and hour at a time.
    fn blocked(state: &VerifiedOrder, id: u8) -> Vec<(u8, bool, u8, u16, i64)> {
        let entries = state.entries();
        let Some(position) = entries.find(&format!("e{id}")) else {
            return Vec::new();
        };
        let Entry { net, terms, .. } = entries.at(position);
        let mut blocked = Vec::new();
        for host in 0..8 {
            let address: std::net::IpAddr = format!("192.0.2.{host}").parse().unwrap();
            for from in [false, true] {
                for protocol in [6, 17, 47] {
                    for port in 0..6 {
                        for time in 0..4 {
                            let direction = match terms.direction {
                                Direction::From => from,
                                Direction::To => !from,
                                Direction::Both => true,
                            };
                            let in_range =
                                |range: &PortRange| (range.first..=range.last).contains(&port);
                            let ports = terms.ports.is_empty() || terms.ports.iter().any(in_range);
                            if net.contains(&address)
                                && direction
                                && terms.protocol.is_none_or(|only| only == protocol)
                                && ports
                                && hour(time) < terms.until
                            {
                                blocked.push((host, from, protocol, port, time));
                            }
                        }
                    }
                }
            }
        }
        blocked
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_paused_feed_blocks_what_both_states_block_and_nothing_else(
            pinned in state(),
            latest in state(),
        ) {
            let within = pinned.within(&latest);
            for id in 0..6 {
                let later = blocked(&latest, id);
                let mut both = blocked(&pinned, id);
                both.retain(|packet| later.contains(packet));
                prop_assert_eq!(blocked(&within, id), both, "e{}", id);
            }
        }

        #[test]
        fn a_state_within_the_same_is_the_same(pinned in state()) {
            let same = Arc::new(VerifiedOrder::clone(&pinned));
            prop_assert!(Arc::ptr_eq(&pinned.within(&same), &pinned));
            prop_assert!(Arc::ptr_eq(&pinned.within(&pinned), &pinned));
        }
    }
}
