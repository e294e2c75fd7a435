//! Fills the lookup structures: each with the same list, in one object.

use anyhow::{Result, ensure};
use aya::maps::lpm_trie::Key;

use crate::{
    candidates::{
        buckets::{self, Line, PLACES, PROBES, home},
        rows::{self, ROOTS, Root, Row},
    },
    levee,
    lists::{CLEAN, List, Prefixes},
    object::Object,
};

/// A structure that finds a source, by a program of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Structure {
    /// Levee's own.
    Stretches,
    /// Sorted rows under 2^16 roots.
    Rows,
    /// Lines of hosts, and rows beside them.
    Buckets,
    /// The kernel's hash table.
    Hash,
    /// The kernel's trie.
    Lpm,
}

impl Structure {
    pub(crate) const ALL: [Self; 5] = [
        Self::Stretches,
        Self::Rows,
        Self::Buckets,
        Self::Hash,
        Self::Lpm,
    ];

    /// The program that searches it.
    pub(crate) const fn program(self) -> &'static str {
        match self {
            Self::Stretches => "stretches",
            Self::Rows => "rows",
            Self::Buckets => "buckets",
            Self::Hash => "hash",
            Self::Lpm => "lpm",
        }
    }

    /// Whether it can hold a list.
    pub(crate) fn takes(self, list: &List) -> bool {
        let only_hosts = list.v4.0.iter().all(|(_, length)| *length == 32);
        only_hosts || matches!(self, Self::Stretches | Self::Rows | Self::Lpm)
    }
}

/// The object with these structures full of a list, and with room for the sources of a run.
pub(crate) fn filled(list: &List, structures: &[Structure]) -> Result<Object> {
    let has = |structure| structures.contains(&structure);
    let hosts: Vec<u32> = list.v4.0.iter().map(|(address, _)| *address).collect();
    let rows = has(Structure::Rows).then(|| Rows::new(&list.v4));
    let buckets = has(Structure::Buckets)
        .then(|| Buckets::new(&hosts))
        .transpose()?;
    let stretches = has(Structure::Stretches)
        .then(|| levee::table(list))
        .transpose()?;
    let stretch_rows = stretches.as_ref().map_or(0, |(_, rows)| rows.starts.len());
    let size = |structure, length: usize| -> Result<u32> {
        Ok(if has(structure) {
            u32::try_from(length)?
        } else {
            1
        })
    };
    let lines = buckets.as_ref().map_or(0, |buckets| buckets.keys.len());
    let object = Object::load(
        &[
            ("SOURCES", u32::try_from(CLEAN.max(list.v4.0.len()))?),
            ("LPM_V4", size(Structure::Lpm, list.v4.0.len())?),
            ("LPM_V6", size(Structure::Lpm, list.v6.0.len())?),
            ("HASH_V4", size(Structure::Hash, hosts.len())?),
            (
                "ROWS",
                size(
                    Structure::Rows,
                    rows.as_ref().map_or(0, |rows| rows.rows.len()),
                )?,
            ),
            (
                "STARTS",
                size(Structure::Stretches, stretch_rows.div_ceil(4))?,
            ),
            (
                "VALUES",
                size(Structure::Stretches, stretch_rows.div_ceil(2))?,
            ),
            ("BUCKET_KEYS", size(Structure::Buckets, lines)?),
            ("BUCKET_VALUES", size(Structure::Buckets, lines)?),
        ],
        &[(
            "BUCKET_BITS",
            buckets.as_ref().map_or(1, |buckets| buckets.bits),
        )],
    )?;
    if let Some((marks, rows)) = stretches {
        object.fill("MARKS", &marks)?;
        object.fill("BASES", &grouped::<_, 2>(&rows.bases))?;
        object.fill("STARTS", &grouped::<_, 4>(&rows.starts))?;
        object.fill("VALUES", &grouped::<_, 2>(&rows.values))?;
    }
    check(list, rows.as_ref(), buckets.as_ref())?;
    if let Some(rows) = rows {
        object.fill("ROOT", &rows.roots)?;
        object.fill("ROWS", &rows.rows)?;
    }
    if let Some(buckets) = buckets {
        object.fill("BUCKET_KEYS", &buckets.keys)?;
        object.fill("BUCKET_VALUES", &buckets.values)?;
    }
    let values =
        |length: usize| (1..=u32::try_from(length).unwrap_or(u32::MAX)).collect::<Vec<_>>();
    if has(Structure::Hash) {
        let keys: Vec<_> = hosts.iter().map(|address| address.to_be_bytes()).collect();
        object.insert("HASH_V4", &keys, &values(keys.len()))?;
    }
    if has(Structure::Lpm) {
        let v4 = list.v4.0.iter();
        let keys: Vec<_> = v4
            .map(|(address, length)| Key::new(u32::from(*length), address.to_be_bytes()))
            .collect();
        object.insert("LPM_V4", &keys, &values(keys.len()))?;
        let v6 = list.v6.0.iter();
        let keys: Vec<_> = v6
            .map(|(address, length)| Key::new(u32::from(*length), address.to_be_bytes()))
            .collect();
        object.insert("LPM_V6", &keys, &values(keys.len()))?;
    }
    Ok(object)
}

