//! Events as text: a line each.

use std::fmt::Write as _;

use super::outside;
use crate::http::wire::{Event, EventLine, Events};

/// All of them.
#[must_use]
pub fn list(events: &Events) -> String {
    let mut text: String = events.events.iter().map(event).collect();
    if events.per_second == 0 {
        text += "No samples are made: [samples] per_second is 0 in the configuration.\n";
    } else if text.is_empty() {
        text += "Nothing was dropped since the service started.\n";
    }
    text
}

/// A line of the stream.
#[must_use]
pub fn line(line: &EventLine) -> String {
    match line {
        EventLine::Event(one) => event(one),
        EventLine::Lost(lost) => {
            format!("... {} events lost: this reader is too slow\n", lost.lost)
        }
    }
}

fn event(event: &Event) -> String {
    let time = event.time.strftime("%Y-%m-%d %H:%M:%S.%3fZ");
    let interface = outside(&event.interface);
    let mut line = format!("{time} {interface} {} {}", event.verdict, event.reason);
    for order in &event.orders {
        let _ = write!(line, " {}", outside(&order.to_string()));
    }
    if event.orders_more > 0 {
        let _ = write!(line, " and {} more", event.orders_more);
    }
    if let Some(rule) = &event.rule {
        let _ = write!(line, " {}", outside(rule));
    }
    if let Some(vlan) = event.vlan {
        let _ = write!(line, " vlan {vlan}");
    }
    if let (Some(source), Some(destination)) = (&event.source, &event.destination) {
        let source = end(source, event.source_port);
        let destination = end(destination, event.destination_port);
        let _ = write!(line, ": {source} > {destination}");
    }
    if let Some(protocol) = &event.protocol {
        let _ = write!(line, " {protocol}");
    }
    if let Some(flags) = &event.tcp_flags {
        let _ = write!(line, " [{}]", flags.join(","));
    }
    if let (Some(kind), Some(code)) = (event.icmp_type, event.icmp_code) {
        let _ = write!(line, " type {kind} code {code}");
    }
    let _ = writeln!(line, " {} bytes", event.length);
    line
}

/// An end of a packet, with its port as tcpdump writes it.
fn end(address: &str, port: Option<u16>) -> String {
    match port {
        Some(port) => format!("{address}.{port}"),
        None => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_was_dropped_and_on_whose_order() {
        let event: Event = serde_json::from_value(serde_json::json!({
            "seq": 5, "time": "2026-11-23T08:00:00.1239Z", "generation": 1, "interface": "up0",
            "reason": "order", "verdict": "drop", "orders": ["cert:7/2026"], "orders_more": 2,
            "vlan": 7, "length": 74, "source": "203.0.113.7", "destination": "192.0.2.0/24",
            "protocol": "tcp", "source_port": 40_000, "destination_port": 80,
            "tcp_flags": ["syn", "ack"],
        }))
        .unwrap();
        let expected = "2026-11-23 08:00:00.123Z up0 drop order cert:7/2026 and 2 more vlan 7: \
                        203.0.113.7.40000 > 192.0.2.0/24.80 tcp [syn,ack] 74 bytes\n";
        assert_eq!(line(&EventLine::Event(Box::new(event))), expected);
    }
}
