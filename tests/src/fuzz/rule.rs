//! The syntax of rules, on any text, and what a rule means, on any packet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use filter_common::{address::Family, settings::Role};
use filter_ctl::rule::{
    Fields, Matching, Numeric, Rule, RuleId, TEXT_MAX,
    order::{Ranking, nlri},
    text::{Written, parse},
};

/// Bytes before the text: the packet that the rule is asked about.
const HEAD: usize = 64;
/// The most bytes of an NLRI, RFC 8955, 4.1.
const NLRI_MAX: usize = 4_095;

/// Reads `data`, which is a head of 64 bytes and a text, as a rule, and checks what must hold of it.
///
/// # Panics
///
/// Where that does not hold.
pub fn rule(data: &[u8]) {
    let Some((head, text)) = data.split_first_chunk::<HEAD>() else {
        return;
    };
    let Ok(text) = str::from_utf8(text) else {
        return;
    };
    let written = match parse(text) {
        Ok(written) => written,
        Err(error) => {
            let end = text.chars().count() + 1;
            assert!((1..=end).contains(&error.column), "{error}: {text:?}");
            assert!(!error.to_string().contains(char::is_control), "{error:?}");
            return;
        }
    };
    assert!(text.len() <= TEXT_MAX);
    check_text(&written);
    check_place(&written);
    let matching = &written.matching;
    assert_eq!(matching.check(), Ok(()), "{written}");
    for fields in packets(head, matching) {
        check_packet(matching, &fields);
    }
}

fn check_text(written: &Written) {
    let canonical = written.to_string();
    assert_eq!(parse(&canonical).as_ref(), Ok(written), "{canonical}");
}

fn check_place(written: &Written) {
    assert!(nlri(&written.matching).len() <= NLRI_MAX, "{written}");
    let mut ranking = Ranking::default();
    let mut insert =
        |number| ranking.insert(Rule::new(RuleId::numbered(number), written.clone(), None));
    assert!(insert(1).is_ok());
    assert!(insert(2).is_err(), "{written}: twice");
}

/// The operators of each component say what its ranges say; nothing unknown matches.
fn check_packet(matching: &Matching, fields: &Fields) {
    let within = |component: &Option<Numeric>, value: Option<u32>| {
        component.as_ref().is_none_or(|component| {
            let ranges = component.ranges();
            let last = component.domain().last();
            assert!(ranges.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0));
            assert!(
                ranges
                    .iter()
                    .all(|(first, end)| first <= end && *end <= last)
            );
            value.is_some_and(|value| {
                let within = ranges
                    .iter()
                    .any(|(first, end)| (*first..=*end).contains(&value));
                assert_eq!(within, component.accepts(value), "{value} in {matching}");
                within
            })
        })
    };
    let begins = fields.fragment & 2 == 0;
    let known =
        |protocols: &[u8]| begins && fields.protocol.is_some_and(|p| protocols.contains(&p));
    let ports = fields
        .ports
        .filter(|_| known(&[6, 17]))
        .map(|ports| ports.map(u32::from));
    let icmp = match fields.family {
        Family::V4 => 1,
        Family::V6 => 58,
    };
    let icmp = fields
        .icmp
        .filter(|_| known(&[icmp]))
        .map(|icmp| icmp.map(u32::from));
    let flags = fields.flags.filter(|_| known(&[6]));
    let [source, destination] = [0, 1].map(|index| ports.map(|ports| ports[index]));
    let [icmp_type, icmp_code] = [0, 1].map(|index| icmp.map(|icmp| icmp[index]));
    let flags = matching
        .tcp_flags
        .as_ref()
        .is_none_or(|bits| flags.is_some_and(|flags| bits.accepts(flags)));
    let fragment = matching
        .fragment
        .as_ref()
        .is_none_or(|bits| bits.accepts(fields.fragment.into()));
    let expected = [
        matching.family.is_none_or(|family| family == fields.family),
        matching.role.is_none_or(|role| role == fields.role),
        matching
            .destination
            .is_none_or(|net| net.contains(&fields.destination)),
        matching
            .source
            .is_none_or(|net| net.contains(&fields.source)),
        within(&matching.protocol, fields.protocol.map(u32::from)),
        within(&matching.port, source) | within(&matching.port, destination),
        within(&matching.destination_port, destination),
        within(&matching.source_port, source),
        within(&matching.icmp_type, icmp_type),
        within(&matching.icmp_code, icmp_code),
        flags,
        within(&matching.length, Some(fields.length.into())),
        within(&matching.dscp, Some(fields.dscp.into())),
        fragment,
        within(&matching.label, fields.label),
    ];
    let expected = expected.into_iter().all(|holds| holds);
    assert_eq!(matching.matches(fields), expected, "{matching}: {fields:?}");
}

/// The packet that the head says, and others like it that the rule is more likely to match.
fn packets(head: &[u8; HEAD], matching: &Matching) -> Vec<Fields> {
    let word = |at: usize| u16::from_le_bytes([head[at], head[at + 1]]);
    let address = |at: usize, family| -> IpAddr {
        match family {
            Family::V4 => {
                Ipv4Addr::from([head[at], head[at + 1], head[at + 2], head[at + 3]]).into()
            }
            Family::V6 => Ipv6Addr::from(core::array::from_fn(|byte| head[at + byte])).into(),
        }
    };
    let mut packets = Vec::new();
    for family in [Family::V4, Family::V6] {
        let any = Fields {
            family,
            role: if head[0] & 1 == 0 {
                Role::Upstream
            } else {
                Role::Customer
            },
            source: address(2, family),
            destination: address(18, family),
            protocol: (head[0] & 2 == 0).then_some(head[1]),
            ports: (head[0] & 4 == 0).then(|| [word(34), word(36)]),
            icmp: (head[0] & 8 == 0).then(|| [head[38], head[39]]),
            flags: (head[0] & 16 == 0).then(|| word(40) & 0xfff),
            length: word(42),
            dscp: head[44] & 0x3f,
            fragment: head[45] & 0xf,
            label: (family == Family::V6)
                .then(|| u32::from_le_bytes([head[46], head[47], head[48] & 0xf, 0])),
        };
        packets.push(any);
        let near = |asked: Option<IpAddr>, other| match asked {
            Some(address) if address.is_ipv4() == (family == Family::V4) => address,
            _ => other,
        };
        for protocol in [6, 17, 1, 58] {
            packets.push(Fields {
                source: near(matching.source.map(|net| net.addr()), any.source),
                destination: near(matching.destination.map(|net| net.addr()), any.destination),
                protocol: Some(protocol),
                ports: any.ports.or(Some([53, 443])),
                icmp: any.icmp.or(Some([8, 0])),
                flags: any.flags.or(Some(2)),
                ..any
            });
        }
    }
    packets
}
