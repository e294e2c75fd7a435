//! From characters to words and signs, with their columns.

use super::TextError;

/// A word or a sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) text: &'a str,
    /// In characters, from 1.
    pub(super) column: usize,
    pub(super) is_word: bool,
}

impl Token<'_> {
    /// Whether it is this word, in either case, or this sign.
    pub(super) fn is(&self, text: &str) -> bool {
        self.text.eq_ignore_ascii_case(text)
    }

    pub(super) fn error(&self, problem: impl Into<Box<str>>) -> TextError {
        TextError::new(self.column, self.text, problem)
    }
}

/// The signs, longer ones before those that they begin with.
const SIGNS: [&str; 15] = [
    "&&", "||", "..", "!=", "<=", ">=", "==", "=", "<", ">", "!", ",", "(", ")", ";",
];

/// Cuts a text. A word goes to the next blank or sign; `..` ends it, a single dot does not.
pub(super) fn tokens(text: &str) -> Result<Vec<Token<'_>>, TextError> {
    let mut tokens = Vec::new();
    let mut rest = text;
    let mut column = 1;
    while let Some(first) = rest.chars().next() {
        let sign = SIGNS.into_iter().find(|sign| rest.starts_with(sign));
        let length = if first.is_ascii_whitespace() {
            1
        } else if let Some(sign) = sign {
            sign.len()
        } else {
            word(rest)
        };
        if length == 0 {
            let problem = match first {
                '&' => "expected `&&`",
                '|' => "expected `||`",
                _ => "this character is no part of a rule",
            };
            return Err(TextError::new(column, &rest[..first.len_utf8()], problem));
        }
        let (token, after) = rest.split_at(length);
        if !first.is_ascii_whitespace() {
            tokens.push(Token {
                text: token,
                column,
                is_word: sign.is_none(),
            });
        }
        // All of a token is ASCII.
        column += length;
        rest = after;
    }
    Ok(tokens)
}

fn word(text: &str) -> usize {
    let belongs = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/".contains(&byte);
    let length = text.bytes().take_while(|byte| belongs(*byte)).count();
    text[..length].find("..").unwrap_or(length)
}
