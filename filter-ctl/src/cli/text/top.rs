//! The text of `top`: the busiest protected destinations.

use super::{
    bytes, count, number,
    table::{Side, Table},
    time,
};
use crate::http::wire::{MeterRates, Meters};

/// The text.
#[must_use]
pub fn text(meters: &Meters) -> String {
    let Meters {
        at,
        seconds,
        groups,
        destinations,
        destinations_total,
    } = meters;
    let mut text = format!("Per second, over {seconds:.1} s up to {}\n", time(*at));
    let mut table = Table::new(&columns("HOST GROUP"));
    for group in groups {
        table.row(cells(group.group.clone(), String::new(), &group.rates));
    }
    if groups.is_empty() {
        return text + "\nNo [[host_group]] is configured, so nothing is measured.\n";
    }
    text += "\n";
    text += &table.render(2);
    if destinations.is_empty() {
        return text + "\nNothing comes for any of them.\n";
    }
    let mut table = Table::new(&columns("DESTINATION"));
    for destination in destinations {
        let address = destination.address.to_string();
        table.row(cells(
            address,
            destination.group.clone(),
            &destination.rates,
        ));
    }
    let shown = count(destinations.len() as u64, "destination", "destinations");
    text += &format!("\n{shown} of {}\n", number(*destinations_total));
    text += &table.render(2);
    text
}

const fn columns(first: &str) -> [(&str, Side); 6] {
    [
        (first, Side::Left),
        ("", Side::Left),
        ("PACKETS", Side::Right),
        ("BYTES", Side::Right),
        ("DROPPED", Side::Right),
        ("PACKETS BY CLASS", Side::Left),
    ]
}

fn cells(name: String, group: String, rates: &MeterRates) -> [String; 6] {
    let mut classes: Vec<_> = rates.classes.iter().collect();
    classes.sort_by_key(|(_, rate)| std::cmp::Reverse(rate.packets_per_second));
    let classes = classes
        .iter()
        .map(|(class, rate)| format!("{class} {}", number(rate.packets_per_second)));
    [
        name,
        group,
        number(rates.packets_per_second),
        bytes(rates.bytes_per_second),
        number(rates.dropped_packets_per_second),
        classes.collect::<Vec<_>>().join(", "),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busiest_destination_stands_out() {
        let rates = serde_json::json!({
            "packets_per_second": 150_000, "bytes_per_second": 9_000_000,
            "dropped_packets_per_second": 149_000, "dropped_bytes_per_second": 8_940_000,
            "classes": {
                "other": {"packets_per_second": 100, "bytes_per_second": 60_000},
                "syn": {"packets_per_second": 149_900, "bytes_per_second": 8_940_000},
            },
        });
        let mut group = rates.clone();
        group["group"] = "web".into();
        let mut destination = group.clone();
        destination["address"] = "192.0.2.2".into();
        let meters: Meters = serde_json::from_value(serde_json::json!({
            "at": "2026-11-23T08:00:00Z", "seconds": 1.0, "groups": [group],
            "destinations": [destination], "destinations_total": 12,
        }))
        .unwrap();
        let expected = "\
Per second, over 1.0 s up to 2026-11-23 08:00:00Z

  HOST GROUP    PACKETS    BYTES  DROPPED  PACKETS BY CLASS
  web           150,000  9.00 MB  149,000  syn 149,900, other 100

1 destination of 12
  DESTINATION       PACKETS    BYTES  DROPPED  PACKETS BY CLASS
  192.0.2.2    web  150,000  9.00 MB  149,000  syn 149,900, other 100
";
        assert_eq!(text(&meters), expected);
    }
}
