//! The names of rules.

use std::fmt;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::order::is_name;

/// Bytes of the name of a host group.
pub const GROUP_NAME_MAX: usize = 64;

/// A name that a person gives a rule: lower-case letters, digits, `-`, `_` and `.`, at most 63, not beginning with
/// a dot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RuleName(Box<str>);

/// The name of a rule in force: the one that a person gave it, or `GROUP/RULE@PREFIX` of the rule of a host group
/// for one of its networks. So the two never meet, and a rule keeps its counters while networks come and go.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RuleId(Box<str>);

/// A name that is none.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` is no name of a rule: expected 1 to 63 of a-z, 0-9, `-`, `_`, `.`, not beginning with `.`"
)]
pub struct InvalidRuleName(String);

impl RuleName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl RuleId {
    /// The name that a rule gets which was given none.
    #[must_use]
    pub fn numbered(number: u64) -> Self {
        Self(format!("r{number}").into())
    }

    /// The name of a host group's rule for one of its networks.
    #[must_use]
    pub fn of_group(group: &str, name: &RuleName, net: IpNet) -> Self {
        Self(format!("{group}/{}@{net}", name.0).into())
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The host group that it is a rule of, if it is.
    #[must_use]
    pub fn group(&self) -> Option<&str> {
        Some(self.0.split_once('/')?.0)
    }
}

/// Whether a host group can have this name.
#[must_use]
pub fn is_group_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=GROUP_NAME_MAX).contains(&name.len()) && name.bytes().all(allowed)
}

/// Whether this is `GROUP/RULE@PREFIX`, as it is printed.
fn is_of_group(text: &str) -> bool {
    let parts = text
        .split_once('/')
        .and_then(|(group, rest)| Some((group, rest.split_once('@')?)));
    parts.is_some_and(|(group, (name, net))| {
        let printed = |read: IpNet| read.to_string() == net;
        is_group_name(group) && is_name(name) && net.parse().is_ok_and(printed)
    })
}

impl TryFrom<String> for RuleName {
    type Error = InvalidRuleName;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        if is_name(&name) {
            Ok(Self(name.into()))
        } else {
            Err(InvalidRuleName(name))
        }
    }
}

impl TryFrom<String> for RuleId {
    type Error = InvalidRuleName;

    fn try_from(id: String) -> Result<Self, Self::Error> {
        if is_of_group(&id) {
            Ok(Self(id.into()))
        } else {
            RuleName::try_from(id).map(Self::from)
        }
    }
}

impl From<RuleName> for RuleId {
    fn from(name: RuleName) -> Self {
        Self(name.0)
    }
}

impl From<RuleName> for String {
    fn from(name: RuleName) -> Self {
        name.0.into()
    }
}

impl From<RuleId> for String {
    fn from(id: RuleId) -> Self {
        id.0.into()
    }
}

impl fmt::Display for RuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_groups_rule_reads_back_and_is_none_that_a_person_gives() {
        let name = RuleName::try_from("reflection".to_owned()).unwrap();
        for net in ["192.0.2.0/24", "2001:db8:7::/64"] {
            let id = RuleId::of_group("Web", &name, net.parse().unwrap());
            assert_eq!(id.as_str(), format!("Web/reflection@{net}"));
            assert_eq!(RuleId::try_from(id.to_string()).unwrap(), id);
            assert_eq!(id.group(), Some("Web"));
            assert!(RuleName::try_from(id.to_string()).is_err());
        }
        assert_eq!(RuleId::from(name).group(), None);
        for text in [
            "web/a",
            "web/A@192.0.2.0/24",
            "/a@192.0.2.0/24",
            "web/a@192.0.2.0",
            "web/a@192.0.2.0/024",
            "we b/a@192.0.2.0/24",
            "web/a@2001:DB8::/32",
            ".a",
        ] {
            assert!(RuleId::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}
