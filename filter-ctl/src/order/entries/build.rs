//! From entries in any order to packed ones.

use indexmap::IndexSet;
use ipnet::IpNet;
use jiff::Timestamp;

use super::{Entries, Record, Terms, ids::Ids, position};

/// Places at which a builder looks for terms before it asks for their hash.
const RECENT: usize = 1 << 8;

/// Takes entries, in any order.
#[derive(Debug)]
pub struct EntriesBuilder {
    v4: Vec<Record<u32>>,
    v6: Vec<Record<u128>>,
    terms: IndexSet<Terms>,
    /// Terms that came lately, by a few bits of theirs: most entries of a source have the same few.
    recent: Vec<u32>,
    ids: Ids,
}

impl Default for EntriesBuilder {
    fn default() -> Self {
        Self::with_capacity(0)
    }
}

impl EntriesBuilder {
    /// One with room for this many entries, of whichever family.
    #[must_use]
    pub fn with_capacity(entries: usize) -> Self {
        Self {
            v4: Vec::new(),
            v6: Vec::new(),
            terms: IndexSet::new(),
            recent: vec![0; RECENT],
            ids: Ids::with_capacity(entries),
        }
    }

    /// Takes one. Host bits of the prefix are removed.
    pub fn push(&mut self, id: &str, net: IpNet, terms: Terms) {
        let terms = self.number(terms);
        let id_number = position(self.ids.len());
        self.ids.push(id);
        match net {
            IpNet::V4(net) => self.v4.push(Record {
                start: net.network().to_bits(),
                id: id_number,
                terms,
                length: net.prefix_len(),
            }),
            IpNet::V6(net) => self.v6.push(Record {
                start: net.network().to_bits(),
                id: id_number,
                terms,
                length: net.prefix_len(),
            }),
        }
    }

    fn number(&mut self, terms: Terms) -> u32 {
        let mixed = (terms.until.as_second() ^ i64::from(terms.order) << 20)
            .cast_unsigned()
            .wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let recent = &mut self.recent[usize::from((mixed >> 48) as u16) % RECENT];
        if self.terms.get_index(*recent as usize) != Some(&terms) {
            *recent = position(self.terms.insert_full(terms).0);
        }
        *recent
    }

    /// Packs what was taken. Takes O(n log n) for `n` entries.
    ///
    /// Ids that came twice stay, next to each other in [`Entries::by_id`].
    #[must_use]
    pub fn finish(self) -> Entries {
        let Self {
            mut v4,
            mut v6,
            terms,
            recent: _,
            ids,
        } = self;
        let (mut ids, before) = ids.sorted();
        let mut ranks = vec![0; before.len()];
        for (rank, before) in (0..).zip(before) {
            ranks[before as usize] = rank;
        }
        let (terms, numbers) = sorted_terms(terms.into_iter().collect());
        settle(&mut v4, &ranks, &numbers);
        settle(&mut v6, &ranks, &numbers);
        // One number sorts faster than two.
        v4.sort_unstable_by_key(|record| {
            u128::from(record.start) << 40 | u128::from(record.length) << 32 | u128::from(record.id)
        });
        v6.sort_unstable_by_key(|record| (record.start, record.length, record.id));
        let mut by_id = ranks;
        let all = v4.iter().map(|record| record.id);
        let all = all.chain(v6.iter().map(|record| record.id));
        for (position, id) in (0..).zip(all) {
            by_id[id as usize] = position;
        }
        ids.shrink();
        v4.shrink_to_fit();
        v6.shrink_to_fit();
        Entries {
            counts: counts(&v4, &v6, terms.len()),
            v4,
            v6,
            terms,
            ids,
            by_id,
        }
    }
}

/// Puts the final numbers in place of those by which things came.
fn settle<A>(records: &mut [Record<A>], ids: &[u32], terms: &[u32]) {
    for record in records {
        record.id = ids[record.id as usize];
        record.terms = terms[record.terms as usize];
    }
}

/// The terms sorted, and the new number of each.
fn sorted_terms(terms: Vec<Terms>) -> (Vec<Terms>, Vec<u32>) {
    let mut order: Vec<(u32, Terms)> = (0..).zip(terms).collect();
    // What is the same in content shall be the same in memory, so that it compares equal.
    order.sort_unstable_by(|(_, a), (_, b)| {
        let key = |terms: &Terms| (terms.until, terms.since, terms.order, terms.protocol);
        let by_key = key(a).cmp(&key(b)).then(a.direction.cmp(&b.direction));
        by_key
            .then_with(|| a.ports.cmp(&b.ports))
            .then_with(|| a.reason.cmp(&b.reason))
    });
    let mut numbers = vec![0; order.len()];
    for (number, (before, _)) in (0..).zip(&order) {
        numbers[*before as usize] = number;
    }
    let terms = order.into_iter().map(|(_, terms)| terms).collect();
    (terms, numbers)
}

fn counts(v4: &[Record<u32>], v6: &[Record<u128>], terms: usize) -> Vec<u32> {
    let mut counts = vec![0_u32; terms];
    let all = v4.iter().map(|record| record.terms);
    for terms in all.chain(v6.iter().map(|record| record.terms)) {
        counts[terms as usize] += 1;
    }
    let mut sum = 0;
    for count in &mut counts {
        sum += *count;
        *count = sum;
    }
    counts
}

/// The same entries, each with the `since` of its place in the order of the ids.
pub(super) fn stamped(entries: Entries, since: &[Timestamp]) -> Entries {
    let Entries {
        mut v4,
        mut v6,
        terms: old,
        counts: _,
        ids,
        by_id,
    } = entries;
    let mut new: IndexSet<(u32, Timestamp)> = IndexSet::new();
    let mut stamp = |id: u32, terms: &mut u32| {
        *terms = position(new.insert_full((*terms, since[id as usize])).0);
    };
    for record in &mut v4 {
        stamp(record.id, &mut record.terms);
    }
    for record in &mut v6 {
        stamp(record.id, &mut record.terms);
    }
    let new = new.into_iter().map(|(terms, since)| Terms {
        since,
        ..old[terms as usize].clone()
    });
    // Two that differed in their `since` alone may have become one.
    let mut merged: IndexSet<Terms> = IndexSet::new();
    let merged_numbers: Vec<u32> = new.map(|new| position(merged.insert_full(new).0)).collect();
    let (terms, numbers) = sorted_terms(merged.into_iter().collect());
    let number = |terms: &mut u32| *terms = numbers[merged_numbers[*terms as usize] as usize];
    for record in &mut v4 {
        number(&mut record.terms);
    }
    for record in &mut v6 {
        number(&mut record.terms);
    }
    Entries {
        counts: counts(&v4, &v6, terms.len()),
        v4,
        v6,
        terms,
        ids,
        by_id,
    }
}
