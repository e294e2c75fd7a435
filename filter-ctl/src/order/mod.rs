//! Orders: who wants what blocked, since when, until when, and on what authority.
//!
//! [`UntrustedOrder`] is what arrived: bytes and where they came from. Only `verify` makes a
//! [`VerifiedOrder`] of it, and only that goes on to the policy.
//!
//! - [`trust`]: which key may speak for which feed, and in which scope;
//! - [`parse`]: the bundle format, from bytes to lines;
//! - [`verify`]: admission, in the order of the checks that SECURITY.md promises;
//! - [`list`]: published lists that nobody signs, from bytes to prefixes;
//! - [`letter`]: an order that an operator types in or pastes from a letter;
//! - [`entries`]: the entries of one source, packed;
//! - `pinned`: what is left of an earlier state while a later one withdraws from it;
//! - [`recovered`]: what of a source is known by the table in force alone;
//! - [`state`]: what a feed's bundles amount to, and its digest; `canonical`: the form it is taken over;
//! - [`store`]: what was admitted, on disk, as it was received;
//! - [`sign`]: the authority's side, keys and signed bundles;
//! - `signature`: one detached signature;
//! - [`field`]: the fields of an entry as text;
//! - [`hex`]: digests as text;
//! - `input`: bytes that arrived, wherever they lie.

mod canonical;
pub mod entries;
pub mod field;
pub mod hex;
mod input;
pub mod letter;
pub mod list;
pub mod parse;
mod pinned;
pub mod recovered;
pub mod sign;
mod signature;
pub mod state;
pub mod store;
pub mod trust;
pub mod verify;

use std::{fmt, sync::Arc};

use ipnet::IpNet;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub(crate) use self::signature::SIGNATURE_BYTES_MAX;
pub use self::{
    entries::{Entries, EntriesBuilder, Entry, Terms},
    input::Input,
    verify::UntrustedOrder,
};

/// The name of a feed: lower-case letters, digits, `-`, `_` and `.`, at most 63, not beginning with a
/// dot. It is used as a directory name and as a metric label.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FeedName(Box<str>);

/// A name that is none.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` is not a feed name: expected 1 to 63 of a-z, 0-9, `-`, `_`, `.`, not beginning with `.`"
)]
pub struct InvalidFeedName(String);

/// Whether a text can be a name: lower-case letters, digits, `-`, `_` and `.`, at most 63, not beginning with a dot.
pub(crate) fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.');
    (1..=63).contains(&name.len()) && name.bytes().all(allowed) && !name.starts_with('.')
}

impl FeedName {
    /// The feed under which operators' own orders run. No bundle can name it.
    pub const OPERATOR: &'static str = "operator";

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The feed of operators' own orders.
    #[must_use]
    pub fn operator() -> Self {
        Self(Self::OPERATOR.into())
    }
}

impl TryFrom<String> for FeedName {
    type Error = InvalidFeedName;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        if is_name(&name) {
            Ok(Self(name.into_boxed_str()))
        } else {
            Err(InvalidFeedName(name))
        }
    }
}

impl From<FeedName> for String {
    fn from(name: FeedName) -> Self {
        name.0.into()
    }
}

impl fmt::Display for FeedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The identity of an order: its feed and its reference, written `FEED:REFERENCE`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OrderId {
    /// The feed it came by.
    pub feed: FeedName,
    /// The number of the decision or letter.
    pub reference: Box<str>,
}

/// Text that names no order.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not an order: expected FEED:REFERENCE, such as `ncsc:298/VNCERT-DPUC`")]
pub struct InvalidOrderId(String);

impl TryFrom<String> for OrderId {
    type Error = InvalidOrderId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.split_once(':') {
            Some((feed, reference)) if !reference.is_empty() => {
                let feed = FeedName::try_from(feed.to_owned())
                    .map_err(|_| InvalidOrderId(text.clone()))?;
                Ok(Self {
                    feed,
                    reference: reference.into(),
                })
            }
            _ => Err(InvalidOrderId(text)),
        }
    }
}

impl From<OrderId> for String {
    fn from(id: OrderId) -> Self {
        id.to_string()
    }
}

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.feed, self.reference)
    }
}

/// What an order says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderInfo {
    /// The number of the decision or letter.
    pub reference: Box<str>,
    /// The authority that decided.
    pub issuer: Box<str>,
    /// The legal basis.
    #[serde(default)]
    pub basis: Box<str>,
    /// Why.
    #[serde(default)]
    pub reason: Box<str>,
}

/// Which packets of a listed address are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Packets that come from it.
    From,
    /// Packets that go to it.
    To,
    /// Both.
    Both,
}

/// Ports from the first to the last, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PortRange {
    /// The first.
    pub first: u16,
    /// The last; not below the first.
    pub last: u16,
}

