//! Rules that operators have added, on disk, and how they go together with those of the configuration. Pure.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::local::Local;
use crate::{
    config::Config,
    policy::merge::earliest,
    rule::{
        RULES_MAX, Rule, RuleId,
        order::{Duplicate, Ranking},
        text::{self, TextError},
    },
};

/// A rule that an operator has added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Record", into = "Record")]
pub(crate) struct AddedRule {
    pub rule: Rule,
    /// Why.
    pub reason: String,
    /// Who added it.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// The same on disk.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    id: RuleId,
    text: String,
    until: Option<Timestamp>,
    reason: String,
    by: String,
    at: Timestamp,
}

impl TryFrom<Record> for AddedRule {
    type Error = TextError;

    fn try_from(record: Record) -> Result<Self, TextError> {
        let Record {
            id,
            text,
            until,
            reason,
            by,
            at,
        } = record;
        Ok(Self {
            rule: Rule::new(id, text::parse(&text)?, until),
            reason,
            by,
            at,
        })
    }
}

impl From<AddedRule> for Record {
    fn from(added: AddedRule) -> Self {
        let AddedRule {
            rule,
            reason,
            by,
            at,
        } = added;
        Self {
            id: rule.id,
            text: rule.text.into(),
            until: rule.until,
            reason,
            by,
            at,
        }
    }
}

/// All that operators have added.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddedRules {
    /// The highest number that was given in place of a name. None is given twice, so that no rule takes over the
    /// counters of another.
    pub last_number: u64,
    /// The rules, oldest first.
    pub rules: Vec<AddedRule>,
}

impl AddedRules {
    /// A name that neither this nor the configuration has, for a rule that was given none.
    pub(super) fn next_id(&mut self, config: &Config) -> RuleId {
        loop {
            self.last_number += 1;
            let id = RuleId::numbered(self.last_number);
            if config.rules.iter().all(|rule| rule.id != id) && self.find(&id).is_none() {
                return id;
            }
        }
    }

    pub(super) fn find(&self, id: &RuleId) -> Option<&AddedRule> {
        self.rules.iter().find(|added| added.rule.id == *id)
    }
}

/// Why rules cannot be in force together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ConflictError {
    /// Two have the same name.
    #[error("there is a rule {0} already: expected another id, or remove that one first")]
    Id(RuleId),
    /// Two have the same match.
    #[error(transparent)]
    Match(#[from] Duplicate),
    /// There are too many.
    #[error("{RULES_MAX} rules are in force already, which is the limit; {0} does not fit")]
    TooMany(RuleId),
}

impl ConflictError {
    /// The rule that does not go together with those before it.
    pub(super) const fn id(&self) -> &RuleId {
        match self {
            Self::Id(id) | Self::TooMany(id) | Self::Match(Duplicate { id, .. }) => id,
        }
    }

    /// A stable name of the reason.
    pub(super) const fn code(&self) -> &'static str {
        match self {
            Self::Id(_) => "rule_exists",
            Self::Match(_) => "rule_duplicate",
            Self::TooMany(_) => "limit",
        }
    }
}

/// The rules that shall be in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Chosen {
    /// In the order in which they are asked.
    pub rules: Vec<Rule>,
    /// Those that do not go together with others, which hold in their place.
    pub left_out: Vec<ConflictError>,
    /// When the first of them ends.
    pub next_end: Option<Timestamp>,
}

/// Puts together the rules of the configuration and those that operators have added.
///
/// The service lets in nothing that conflicts. The file can have been changed while it did not run: then the file
/// holds, and what was added is left out until the one or the other is changed.
pub(crate) fn choose(config: &Config, local: &Local, now: Timestamp) -> Chosen {
    let configured = config.rules.iter().map(|rule| rule.rule());
    let added = local.rules.rules.iter().map(|added| &added.rule);
    let holding = added.filter(|rule| rule.holds(now)).cloned();
    let mut ids = BTreeSet::new();
    let mut ranking = Ranking::default();
    let mut chosen = Chosen::default();
    for rule in configured.chain(holding) {
        let (id, until) = (rule.id.clone(), rule.until);
        let placed = if ids.contains(&id) {
            Err(ConflictError::Id(id.clone()))
        } else if ranking.len() >= RULES_MAX {
            Err(ConflictError::TooMany(id.clone()))
        } else {
            ranking.insert(rule).map_err(ConflictError::Match)
        };
        match placed {
            Ok(()) => {
                ids.insert(id);
                chosen.next_end = earliest(chosen.next_end, until);
            }
            Err(conflict) => chosen.left_out.push(conflict),
        }
    }
    chosen.rules = ranking.into_rules();
    chosen
}
