//! What tells one table from another, and what lies in the kernel from what was meant to lie there.
//!
//! A [`Print`] is the SHA-256 of what lies in one map. The digest of a table is made of all its prints, so
//! a table that has the digest of another is that other; and a half of the kernel's maps that has the
//! prints of a table holds that table.

use filter_common::{
    abi::map,
    limit::Limit,
    policy::PolicySet,
    rule::{RuleBits, RuleRecord, RuleSetHeader},
    settings::{InterfaceSettings, Role},
    table::{Clause, Deep, PlaceRecord},
};
use sha2::{Digest as _, Sha256};

use super::{Table, TimedClause, clock::BootClock, elements::Elements};

/// What lies in one map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Print {
    /// The map.
    pub map: &'static str,
    /// Elements, from the first of the half on.
    pub elements: usize,
    /// SHA-256 of their bytes, numbers being little-endian.
    pub sha256: [u8; 32],
}

/// An element of a map, in bytes that are the same on every machine.
pub trait Element {
    /// The bytes.
    type Bytes: AsRef<[u8]>;

    /// How many they are.
    const SIZE: usize;

    /// Numbers are little-endian.
    fn bytes(&self) -> Self::Bytes;
}

macro_rules! number {
    ($($number:ty),+) => {$(
        impl Element for $number {
            type Bytes = [u8; size_of::<Self>()];
            const SIZE: usize = size_of::<Self>();

            fn bytes(&self) -> Self::Bytes {
                self.to_le_bytes()
            }
        }
    )+};
}

number!(u16, u32, u64);

impl Element for Deep {
    type Bytes = [u8; 16];
    const SIZE: usize = 16;

    fn bytes(&self) -> [u8; 16] {
        let Self { low, value, rows } = *self;
        (u128::from(low) | u128::from(value) << 64 | u128::from(rows) << 96).to_le_bytes()
    }
}

impl Element for Clause {
    type Bytes = [u8; 16];
    const SIZE: usize = 16;

    fn bytes(&self) -> [u8; 16] {
        let Self {
            slot,
            deadline,
            ports: [first, last],
            protocol,
            flags,
            reserved,
        } = *self;
        let condition = u64::from(first)
            | u64::from(last) << 16
            | u64::from(protocol) << 32
            | u64::from(flags) << 40
            | u64::from(reserved) << 48;
        (u128::from(slot) | u128::from(deadline) << 32 | u128::from(condition) << 64).to_le_bytes()
    }
}

impl Element for TimedClause {
    type Bytes = [u8; 24];
    const SIZE: usize = 24;

    fn bytes(&self) -> [u8; 24] {
        // The time takes the place of the deadline, which depends on when the machine was started.
        let deadline = 0;
        let Self {
            slot,
            until,
            ports,
            protocol,
            flags,
        } = *self;
        let clause = Clause {
            slot,
            deadline,
            ports,
            protocol,
            flags,
            reserved: 0,
        };
        let mut bytes = [0; 24];
        let (front, back) = bytes.split_at_mut(16);
        front.copy_from_slice(&clause.bytes());
        back.copy_from_slice(&until.to_le_bytes());
        bytes
    }
}

impl Element for InterfaceSettings {
    type Bytes = [u8; 8];
    const SIZE: usize = 8;

    fn bytes(&self) -> [u8; 8] {
        let customer = self.role() == Role::Customer;
        let mut bytes = [0; 8];
        bytes[0] = u8::from(self.monitors());
        bytes[1] = u8::from(customer);
        bytes[2] = u8::from(self.has_vlans());
        bytes[3] = self.tunnels().to_bits();
        bytes[4] = self.guards().to_bits();
        bytes
    }
}

impl Element for PolicySet {
    type Bytes = [u8; 24];
    const SIZE: usize = 24;

    fn bytes(&self) -> [u8; 24] {
        let mut bytes = [0; 24];
        let words = [self.named, self.drop, self.monitor];
        for (to, word) in bytes.chunks_exact_mut(8).zip(words) {
            to.copy_from_slice(&word.to_bits().to_le_bytes());
        }
        bytes
    }
}

impl Element for PlaceRecord {
    type Bytes = [u8; 16];
    const SIZE: usize = 16;

    fn bytes(&self) -> [u8; 16] {
        let rules = u32::from(self.rules_to) | u32::from(self.rules_from) << 16;
        let buckets = u64::from(self.buckets) | u64::from(self.has_buckets()) << 32;
        (u128::from(self.place().to_bits()) | u128::from(rules) << 32 | u128::from(buckets) << 64)
            .to_le_bytes()
    }
}

impl Element for RuleSetHeader {
    type Bytes = [u8; 16];
    const SIZE: usize = 16;

    fn bytes(&self) -> [u8; 16] {
        words([self.rules, self.dimensions, self.labels, self.reserved])
    }
}

