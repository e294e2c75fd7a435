//! What the operator says of the network itself: host groups, what is done about odd packets, VLANs of
//! trunks, translators.

use filter_common::{
    abi::ROLES,
    policy::PolicySet,
    settings::{Role, VLAN_WORDS, VLANS_PER_WORD, VlanSettings},
    table::{Place, Special},
};
use ipnet::{IpNet, Ipv6Net};

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
}

/// Networks that are protected alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostGroup {
    /// Its name.
    pub name: String,
    /// Its prefixes.
    pub networks: Vec<IpNet>,
    /// What it says of policies.
    pub policies: PolicySet,
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
