//! From a masked sample to the document that is shown of it.

use filter_common::{
    packet::protocol,
    sample::{Sample, SampleFlags},
    verdict::Reason,
};
use jiff::Timestamp;

use super::{
    mask::{addresses, shown},
    names::Known,
};
use crate::{http::wire::Event, order::field::protocol_name};

/// Orders that are named of a packet; the others are counted.
pub const ORDERS_MAX: usize = 8;

/// What the data path says of a protocol that it does not know.
const UNKNOWN_PROTOCOL: u16 = 0xff;

/// The names of the TCP flags, from the lowest bit (RFC 9293, RFC 3168).
const TCP_FLAGS: [&str; 8] = ["fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr"];

/// The document. The sample was masked.
#[must_use]
pub fn event(sample: &Sample, seq: u64, time: Timestamp, known: &Known) -> Event {
    let names = known.of(sample.generation);
    let interfaces = known.newest().map(|names| &names.interfaces);
    let reason = reason_of(sample);
    let orders = match (reason, names) {
        (Some(Reason::Order), Some(names)) => names.orders(sample.slot),
        _ => &[],
    };
    let rule = match (reason, names) {
        (Some(Reason::Rule), Some(names)) => names.rules.get(&sample.slot).cloned(),
        _ => None,
    };
    let is_inside = |flag: u32| sample.flags & flag != 0;
    let [source, destination] = addresses(sample);
    let ports = ports(sample);
    let icmp = icmp(sample);
    Event {
        seq,
        time,
        generation: sample.generation,
        interface: interfaces
            .and_then(|interfaces| interfaces.get(&sample.interface))
            .cloned()
            .unwrap_or_else(|| format!("interface {}", sample.interface)),
        reason: reason.map_or_else(
            || sample.reason.to_string(),
            |reason| reason.name().to_owned(),
        ),
        verdict: verdict(sample).to_owned(),
        orders: orders.iter().take(ORDERS_MAX).cloned().collect(),
        orders_more: orders.len().saturating_sub(ORDERS_MAX) as u64,
        rule,
        vlan: Some(sample.vlan).filter(|vlan| *vlan != 0),
        length: sample.frame_length,
        ip_length: ip_length(sample),
        source: source.map(|address| shown(address, is_inside(SampleFlags::SOURCE_INSIDE))),
        destination: destination
            .map(|address| shown(address, is_inside(SampleFlags::DESTINATION_INSIDE))),
        protocol: protocol(sample),
        source_port: ports.map(|[source, _]| source),
        destination_port: ports.map(|[_, destination]| destination),
        tcp_flags: tcp_flags(sample),
        icmp_type: icmp.map(|[kind, _]| kind),
        icmp_code: icmp.map(|[_, code]| code),
    }
}

/// The reason of a sample; `None` for one that this version does not know.
#[must_use]
pub fn reason_of(sample: &Sample) -> Option<Reason> {
    Reason::numbered(sample.reason)
}

/// What a capture says of a packet.
#[must_use]
pub fn comment(event: &Event) -> String {
    let mut text = format!("{}: {}", event.verdict, event.reason);
    let mut separator = " ";
    for order in &event.orders {
        text += separator;
        text += &order.to_string();
        separator = ", ";
    }
    if event.orders_more > 0 {
        text += " and ";
        text += &event.orders_more.to_string();
        text += " more";
    }
    if let Some(rule) = &event.rule {
        text += " ";
        text += rule;
    }
    text += "; generation ";
    text += &event.generation.to_string();
    text
}

const fn verdict(sample: &Sample) -> &'static str {
    if sample.flags & SampleFlags::DROPPED == 0 {
        "would_drop"
    } else {
        "drop"
    }
}

fn ip_length(sample: &Sample) -> Option<u32> {
    let field = |at: usize| u32::from(u16::from_be_bytes([sample.ip[at], sample.ip[at + 1]]));
    match sample.ip_length {
        20 => Some(field(2)),
        40 => Some(40 + field(4)),
        _ => None,
    }
}

fn protocol(sample: &Sample) -> Option<String> {
    if sample.ip_length == 0 || sample.protocol == UNKNOWN_PROTOCOL {
        return None;
    }
    let number = u8::try_from(sample.protocol).ok()?;
    Some(protocol_name(number).map_or_else(|| number.to_string(), str::to_owned))
}

