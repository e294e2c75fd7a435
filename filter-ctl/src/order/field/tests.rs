//! What the readers of fields promise.

use proptest::prelude::*;

use super::*;

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

#[test]
fn a_prefix_is_read_exactly_or_not_at_all() {
    let read = |text: &str| parse_net(text).map(|net| net.to_string());
    for (text, net) in [
        ("203.0.113.7", "203.0.113.7/32"),
        ("203.0.113.0/24", "203.0.113.0/24"),
        ("2001:db8::", "2001:db8::/128"),
        ("2001:db8:7::/48", "2001:db8:7::/48"),
        ("0.0.0.0/0", "0.0.0.0/0"),
    ] {
        assert_eq!(read(text).as_deref(), Ok(net), "{text}");
    }
    for text in [
        "",
        "/24",
        "203.0.113",
        "203.0.113.256",
        "010.0.0.1",
        " 10.0.0.1",
        "fe80::1%eth0",
        "a/b",
    ] {
        assert_eq!(read(text), Err(NetError::NotAnAddress), "{text}");
    }
    for text in [
        "10.0.0.0/33",
        "10.0.0.0/",
        "10.0.0.0/08",
        "10.0.0.0/+8",
        "10.0.0.0/-1",
        "10.0.0.0/8/8",
        "10.0.0.0/0008",
    ] {
        assert_eq!(
            read(text),
            Err(NetError::PrefixLength { max: 32 }),
            "{text}"
        );
    }
    assert_eq!(
        read("2001:db8::/129"),
        Err(NetError::PrefixLength { max: 128 })
    );
    let error = parse_net("203.0.113.7/24").expect_err("host bits");
    assert!(error.to_string().contains("203.0.113.0/24"), "{error}");
}

#[test]
fn protocols_have_names_and_numbers() {
    for (name, number) in PROTOCOLS {
        assert_eq!(parse_protocol(name), Some(*number));
    }
    assert_eq!(parse_protocol("TCP"), Some(6));
    assert_eq!(parse_protocol("255"), Some(255));
    assert_eq!(protocol_name(58), Some("icmpv6"));
    for text in ["256", "", "-1", "+6", "tcp ", "http"] {
        assert_eq!(parse_protocol(text), None, "{text}");
    }
}

#[test]
fn ports_are_merged_and_bounded() {
    let read = |text: &str| parse_ports(text).map(|ranges| format!("{}", Joined(&ranges)));
    assert_eq!(read("443").as_deref(), Ok("443"));
    assert_eq!(
        read("8010,8000-8009, 22,20-30,30-31").as_deref(),
        Ok("20-31,8000-8010")
    );
    assert_eq!(read("1-65535,65535").as_deref(), Ok("1-65535"));
    for text in ["", "0", "0-5", "5-1", "65536", "a", "1-2-3", "-", "+5"] {
        assert!(matches!(read(text), Err(PortError::NotAPort(_))), "{text}");
    }
    let many = |count: u16| {
        (0..count).map(|n| PortRange {
            first: n * 2 + 1,
            last: n * 2 + 1,
        })
    };
    assert!(merge_ports(many(32).collect()).is_ok());
    assert_eq!(merge_ports(many(33).collect()), Err(PortError::TooMany(33)));
    assert_eq!(merge_ports(Vec::new()), Err(PortError::Empty));
}

struct Joined<'a>(&'a [PortRange]);

impl fmt::Display for Joined<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&text.join(","))
    }
}

#[test]
fn a_date_alone_means_the_end_of_that_day_where_the_operator_is() {
    let hanoi = TimeZone::fixed(jiff::tz::offset(7));
    let read = |text: &str| parse_moment(text, &hanoi);
    assert_eq!(read("2026-12-30"), Ok(time("2026-12-30T17:00:00Z")));
    assert_eq!(
        read("2026-12-30T00:00:00Z"),
        Ok(time("2026-12-30T00:00:00Z"))
    );
    assert_eq!(
        read("2026-12-30T00:00:00+07:00"),
        Ok(time("2026-12-29T17:00:00Z"))
    );
    for text in [
        "",
        "20261230",
        "2026-13-01",
        "2026-12-30T00:00:00",
        "9999-12-31",
        "30d",
        "tomorrow",
        "2026-12-3é",
    ] {
        assert!(read(text).is_err(), "{text}");
    }
}

#[test]
fn an_operator_may_give_the_end_from_now() {
    let now = time("2026-11-23T08:00:00Z");
    let read = |text: &str| parse_until(text, now, &TimeZone::UTC);
    assert_eq!(read("30d"), Ok(time("2026-12-23T08:00:00Z")));
    assert_eq!(read("+12h"), Ok(time("2026-11-23T20:00:00Z")));
    assert_eq!(read(" 90m "), Ok(time("2026-11-23T09:30:00Z")));
    assert_eq!(read("2026-12-30"), Ok(time("2026-12-31T00:00:00Z")));
    for text in [
        "",
        "d",
        "-1d",
        "+-1d",
        "1y",
        "1 d",
        "99999999999999999999d",
        "9999999999999d",
        "1é",
        "++1d",
    ] {
        assert!(read(text).is_err(), "{text}");
    }
}

#[test]
fn a_span_of_the_past_begins_at_a_time_with_a_day_or_so_long_ago() {
    let now = time("2026-11-23T08:00:00Z");
    let hanoi = TimeZone::fixed(jiff::tz::offset(7));
    let read = |text: &str| parse_since(text, now, &hanoi);
    assert_eq!(
        read("2026-11-23T01:02:03Z"),
        Ok(time("2026-11-23T01:02:03Z"))
    );
    assert_eq!(read("2026-11-23"), Ok(time("2026-11-22T17:00:00Z")));
    assert_eq!(read(" 12h "), Ok(time("2026-11-22T20:00:00Z")));
    for text in ["", "+12h", "-1d", "yesterday", "2026-11-31", "99999999d"] {
        assert!(read(text).is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_a_reader_panic(text in "\\PC{0,40}") {
        let _ = parse_net(&text);
        let _ = parse_protocol(&text);
        let _ = parse_ports(&text);
        let _ = parse_until(&text, Timestamp::MAX, &TimeZone::UTC);
        let _ = parse_since(&text, Timestamp::MIN, &TimeZone::UTC);
        let _ = excerpt(&text);
    }
}
