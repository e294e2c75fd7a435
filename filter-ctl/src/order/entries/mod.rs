//! The entries of one source, packed.
//!
//! A source may have more than a million, and most of them differ in prefix and id only. So an entry is a
//! [`Record`] of 16 bytes (IPv4) or 32 (IPv6), sorted by prefix, which names its id and its [`Terms`]: all the
//! rest, each different one stored once. An [`Entry`] is a view that is put together when one is asked for.
//!
//! Whoever looks at all entries, policy and compiler, reads the records in their order and asks the terms
//! once for each different one.
//!
//! - `build`: from entries in any order to this;
//! - `ids`: the ids, one text.

mod build;
mod ids;
#[cfg(test)]
mod tests;

use std::{net::IpAddr, sync::Arc};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use jiff::Timestamp;

use self::ids::Ids;
use super::{Direction, PortRange};

pub use self::build::EntriesBuilder;

/// What an entry says besides its prefix and its id.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Terms {
    /// Which packets.
    pub direction: Direction,
    /// An IP protocol number; `None` for all.
    pub protocol: Option<u8>,
    /// Disjoint, sorted; empty for all ports. Only with a protocol that has ports.
    ///
    /// Ports are those of the listed address: the source port of packets from it, the destination port of
    /// packets to it.
    pub ports: Box<[PortRange]>,
    /// From when on it is no longer enforced.
    pub until: Timestamp,
    /// Since when it has been part of this source without a break.
    pub since: Timestamp,
    /// Why, if it says so; else the order's reason holds. Shared, as most entries of a source give the
    /// same few.
    pub reason: Option<Arc<str>>,
    /// Its order: an index into [`VerifiedOrder::orders`](super::VerifiedOrder::orders).
    pub order: u32,
}

impl Terms {
    /// Whether both mean the same packets.
    #[must_use]
    pub fn mean_the_same(&self, other: &Self) -> bool {
        let packets = |terms: &Self| (terms.direction, terms.protocol);
        packets(self) == packets(other) && self.ports == other.ports
    }
}

/// One line of an order: what is blocked, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The issuer's name for it, unique in its feed.
    pub id: &'a str,
    /// The prefix, without host bits.
    pub net: IpNet,
    /// All else.
    pub terms: &'a Terms,
}

impl Entry<'_> {
    /// Whether both mean the same packets of the same addresses, whatever their ids, ends and reasons.
    #[must_use]
    pub fn asks_the_same(&self, other: &Entry<'_>) -> bool {
        self.net == other.net && self.terms.mean_the_same(other.terms)
    }
}

/// An entry as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<A> {
    /// The first address of the prefix.
    pub start: A,
    /// Where the id stands among all ids of the source, sorted.
    pub id: u32,
    /// An index into [`Entries::terms`].
    pub terms: u32,
    /// The length of the prefix.
    pub length: u8,
}

/// An address as a number.
pub trait Bits: Copy + Ord {
    /// How many bits it has.
    const WIDTH: u8;
    /// The first address of the prefix with this length that `self` lies in.
    #[must_use]
    fn first(self, length: u8) -> Self;
    /// The last.
    #[must_use]
    fn last(self, length: u8) -> Self;
}

impl Bits for u32 {
    const WIDTH: u8 = 32;

    fn first(self, length: u8) -> Self {
        self & !Self::MAX.checked_shr(length.into()).unwrap_or(0)
    }

    fn last(self, length: u8) -> Self {
        self | Self::MAX.checked_shr(length.into()).unwrap_or(0)
    }
}

impl Bits for u128 {
    const WIDTH: u8 = 128;

    fn first(self, length: u8) -> Self {
        self & !Self::MAX.checked_shr(length.into()).unwrap_or(0)
    }

    fn last(self, length: u8) -> Self {
        self | Self::MAX.checked_shr(length.into()).unwrap_or(0)
    }
}

/// The entries of one source.
///
/// An entry is known by its *position*: those of IPv4 come first, then those of IPv6; in each family they
/// are sorted by first address, then length, then id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entries {
    v4: Vec<Record<u32>>,
    v6: Vec<Record<u128>>,
    /// Sorted by `until`.
    terms: Vec<Terms>,
    /// For each of the terms the number of entries that have it or one before it.
    counts: Vec<u32>,
    ids: Ids,
    /// The position of each id.
    by_id: Vec<u32>,
}

impl Entries {
    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Those of IPv4, by position.
    #[must_use]
    pub fn v4(&self) -> &[Record<u32>] {
        &self.v4
    }

    /// Those of IPv6; the position of the first is the number of those of IPv4.
    #[must_use]
    pub fn v6(&self) -> &[Record<u128>] {
        &self.v6
    }

    /// The terms that there are, each once, sorted by `until`.
    #[must_use]
    pub fn terms(&self) -> &[Terms] {
        &self.terms
    }

