//! What of a source is known by the table in force alone, while what is stored of it cannot be read.
//!
//! It was admitted before it came into that table, and it stays in force until the stored source is mended.

use std::{collections::BTreeMap, sync::Arc};

use ipnet::IpNet;
use jiff::Timestamp;

use super::{EntriesBuilder, FeedName, OrderId, OrderInfo, Provenance, Terms, VerifiedOrder};

/// Takes what a table in force says, order by order.
#[derive(Debug)]
pub struct Recovery {
    at: Timestamp,
    feeds: BTreeMap<FeedName, Recovered>,
}

#[derive(Debug, Default)]
struct Recovered {
    orders: Vec<OrderInfo>,
    numbers: BTreeMap<Box<str>, u32>,
    entries: EntriesBuilder,
    count: usize,
}

impl Recovery {
    /// One that knows nothing yet.
    #[must_use]
    pub const fn new(at: Timestamp) -> Self {
        Self {
            at,
            feeds: BTreeMap::new(),
        }
    }

    /// Takes a prefix that the table blocks on this order. Since when, and the number of the order in `terms`, are
    /// made here.
    pub fn take(&mut self, order: &OrderId, net: IpNet, terms: Terms) {
        let recovered = self.feeds.entry(order.feed.clone()).or_default();
        let free = u32::try_from(recovered.orders.len()).unwrap_or(u32::MAX);
        let number = *recovered
            .numbers
            .entry(order.reference.clone())
            .or_insert(free);
        if number == free {
            recovered.orders.push(OrderInfo {
                reference: order.reference.clone(),
                issuer: "unknown: read from the table in force".into(),
                basis: "".into(),
                reason: "".into(),
            });
        }
        let id = format!("table-{}", recovered.count);
        recovered.count += 1;
        let terms = Terms {
            since: self.at,
            order: number,
            ..terms
        };
        recovered.entries.push(&id, net, terms);
    }

    /// A source for each feed.
    #[must_use]
    pub fn finish(self) -> Vec<Arc<VerifiedOrder>> {
        let at = self.at;
        let feeds = self.feeds.into_iter();
        let sources = feeds.map(|(feed, recovered)| {
            Arc::new(VerifiedOrder {
                feed,
                provenance: Provenance::Table,
                admitted_at: at,
                orders: recovered.orders,
                entries: Arc::new(recovered.entries.finish()),
                refused: Vec::new(),
            })
        });
        sources.collect()
    }
}