/// Whether the sample has a transport header of this protocol.
fn has(sample: &Sample, number: u8) -> bool {
    sample.transport_length != 0 && sample.protocol == u16::from(number)
}

fn ports(sample: &Sample) -> Option<[u16; 2]> {
    if !has(sample, protocol::TCP) && !has(sample, protocol::UDP) {
        return None;
    }
    let [a, b, c, d, ..] = sample.transport;
    Some([u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])])
}

fn tcp_flags(sample: &Sample) -> Option<Vec<String>> {
    const FLAGS: usize = 13;
    let flags = has(sample, protocol::TCP).then_some(sample.transport[FLAGS])?;
    let set = (0..)
        .zip(TCP_FLAGS)
        .filter(|(bit, _)| flags >> bit & 1 != 0);
    Some(set.map(|(_, name)| name.to_owned()).collect())
}

fn icmp(sample: &Sample) -> Option<[u8; 2]> {
    let [kind, code, ..] = sample.transport;
    let is_icmp = has(sample, protocol::ICMP) || has(sample, protocol::ICMPV6);
    is_icmp.then_some([kind, code])
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        events::{Names, mask::tests::sample},
        order::OrderId,
    };

    fn known(orders: usize) -> Known {
        let order = |n: usize| OrderId::try_from(format!("cert:{n}")).unwrap();
        let mut known = Known::default();
        known.learn(Names {
            generation: 1,
            slots: [(0, (0..orders).map(order).collect())].into(),
            rules: [(0, "no-ntp".to_owned())].into(),
            interfaces: [(0, "up0".to_owned())].into(),
            guarded: Arc::default(),
        });
        known
    }

    #[test]
    fn a_dropped_packet_is_told_with_its_order() {
        let mut sample = sample(
            "203.0.113.7",
            "192.0.2.0",
            SampleFlags::DESTINATION_INSIDE | 1,
        );
        sample.transport[..4].copy_from_slice(&[0x9c, 0x40, 0, 80]);
        sample.transport[13] = 0x12;
        sample.vlan = 7;
        let event = event(&sample, 5, Timestamp::UNIX_EPOCH, &known(1));
        let document = serde_json::to_value(&event).unwrap();
        let expected = serde_json::json!({
            "seq": 5, "time": "1970-01-01T00:00:00Z", "generation": 1, "interface": "up0",
            "reason": "order", "verdict": "drop", "orders": ["cert:0"], "vlan": 7,
            "length": 74, "ip_length": 60, "source": "203.0.113.7", "destination": "192.0.2.0/24",
            "protocol": "tcp", "source_port": 40_000, "destination_port": 80,
            "tcp_flags": ["syn", "ack"],
        });
        assert_eq!(document, expected);
        assert_eq!(comment(&event), "drop: order cert:0; generation 1");
    }

    #[test]
    fn numbers_of_a_generation_that_is_not_known_mean_nothing() {
        let mut sample = sample("203.0.113.7", "192.0.2.0", 0);
        sample.generation = 2;
        let event = event(&sample, 1, Timestamp::UNIX_EPOCH, &known(1));
        assert!(event.orders.is_empty());
        assert_eq!(event.verdict, "would_drop");
        assert_eq!(event.interface, "up0", "which holds in every generation");
    }

    #[test]
    fn of_many_orders_the_first_are_named_and_the_others_counted() {
        let sample = sample("203.0.113.7", "192.0.2.0", 1);
        let event = event(&sample, 1, Timestamp::UNIX_EPOCH, &known(ORDERS_MAX + 3));
        assert_eq!((event.orders.len(), event.orders_more), (ORDERS_MAX, 3));
        assert!(comment(&event).contains(" and 3 more;"));
    }

    #[test]
    fn a_rule_is_told_by_its_name_and_icmp_by_type_and_code() {
        let mut sample = sample("203.0.113.7", "192.0.2.0", 1);
        (sample.reason, sample.protocol, sample.transport_length) = (17, 1, 4);
        sample.transport[..2].copy_from_slice(&[3, 1]);
        let event = event(&sample, 1, Timestamp::UNIX_EPOCH, &known(1));
        assert_eq!(event.rule.as_deref(), Some("no-ntp"));
        assert_eq!((event.icmp_type, event.icmp_code), (Some(3), Some(1)));
        assert_eq!((event.source_port, event.tcp_flags), (None, None));
    }
}
