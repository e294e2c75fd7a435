//! Rules as engineers write them: `dst 192.0.2.0/24 proto = udp sport = 123 length >= 468 then drop`.
//!
//! The words are those of BIRD's flow specifications, with the long names of other routers beside them.
//! What could be read in two ways is refused, with the column and what to write instead. What is printed is
//! canonical: it reads back as the same rule.
//!
//! - here: a rule, and errors;
//! - `token`: from characters to words and signs, with their columns;
//! - `cursor`: from token to token;
//! - `matching`: clauses, family, prefixes;
//! - `numbers` and `flags`: the lists of operators;
//! - `action`: what comes after `then`;
//! - `names`: ports, types, flags that have names;
//! - `print`: from a rule to its text.

mod action;
mod cursor;
mod flags;
mod matching;
mod names;
mod numbers;
mod print;
mod token;

use std::fmt;

pub(crate) use self::print::print_action;
use self::{cursor::Cursor, token::tokens};
use super::{Action, Matching, Rate, TEXT_MAX};
use crate::order::field::excerpt;

/// What the text of a rule says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The packets that are meant.
    pub matching: Matching,
    /// What is done about them.
    pub action: Action,
    /// Whether no further rule is asked.
    pub terminal: bool,
}

/// Text that is no rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {token}{problem}")]
pub struct TextError {
    /// Where, in characters from 1.
    pub column: usize,
    token: Excerpt,
    problem: Box<str>,
}

/// The beginning of a word, or nothing at the end of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Excerpt(Box<str>);

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            "" => Ok(()),
            token => write!(f, "`{token}`: "),
        }
    }
}

impl TextError {
    fn new(column: usize, token: &str, problem: impl Into<Box<str>>) -> Self {
        Self {
            column,
            token: Excerpt(excerpt(token).into()),
            problem: problem.into(),
        }
    }
}

/// Reads a rule: a match, `then`, an action.
pub fn parse(text: &str) -> Result<Written, TextError> {
    check_length(text)?;
    let tokens = tokens(text)?;
    let end = text.chars().count() + 1;
    let Some(then) = tokens.iter().position(|token| token.is("then")) else {
        return Err(TextError::new(
            end,
            "",
            "expected `then` and an action, such as `then drop`",
        ));
    };
    let matching = matching::read(Cursor::new(&tokens[..then], tokens[then].column))?;
    let (action, terminal) = action::read(Cursor::new(&tokens[then + 1..], end))?;
    let written = Written {
        matching,
        action,
        terminal,
    };
    // The canonical text is what is stored and shown, and must be readable again.
    check_length(&written.to_string())?;
    Ok(written)
}

/// Reads a match alone.
pub fn parse_matching(text: &str) -> Result<Matching, TextError> {
    check_length(text)?;
    let matching = matching::read(Cursor::new(&tokens(text)?, text.chars().count() + 1))?;
    check_length(&matching.to_string())?;
    Ok(matching)
}

/// Reads a rate alone: `1000 pps`, `10 Mbit/s burst 1 Mbit`.
pub fn parse_rate(text: &str) -> Result<Rate, TextError> {
    check_length(text)?;
    let tokens = tokens(text)?;
    let mut cursor = Cursor::new(&tokens, text.chars().count() + 1);
    let rate = action::rate(&mut cursor)?;
    if !cursor.is_at_end() {
        return Err(cursor.unexpected("the end of the rate, or `burst`"));
    }
    Ok(rate)
}

/// Reads an action alone, and whether no further rule is asked.
pub fn parse_action(text: &str) -> Result<(Action, bool), TextError> {
    check_length(text)?;
    action::read(Cursor::new(&tokens(text)?, text.chars().count() + 1))
}

fn check_length(text: &str) -> Result<(), TextError> {
    if text.len() <= TEXT_MAX {
        return Ok(());
    }
    let problem = format!(
        "{} bytes: expected at most {TEXT_MAX}; split the rule",
        text.len()
    );
    Err(TextError::new(1, "", problem))
}
