//! The never-block list that is built in: space that names no host on the Internet, or a service that
//! belongs to nobody in particular.
//!
//! It follows IANA's registries of special-purpose addresses (RFC 6890). An entry is here for one of
//! two reasons: an order for it must be a mistake (private, loopback, multicast), or blocking it would
//! break what everybody shares (anycast of the protocols themselves). All have scope
//! [`Scope::Lists`]: the packet checks that come after the lists still judge such addresses.
//!
//! What the registries hold and this list does **not**, so that an order can block it:
//!
//! - the documentation prefixes 192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24, 2001:db8::/32 and
//!   3fff::/20 (RFC 5737, RFC 3849, RFC 9637): manuals, demonstrations and tests block hosts of them,
//!   and no other packet should carry them;
//! - 192.88.99.0/24, once the anycast address of 6to4 relays: withdrawn by RFC 7526, nothing needs it;
//! - 2002::/16 (6to4, RFC 3056) and 2001::/32 (Teredo, RFC 4380): behind each address is one host with
//!   an IPv4 address, which can attack like any other;
//! - 2001:30::/28 (drone remote identification, RFC 9374): reachable hosts as well;
//! - 2001:10::/28 (ORCHID, RFC 4843) and fec0::/10 (site-local, RFC 3879): both given up.

use std::net::{Ipv4Addr, Ipv6Addr};

use filter_common::table::Scope;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::NeverBlock;

const fn v4(a: u8, b: u8, c: u8, d: u8, length: u8) -> IpNet {
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length))
}

const fn v6(groups: [u16; 8], length: u8) -> IpNet {
    let mut bits = 0;
    let mut at = 0;
    while at < groups.len() {
        bits = bits << 16 | groups[at] as u128;
        at += 1;
    }
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::from_bits(bits), length))
}

/// The prefixes, each with what it is and the RFC that says so.
const SPECIAL_USE: &[(IpNet, &str)] = &[
    // A host that has no address yet sends from 0.0.0.0: blocking it ends DHCP.
    (v4(0, 0, 0, 0, 8), "this network (RFC 791)"),
    // Private space means a different host in every network: an order cannot name one.
    (v4(10, 0, 0, 0, 8), "private use (RFC 1918)"),
    (v4(172, 16, 0, 0, 12), "private use (RFC 1918)"),
    (v4(192, 168, 0, 0, 16), "private use (RFC 1918)"),
    // The provider's own customers behind carrier-grade NAT.
    (v4(100, 64, 0, 0, 10), "shared address space (RFC 6598)"),
    (v4(127, 0, 0, 0, 8), "loopback (RFC 1122)"),
    (v4(169, 254, 0, 0, 16), "link-local (RFC 3927)"),
    // DS-Lite, port control and NAT64 discovery: protocols between customer and provider.
    (v4(192, 0, 0, 0, 24), "IETF protocol assignments (RFC 6890)"),
    // Anycast name servers that answer for private reverse zones, run by volunteers everywhere.
    (v4(192, 31, 196, 0, 24), "AS112 (RFC 7535)"),
    (v4(192, 175, 48, 0, 24), "AS112 (RFC 7534)"),
    (
        v4(192, 52, 193, 0, 24),
        "multicast tunnel relays (RFC 7450)",
    ),
    // Test equipment; it never leaves the laboratory.
    (v4(198, 18, 0, 0, 15), "benchmarking (RFC 2544)"),
    // Routing protocols speak to groups. A group as a source is for the packet checks, not for lists.
    (v4(224, 0, 0, 0, 4), "multicast (RFC 5771)"),
    // No host: a list that names it is broken, and as a source it is for the packet checks.
    (v4(240, 0, 0, 0, 4), "reserved (RFC 1112)"),
    // Inside the former, but with a use: DHCP answers go to it.
    (v4(255, 255, 255, 255, 32), "limited broadcast (RFC 919)"),
    // The source of a host that has no address yet: duplicate address detection needs it.
    (v6([0; 8], 128), "unspecified (RFC 4291)"),
    (v6([0, 0, 0, 0, 0, 0, 0, 1], 128), "loopback (RFC 4291)"),
    // Not for the wire: a list with this form means IPv4 and must say so to have an effect.
    (
        v6([0, 0, 0, 0, 0, 0xffff, 0, 0], 96),
        "IPv4-mapped (RFC 4291)",
    ),
    // All of the IPv4 Internet as seen through a translator: the order belongs on the IPv4 address.
    (v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96), "NAT64 (RFC 6052)"),
    (
        v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48),
        "NAT64 of local use (RFC 8215)",
    ),
    // The operator's own sink for traffic to discard.
    (
        v6([0x100, 0, 0, 0, 0, 0, 0, 0], 64),
        "discard-only (RFC 6666)",
    ),
    (
        v6([0x100, 0, 0, 1, 0, 0, 0, 0], 64),
        "dummy prefix (RFC 9780)",
    ),
    // Anycast addresses of protocols: no host in particular.
    (
        v6([0x2001, 1, 0, 0, 0, 0, 0, 1], 128),
        "port control anycast (RFC 7723)",
    ),
    (
        v6([0x2001, 1, 0, 0, 0, 0, 0, 2], 128),
        "TURN anycast (RFC 8155)",
    ),
    (
        v6([0x2001, 1, 0, 0, 0, 0, 0, 3], 128),
        "service registration anycast (RFC 9665)",
    ),
    (
        v6([0x2001, 2, 0, 0, 0, 0, 0, 0], 48),
        "benchmarking (RFC 5180)",
    ),
    (
        v6([0x2001, 3, 0, 0, 0, 0, 0, 0], 32),
        "multicast tunnel relays (RFC 7450)",
    ),
    (
        v6([0x2001, 4, 0x112, 0, 0, 0, 0, 0], 48),
        "AS112 (RFC 7535)",
    ),
    (
        v6([0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0], 48),
        "AS112 (RFC 7534)",
    ),
    // Identifiers of hosts, not locators: no packet is routed by them.
    (
        v6([0x2001, 0x20, 0, 0, 0, 0, 0, 0], 28),
        "ORCHIDv2 (RFC 7343)",
    ),
    // Segments of the operator's own network.
    (
        v6([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16),
        "SRv6 segments (RFC 9602)",
    ),
    // As private use of IPv4.
    (
        v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7),
        "unique-local (RFC 4193)",
    ),
    // Neighbour discovery, and the sessions of routing protocols.
    (
        v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10),
        "link-local (RFC 4291)",
    ),
    (v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8), "multicast (RFC 4291)"),
];

