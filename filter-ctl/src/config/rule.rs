//! Rules of the configuration.

use std::fmt;

use serde::{Deserialize, Deserializer, de::Error};

use crate::rule::{
    Action, Matching, Rule, RuleName, Written,
    text::{self, TextError},
};

/// A rule as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleConfig {
    /// Its name.
    pub id: RuleName,
    /// The packets that are meant.
    #[serde(rename = "match", deserialize_with = "matching")]
    pub matching: Matching,
    /// What is done about them.
    #[serde(deserialize_with = "then")]
    pub then: Then,
    /// Why.
    #[serde(default)]
    pub reason: String,
}

/// What is done about packets that match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Then {
    /// The action.
    pub action: Action,
    /// Whether no further rule is asked.
    pub terminal: bool,
}

/// A rule that holds as long as it is configured, whether it is written as one or comes of a host group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfiguredRule {
    /// The rule.
    pub rule: Rule,
    /// Why.
    pub reason: String,
}

impl RuleConfig {
    /// The rule that it makes.
    pub(super) fn configured(&self) -> ConfiguredRule {
        let written = Written {
            matching: self.matching.clone(),
            action: self.then.action,
            terminal: self.then.terminal,
        };
        ConfiguredRule {
            rule: Rule::new(self.id.clone().into(), written, None),
            reason: self.reason.clone(),
        }
    }
}

impl Then {
    pub(super) fn parse(text: &str) -> Result<Self, TextError> {
        let (action, terminal) = text::parse_action(text)?;
        Ok(Self { action, terminal })
    }
}

impl fmt::Display for Then {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        text::print_action(f, self.action, self.terminal)
    }
}

fn matching<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Matching, D::Error> {
    let text = String::deserialize(deserializer)?;
    text::parse_matching(&text).map_err(D::Error::custom)
}

fn then<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Then, D::Error> {
    let text = String::deserialize(deserializer)?;
    Then::parse(&text).map_err(D::Error::custom)
}
