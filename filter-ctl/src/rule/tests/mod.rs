//! Tests of rules: their text, their bytes, their order, what they match.

mod generate;
mod matches;
mod order;
mod properties;
mod text;

use super::{Matching, Rule, text::parse};

/// A rule of that text.
fn rule(id: &str, text: &str) -> Rule {
    let written = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    Rule {
        id: id.into(),
        text: written.to_string().into(),
        matching: written.matching,
        action: written.action,
        terminal: written.terminal,
        until: None,
    }
}

/// The match of a text.
fn matching(text: &str) -> Matching {
    super::text::parse_matching(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}
