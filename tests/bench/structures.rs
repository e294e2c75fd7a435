//! Fills the lookup structures: each with the same list, in one object.

use anyhow::{Result, ensure};
use aya::maps::lpm_trie::Key;

use crate::{
    candidates::{
        buckets::{Line, PLACES, PROBES, home},
        rows::{ROOTS, Root, Row},
    },
    lists::{List, Prefixes},
    object::Object,
};

/// The object with all its structures full, and with room for so many sources.
pub(crate) fn filled(list: &List, sources: usize) -> Result<Object> {
    let rows = Rows::new(&list.v4);
    let (hosts, prefixes): (Vec<_>, Vec<_>) =
        list.v4.0.iter().partition(|(_, length)| *length == 32);
    let buckets = Buckets::new(&hosts)?;
    ensure!(
        prefixes.is_empty() || hosts.is_empty(),
        "the rows beside the buckets are those of the whole list"
    );
    let count = |length: usize| u32::try_from(length);
    let object = Object::load(
        &[
            ("SOURCES", count(sources)?),
            ("LPM_V4", count(list.v4.0.len())?),
            ("LPM_V6", count(list.v6.0.len())?),
            ("HASH_V4", count(hosts.len())?),
            ("HASH_V6", count(list.v6.0.len())?),
            ("ROWS", count(rows.rows.len())?),
            ("BUCKET_KEYS", count(buckets.keys.len())?),
            ("BUCKET_VALUES", count(buckets.keys.len())?),
        ],
        &[
            ("SOURCES_COUNT", count(sources)?),
            ("BUCKET_BITS", buckets.bits),
        ],
    )?;
    object.fill("ROOT", &rows.roots)?;
    object.fill("ROWS", &rows.rows)?;
    object.fill("BUCKET_KEYS", &buckets.keys)?;
    object.fill("BUCKET_VALUES", &buckets.values)?;
    fill_kernel_maps(&object, list, &hosts)?;
    Ok(object)
}

fn fill_kernel_maps(object: &Object, list: &List, hosts: &[(u32, u8)]) -> Result<()> {
    let values =
        |length: usize| (1..=u32::try_from(length).unwrap_or(u32::MAX)).collect::<Vec<_>>();
    let keys: Vec<_> = list
        .v4
        .0
        .iter()
        .map(|(address, length)| Key::new(u32::from(*length), address.to_be_bytes()))
        .collect();
    object.insert("LPM_V4", &keys, &values(keys.len()))?;
    let keys: Vec<_> = list
        .v6
        .0
        .iter()
        .map(|(address, length)| Key::new(u32::from(*length), address.to_be_bytes()))
        .collect();
    object.insert("LPM_V6", &keys, &values(keys.len()))?;
    let keys: Vec<_> = hosts
        .iter()
        .map(|(address, _)| address.to_be_bytes())
        .collect();
    object.insert("HASH_V4", &keys, &values(keys.len()))?;
    let hosts = list.v6.0.iter().filter(|(_, length)| *length == 128);
    let keys: Vec<_> = hosts.map(|(address, _)| address.to_be_bytes()).collect();
    object.insert("HASH_V6", &keys, &values(keys.len()))
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

/// Hosts in lines.
struct Buckets {
    bits: u32,
    keys: Vec<Line>,
    values: Vec<Line>,
}

impl Buckets {
    /// Half full at most.
    fn new(hosts: &[(u32, u8)]) -> Result<Self> {
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
        for ((address, _), value) in hosts.iter().zip(1..) {
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
