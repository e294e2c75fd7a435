//! The name of a rule.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::order::is_name;

/// The name of a rule: lower-case letters, digits, `-`, `_` and `.`, at most 63, not beginning with a dot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RuleId(Box<str>);

/// A name that is none.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` is no name of a rule: expected 1 to 63 of a-z, 0-9, `-`, `_`, `.`, not beginning with `.`"
)]
pub struct InvalidRuleId(String);

impl RuleId {
    /// The name that a rule gets which was given none.
    #[must_use]
    pub fn numbered(number: u64) -> Self {
        Self(format!("r{number}").into())
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for RuleId {
    type Error = InvalidRuleId;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        if is_name(&name) {
            Ok(Self(name.into()))
        } else {
            Err(InvalidRuleId(name))
        }
    }
}

impl From<RuleId> for String {
    fn from(id: RuleId) -> Self {
        id.0.into()
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
