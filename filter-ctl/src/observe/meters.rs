//! From two readings of the meters to what has come between them. Plain functions: whoever wants rates reads the
//! meters once a second and asks here.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    time::Duration,
};

use filter_common::{limit::Class, meter::Meter};
use jiff::Timestamp;

use crate::{
    http::wire::{
        ClassRate, DESTINATIONS_LISTED_MAX, DestinationMeter, GroupMeter, MeterRates, Meters,
    },
    kernel::meters::MeterReading,
};

/// What has come between two readings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gains {
    /// For destinations, by address and number of the host group; those without any are left out.
    pub destinations: HashMap<(IpAddr, u32), Meter>,
    /// For host groups, by number.
    pub groups: Vec<Meter>,
}

/// What has come between two readings of the same maps.
#[must_use]
pub fn gains(before: &MeterReading, now: &MeterReading) -> Gains {
    let mut destinations: HashMap<(IpAddr, u32), Meter> = HashMap::new();
    for (key, meter) in &now.destinations {
        let gained = match before.destinations.get(key) {
            Some(before) => gained(before, meter),
            None => *meter,
        };
        if gained != Meter::default() {
            let total = destinations.entry((key.address, key.group)).or_default();
            total.merge(&gained);
        }
    }
    let groups = before.groups.iter().zip(&now.groups);
    Gains {
        destinations,
        groups: groups.map(|(before, now)| gained(before, now)).collect(),
    }
}

/// What a meter has gained. One that has shrunk is another one, and counts from zero.
#[must_use]
pub fn gained(before: &Meter, now: &Meter) -> Meter {
    let pairs = now.packets.iter().zip(&before.packets);
    if pairs.clone().any(|(now, before)| now < before) {
        return *now;
    }
    let mut gained = *now;
    let counts = gained.packets.iter_mut().zip(before.packets);
    let counts = counts.chain(gained.bytes.iter_mut().zip(before.bytes));
    for (count, before) in counts {
        *count = count.saturating_sub(before);
    }
    gained.dropped_packets = now.dropped_packets.saturating_sub(before.dropped_packets);
    gained.dropped_bytes = now.dropped_bytes.saturating_sub(before.dropped_bytes);
    gained
}

/// What an answer lists.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The names of the host groups, by number less 1.
    pub groups: &'a [String],
    /// Destinations of this group only.
    pub group: Option<&'a str>,
    /// So many of them.
    pub limit: usize,
}

/// The document: rates per second, destinations with the most packets first.
#[must_use]
pub fn report(gains: &Gains, time: Duration, at: Timestamp, wanted: &Wanted<'_>) -> Meters {
    let name = |number: u32| {
        let index = (number as usize).checked_sub(1)?;
        wanted.groups.get(index).map(String::as_str)
    };
    let is_wanted = |name: &str| wanted.group.is_none_or(|group| group == name);
    let mut destinations: Vec<_> = gains
        .destinations
        .iter()
        .filter_map(|((address, group), meter)| Some((*address, name(*group)?, meter)))
        .filter(|(_, group, _)| is_wanted(group))
        .collect();
    // By address where the numbers are the same, so that the order is that of no hash.
    destinations.sort_by_key(|(address, _, meter)| {
        (
            std::cmp::Reverse(meter.packets.iter().sum::<u64>()),
            *address,
        )
    });
    let groups = (0..).zip(&gains.groups);
    Meters {
        at,
        seconds: time.as_secs_f64(),
        groups: groups
            .filter_map(|(number, meter)| Some((name(number)?, meter)))
            .filter(|(group, _)| is_wanted(group))
            .map(|(group, meter)| GroupMeter {
                group: group.to_owned(),
                rates: rates(meter, time),
            })
            .collect(),
        destinations_total: destinations.len() as u64,
        destinations: destinations
            .iter()
            .take(wanted.limit.min(DESTINATIONS_LISTED_MAX.into()))
            .map(|(address, group, meter)| DestinationMeter {
                address: *address,
                group: (*group).to_owned(),
                rates: rates(meter, time),
            })
            .collect(),
    }
}

