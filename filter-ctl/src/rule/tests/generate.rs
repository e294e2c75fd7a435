//! Rules of all kinds, at random.

use filter_common::{address::Family, settings::Role};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use proptest::{collection::vec, option::weighted, prelude::*, sample::select};

use crate::rule::{
    Action, Bit, Bitmask, Bits, Comparison, Matching, Numeric, Rate, Unit,
    bitmask::fragment,
    numeric::{Domain, Operator},
    text::Written,
};

/// Components are lists of a few operators over few values, so that they meet.
pub(super) fn numeric(domain: Domain) -> impl Strategy<Value = Numeric> {
    let value = prop_oneof![
        0..=3_u32,
        domain.last() - 2..=domain.last(),
        0..=domain.last(),
        select(vec![6, 17, 58]),
    ];
    let comparison = (any::<bool>(), select(&Operator::ALL[..]), value);
    let comparisons = comparison.prop_map(|(and, operator, value)| Comparison {
        and,
        operator,
        value,
    });
    vec(comparisons, 1..6).prop_map(move |list| Numeric::new(domain, list).unwrap())
}

fn bitmask(bits: Bits, mask: u16) -> impl Strategy<Value = Bitmask> {
    let test = (
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
        any::<u16>(),
        0..3,
    );
    let tests = test.prop_map(move |(and, not, all, value, narrow)| {
        let value = if narrow == 0 { value } else { 1 << (value % 4) };
        Bit {
            and,
            not,
            all,
            value: value & mask & bits.all(),
        }
    });
    vec(tests, 1..5).prop_map(move |list| Bitmask::new(bits, list).unwrap())
}

fn net(family: Family) -> BoxedStrategy<IpNet> {
    match family {
        Family::V4 => (0xc000_0200_u32..0xc000_0280, 20..=32_u8)
            .prop_map(|(address, length)| {
                Ipv4Net::new(address.into(), length).unwrap().trunc().into()
            })
            .boxed(),
        Family::V6 => (
            0x2001_0db8_u128 << 96..(0x2001_0db8_u128 << 96) + 64,
            24..=128_u8,
        )
            .prop_map(|(address, length)| {
                Ipv6Net::new(address.into(), length).unwrap().trunc().into()
            })
            .boxed(),
    }
}

fn role() -> impl Strategy<Value = Role> {
    select(vec![Role::Upstream, Role::Customer])
}

fn family() -> impl Strategy<Value = Family> {
    select(vec![Family::V4, Family::V6])
}

/// Matches that text can say: the family is the one that components imply, and they do not contradict each other.
pub(super) fn matching() -> impl Strategy<Value = Matching> {
    weighted(0.7, family())
        .prop_flat_map(|of| {
            let net = move || match of {
                Some(of) => weighted(0.4, net(of)).boxed(),
                None => Just(None).boxed(),
            };
            let label = match of {
                Some(Family::V6) => weighted(0.3, numeric(Domain::Label)).boxed(),
                _ => Just(None).boxed(),
            };
            let mask = if of == Some(Family::V4) {
                0xf
            } else {
                !fragment::DONT_FRAGMENT
            };
            let sparse = |domain| weighted(0.2, numeric(domain));
            let first = (
                Just(of),
                weighted(0.3, role()),
                net(),
                net(),
                sparse(Domain::Octet),
            );
            let ports = (
                sparse(Domain::Word),
                sparse(Domain::Word),
                sparse(Domain::Word),
            );
            let icmp = (sparse(Domain::Octet), sparse(Domain::Octet));
            let rest = (
                weighted(0.2, bitmask(Bits::TcpFlags, u16::MAX)),
                sparse(Domain::Word),
                sparse(Domain::Dscp),
                weighted(0.2, bitmask(Bits::Fragment, mask)),
                label,
            );
            (first, ports, icmp, rest)
        })
        .prop_map(|(first, ports, icmp, rest)| Matching {
            family: first.0,
            role: first.1,
            destination: first.2,
            source: first.3,
            protocol: first.4,
            port: ports.0,
            destination_port: ports.1,
            source_port: ports.2,
            icmp_type: icmp.0,
            icmp_code: icmp.1,
            tcp_flags: rest.0,
            length: rest.1,
            dscp: rest.2,
            fragment: rest.3,
            label: rest.4,
        })
        .prop_filter("a contradiction", |matching| matching.check().is_ok())
}

fn rate() -> impl Strategy<Value = Rate> {
    let unit = select(vec![Unit::Packets, Unit::Bits]);
    unit.prop_flat_map(|unit| {
        let round = select(vec![1, 1000, 1_000_000, 1_000_000_000]);
        let amount = move || prop_oneof![1..=unit.most(), round.clone()];
        (Just(unit), amount(), proptest::option::of(amount()))
    })
    .prop_map(|(unit, per_second, burst)| Rate {
        unit,
        per_second,
        // The text refuses less than what 10 ms let pass, and more than 1,000 s.
        burst: burst
            .map(|burst| burst.clamp(per_second.div_ceil(100), per_second.saturating_mul(1_000))),
    })
}

/// All that the text of a rule can say.
pub(super) fn written() -> impl Strategy<Value = Written> {
    let action = prop_oneof![
        Just(Action::Drop),
        Just(Action::Pass),
        Just(Action::Monitor),
        rate().prop_map(Action::Limit),
    ];
    (matching(), action, any::<bool>()).prop_map(|(matching, action, goes_on)| Written {
        matching,
        terminal: match action {
            Action::Drop => true,
            Action::Monitor => false,
            Action::Pass | Action::Limit(_) => !goes_on,
        },
        action,
    })
}
