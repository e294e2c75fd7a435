//! What is listed, and whom packets come from.

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::{Context as _, Result, ensure};

use crate::support::random::Random;

/// An address as frames carry it; IPv4 in the first four bytes.
pub(crate) type Source = [u8; 16];

/// Clean sources of a run: more than any cache holds the table's lines for.
pub(crate) const CLEAN: usize = 1 << 22;

/// First octets from which addresses are made up: those without space that a filter treats as special.
const PLAIN: [bool; 256] = {
    let mut plain = [true; 256];
    let mut octet = 224;
    while octet < 256 {
        plain[octet] = false;
        octet += 1;
    }
    let special = [0, 10, 100, 127, 169, 172, 192, 198, 203];
    let mut index = 0;
    while index < special.len() {
        plain[special[index]] = false;
        index += 1;
    }
    plain
};

/// Prefixes of one family, sorted, none inside another.
#[derive(Clone, Debug, Default)]
pub(crate) struct Prefixes<A>(pub(crate) Vec<(A, u8)>);

/// A list.
#[derive(Clone, Debug, Default)]
pub(crate) struct List {
    pub(crate) name: String,
    pub(crate) v4: Prefixes<u32>,
    pub(crate) v6: Prefixes<u128>,
}

impl List {
    /// So many hosts, made up.
    pub(crate) fn random(hosts: usize, random: &mut Random) -> Self {
        let mut addresses = BTreeSet::new();
        while addresses.len() < hosts {
            addresses.insert(plain_v4(random));
        }
        Self {
            name: format!("{hosts} random hosts"),
            v4: Prefixes(addresses.into_iter().map(|address| (address, 32)).collect()),
            ..Self::default()
        }
    }

    /// Adds so many IPv6 prefixes of 64 bits, and hosts, made up.
    pub(crate) fn with_random_v6(mut self, prefixes: usize, random: &mut Random) -> Self {
        let mut networks = BTreeSet::new();
        while networks.len() < prefixes {
            let address = plain_v6(random);
            let length = if random.one_in(2) { 64 } else { 128 };
            networks.insert((cut(address, length), length));
        }
        self.v6 = disjoint(networks.into_iter().collect());
        self
    }

    /// A list of a file of addresses or prefixes, of which the first word of each line counts;
    /// `None` if there is no such file.
    pub(crate) fn file(directory: &Path, name: &str) -> Result<Option<Self>> {
        let path = directory.join(name);
        let Ok(text) = fs::read_to_string(&path) else {
            return Ok(None);
        };
        let mut list = Self {
            name: name.trim_end_matches(".txt").to_owned(),
            ..Self::default()
        };
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let Some(word) = line.split_whitespace().next() else {
                continue;
            };
            let (address, length) = match word.split_once('/') {
                Some((address, length)) => (address, length.parse().ok()),
                None => (word, None),
            };
            match address
                .parse()
                .with_context(|| format!("{}: {line}", path.display()))?
            {
                std::net::IpAddr::V4(v4) => list.v4.0.push((v4.to_bits(), length.unwrap_or(32))),
                std::net::IpAddr::V6(v6) => list.v6.0.push((v6.to_bits(), length.unwrap_or(128))),
            }
        }
        list.v4 = disjoint(list.v4.0);
        list.v6 = disjoint(list.v6.0);
        Ok(Some(list))
    }

    /// One address of each IPv4 prefix, in no order.
    pub(crate) fn listed_v4(&self, random: &mut Random) -> Vec<Source> {
        let within = |(address, length): &(u32, u8), random: &mut Random| {
            let host = u64::from(*address) + random.next() % (1 << (32 - length));
            v4(u32::try_from(host).unwrap_or(*address))
        };
        let mut sources: Vec<_> = self.v4.0.iter().map(|net| within(net, random)).collect();
        shuffle(&mut sources, random);
        sources
    }

    /// One address of each IPv6 prefix, in no order.
    pub(crate) fn listed_v6(&self, random: &mut Random) -> Vec<Source> {
        let within = |(address, length): &(u128, u8), random: &mut Random| {
            let bits = u128::from(random.next()) << 64 | u128::from(random.next());
            let host = bits.checked_shr(u32::from(*length)).unwrap_or(0);
            (address | host).to_be_bytes()
        };
        let mut sources: Vec<_> = self.v6.0.iter().map(|net| within(net, random)).collect();
        shuffle(&mut sources, random);
        sources
    }

    /// [`CLEAN`] IPv4 addresses that are not listed.
    pub(crate) fn clean_v4(&self, random: &mut Random) -> Vec<Source> {
        let mut sources = Vec::with_capacity(CLEAN);
        while sources.len() < CLEAN {
            let address = plain_v4(random);
            if !self.v4.contains(address) {
                sources.push(v4(address));
            }
        }
        sources
    }

    /// [`CLEAN`] IPv6 addresses that are not listed.
    pub(crate) fn clean_v6(&self, random: &mut Random) -> Vec<Source> {
        let mut sources = Vec::with_capacity(CLEAN);
        while sources.len() < CLEAN {
            let address = plain_v6(random);
            if !self.v6.contains(address) {
                sources.push(address.to_be_bytes());
            }
        }
        sources
    }
}

