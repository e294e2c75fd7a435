//! What the operator says of the network itself: host groups, what is done about odd packets, VLANs of
//! trunks, translators.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use filter_common::{
    abi::{CLASS_LIMITS, LIMITS_CAPACITY, REFLECTOR_WORDS, ROLES},
    address::Address,
    limit::{CLASSES, Class, Limit},
    policy::PolicySet,
    settings::{Role, VLAN_WORDS, VLANS_PER_WORD, VlanSettings},
    table::{Place, Special},
};
use ipnet::{IpNet, Ipv6Net};

use super::traffic::TrafficRule;
use crate::rule::Rate;

/// Source ports of UDP services that answer more than they are asked, or that have been used so: by number,
/// the protocols are chargen, quote of the day, DNS, TFTP, portmap, NTP, NetBIOS, SNMP, CLDAP, SLP, ISAKMP, RIP,
/// IPMI, SQL Server browser, SSDP, Apple remote desktop, WS-Discovery, SIP, NAT-PMP, mDNS, Ubiquiti discovery,
/// memcached, Plex, DVR discovery.
pub const REFLECTORS: &[u16] = &[
    17, 19, 53, 69, 111, 123, 137, 161, 389, 427, 500, 520, 623, 1_434, 1_900, 3_283, 3_702, 5_060,
    5_351, 5_353, 10_001, 11_211, 32_414, 37_810,
];

/// Everything but orders and never-block prefixes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Perimeter {
    /// What is done about odd packets on interfaces of each role.
    pub upstream: PolicySet,
    /// See [`Perimeter::upstream`].
    pub customer: PolicySet,
    /// At most [`filter_common::limits::HOST_GROUPS_MAX`].
    pub groups: Vec<HostGroup>,
    /// The prefixes of translators, with lengths of RFC 6052.
    pub nat64: Vec<Ipv6Net>,
    /// The VLANs that have settings of their own: the number of the interface, the identifier.
    pub vlans: Vec<(u32, u16, VlanSettings)>,
    /// Special-purpose address space.
    pub special: Vec<(IpNet, Special)>,
    /// Source ports of UDP that reflectors answer from.
    pub reflectors: Vec<u16>,
    /// The rules for traffic, in the order of evaluation.
    pub rules: Vec<TrafficRule>,
}

/// Networks that are protected alike.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostGroup {
    /// Its name.
    pub name: String,
    /// Its prefixes.
    pub networks: Vec<IpNet>,
    /// What it says of policies.
    pub policies: PolicySet,
    /// The limit of each of its addresses, by class.
    pub limits: [Limit; CLASSES],
    /// The same as they are written, for those who ask.
    pub rates: BTreeMap<Class, Rate>,
}

impl HostGroup {
    /// Whether any class has a limit.
    #[must_use]
    pub fn has_limits(&self) -> bool {
        self.limits.iter().any(Limit::is_some)
    }
}

impl Default for Perimeter {
    /// The defaults of the policies, and nothing else.
    fn default() -> Self {
        Self {
            upstream: PolicySet::defaults(),
            customer: PolicySet::defaults(),
            groups: Vec::new(),
            nat64: Vec::new(),
            vlans: Vec::new(),
            special: Vec::new(),
            reflectors: REFLECTORS.to_vec(),
            rules: Vec::new(),
        }
    }
}