/// The built-in list. No configuration takes anything off it.
#[must_use]
pub fn built_in() -> Vec<NeverBlock> {
    SPECIAL_USE
        .iter()
        .map(|&(net, what)| NeverBlock {
            net,
            scope: Scope::Lists,
            reason: format!("built-in: {what}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn protects(address: &str) -> bool {
        let address: IpAddr = address.parse().expect("an address");
        built_in().iter().any(|entry| entry.net.contains(&address))
    }

    #[test]
    fn prefixes_have_no_host_bits() {
        for entry in built_in() {
            assert_eq!(entry.net, entry.net.trunc(), "{}", entry.net);
        }
    }

    #[test]
    fn special_use_space_is_protected() {
        for address in [
            "0.0.0.0",
            "10.255.255.255",
            "100.64.0.0",
            "100.127.255.255",
            "127.0.0.1",
            "169.254.169.254",
            "172.31.255.255",
            "192.0.0.170",
            "192.168.1.1",
            "198.19.255.255",
            "224.0.0.5",
            "240.0.0.0",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:203.0.113.7",
            "64:ff9b::cb00:7107",
            "64:ff9b:1:ffff::",
            "fd00::1",
            "fe80::1",
            "febf::1",
            "ff02::1",
        ] {
            assert!(protects(address), "{address}");
        }
    }

    #[test]
    fn hosts_are_not() {
        for address in [
            "1.1.1.1",
            "11.0.0.0",
            "100.128.0.0",
            "172.32.0.0",
            "192.0.2.1",
            "192.88.99.1",
            "198.51.100.1",
            "203.0.113.7",
            "223.255.255.255",
            "2000::",
            "2001:0:4136:e378::1",
            "2001:db8:7::1",
            "2002:cb00:7107::1",
            "3fff::1",
            "2606:4700:4700::1111",
        ] {
            assert!(!protects(address), "{address}");
        }
    }
}
