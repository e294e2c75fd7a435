//! Reads the meters: what has come for each protected destination, and for each host group; and the tallies.
//!
//! A destination has an entry on each CPU that sees packets to it, and loses it there when others need the room;
//! with a new entry it counts from zero. So readings are kept by CPU, and only what was gained between two of
//! them is added up, see [`crate::observe::meters`].

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use aya::maps::{Map, MapData, PerCpuArray};
use filter_common::{
    abi::map,
    counters::{TALLIES, Tally},
    limit::CLASSES,
    meter::{GROUP_METERS, METER_SETS, METER_WAYS, Meter, MeterEntry},
};

use super::{
    KernelError,
    instance::Instance,
    samples::{Tallies, map_error},
};

const METER_WORDS: usize = size_of::<Meter>() / 8;
const ENTRY_WORDS: usize = size_of::<MeterEntry>() / 8;

type RawMeter = [u64; METER_WORDS];
type RawSet = [u64; METER_WAYS * ENTRY_WORDS];

#[expect(clippy::cast_possible_truncation, reason = "small numbers")]
const METER_SETS_U32: u32 = METER_SETS as u32;
#[expect(clippy::cast_possible_truncation, reason = "small numbers")]
const GROUP_METERS_U32: u32 = GROUP_METERS as u32;

/// A protected destination on one CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MeterKey {
    /// The destination.
    pub address: IpAddr,
    /// The number of its host group, from 1.
    pub group: u32,
    /// The CPU.
    pub cpu: u32,
}

/// All meters at one time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MeterReading {
    /// Of destinations: at most [`METER_SETS`] times [`METER_WAYS`] for each CPU.
    pub destinations: HashMap<MeterKey, Meter>,
    /// Of host groups, by number; the sums over all CPUs, exact.
    pub groups: Vec<Meter>,
}

/// Reads them, without the controller's state.
pub struct MeterReader {
    destinations: PerCpuArray<MapData, RawSet>,
    groups: PerCpuArray<MapData, RawMeter>,
    tallies: PerCpuArray<MapData, u64>,
}

impl MeterReader {
    /// Everything.
    pub fn read(&self) -> Result<MeterReading, KernelError> {
        let mut destinations = HashMap::new();
        for index in 0..METER_SETS_U32 {
            let set = self.destinations.get(&index, 0);
            for (cpu, set) in (0..).zip(set.map_err(map_error(map::METERS))?.iter()) {
                for entry in set.as_chunks::<ENTRY_WORDS>().0 {
                    if let Some((address, group, meter)) = decode(entry) {
                        let key = MeterKey {
                            address,
                            group,
                            cpu,
                        };
                        destinations.insert(key, meter);
                    }
                }
            }
        }
        Ok(MeterReading {
            destinations,
            groups: self.read_groups()?,
        })
    }

    /// Those of the host groups, by number; none has 0.
    pub fn read_groups(&self) -> Result<Vec<Meter>, KernelError> {
        (0..GROUP_METERS_U32)
            .map(|group| {
                let values = self.groups.get(&group, 0);
                let mut total = Meter::default();
                for words in values.map_err(map_error(map::GROUP_METERS))?.iter() {
                    total.merge(&meter(words));
                }
                Ok(total)
            })
            .collect()
    }

    /// The counts that are no verdicts.
    pub fn read_tallies(&self) -> Result<Tallies, KernelError> {
        let count = |tally: Tally| -> Result<u64, KernelError> {
            let values = self.tallies.get(&(tally as u32), 0);
            Ok(values.map_err(map_error(map::TALLIES))?.iter().sum())
        };
        const { assert!(TALLIES == 4) };
        Ok(Tallies {
            shared_bucket: count(Tally::SharedBucket)?,
            unmetered: count(Tally::Unmetered)?,
            samples_over_rate: count(Tally::SampleOverRate)?,
            samples_lost: count(Tally::SampleLost)?,
        })
    }
}

impl Instance {
    /// A reader of its meters.
    pub fn meters(&self) -> Result<MeterReader, KernelError> {
        let sets = Map::PerCpuArray(self.data(map::METERS)?);
        let groups = Map::PerCpuArray(self.data(map::GROUP_METERS)?);
        let tallies = Map::PerCpuArray(self.data(map::TALLIES)?);
        Ok(MeterReader {
            destinations: sets.try_into().map_err(map_error(map::METERS))?,
            groups: groups.try_into().map_err(map_error(map::GROUP_METERS))?,
            tallies: tallies.try_into().map_err(map_error(map::TALLIES))?,
        })
    }
}

fn decode(entry: &[u64; ENTRY_WORDS]) -> Option<(IpAddr, u32, Meter)> {
    let [high, low, group_and_tick, rest @ ..] = entry;
    // Two words of 32 bits; the group is the first of them in memory.
    let [a, b, c, d, ..] = group_and_tick.to_ne_bytes();
    let group = u32::from_ne_bytes([a, b, c, d]);
    if group == 0 {
        return None;
    }
    let address = if group & MeterEntry::V6 == 0 {
        Ipv4Addr::from_bits(u32::try_from(*low).ok()?).into()
    } else {
        Ipv6Addr::from_bits(u128::from(*high) << 64 | u128::from(*low)).into()
    };
    let words = rest.first_chunk()?;
    Some((address, group & !MeterEntry::V6, meter(words)))
}

fn meter(words: &RawMeter) -> Meter {
    let mut meter = Meter::default();
    let (packets, rest) = words.split_at(CLASSES);
    let (bytes, dropped) = rest.split_at(CLASSES);
    meter.packets.copy_from_slice(packets);
    meter.bytes.copy_from_slice(bytes);
    if let [packets, bytes] = dropped {
        meter.dropped_packets = *packets;
        meter.dropped_bytes = *bytes;
    }
    meter
}

const _: () = {
    assert!(METER_WORDS == 2 * CLASSES + 2);
    assert!(ENTRY_WORDS == 3 + METER_WORDS + 1);
};

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(high: u64, low: u64, group: u32) -> [u64; ENTRY_WORDS] {
        let mut entry = [0; ENTRY_WORDS];
        let [a, b, c, d] = group.to_ne_bytes();
        entry[..3].copy_from_slice(&[high, low, u64::from_ne_bytes([a, b, c, d, 9, 9, 9, 9])]);
        for (word, value) in entry[3..].iter_mut().zip(1..) {
            *word = value;
        }
        entry
    }

    #[test]
    fn entries_are_read_as_the_kernel_lays_them_out() {
        let (address, group, meter) = decode(&entry(0, 0xc000_0202, 3)).unwrap();
        assert_eq!(address, "192.0.2.2".parse::<IpAddr>().unwrap());
        assert_eq!(group, 3);
        assert_eq!(meter.packets, [1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(meter.bytes, [8, 9, 10, 11, 12, 13, 14]);
        assert_eq!((meter.dropped_packets, meter.dropped_bytes), (15, 16));
        let v6 = entry(0x2001_0db8_0200_0000, 2, 3 | MeterEntry::V6);
        let (address, group, _) = decode(&v6).unwrap();
        assert_eq!(address, "2001:db8:200::2".parse::<IpAddr>().unwrap());
        assert_eq!(group, 3);
        assert_eq!(decode(&entry(0, 1, 0)), None, "a free entry");
    }
}