impl Element for RuleBits {
    type Bytes = [u8; size_of::<Self>()];
    const SIZE: usize = size_of::<Self>();

    fn bytes(&self) -> Self::Bytes {
        let mut bytes = [0; size_of::<Self>()];
        let words = [self.summary].into_iter().chain(self.words);
        for (to, word) in bytes.chunks_exact_mut(8).zip(words) {
            to.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }
}

impl Element for Limit {
    type Bytes = [u8; 16];
    const SIZE: usize = 16;

    fn bytes(&self) -> [u8; 16] {
        let Self {
            rate,
            burst,
            packet_cost,
            byte_cost,
            shift,
        } = *self;
        words([
            rate,
            burst,
            packet_cost,
            u32::from(byte_cost) | u32::from(shift) << 16,
        ])
    }
}

impl Element for RuleRecord {
    type Bytes = [u8; 24];
    const SIZE: usize = 24;

    fn bytes(&self) -> [u8; 24] {
        let mut bytes = [0; 24];
        let (limit, rest) = bytes.split_at_mut(16);
        limit.copy_from_slice(&self.limit.bytes());
        let numbers = u64::from(self.slot) | u64::from(self.flags) << 32;
        rest.copy_from_slice(&numbers.to_le_bytes());
        bytes
    }
}

fn words(words: [u32; 4]) -> [u8; 16] {
    let mut bytes = [0; 16];
    for (to, word) in bytes.chunks_exact_mut(4).zip(words) {
        to.copy_from_slice(&word.to_le_bytes());
    }
    bytes
}

/// Takes the elements of one map, a part at a time.
#[derive(Debug)]
pub struct Printer {
    map: &'static str,
    elements: usize,
    hash: Sha256,
    buffer: Vec<u8>,
}

impl Printer {
    /// Elements that are turned into bytes at a time.
    pub const PART: usize = 1 << 12;

    /// Of a map from which nothing was read yet.
    #[must_use]
    pub fn new(map: &'static str) -> Self {
        Self {
            map,
            elements: 0,
            hash: Sha256::new(),
            buffer: Vec::new(),
        }
    }

    /// The elements that follow.
    pub fn add<T: Element>(&mut self, elements: &[T]) {
        self.buffer.resize(Self::PART * T::SIZE, 0);
        for part in elements.chunks(Self::PART) {
            let used = part.len() * T::SIZE;
            for (to, element) in self.buffer.chunks_exact_mut(T::SIZE).zip(part) {
                to.copy_from_slice(element.bytes().as_ref());
            }
            self.hash.update(&self.buffer[..used]);
        }
        self.elements += elements.len();
    }

    /// The print.
    #[must_use]
    pub fn finish(self) -> Print {
        Print {
            map: self.map,
            elements: self.elements,
            sha256: self.hash.finalize().into(),
        }
    }
}

/// The print of a whole map.
fn print<T: Element>(map: &'static str, elements: &[T]) -> Print {
    let mut printer = Printer::new(map);
    printer.add(elements);
    printer.finish()
}

/// The prints of all maps of a table but that of the clauses, which depend on the clock.
///
/// Reads all of it: some 10 ms for a million rows.
#[must_use]
pub fn prints(table: &Table) -> Vec<Print> {
    let print_of = |(map, elements)| match elements {
        Elements::Words16(words) => print(map, words),
        Elements::Words32(words) => print(map, words),
        Elements::Words64(words) | Elements::Vlans(words) => print(map, words),
        Elements::Deep(rows) => print(map, rows),
        Elements::Places(places) => print(map, places),
        Elements::RuleHeader(header) => print(map, header),
        Elements::RuleBits(sets) => print(map, sets),
        Elements::Rules(rules) => print(map, rules),
        Elements::Limits(limits) => print(map, limits),
        Elements::Settings(settings) => print(map, settings),
        Elements::Policies(policies) => print(map, policies),
    };
    table.elements().map(print_of).to_vec()
}

/// The print of the clauses, as they lie in the kernel of this clock.
#[must_use]
pub fn clauses_print(clauses: &[TimedClause], clock: BootClock) -> Print {
    let mut printer = Printer::new(map::CLAUSES);
    for part in clauses.chunks(Printer::PART) {
        let part: Vec<Clause> = part.iter().map(|clause| clause.at(clock)).collect();
        printer.add(&part);
    }
    printer.finish()
}

/// SHA-256 over all that a table says, the same on every machine and after every restart.
///
/// Deadlines enter as Unix time, so a change of the clock does not change it.
#[must_use]
pub fn digest(prints: &[Print], clauses: &[TimedClause]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"levee table 3\n");
    for Print {
        map,
        elements,
        sha256,
    } in [print(map::CLAUSES, clauses)].iter().chain(prints)
    {
        hash.update(map.as_bytes());
        hash.update((*elements as u64).to_le_bytes());
        hash.update(sha256);
    }
    hash.finalize().into()
}
