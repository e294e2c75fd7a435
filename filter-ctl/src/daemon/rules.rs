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
            if config.rules.iter().all(|known| known.rule.id != id) && self.find(&id).is_none() {
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
    let configured = config.rules.iter().map(|configured| &configured.rule);
    let added = local.rules.rules.iter().map(|added| &added.rule);
    let holding = added.filter(|rule| rule.holds(now));
    let mut ids = BTreeSet::new();
    let mut ranking = Ranking::default();
    let mut chosen = Chosen::default();
    for rule in configured.chain(holding).cloned() {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn now() -> Timestamp {
        at("2026-11-23T08:00:00Z")
    }

    fn added(id: &str, text: &str, until: Option<&str>) -> AddedRule {
        let id = RuleId::try_from(id.to_owned()).unwrap();
        AddedRule {
            rule: Rule::new(id, text::parse(text).unwrap(), until.map(at)),
            reason: "test".to_owned(),
            by: "alice (uid 1000)".to_owned(),
            at: now(),
        }
    }

    fn local(rules: Vec<AddedRule>) -> Local {
        Local {
            rules: AddedRules {
                last_number: 0,
                rules,
            },
            ..Local::default()
        }
    }

    fn config(text: &str) -> Config {
        crate::config::load::parse(text).unwrap().config
    }

    fn ids(chosen: &Chosen) -> Vec<&str> {
        chosen.rules.iter().map(|rule| rule.id.as_str()).collect()
    }

    const TWO: &str = "[[rule]]\nid = \"udp\"\nmatch = \"proto udp\"\nthen = \"drop\"\n\
                       [[rule]]\nid = \"host\"\nmatch = \"dst 192.0.2.1\"\nthen = \"limit 5 pps\"\n";

    #[test]
    fn rules_of_both_origins_are_ranked_together_and_the_first_end_is_known() {
        let local = local(vec![
            added("last", "dport 80 then drop", Some("2026-11-23T10:00:00Z")),
            added(
                "first",
                "dst 192.0.2.1 proto udp then drop",
                Some("2026-11-23T09:00:00Z"),
            ),
        ]);
        let chosen = choose(&config(TWO), &local, now());
        assert_eq!(ids(&chosen), ["first", "host", "udp", "last"]);
        assert_eq!(chosen.left_out, []);
        assert_eq!(chosen.next_end, Some(at("2026-11-23T09:00:00Z")));
    }

    #[test]
    fn a_rule_holds_until_its_end_and_not_at_it() {
        let local = local(vec![added(
            "a",
            "any then drop",
            Some("2026-11-23T09:00:00Z"),
        )]);
        let rules = |time| choose(&Config::default(), &local, at(time)).rules.len();
        assert_eq!(rules("2026-11-23T08:59:59.999999999Z"), 1);
        assert_eq!(rules("2026-11-23T09:00:00Z"), 0);
    }

    #[test]
    fn the_file_holds_where_it_conflicts_with_what_was_added() {
        let local = local(vec![
            added("udp", "dport 80 then drop", None),
            added("other", "protocol = 17 then pass", None),
            added("fine", "dport 81 then drop", None),
        ]);
        let chosen = choose(&config(TWO), &local, now());
        assert_eq!(ids(&chosen), ["host", "udp", "fine"]);
        let reasons: Vec<(&str, &str)> = chosen
            .left_out
            .iter()
            .map(|left| (left.id().as_str(), left.code()))
            .collect();
        assert_eq!(
            reasons,
            [("udp", "rule_exists"), ("other", "rule_duplicate")]
        );
    }

    #[test]
    fn as_many_rules_as_the_limit_says_are_in_force_and_no_more() {
        let rules =
            (0..=RULES_MAX).map(|n| added(&format!("n{n}"), &format!("dport {n} then drop"), None));
        let chosen = choose(&Config::default(), &local(rules.collect()), now());
        assert_eq!(chosen.rules.len(), RULES_MAX);
        let last = RuleId::try_from(format!("n{RULES_MAX}")).unwrap();
        assert_eq!(chosen.left_out, [ConflictError::TooMany(last)]);
    }

    #[test]
    fn a_number_is_given_once() {
        let mut rules = AddedRules::default();
        let taken = config("[[rule]]\nid = \"r2\"\nmatch = \"any\"\nthen = \"drop\"\n");
        let given: Vec<String> = (0..3).map(|_| rules.next_id(&taken).into()).collect();
        assert_eq!(given, ["r1", "r3", "r4"]);
    }

    #[test]
    fn what_was_added_is_read_back_and_damage_is_said() {
        let directory = tempfile::tempdir().unwrap();
        let rules = vec![
            added(
                "a",
                "proto tcp tcp flags syn,!ack then limit 1 kpps continue",
                None,
            ),
            added("b", "label 5 then monitor", Some("2026-11-23T09:00:00Z")),
        ];
        let local = local(rules);
        local.save_rules(directory.path()).unwrap();
        let (found, unusable) = Local::load(directory.path());
        assert!(unusable.is_empty() && found == local);
        let path = directory.path().join("rules.json");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("limit", "limid")).unwrap();
        let (_, unusable) = Local::load(directory.path());
        let error = unusable[0].1.to_string();
        assert!(
            error.contains("rules.json is damaged: column 40: `limid`"),
            "{error}"
        );
    }
}
