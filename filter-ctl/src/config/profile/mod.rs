//! Profiles: what a host group can say, under a name.
//!
//! A profile has policies, limits and rules, says what it is for, and what it may break. A host group names one, and
//! what the group says itself comes before it, setting by setting.
//!
//! - here: a profile, and its text;
//! - [`shelf`]: where profiles are found: in the program, and in a directory;
//! - [`rule`]: rules without a destination, for the networks of whichever group;
//! - [`in_force`]: what a host group says over what its profile says;
//! - [`switched`]: settings that a group can switch off.

pub mod in_force;
pub mod rule;
pub mod shelf;
pub mod switched;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, fmt, path::PathBuf};

use serde::{Deserialize, Serialize};

pub use self::{
    in_force::{InForce, Setting},
    rule::{GroupRule, RuleSetting},
    shelf::{ProfileError, Shelf},
    switched::Switched,
};
use super::{
    document::{Problem, read},
    perimeter::{ClassLimits, PolicyActions},
    validate::Findings,
};
use crate::{order::is_name, rule::RuleName};

/// The name of a profile, and of its file: lower-case letters, digits, `-`, `_` and `.`, at most 63, not beginning
/// with a dot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProfileName(Box<str>);

/// A name that is none.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` is no name of a profile: expected 1 to 63 of a-z, 0-9, `-`, `_`, `.`, not beginning with `.`"
)]
pub struct InvalidProfileName(String);

/// A profile that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Its name.
    pub name: ProfileName,
    /// The file that it was read from; none of one that is built in.
    pub file: Option<PathBuf>,
    /// What it says.
    pub text: ProfileText,
}

/// What the file of a profile says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProfileText {
    /// What it is for.
    pub description: String,
    /// What of good traffic it may break, a sentence each.
    pub may_break: Vec<String>,
    /// What is done about odd packets.
    pub policies: PolicyActions,
    /// What each address may receive.
    pub limits: ClassLimits,
    /// What is done about packets by what they are. All of them are whole.
    pub rules: BTreeMap<RuleName, RuleSetting>,
}

impl ProfileText {
    /// Reads and checks the text of a file.
    pub fn parse(text: &str) -> Result<Self, Vec<Problem>> {
        let (text, _) = read(text, |text: &mut Self| text.check())?;
        Ok(text)
    }

    fn check(&self) -> Findings {
        let mut findings = Findings::default();
        if self.description.trim().is_empty() {
            findings.problem("description", "expected what the profile is for");
        }
        let blank = |sentence: &String| sentence.trim().is_empty();
        if self.may_break.is_empty() || self.may_break.iter().any(blank) {
            findings.problem(
                "may_break",
                "expected what of good traffic the profile may break, a sentence each, at least one",
            );
        }
        for (name, rule) in &self.rules {
            if let Err(missing) = rule.over(None) {
                let message =
                    format!("rule {name} has no `{missing}`, which every rule of a profile has");
                findings.problem(format!("rules.{name}"), message);
            }
        }
        findings
    }

    /// Its rules.
    pub(super) fn rules(&self) -> BTreeMap<RuleName, GroupRule> {
        let whole = self.rules.iter();
        whole
            .filter_map(|(name, rule)| Some((name.clone(), rule.over(None).ok()?)))
            .collect()
    }
}

impl Profile {
    /// Where it is from, in words.
    #[must_use]
    pub fn origin(&self) -> String {
        match &self.file {
            None => "built in".to_owned(),
            Some(file) => file.display().to_string(),
        }
    }
}

impl ProfileName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ProfileName {
    type Error = InvalidProfileName;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        if is_name(&name) {
            Ok(Self(name.into()))
        } else {
            Err(InvalidProfileName(name))
        }
    }
}

impl From<ProfileName> for String {
    fn from(name: ProfileName) -> Self {
        name.0.into()
    }
}

impl fmt::Display for ProfileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