impl Perimeter {
    /// What it says of prefixes.
    pub fn places(&self) -> impl Iterator<Item = (IpNet, Place)> + '_ {
        let groups = self.groups.iter().zip(1..);
        let groups = groups.flat_map(|(group, number)| {
            let networks = group.networks.iter();
            networks.filter_map(move |net| Some((*net, Place::group(number)?)))
        });
        let nat64 = self.nat64.iter();
        let nat64 = nat64.filter_map(|net| Some(((*net).into(), Place::nat64(net.prefix_len())?)));
        let special = self.special.iter();
        let special = special.map(|(net, special)| (*net, Place::special(*special)));
        groups.chain(nat64).chain(special)
    }

    /// The networks whose addresses have limits, those of most specific length first.
    #[must_use]
    pub fn limited_networks(&self) -> Vec<IpNet> {
        let groups = self.groups.iter().filter(|group| group.has_limits());
        let mut networks: Vec<IpNet> = groups.flat_map(|group| group.networks.clone()).collect();
        networks.sort_by_key(|net| net.max_prefix_len() - net.prefix_len());
        networks
    }

    /// The limits as the kernel has them.
    #[must_use]
    pub fn limits(&self) -> Vec<Limit> {
        let mut limits = vec![Limit::NONE; LIMITS_CAPACITY];
        for (group, number) in self.groups.iter().zip(1..) {
            let first = number * CLASS_LIMITS;
            limits[first..first + CLASSES].copy_from_slice(&group.limits);
        }
        limits
    }

    /// The ports of reflectors as the kernel has them.
    #[must_use]
    pub fn reflector_words(&self) -> Vec<u64> {
        let mut words = vec![0; REFLECTOR_WORDS];
        for port in &self.reflectors {
            words[usize::from(port / 64)] |= 1 << (port % 64);
        }
        words
    }

    /// The IPv4 address that an IPv6 address stands for behind a translator (RFC 6052).
    #[must_use]
    pub fn embedded_v4(&self, address: Ipv6Addr) -> Option<Ipv4Addr> {
        let covering = self.nat64.iter().filter(|net| net.contains(&address));
        let nearest = covering.max_by_key(|net| net.prefix_len())?;
        let place = Place::nat64(nearest.prefix_len())?;
        let embedded = place.embedded_v4(Address::from_v6(address.octets()))?;
        Some(embedded.v4().into())
    }

    /// The host group that an address belongs to.
    #[must_use]
    pub fn group_of(&self, address: IpAddr) -> Option<&HostGroup> {
        let networks = self.groups.iter().flat_map(|group| {
            let covering = group.networks.iter().filter(|net| net.contains(&address));
            covering.map(move |net| (net.prefix_len(), group))
        });
        let nearest = networks.max_by_key(|(length, _)| *length)?;
        Some(nearest.1)
    }

    /// The sets of the roles, then those of the groups.
    #[must_use]
    pub fn policies(&self) -> Vec<PolicySet> {
        let mut sets = vec![PolicySet::default(); ROLES];
        sets[Role::Upstream as usize] = self.upstream;
        sets[Role::Customer as usize] = self.customer;
        sets.extend(self.groups.iter().map(|group| group.policies));
        sets
    }

    /// The settings of VLANs as the kernel has them, up to the last that is not empty.
    #[must_use]
    pub fn vlan_words(&self) -> Vec<u64> {
        let mut words = Vec::new();
        for (interface, id, settings) in &self.vlans {
            let word =
                *interface as usize * VLAN_WORDS + (u32::from(*id) / VLANS_PER_WORD) as usize;
            if words.len() <= word {
                words.resize(word + 1, 0);
            }
            words[word] |= settings.to_word(*id);
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_stands_for_what_the_nearest_translator_makes_of_it() {
        let nets = ["2001:db8::/32", "2001:db8:122:344::/96", "64:ff9b::/96"];
        let perimeter = Perimeter {
            nat64: nets.map(|net| net.parse().unwrap()).to_vec(),
            ..Perimeter::default()
        };
        for (address, expected) in [
            ("64:ff9b::192.0.2.33", Some("192.0.2.33")),
            ("2001:db8:122:344::192.0.2.33", Some("192.0.2.33")),
            ("2001:db8:c000:221::", Some("192.0.2.33")),
            ("2001:db9::1", None),
        ] {
            let embedded = perimeter.embedded_v4(address.parse().unwrap());
            let expected = expected.map(|text| text.parse().unwrap());
            assert_eq!(embedded, expected, "{address}");
        }
    }

    #[test]
    fn an_address_belongs_to_the_group_of_the_most_specific_network() {
        let group = |name: &str, network: &str| HostGroup {
            name: name.to_owned(),
            networks: vec![network.parse().unwrap()],
            policies: PolicySet::default(),
            ..HostGroup::default()
        };
        let perimeter = Perimeter {
            groups: vec![group("all", "192.0.2.0/24"), group("dns", "192.0.2.53/32")],
            ..Perimeter::default()
        };
        for (address, expected) in [
            ("192.0.2.53", Some("dns")),
            ("192.0.2.54", Some("all")),
            ("192.0.3.1", None),
            ("2001:db8::1", None),
        ] {
            let group = perimeter.group_of(address.parse().unwrap());
            assert_eq!(group.map(|group| group.name.as_str()), expected);
        }
    }
}
