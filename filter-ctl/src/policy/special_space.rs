//! Address space that the policies about sources and destinations speak of.
//!
//! IANA's registries of special-purpose addresses (RFC 6890) as a packet on an ISP's wire sees them:
//! what no host sends from, what is no place to send to, and what belongs to some private or fictitious
//! network. Not the same as the built-in never-block list ([`super::special_use`]): that is about what
//! orders may name.
//!
//! Left out, because the registries call it globally reachable: 192.0.0.9 and 192.0.0.10 inside
//! 192.0.0.0/24, 64:ff9b::/96, Teredo, 6to4, the anycast addresses and ORCHIDs inside 2001::/23.

use std::net::{Ipv4Addr, Ipv6Addr};

use filter_common::table::Special::{self, Bogon, Group, Nowhere};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

const V4: &[(Ipv4Addr, u8, Special)] = &[
    (Ipv4Addr::UNSPECIFIED, 8, Nowhere),
    (Ipv4Addr::new(10, 0, 0, 0), 8, Bogon),
    (Ipv4Addr::new(100, 64, 0, 0), 10, Bogon),
    (Ipv4Addr::new(127, 0, 0, 0), 8, Nowhere),
    (Ipv4Addr::new(169, 254, 0, 0), 16, Bogon),
    (Ipv4Addr::new(172, 16, 0, 0), 12, Bogon),
    // 192.0.0.0/24 without .9 and .10.
    (Ipv4Addr::new(192, 0, 0, 0), 29, Bogon),
    (Ipv4Addr::new(192, 0, 0, 8), 32, Bogon),
    (Ipv4Addr::new(192, 0, 0, 11), 32, Bogon),
    (Ipv4Addr::new(192, 0, 0, 12), 30, Bogon),
    (Ipv4Addr::new(192, 0, 0, 16), 28, Bogon),
    (Ipv4Addr::new(192, 0, 0, 32), 27, Bogon),
    (Ipv4Addr::new(192, 0, 0, 64), 26, Bogon),
    (Ipv4Addr::new(192, 0, 0, 128), 25, Bogon),
    (Ipv4Addr::new(192, 0, 2, 0), 24, Bogon),
    (Ipv4Addr::new(192, 168, 0, 0), 16, Bogon),
    (Ipv4Addr::new(198, 18, 0, 0), 15, Bogon),
    (Ipv4Addr::new(198, 51, 100, 0), 24, Bogon),
    (Ipv4Addr::new(203, 0, 113, 0), 24, Bogon),
    (Ipv4Addr::new(224, 0, 0, 0), 4, Group),
    (Ipv4Addr::new(240, 0, 0, 0), 4, Nowhere),
    (Ipv4Addr::BROADCAST, 32, Group),
];

const V6: &[(Ipv6Addr, u8, Special)] = &[
    // The IPv4-compatible form, given up (RFC 4291, 2.5.5.1).
    (Ipv6Addr::UNSPECIFIED, 96, Bogon),
    (Ipv6Addr::UNSPECIFIED, 128, Nowhere),
    (Ipv6Addr::LOCALHOST, 128, Nowhere),
    (Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96, Nowhere),
    (Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0), 48, Bogon),
    (Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 0), 64, Bogon),
    (Ipv6Addr::new(0x100, 0, 0, 1, 0, 0, 0, 0), 64, Bogon),
    (Ipv6Addr::new(0x2001, 2, 0, 0, 0, 0, 0, 0), 48, Bogon),
    (Ipv6Addr::new(0x2001, 0x10, 0, 0, 0, 0, 0, 0), 28, Bogon),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32, Bogon),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20, Bogon),
    (Ipv6Addr::new(0x5f00, 0, 0, 0, 0, 0, 0, 0), 16, Bogon),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7, Bogon),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10, Bogon),
    (Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10, Bogon),
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8, Group),
];

/// All of it, as disjoint or nested prefixes of which the most specific holds.
#[must_use]
pub fn special_space() -> Vec<(IpNet, Special)> {
    let v4 = V4.iter();
    let v4 = v4
        .map(|&(address, length, special)| (Ipv4Net::new_assert(address, length).into(), special));
    let v6 = V6.iter();
    let v6 = v6
        .map(|&(address, length, special)| (Ipv6Net::new_assert(address, length).into(), special));
    v4.chain(v6).collect()
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn special(address: &str) -> Option<Special> {
        let address: IpAddr = address.parse().expect("an address");
        let covering = special_space().into_iter();
        let covering = covering.filter(|(net, _)| net.contains(&address));
        let nearest = covering.max_by_key(|(net, _)| net.prefix_len());
        nearest.map(|(_, special)| special)
    }

    #[test]
    fn prefixes_have_no_host_bits_and_no_prefix_is_listed_twice() {
        let mut seen = std::collections::BTreeSet::new();
        for (net, _) in special_space() {
            assert_eq!(net, net.trunc());
            assert!(seen.insert(net), "{net}");
        }
    }

    #[test]
    fn space_is_what_the_registries_say() {
        for (address, expected) in [
            ("0.0.0.0", Some(Nowhere)),
            ("1.0.0.0", None),
            ("9.255.255.255", None),
            ("10.0.0.1", Some(Bogon)),
            ("100.63.255.255", None),
            ("100.64.0.0", Some(Bogon)),
            ("100.128.0.0", None),
            ("127.0.0.1", Some(Nowhere)),
            ("169.254.1.1", Some(Bogon)),
            ("172.32.0.0", None),
            ("192.0.0.7", Some(Bogon)),
            ("192.0.0.9", None),
            ("192.0.0.10", None),
            ("192.0.0.11", Some(Bogon)),
            ("192.0.0.15", Some(Bogon)),
            ("192.0.0.31", Some(Bogon)),
            ("192.0.0.63", Some(Bogon)),
            ("192.0.0.127", Some(Bogon)),
            ("192.0.0.255", Some(Bogon)),
            ("192.0.1.0", None),
            ("192.88.99.1", None),
            ("198.20.0.0", None),
            ("223.255.255.255", None),
            ("224.0.0.1", Some(Group)),
            ("239.255.255.255", Some(Group)),
            ("240.0.0.1", Some(Nowhere)),
            ("255.255.255.254", Some(Nowhere)),
            ("255.255.255.255", Some(Group)),
            ("::", Some(Nowhere)),
            ("::1", Some(Nowhere)),
            ("::2", Some(Bogon)),
            ("::192.0.2.1", Some(Bogon)),
            ("::ffff:192.0.2.1", Some(Nowhere)),
            ("64:ff9b::192.0.2.1", None),
            ("64:ff9b:1::1", Some(Bogon)),
            ("100::1", Some(Bogon)),
            ("2001::1", None),
            ("2001:2::1", Some(Bogon)),
            ("2001:20::1", None),
            ("2001:db8::1", Some(Bogon)),
            ("2002::1", None),
            ("3fff:fff::1", Some(Bogon)),
            ("3fff:1000::1", None),
            ("fe80::1", Some(Bogon)),
            ("fd00::1", Some(Bogon)),
            ("ff02::1", Some(Group)),
        ] {
            assert_eq!(special(address), expected, "{address}");
        }
    }
}