fn rates(meter: &Meter, time: Duration) -> MeterRates {
    let rate = |count: u64| per_second(count, time);
    let classes: BTreeMap<String, ClassRate> = Class::ALL
        .iter()
        .filter(|class| meter.packets[**class as usize] > 0)
        .map(|class| {
            let rates = ClassRate {
                packets_per_second: rate(meter.packets[*class as usize]),
                bytes_per_second: rate(meter.bytes[*class as usize]),
            };
            (class.name().to_owned(), rates)
        })
        .collect();
    MeterRates {
        packets_per_second: rate(meter.packets.iter().sum()),
        bytes_per_second: rate(meter.bytes.iter().sum()),
        dropped_packets_per_second: rate(meter.dropped_packets),
        dropped_bytes_per_second: rate(meter.dropped_bytes),
        classes,
    }
}

/// Rounded to the nearest; but what there is, is at least 1.
fn per_second(count: u64, time: Duration) -> u64 {
    let nanoseconds = time.as_nanos().max(1);
    let scaled = u128::from(count) * 1_000_000_000 + nanoseconds / 2;
    let rate = u64::try_from(scaled / nanoseconds).unwrap_or(u64::MAX);
    rate.max(u64::from(count > 0))
}

#[cfg(test)]
mod tests {
    use filter_common::limit::CLASSES;

    use super::*;
    use crate::kernel::meters::MeterKey;

    fn meter(syn: u64) -> Meter {
        let mut packets = [0; CLASSES];
        packets[Class::Syn as usize] = syn;
        Meter {
            packets,
            bytes: packets.map(|packets| packets * 60),
            dropped_packets: syn / 2,
            dropped_bytes: syn / 2 * 60,
        }
    }

    fn reading(entries: &[(&str, u32, u64)]) -> MeterReading {
        let entry = |(address, cpu, syn): &(&str, u32, u64)| {
            let key = MeterKey {
                address: address.parse().unwrap(),
                group: 1,
                cpu: *cpu,
            };
            (key, meter(*syn))
        };
        let total = entries.iter().map(|(_, _, syn)| syn).sum();
        MeterReading {
            destinations: entries.iter().map(entry).collect(),
            groups: vec![Meter::default(), meter(total)],
        }
    }

    #[test]
    fn what_cpus_have_gained_is_added_and_an_entry_that_changed_hands_counts_from_zero() {
        let before = reading(&[
            ("192.0.2.2", 0, 100),
            ("192.0.2.2", 1, 50),
            ("192.0.2.9", 0, 7),
        ]);
        let now = reading(&[
            ("192.0.2.2", 0, 160),
            ("192.0.2.2", 1, 20),
            ("192.0.2.9", 0, 7),
        ]);
        let gains = gains(&before, &now);
        let destination = |text: &str| (text.parse::<IpAddr>().unwrap(), 1);
        assert_eq!(
            gains.destinations[&destination("192.0.2.2")].packets,
            meter(80).packets
        );
        assert!(!gains.destinations.contains_key(&destination("192.0.2.9")));
    }

    #[test]
    fn the_busiest_come_first_and_the_others_are_counted() {
        let now = reading(&[
            ("192.0.2.2", 0, 10),
            ("192.0.2.3", 0, 3_000),
            ("2001:db8::1", 1, 5),
        ]);
        let gains = gains(&reading(&[]), &now);
        let groups = ["web".to_owned()];
        let wanted = Wanted {
            groups: &groups,
            group: Some("web"),
            limit: 2,
        };
        let time = Duration::from_secs(2);
        let said = report(&gains, time, Timestamp::UNIX_EPOCH, &wanted);
        let shown: Vec<_> = said.destinations.iter().collect();
        assert_eq!(shown.len(), 2);
        assert_eq!(shown[0].address.to_string(), "192.0.2.3");
        assert_eq!(shown[0].rates.packets_per_second, 1_500);
        assert_eq!(shown[0].rates.dropped_packets_per_second, 750);
        assert_eq!(shown[0].rates.classes["syn"].bytes_per_second, 90_000);
        assert_eq!(said.destinations_total, 3);
        assert_eq!(said.groups.len(), 1);
        let other = Wanted {
            group: Some("dns"),
            ..wanted
        };
        let report = report(&gains, time, Timestamp::UNIX_EPOCH, &other);
        assert_eq!((report.destinations_total, report.groups.len()), (0, 0));
    }

    #[test]
    fn what_there_is_does_not_round_to_nothing() {
        let time = Duration::from_secs(10);
        assert_eq!(
            [0, 1, 14, 15].map(|count| per_second(count, time)),
            [0, 1, 1, 2]
        );
    }
}
