//! Tests of rules: their text, their bytes, their order, what they match.

mod generate;
mod matches;
mod order;
mod properties;
mod text;

use super::{Matching, Rule, RuleId, text::parse};

/// A rule of that text.
fn rule(id: &str, text: &str) -> Rule {
    let written = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    Rule::new(RuleId::try_from(id.to_owned()).unwrap(), written, None)
}

/// The match of a text.
fn matching(text: &str) -> Matching {
    super::text::parse_matching(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}
