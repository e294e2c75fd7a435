//! Rules of the configuration.

use serde::{Deserialize, Deserializer, de::Error};

use crate::rule::{Action, Matching, Rule, RuleId, Written, text};

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleConfig {
    /// Its name.
    pub id: RuleId,
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

impl RuleConfig {
    /// The rule, which holds as long as it is configured.
    #[must_use]
    pub fn rule(&self) -> Rule {
        let written = Written {
            matching: self.matching.clone(),
            action: self.then.action,
            terminal: self.then.terminal,
        };
        Rule::new(self.id.clone(), written, None)
    }
}

fn matching<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Matching, D::Error> {
    let text = String::deserialize(deserializer)?;
    text::parse_matching(&text).map_err(D::Error::custom)
}

fn then<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Then, D::Error> {
    let text = String::deserialize(deserializer)?;
    let (action, terminal) = text::parse_action(&text).map_err(D::Error::custom)?;
    Ok(Then { action, terminal })
}
