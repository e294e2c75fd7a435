//! What holds for a host group: what it says itself, over what its profile says.

use std::{collections::BTreeMap, sync::Arc};

use filter_common::{
    limit::{CLASSES, Class, Limit},
    policy::{Policy, PolicyAction, PolicySet},
};

use super::{GroupRule, Profile, ProfileText, Switched};
use crate::{
    config::perimeter::{ClassLimits, PolicyActions},
    policy::traffic::limit,
    rule::{Rate, RuleName},
};

/// A setting, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting<T> {
    /// The profile's.
    Profile(T),
    /// The host group's own, of which the profile says nothing.
    Group(T),
    /// The host group's own, instead of the profile's.
    Overridden {
        /// What holds.
        value: T,
        /// What the profile says.
        profile: T,
    },
}

impl<T> Setting<T> {
    /// What holds.
    pub const fn value(&self) -> &T {
        match self {
            Self::Profile(value) | Self::Group(value) | Self::Overridden { value, .. } => value,
        }
    }
}

/// Settings, each with whose it is.
pub type Settings<K, T> = BTreeMap<K, Setting<T>>;

/// All that holds for a host group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InForce {
    /// The profile that it names.
    pub profile: Option<Arc<Profile>>,
    /// What is done about odd packets.
    pub policies: Settings<Policy, PolicyAction>,
    /// What each address may receive.
    pub limits: Settings<Class, Switched<Rate>>,
    /// What is done about packets by what they are.
    pub rules: Settings<RuleName, GroupRule>,
}

impl InForce {
    /// These settings of a group over those of its profile.
    #[must_use]
    pub fn new(
        profile: Option<Arc<Profile>>,
        policies: &PolicyActions,
        limits: &ClassLimits,
        rules: &BTreeMap<RuleName, GroupRule>,
    ) -> Self {
        let text = profile.as_ref().map(|profile| &profile.text);
        Self {
            policies: overlay(text.map(|text| &text.policies.0), &policies.0),
            limits: overlay(text.map(|text| &text.limits.0), &limits.0),
            rules: overlay(text.map(ProfileText::rules).as_ref(), rules),
            profile,
        }
    }

    /// All that a profile says.
    #[must_use]
    pub fn of_profile(profile: Arc<Profile>) -> Self {
        let (policies, limits) = (PolicyActions::default(), ClassLimits::default());
        Self::new(Some(profile), &policies, &limits, &BTreeMap::new())
    }

    /// The policies, as the data path has them.
    #[must_use]
    pub fn policy_set(&self) -> PolicySet {
        let mut set = PolicySet::default();
        for (policy, action) in &self.policies {
            set.put(*policy, *action.value());
        }
        set
    }

    /// The limits, as the data path has them.
    #[must_use]
    pub fn class_limits(&self) -> [Limit; CLASSES] {
        let mut limits = [Limit::NONE; CLASSES];
        for (class, rate) in self.rates() {
            limits[class as usize] = limit(rate);
        }
        limits
    }

    /// The limits, as they are written.
    #[must_use]
    pub fn rates(&self) -> BTreeMap<Class, Rate> {
        let rates = self.limits.iter();
        let on = rates.filter_map(|(class, rate)| match rate.value() {
            Switched::On(rate) => Some((*class, *rate)),
            Switched::Off => None,
        });
        on.collect()
    }
}

fn overlay<K: Ord + Clone, T: Clone>(
    profile: Option<&BTreeMap<K, T>>,
    group: &BTreeMap<K, T>,
) -> Settings<K, T> {
    let profile = profile.into_iter().flatten();
    let mut settings: Settings<K, T> = profile
        .map(|(key, value)| (key.clone(), Setting::Profile(value.clone())))
        .collect();
    for (key, value) in group {
        let value = value.clone();
        let setting = match settings.remove(key) {
            Some(Setting::Profile(profile)) => Setting::Overridden { value, profile },
            _ => Setting::Group(value),
        };
        settings.insert(key.clone(), setting);
    }
    settings
}
