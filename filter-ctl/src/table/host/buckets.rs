//! The buckets of limits and what else the evaluation is told, on the host.

use std::sync::atomic::AtomicU64;

use filter_common::{
    abi::SHARED_SETS,
    address::Address,
    decide::Effects,
    limit::{
        Bucket as _, Class, DENSE_WORDS, KEYED_WAYS, Key, Limit, Tick, UNITS_PER_SECOND, Use, Way,
        find_way, take,
    },
    limits::RULE_SLOTS_MAX,
    meter::Metered,
};

use crate::table::{GuardTable, Slot};

/// What limits have used up, and what one packet has led to.
#[derive(Debug)]
pub struct Buckets {
    rules: Vec<AtomicU64>,
    lines: Vec<[AtomicU64; DENSE_WORDS]>,
    shared: Vec<[AtomicU64; KEYED_WAYS]>,
    /// The slots of orders that would have dropped the last packet, in the order of evaluation; one twice that
    /// would have for both ends.
    pub would: Vec<Slot>,
    /// The slots of the rules that matched the last packet, in the order of evaluation.
    pub matched: Vec<u32>,
    bytes: u64,
}

impl Buckets {
    /// The secret by which the host spreads destinations: it is nobody's aim.
    pub const SECRET: u64 = 0x5851_f42d_4c95_7f2d;

    /// Units of a tick on the host, which is a millisecond.
    pub const TICK_UNITS: u32 = UNITS_PER_SECOND / 1_000;

    /// The tick of a time in milliseconds.
    #[must_use]
    pub const fn tick(milliseconds: u64) -> Tick {
        Tick {
            count: milliseconds,
            units: Self::TICK_UNITS,
        }
    }

    /// Empty ones for a table.
    #[must_use]
    pub fn new(table: &GuardTable) -> Self {
        let some = |needed: bool, count: usize| if needed { count } else { 0 };
        let has_limits = table.limits.iter().any(Limit::is_some);
        Self {
            rules: empty(some(!table.rules.is_empty(), RULE_SLOTS_MAX)),
            lines: empty(table.lines as usize),
            shared: empty(some(has_limits, SHARED_SETS)),
            would: Vec::new(),
            matched: Vec::new(),
            bytes: 0,
        }
    }

    /// Prepares for the next packet, of a frame of so many bytes.
    pub fn begin(&mut self, frame_length: usize) -> &mut Self {
        self.bytes = frame_length as u64;
        self.would.clear();
        self.matched.clear();
        self
    }
}

/// So many unused ones.
fn empty<T: Default>(count: usize) -> Vec<T> {
    let mut unused = Vec::new();
    unused.resize_with(count, T::default);
    unused
}

impl Effects for Buckets {
    fn would_drop(&mut self, slot: u32) {
        self.would.push(slot);
    }

    fn bytes(&self) -> u16 {
        u16::try_from(self.bytes).unwrap_or(u16::MAX)
    }

    fn rule_matched(&mut self, slot: u32, _dropped: bool) {
        self.matched.push(slot);
    }

    fn take_rule(&mut self, slot: u32, limit: &Limit, cost: u64, tick: Tick) -> bool {
        let bucket = self.rules.get(slot as usize);
        bucket.is_none_or(|bucket| take(bucket, limit, cost, tick))
    }

    fn take_line(&mut self, line: u32, class: Class, limit: &Limit, cost: u64, tick: Tick) -> bool {
        let line = self.lines.get(line as usize);
        line.is_none_or(|line| take(&line[class as usize], limit, cost, tick))
    }

    fn take_shared(
        &mut self,
        address: Address,
        class: Class,
        limit: &Limit,
        cost: u64,
        tick: Tick,
    ) -> bool {
        let key = Key::new(Self::SECRET, address, class as u32);
        let sets = u32::try_from(self.shared.len()).unwrap_or(u32::MAX);
        let Some(set) = self.shared.get(key.set(sets) as usize) else {
            return true;
        };
        let way = match find_way(key, tick, |way| set[way].word(), |way| way) {
            Way::Free(way) => {
                set[way].replace(set[way].word(), Use::new(key.tag(), tick).to_bits());
                way
            }
            Way::Own(way) | Way::Shared(way) => way,
        };
        take(&set[way], limit, cost, tick)
    }

    fn meter(&mut self, _: &Metered, _: Tick) {}
}