/// Why one entry of an otherwise good source is not enforced, or only in part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalReason {
    /// It has no `until`.
    NoUntil,
    /// Its `until` had passed when it was received.
    Expired,
    /// Its `until` is further away than the feed may ask for.
    UntilTooFar,
    /// Its family is outside the key's scope.
    FamilyOutOfScope,
    /// Its prefix is shorter than the key's scope, or the guard rail, allows.
    PrefixTooShort,
    /// It lies inside the never-block list.
    NeverBlock,
    /// Its address would be subject to more conditions than can be represented.
    OverlapLimit,
}

impl RefusalReason {
    /// The name, as in every output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoUntil => "no_until",
            Self::Expired => "expired",
            Self::UntilTooFar => "until_too_far",
            Self::FamilyOutOfScope => "family_out_of_scope",
            Self::PrefixTooShort => "prefix_too_short",
            Self::NeverBlock => "never_block",
            Self::OverlapLimit => "overlap_limit",
        }
    }
}

/// An entry that admission refused, with the rest of its source admitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedEntry {
    /// The issuer's name for it.
    pub id: Box<str>,
    /// The prefix.
    pub net: IpNet,
    /// Its order: an index into [`VerifiedOrder::orders`].
    pub order: u32,
    /// Why.
    pub reason: RefusalReason,
}

/// Where a [`VerifiedOrder`] came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Provenance {
    /// A signed bundle.
    Bundle {
        /// Raised when sequence numbers begin anew.
        epoch: u64,
        /// Raised with each bundle.
        seq: u64,
        /// SHA-256 of the bundle's bytes.
        sha256: [u8; 32],
        /// The names of the keys that signed it.
        signers: Vec<String>,
        /// Whether it only exercises the path and is not to be enforced.
        test: bool,
        /// From when on the feed counts as stale.
        expires_at: Timestamp,
    },
    /// A published list that nobody signed.
    List {
        /// SHA-256 of the list's bytes.
        sha256: [u8; 32],
        /// When the publisher last had it.
        fetched_at: Timestamp,
        /// When its entries end unless it is seen again.
        until: Timestamp,
    },
    /// The table in force, while what is stored cannot be read.
    Table,
    /// An operator, by user number.
    Operator {
        /// The user of the control socket's peer.
        uid: u32,
    },
}

/// A source whose authority has been checked: a whole bundle, or one order of an operator.
///
/// Only [`self`] and its children can make one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedOrder {
    feed: FeedName,
    provenance: Provenance,
    admitted_at: Timestamp,
    orders: Vec<OrderInfo>,
    entries: Arc<Entries>,
    refused: Vec<RefusedEntry>,
}

impl VerifiedOrder {
    /// What admission would have made, for the tests of the rooms behind it.
    #[cfg(test)]
    pub(crate) fn for_test(
        feed: FeedName,
        provenance: Provenance,
        admitted_at: Timestamp,
        orders: Vec<OrderInfo>,
        entries: Entries,
        refused: Vec<RefusedEntry>,
    ) -> Self {
        Self {
            feed,
            provenance,
            admitted_at,
            orders,
            entries: Arc::new(entries),
            refused,
        }
    }

    /// Without the entries that were not asked for yet at `at`.
    #[must_use]
    pub fn as_of(mut self, at: Timestamp) -> Self {
        if self.entries.terms().iter().any(|terms| at < terms.since) {
            let mut entries = EntriesBuilder::default();
            for entry in self.entries.by_id().filter(|e| e.terms.since <= at) {
                entries.push(entry.id, entry.net, entry.terms.clone());
            }
            self.entries = Arc::new(entries.finish());
        }
        self
    }

    /// What a rehearsal stands for: the same, as a bundle that is to be enforced. The policy passes over rehearsals, so
    /// a plan of what one would amount to is made of this, and nothing else is.
    #[must_use]
    pub fn rehearsed(&self) -> Self {
        let mut order = self.clone();
        if let Provenance::Bundle { test, .. } = &mut order.provenance {
            *test = false;
        }
        order
    }

    /// The feed it belongs to.
    #[must_use]
    pub const fn feed(&self) -> &FeedName {
        &self.feed
    }

    /// Where it came from.
    #[must_use]
    pub const fn provenance(&self) -> &Provenance {
        &self.provenance
    }

    /// When it was admitted.
    #[must_use]
    pub const fn admitted_at(&self) -> Timestamp {
        self.admitted_at
    }

    /// The orders that its entries belong to.
    #[must_use]
    pub fn orders(&self) -> &[OrderInfo] {
        &self.orders
    }

    /// The entries that were admitted.
    #[must_use]
    pub const fn entries(&self) -> &Arc<Entries> {
        &self.entries
    }

    /// The entries that were not.
    #[must_use]
    pub fn refused(&self) -> &[RefusedEntry] {
        &self.refused
    }

    /// The identity of one of its orders.
    #[must_use]
    pub fn order_id(&self, order: u32) -> OrderId {
        OrderId {
            feed: self.feed.clone(),
            reference: self.orders[order as usize].reference.clone(),
        }
    }
}
