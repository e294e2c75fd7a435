//! The fields of an entry as text: prefix, protocol, ports, end.
//!
//! Bundles, letters and the command line share these readings. Nothing is approximated: what is not
//! exactly one of the documented forms is an error that says what was expected.

#[cfg(test)]
mod tests;

use std::{fmt, net::IpAddr};

use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::PortRange;

/// Port ranges of one entry, after merging; more are refused.
pub const PORT_RANGES_MAX: usize = 32;

/// Text that is no prefix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetError {
    /// The part before the slash is no address.
    #[error("expected an IPv4 or IPv6 address, or a prefix such as 192.0.2.0/24")]
    NotAnAddress,
    /// The part after the slash is no length.
    #[error("expected a prefix length from 0 to {max}")]
    PrefixLength {
        /// The longest of the address's family.
        max: u8,
    },
    /// The address has bits set that the prefix does not cover.
    #[error("has host bits set: expected {prefix} for the prefix, or no length for the host")]
    HostBits {
        /// The prefix that covers the address.
        prefix: IpNet,
    },
}

/// Reads `192.0.2.0/24`, `2001:db8::/48`, or an address alone, which is a host.
pub fn parse_net(text: &str) -> Result<IpNet, NetError> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().map_err(|_| NetError::NotAnAddress)?;
    let Some(length) = length else {
        return Ok(IpNet::from(address));
    };
    let max = if address.is_ipv4() { 32 } else { 128 };
    let plain = (1..=3).contains(&length.len())
        && length.bytes().all(|byte| byte.is_ascii_digit())
        && (length == "0" || !length.starts_with('0'));
    let net = length
        .parse()
        .ok()
        .filter(|_| plain)
        .and_then(|length| IpNet::new(address, length).ok())
        .ok_or(NetError::PrefixLength { max })?;
    let prefix = net.trunc();
    if net == prefix {
        Ok(net)
    } else {
        Err(NetError::HostBits { prefix })
    }
}

/// The protocols that have a name here; the first name of a number is the one that is printed.
const PROTOCOLS: &[(&str, u8)] = &[
    ("icmp", 1),
    ("igmp", 2),
    ("ipip", 4),
    ("tcp", 6),
    ("egp", 8),
    ("udp", 17),
    ("dccp", 33),
    ("ipv6", 41),
    ("rsvp", 46),
    ("gre", 47),
    ("esp", 50),
    ("ah", 51),
    ("icmpv6", 58),
    ("ipv6-icmp", 58),
    ("eigrp", 88),
    ("ospf", 89),
    ("etherip", 97),
    ("pim", 103),
    ("vrrp", 112),
    ("l2tp", 115),
    ("sctp", 132),
    ("udplite", 136),
];

/// The number of a protocol given by name, in either case, or by number from 0 to 255.
#[must_use]
pub fn parse_protocol(text: &str) -> Option<u8> {
    let named = PROTOCOLS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(text));
    match named {
        Some((_, number)) => Some(*number),
        None if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
        None => None,
    }
}

/// The name of a protocol, if it has one here.
#[must_use]
pub fn protocol_name(number: u8) -> Option<&'static str> {
    let named = PROTOCOLS.iter().find(|(_, known)| *known == number);
    named.map(|(name, _)| *name)
}

/// Whether the protocol has ports: TCP, UDP, DCCP, SCTP, UDP-Lite.
#[must_use]
pub const fn has_ports(protocol: u8) -> bool {
    matches!(protocol, 6 | 17 | 33 | 132 | 136)
}

/// Ports that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PortError {
    /// No port, and no range of ports.
    #[error("`{0}` is no port: expected 1 to 65535, or a range such as 8000-8010")]
    NotAPort(String),
    /// A list without any.
    #[error("an empty list of ports: expected at least one, or no list for all ports")]
    Empty,
    /// Too many.
    #[error("{0} port ranges after merging: expected at most {PORT_RANGES_MAX}")]
    TooMany(usize),
    /// The protocol has none, or none is given.
    #[error("ports without a protocol that has them: expected tcp, udp, sctp, dccp or udplite")]
    NoProtocol,
}

/// Reads one port `443` or a range `8000-8010`. Port 0 is refused: no connection uses it.
pub fn parse_port_range(text: &str) -> Result<PortRange, PortError> {
    let refused = || PortError::NotAPort(text.chars().take(40).collect());
    let port = |digits: &str| {
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
        let port = digits.parse::<u16>().ok().filter(|_| plain);
        port.filter(|port| *port != 0).ok_or_else(refused)
    };
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let range = PortRange {
        first: port(first.trim())?,
        last: port(last.trim())?,
    };
    if range.first <= range.last {
        Ok(range)
    } else {
        Err(refused())
    }
}

/// Reads ports and ranges separated by commas, as on the command line.
pub fn parse_ports(text: &str) -> Result<Box<[PortRange]>, PortError> {
    let ranges: Result<Vec<_>, _> = text
        .split(',')
        .map(|part| parse_port_range(part.trim()))
        .collect();
    merge_ports(ranges?)
}