/// Elements of `N` values; the last is filled up with nothing.
fn grouped<T: Copy + Default, const N: usize>(values: &[T]) -> Vec<[T; N]> {
    let groups = values.chunks(N).map(|chunk| {
        let mut group = [T::default(); N];
        group[..chunk.len()].copy_from_slice(chunk);
        group
    });
    groups.collect()
}

/// Asks the structures on the host about the first and the last address of each prefix, and about their
/// neighbours: a wrong answer here is found before it is measured.
fn check(list: &List, rows: Option<&Rows>, buckets: Option<&Buckets>) -> Result<()> {
    for (first, length) in &list.v4.0 {
        let end = *first | u32::MAX.checked_shr(u32::from(*length)).unwrap_or(0);
        for address in [first.wrapping_sub(1), *first, end, end.wrapping_add(1)] {
            let expected = list.v4.contains(address);
            let found = [
                rows.map(|rows| rows::find(rows, address)),
                buckets.map(|buckets| buckets::find(buckets, address)),
            ];
            for found in found.into_iter().flatten() {
                ensure!(
                    (found != 0) == expected,
                    "a structure is wrong about {}",
                    std::net::Ipv4Addr::from(address)
                );
            }
        }
    }
    Ok(())
}

/// Sorted rows under roots.
struct Rows {
    roots: Vec<Root>,
    rows: Vec<Row>,
}

impl Rows {
    fn new(prefixes: &Prefixes<u32>) -> Self {
        let mut rows = vec![Row::default()];
        let mut put = |start: u32, value: u32| match rows.last_mut() {
            Some(last) if last.start == start => last.value = value,
            _ => rows.push(Row { start, value }),
        };
        for ((start, length), value) in prefixes.0.iter().zip(1..) {
            put(*start, value);
            if let Ok(next) = u32::try_from(u64::from(*start) + (1 << (32 - length))) {
                put(next, 0);
            }
        }
        let roots = (0..ROOTS).map(|root| {
            let [first, end] = [root, root + 1].map(|root| (root as u64) << 16);
            let covers = rows.partition_point(|row| u64::from(row.start) <= first) - 1;
            let behind = rows.partition_point(|row| u64::from(row.start) < end);
            let inside = behind - covers - 1;
            let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
            Root {
                rows: number(inside),
                first: if inside == 0 {
                    rows[covers].value
                } else {
                    number(covers)
                },
            }
        });
        Self {
            roots: roots.collect(),
            rows,
        }
    }
}

impl rows::Rows for Rows {
    fn root(&self, index: u32) -> Option<Root> {
        self.roots.get(index as usize).copied()
    }

    fn row(&self, index: u32) -> Option<Row> {
        self.rows.get(index as usize).copied()
    }
}

/// Hosts in lines.
struct Buckets {
    bits: u32,
    keys: Vec<Line>,
    values: Vec<Line>,
}

impl Buckets {
    /// Half full at most.
    fn new(hosts: &[u32]) -> Result<Self> {
        let bits = (hosts.len() * 2)
            .div_ceil(PLACES)
            .next_power_of_two()
            .ilog2()
            .max(1);
        let lines = 1 << bits;
        let mut buckets = Self {
            bits,
            keys: vec![Line::default(); lines],
            values: vec![Line::default(); lines],
        };
        for (address, value) in hosts.iter().zip(1..) {
            ensure!(
                buckets.put(*address, value),
                "too many hosts hash to the same lines"
            );
        }
        Ok(buckets)
    }

    fn put(&mut self, address: u32, value: u32) -> bool {
        for probe in 0..PROBES {
            let line = ((home(address, self.bits) + probe) & ((1 << self.bits) - 1)) as usize;
            if let Some(place) = self.keys[line].iter().position(|key| *key == 0) {
                self.keys[line][place] = address;
                self.values[line][place] = value;
                return true;
            }
        }
        false
    }
}

impl buckets::Buckets for Buckets {
    fn bits(&self) -> u32 {
        self.bits
    }

    fn keys(&self, line: u32) -> Option<&Line> {
        self.keys.get(line as usize)
    }

    fn value(&self, line: u32, place: usize) -> Option<u32> {
        self.values.get(line as usize).map(|line| line[place])
    }
}
