//! Whether an address can be an end of a packet that matches.

use std::net::IpAddr;

use filter_common::address::Family;
use ipnet::IpNet;

use super::Matching;
use crate::order::Direction;

/// How a match meets an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AtEnd {
    /// The packets that it can match: those from the address, to it, or both.
    pub direction: Direction,
    /// Whether a prefix covers the address at such an end, rather than none being asked for there.
    pub by_prefix: bool,
}

impl Matching {
    /// How the match meets an address; `None` where no packet from or to it can match.
    #[must_use]
    pub fn at(&self, address: IpAddr) -> Option<AtEnd> {
        let family = match address {
            IpAddr::V4(_) => Family::V4,
            IpAddr::V6(_) => Family::V6,
        };
        if self.family.is_some_and(|own| own != family) {
            return None;
        }
        let allows = |net: Option<IpNet>| net.is_none_or(|net| net.contains(&address));
        let ends = [self.source, self.destination];
        let direction = match ends.map(allows) {
            [true, true] => Direction::Both,
            [true, false] => Direction::From,
            [false, true] => Direction::To,
            [false, false] => return None,
        };
        let covers = |net: Option<IpNet>| net.is_some_and(|net| net.contains(&address));
        Some(AtEnd {
            direction,
            by_prefix: ends.into_iter().any(covers),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::text::parse;

    #[test]
    fn a_rule_meets_an_address_at_the_ends_where_nothing_speaks_against_it() {
        let address = "192.0.2.7".parse().unwrap();
        for (text, direction, by_prefix) in [
            ("any", Direction::Both, false),
            ("family ip proto udp", Direction::Both, false),
            ("dst 192.0.2.0/24", Direction::Both, true),
            ("src 192.0.2.7", Direction::Both, true),
            ("dst 192.0.2.0/24 src 192.0.2.7", Direction::Both, true),
            ("dst 192.0.2.0/24 src 203.0.113.0/24", Direction::To, true),
            ("src 192.0.2.0/24 dst 203.0.113.0/24", Direction::From, true),
            ("dst 203.0.113.0/24", Direction::From, false),
            ("src 203.0.113.0/24 dport 80", Direction::To, false),
        ] {
            let matching = parse(&format!("{text} then drop")).unwrap().matching;
            let expected = AtEnd {
                direction,
                by_prefix,
            };
            assert_eq!(matching.at(address), Some(expected), "{text}");
        }
        for text in [
            "family ip6 proto udp",
            "dst 2001:db8::/32",
            "dst 203.0.113.0/24 src 198.51.100.0/24",
        ] {
            let matching = parse(&format!("{text} then drop")).unwrap().matching;
            assert_eq!(matching.at(address), None, "{text}");
        }
    }
}
