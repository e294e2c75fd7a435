//! Rules that are each sound and do not go together.

use std::collections::HashSet;

use super::Findings;
use crate::{
    config::Config,
    rule::{RULES_MAX, order::Ranking},
};

/// Looks at all of them.
pub(super) fn validate(config: &Config, findings: &mut Findings) {
    let count = config.rules.len();
    if count > RULES_MAX {
        findings.problem(
            "rule",
            format!("{count} rules are configured; at most {RULES_MAX} can be in force"),
        );
        return;
    }
    let mut seen = HashSet::new();
    let mut ranking = Ranking::default();
    for (index, rule) in config.rules.iter().enumerate() {
        if !seen.insert(&rule.id) {
            let message = format!("rule {} is configured twice", rule.id);
            findings.problem(format!("rule.{index}.id"), message);
        }
        if let Err(duplicate) = ranking.insert(rule.rule()) {
            findings.problem(format!("rule.{index}.match"), duplicate.to_string());
        }
    }
}