/// Sorts ranges and joins those that overlap or touch.
pub fn merge_ports(mut ranges: Vec<PortRange>) -> Result<Box<[PortRange]>, PortError> {
    if ranges.is_empty() {
        return Err(PortError::Empty);
    }
    ranges.sort_unstable();
    ranges.dedup_by(|next, kept| {
        let joined = u32::from(next.first) <= u32::from(kept.last) + 1;
        if joined {
            kept.last = kept.last.max(next.last);
        }
        joined
    });
    if ranges.len() > PORT_RANGES_MAX {
        return Err(PortError::TooMany(ranges.len()));
    }
    Ok(ranges.into_boxed_slice())
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { first, last } = self;
        if first == last {
            write!(f, "{first}")
        } else {
            write!(f, "{first}-{last}")
        }
    }
}

/// A single port is written as a number, a range as text.
impl Serialize for PortRange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.first == self.last {
            serializer.serialize_u16(self.first)
        } else {
            serializer.collect_str(self)
        }
    }
}

impl<'de> Deserialize<'de> for PortRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = PortRange;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a port from 1 to 65535 or a range such as \"8000-8010\"")
            }

            fn visit_u64<E: de::Error>(self, port: u64) -> Result<PortRange, E> {
                match u16::try_from(port) {
                    Ok(port) if port != 0 => Ok(PortRange {
                        first: port,
                        last: port,
                    }),
                    _ => Err(E::invalid_value(de::Unexpected::Unsigned(port), &self)),
                }
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<PortRange, E> {
                parse_port_range(text).map_err(E::custom)
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

/// Text that is no end of an entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no time: expected {1}")]
pub struct UntilError(String, &'static str);

const MOMENT_FORMS: &str =
    "a time such as 2026-12-30T00:00:00Z, or a date such as 2026-12-30 for the end of that day";
const UNTIL_FORMS: &str = "a time such as 2026-12-30T00:00:00Z, a date such as 2026-12-30 for the \
     end of that day, or a time from now such as 30d, 12h or 90m";

const SINCE_FORMS: &str = "a time such as 2026-12-30T00:00:00Z, a date such as 2026-12-30 for the \
     beginning of that day, or how long ago, such as 30d, 12h or 90m";

/// Reads an RFC 3339 time, or a date, which means the end of that day in `timezone`: the first moment
/// of the next day, as an end is the first moment that is no longer meant.
pub fn parse_moment(text: &str, timezone: &TimeZone) -> Result<Timestamp, UntilError> {
    moment(text, timezone).ok_or_else(|| UntilError(excerpt(text), MOMENT_FORMS))
}

/// Like [`parse_moment`], and also a time from `now`: `30d`, `12h` or `90m`, with or without a `+`. A
/// day is 24 hours.
pub fn parse_until(
    text: &str,
    now: Timestamp,
    timezone: &TimeZone,
) -> Result<Timestamp, UntilError> {
    let text = text.trim();
    relative(text, now)
        .or_else(|| moment(text, timezone))
        .ok_or_else(|| UntilError(excerpt(text), UNTIL_FORMS))
}

/// Reads where a span of the past begins: an RFC 3339 time, a date, which means the beginning of that day in
/// `timezone`, or how long before `now`, as `30d`, `12h` or `90m`.
pub fn parse_since(
    text: &str,
    now: Timestamp,
    timezone: &TimeZone,
) -> Result<Timestamp, UntilError> {
    let text = text.trim();
    let ago = || now.checked_sub(span(text)?).ok();
    let begin = || Some(date(text)?.to_zoned(timezone.clone()).ok()?.timestamp());
    ago()
        .or_else(begin)
        .or_else(|| text.parse().ok())
        .ok_or_else(|| UntilError(excerpt(text), SINCE_FORMS))
}

fn moment(text: &str, timezone: &TimeZone) -> Option<Timestamp> {
    match date(text) {
        Some(date) => {
            let next = date.tomorrow().ok()?;
            Some(next.to_zoned(timezone.clone()).ok()?.timestamp())
        }
        None => text.parse().ok(),
    }
}

/// A date of ten characters.
fn date(text: &str) -> Option<Date> {
    let is_date = text.len() == 10
        && text.bytes().enumerate().all(|(index, byte)| {
            if matches!(index, 4 | 7) {
                byte == b'-'
            } else {
                byte.is_ascii_digit()
            }
        });
    is_date.then(|| text.parse().ok()).flatten()
}

fn relative(text: &str, now: Timestamp) -> Option<Timestamp> {
    let text = text.strip_prefix('+').unwrap_or(text);
    now.checked_add(span(text)?).ok()
}

fn span(text: &str) -> Option<SignedDuration> {
    let unit = text.chars().last()?;
    let number = &text[..text.len() - unit.len_utf8()];
    let seconds: i64 = match unit {
        'd' => 86_400,
        'h' => 3_600,
        'm' => 60,
        _ => return None,
    };
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let seconds = number.parse::<i64>().ok()?.checked_mul(seconds)?;
    Some(SignedDuration::from_secs(seconds))
}

/// The beginning of outside text, for an error message.
pub(crate) fn excerpt(text: &str) -> String {
    const EXCERPT_CHARS_MAX: usize = 60;
    beginning(text, EXCERPT_CHARS_MAX)
}

/// The first characters of a text, without control characters.
pub(super) fn beginning(text: &str, chars_max: usize) -> String {
    let clean = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    let mut beginning: String = text.chars().take(chars_max).map(clean).collect();
    if text.chars().nth(chars_max).is_some() {
        beginning.push_str("...");
    }
    beginning
}
