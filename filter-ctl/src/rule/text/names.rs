//! Values that have names. Numbers are as IANA has assigned them.

use filter_common::address::Family;

use super::super::{Bits, bitmask::fragment};

/// Names of numbers.
type Names = [(&'static str, u16)];

/// Ports by their services, those above all that are attacked or abused for reflection.
const PORTS: &Names = &[
    ("echo", 7),
    ("discard", 9),
    ("daytime", 13),
    ("qotd", 17),
    ("chargen", 19),
    ("ftp-data", 20),
    ("ftp", 21),
    ("ssh", 22),
    ("telnet", 23),
    ("smtp", 25),
    ("dns", 53),
    ("domain", 53),
    ("bootps", 67),
    ("bootpc", 68),
    ("tftp", 69),
    ("http", 80),
    ("kerberos", 88),
    ("pop3", 110),
    ("sunrpc", 111),
    ("portmap", 111),
    ("ntp", 123),
    ("netbios-ns", 137),
    ("netbios-dgm", 138),
    ("netbios-ssn", 139),
    ("imap", 143),
    ("snmp", 161),
    ("snmptrap", 162),
    ("bgp", 179),
    ("ldap", 389),
    ("cldap", 389),
    ("https", 443),
    ("submissions", 465),
    ("isakmp", 500),
    ("syslog", 514),
    ("rip", 520),
    ("submission", 587),
    ("ldp", 646),
    ("ldaps", 636),
    ("domain-s", 853),
    ("imaps", 993),
    ("pop3s", 995),
    ("openvpn", 1194),
    ("ms-sql-m", 1434),
    ("l2tp", 1701),
    ("radius", 1812),
    ("radius-acct", 1813),
    ("ssdp", 1900),
    ("nfs", 2049),
    ("mysql", 3306),
    ("rdp", 3389),
    ("stun", 3478),
    ("ws-discovery", 3702),
    ("ipsec-nat-t", 4500),
    ("vxlan", 4789),
    ("sip", 5060),
    ("sips", 5061),
    ("mdns", 5353),
    ("postgresql", 5432),
    ("coap", 5683),
    ("memcached", 11211),
    ("wireguard", 51820),
];

const ICMP_TYPES: &Names = &[
    ("echo-reply", 0),
    ("destination-unreachable", 3),
    ("unreachable", 3),
    ("source-quench", 4),
    ("redirect", 5),
    ("echo-request", 8),
    ("router-advertisement", 9),
    ("router-solicitation", 10),
    ("time-exceeded", 11),
    ("parameter-problem", 12),
    ("timestamp-request", 13),
    ("timestamp-reply", 14),
];

const ICMPV6_TYPES: &Names = &[
    ("destination-unreachable", 1),
    ("unreachable", 1),
    ("packet-too-big", 2),
    ("time-exceeded", 3),
    ("parameter-problem", 4),
    ("echo-request", 128),
    ("echo-reply", 129),
    ("router-solicitation", 133),
    ("router-advertisement", 134),
    ("neighbor-solicitation", 135),
    ("neighbor-advertisement", 136),
    ("redirect", 137),
];

/// Codes of `destination-unreachable`.
const ICMP_CODES: &Names = &[
    ("network-unreachable", 0),
    ("host-unreachable", 1),
    ("protocol-unreachable", 2),
    ("port-unreachable", 3),
    ("fragmentation-needed", 4),
    ("source-route-failed", 5),
    ("communication-prohibited", 13),
];

/// Codes of `destination-unreachable`.
const ICMPV6_CODES: &Names = &[
    ("no-route", 0),
    ("communication-prohibited", 1),
    ("beyond-scope", 2),
    ("address-unreachable", 3),
    ("port-unreachable", 4),
];

const DSCP: &Names = &[
    ("cs0", 0),
    ("le", 1),
    ("cs1", 8),
    ("af11", 10),
    ("af12", 12),
    ("af13", 14),
    ("cs2", 16),
    ("af21", 18),
    ("af22", 20),
    ("af23", 22),
    ("cs3", 24),
    ("af31", 26),
    ("af32", 28),
    ("af33", 30),
    ("cs4", 32),
    ("af41", 34),
    ("af42", 36),
    ("af43", 38),
    ("cs5", 40),
    ("va", 44),
    ("ef", 46),
    ("cs6", 48),
    ("cs7", 56),
];

/// The first name of a bit is the one that is printed.
const TCP_FLAGS: &Names = &[
    ("fin", 0x001),
    ("syn", 0x002),
    ("rst", 0x004),
    ("psh", 0x008),
    ("push", 0x008),
    ("ack", 0x010),
    ("urg", 0x020),
    ("ece", 0x040),
    ("cwr", 0x080),
    ("ae", 0x100),
];

const FRAGMENT: &Names = &[
    ("dont-fragment", fragment::DONT_FRAGMENT),
    ("dont_fragment", fragment::DONT_FRAGMENT),
    ("is-fragment", fragment::IS_FRAGMENT),
    ("is_fragment", fragment::IS_FRAGMENT),
    ("first-fragment", fragment::FIRST_FRAGMENT),
    ("first_fragment", fragment::FIRST_FRAGMENT),
    ("last-fragment", fragment::LAST_FRAGMENT),
    ("last_fragment", fragment::LAST_FRAGMENT),
];

fn find(names: &Names, text: &str) -> Option<u32> {
    let found = names
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(text));
    found.map(|(_, number)| u32::from(*number))
}

/// The port of a service.
pub(super) fn port(text: &str) -> Option<u32> {
    find(PORTS, text)
}

/// The number of a DSCP.
pub(super) fn dscp(text: &str) -> Option<u32> {
    find(DSCP, text)
}

/// The number of an ICMP type.
pub(super) fn icmp_type(text: &str, family: Family) -> Option<u32> {
    match family {
        Family::V4 => find(ICMP_TYPES, text),
        Family::V6 => find(ICMPV6_TYPES, text),
    }
}

/// The number of an ICMP code.
pub(super) fn icmp_code(text: &str, family: Family) -> Option<u32> {
    match family {
        Family::V4 => find(ICMP_CODES, text),
        Family::V6 => find(ICMPV6_CODES, text),
    }
}

const fn of_bits(bits: Bits) -> &'static Names {
    match bits {
        Bits::TcpFlags => TCP_FLAGS,
        Bits::Fragment => FRAGMENT,
    }
}

/// The bit that a name means.
pub(super) fn bit(text: &str, bits: Bits) -> Option<u16> {
    let names = of_bits(bits).iter();
    let mut found = names.filter(|(name, _)| name.eq_ignore_ascii_case(text));
    found.next().map(|(_, bit)| *bit)
}

/// The name of a bit.
pub(super) fn bit_name(bit: u16, bits: Bits) -> Option<&'static str> {
    let mut names = of_bits(bits).iter();
    names
        .find(|(_, known)| *known == bit)
        .map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manual_has_every_name_once() {
        let manual = include_str!("../../../../docs/rules.md");
        let spelt_otherwise = |name: &str| name.contains('_');
        for names in [
            PORTS,
            ICMP_TYPES,
            ICMPV6_TYPES,
            ICMP_CODES,
            ICMPV6_CODES,
            TCP_FLAGS,
            FRAGMENT,
        ] {
            let mut seen = std::collections::BTreeSet::new();
            for (name, _) in names.iter().filter(|(name, _)| !spelt_otherwise(name)) {
                assert!(manual.contains(&format!("`{name}`")), "{name}");
                assert!(seen.insert(name), "{name} is there twice");
            }
        }
    }
}