impl Prefixes<u32> {
    /// Whether an address is listed.
    pub(crate) fn contains(&self, address: u32) -> bool {
        let after = self.0.partition_point(|(start, _)| *start <= address);
        let before = after.checked_sub(1).map(|index| self.0[index]);
        before.is_some_and(|(start, length)| {
            u64::from(address) < u64::from(start) + (1 << (32 - length))
        })
    }
}

impl Prefixes<u128> {
    fn contains(&self, address: u128) -> bool {
        let after = self.0.partition_point(|(start, _)| *start <= address);
        let before = after.checked_sub(1).map(|index| self.0[index]);
        before.is_some_and(|(start, length)| cut(address, length) == start)
    }
}

/// Few sources send most: draws from `sources` so that each rank comes as often as its number says
/// (Zipf's law, exponent 1).
pub(crate) fn skewed(sources: &[Source], random: &mut Random) -> Result<Vec<Source>> {
    ensure!(!sources.is_empty(), "nobody to send");
    let drawn = (0..CLEAN).map(|_| {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rank between 0 and the number of sources"
        )]
        let rank = {
            let uniform = (random.next() >> 11) as f64 / (1_u64 << 53) as f64;
            (sources.len() as f64).powf(uniform) as usize
        };
        sources[rank.min(sources.len() - 1)]
    });
    Ok(drawn.collect())
}

/// Sorts, and leaves out what lies inside another.
fn disjoint<A: Copy + Ord + Covers>(mut prefixes: Vec<(A, u8)>) -> Prefixes<A> {
    prefixes.sort_unstable();
    let mut kept: Vec<(A, u8)> = Vec::with_capacity(prefixes.len());
    for prefix in prefixes {
        if !kept
            .last()
            .is_some_and(|around| A::covers(*around, prefix.0))
        {
            kept.push(prefix);
        }
    }
    Prefixes(kept)
}

trait Covers: Sized {
    fn covers(around: (Self, u8), address: Self) -> bool;
}

impl Covers for u32 {
    fn covers((start, length): (Self, u8), address: Self) -> bool {
        address.checked_shr(32 - u32::from(length)) == start.checked_shr(32 - u32::from(length))
    }
}

impl Covers for u128 {
    fn covers((start, length): (Self, u8), address: Self) -> bool {
        cut(address, length) == start
    }
}

fn plain_v4(random: &mut Random) -> u32 {
    loop {
        let [a, b, c, d, ..] = random.next().to_le_bytes();
        if PLAIN[usize::from(a)] {
            return u32::from_be_bytes([a, b, c, d]);
        }
    }
}

/// In 2400::/12 to 2a00::/12, where the registries' space is.
fn plain_v6(random: &mut Random) -> u128 {
    let top = *random.pick(&[0x240_u128, 0x260, 0x280, 0x2a0]);
    let bits = u128::from(random.next()) << 64 | u128::from(random.next());
    top << 116 | bits >> 12
}

fn cut(address: u128, length: u8) -> u128 {
    let host = u128::MAX.checked_shr(u32::from(length)).unwrap_or(0);
    address & !host
}

fn v4(address: u32) -> Source {
    let mut source = [0; 16];
    source[..4].copy_from_slice(&address.to_be_bytes());
    source
}

fn shuffle<T>(values: &mut [T], random: &mut Random) {
    for index in (1..values.len()).rev() {
        values.swap(index, random.below(index + 1));
    }
}
