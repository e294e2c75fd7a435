//! The buckets of limits and what else the evaluation is told, on the host.

use std::{collections::BTreeMap, sync::atomic::AtomicU64};

use filter_common::{
    abi::SHARED_SETS,
    address::Address,
    counters::RuleCounter,
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
    /// What each rule has counted, by slot.
    pub counted: BTreeMap<u32, RuleCounter>,
    /// Packets that were charged to a bucket of another destination.
    pub shared_packets: u64,
    /// The slots of orders that would have dropped the last packet, in the order of evaluation; one twice that would have for both
    /// ends.
    pub would: Vec<Slot>,
    /// The slots of the rules that matched the last packet, in the order of evaluation.
    pub matched: Vec<u32>,
    /// What the last packet was counted as for its destination.
    pub metered: Option<Metered>,
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
        let words = |count| {
            let mut words = Vec::new();
            words.resize_with(count, Default::default);
            words
        };
        let mut rules = Vec::new();
        rules.resize_with(
            some(!table.rules.is_empty(), RULE_SLOTS_MAX),
            AtomicU64::default,
        );
        Self {
            rules,
            lines: words(table.lines as usize),
            shared: words(some(has_limits, SHARED_SETS)),
            counted: BTreeMap::new(),
            shared_packets: 0,
            would: Vec::new(),
            matched: Vec::new(),
            metered: None,
            bytes: 0,
        }
    }

    /// Prepares for the next packet, of a frame of so many bytes.
    pub fn begin(&mut self, frame_length: usize) -> &mut Self {
        self.bytes = frame_length as u64;
        self.would.clear();
        self.matched.clear();
        self.metered = None;
        self
    }
}

impl Effects for Buckets {
    fn would_drop(&mut self, slot: u32) {
        self.would.push(slot);
    }

    fn bytes(&self) -> u16 {
        u16::try_from(self.bytes).unwrap_or(u16::MAX)
    }

    fn rule_matched(&mut self, slot: u32, dropped: bool) {
        self.matched.push(slot);
        let counter = self.counted.entry(slot).or_default();
        counter.matched_packets += 1;
        counter.matched_bytes += self.bytes;
        if dropped {
            counter.dropped_packets += 1;
            counter.dropped_bytes += self.bytes;
        }
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
            Way::Own(way) => way,
            Way::Free(way) => {
                set[way].replace(set[way].word(), Use::new(key.tag(), tick).to_bits());
                way
            }
            Way::Shared(way) => {
                self.shared_packets += 1;
                way
            }
        };
        take(&set[way], limit, cost, tick)
    }

    fn meter(&mut self, packet: &Metered, _: Tick) {
        self.metered = Some(*packet);
    }
}