    /// How many of the terms, from the first on, have ended.
    #[must_use]
    pub fn ended_terms(&self, now: Timestamp) -> usize {
        self.terms.partition_point(|terms| terms.until <= now)
    }

    /// How many entries have not ended. Takes O(log n).
    #[must_use]
    pub fn unended(&self, now: Timestamp) -> usize {
        let ended = self.counts[..self.ended_terms(now)].last();
        self.len() - ended.map_or(0, |count| *count as usize)
    }

    /// The entry at a position, which must be below [`Entries::len`].
    #[must_use]
    pub fn at(&self, position: u32) -> Entry<'_> {
        let (net, id, terms) = match self.split(position) {
            Ok(index) => {
                let Record {
                    start,
                    id,
                    terms,
                    length,
                } = self.v4[index];
                let net = Ipv4Net::new(start.into(), length).map(IpNet::V4);
                (net, id, terms)
            }
            Err(index) => {
                let Record {
                    start,
                    id,
                    terms,
                    length,
                } = self.v6[index];
                let net = Ipv6Net::new(start.into(), length).map(IpNet::V6);
                (net, id, terms)
            }
        };
        Entry {
            id: self.ids.get(id),
            // The length was that of a prefix.
            net: net.unwrap_or_default(),
            terms: &self.terms[terms as usize],
        }
    }

    /// Where the id of the entry at a position stands among all ids of the source.
    #[must_use]
    pub fn rank_at(&self, position: u32) -> u32 {
        match self.split(position) {
            Ok(index) => self.v4[index].id,
            Err(index) => self.v6[index].id,
        }
    }

    /// The index in the family of a position: `Ok` for IPv4, `Err` for IPv6.
    const fn split(&self, position: u32) -> Result<usize, usize> {
        let position = position as usize;
        if position < self.v4.len() {
            Ok(position)
        } else {
            Err(position - self.v4.len())
        }
    }

    /// All positions, sorted by the ids of their entries.
    #[must_use]
    pub fn positions_by_id(&self) -> &[u32] {
        &self.by_id
    }

    /// All entries, sorted by id.
    #[must_use]
    pub fn by_id(&self) -> impl ExactSizeIterator<Item = Entry<'_>> {
        self.by_id.iter().map(|position| self.at(*position))
    }

    /// Answers with the entry of each id that it is asked for, in the order of the ids. For all of them it takes O(n).
    pub fn alongside<'a>(&'a self) -> impl FnMut(&str) -> Option<Entry<'a>> {
        let mut entries = self.by_id().peekable();
        move |id| {
            while entries.next_if(|entry| entry.id < id).is_some() {}
            entries.peek().copied().filter(|entry| entry.id == id)
        }
    }

    /// An id that two of them have.
    pub(super) fn duplicate(&self) -> Option<&str> {
        let next = self.ids.iter().skip(1);
        let mut pairs = self.ids.iter().zip(next);
        pairs.find(|(id, next)| id == next).map(|(id, _)| id)
    }

    /// The position of an entry by its id. Takes O(log n).
    #[must_use]
    pub fn find(&self, id: &str) -> Option<u32> {
        let rank = self.ids.find(id).ok()?;
        self.by_id.get(rank as usize).copied()
    }

    /// The positions of the entries whose prefix covers an address, the longest prefix first. Takes a search
    /// for each length of prefix.
    #[must_use]
    pub fn covering(&self, address: IpAddr) -> Vec<u32> {
        match address {
            IpAddr::V4(address) => covering(&self.v4, 0, address.to_bits()),
            IpAddr::V6(address) => covering(&self.v6, position(self.v4.len()), address.to_bits()),
        }
    }

    /// Gives each entry the `since` that `since` answers, which is asked in the order of the ids.
    pub(super) fn stamp(self, mut since: impl FnMut(Entry<'_>) -> Timestamp) -> Self {
        let stamps: Vec<Timestamp> = self.by_id().map(&mut since).collect();
        if self
            .by_id()
            .zip(&stamps)
            .all(|(e, at)| e.terms.since == *at)
        {
            return self;
        }
        build::stamped(self, &stamps)
    }
}

fn covering<A: Bits>(records: &[Record<A>], offset: u32, address: A) -> Vec<u32> {
    let mut found = Vec::new();
    for length in (0..=A::WIDTH).rev() {
        let key = (address.first(length), length);
        let begin = records.partition_point(|record| (record.start, record.length) < key);
        let same = records[begin..].iter();
        let same = same.take_while(|record| (record.start, record.length) == key);
        let positions = (offset + position(begin)..).zip(same);
        found.extend(positions.map(|(position, _)| position));
    }
    found
}

/// An index as it is stored. All that is counted so lies in memory, with more than 16 bytes each, and comes from
/// a bundle of less than 2^32 bytes.
fn position(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}
