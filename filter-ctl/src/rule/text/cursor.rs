//! From token to token.

use super::{TextError, token::Token};

/// The tokens that are not yet read, and where they end.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    tokens: &'a [Token<'a>],
    end: usize,
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(tokens: &'a [Token<'a>], end: usize) -> Self {
        Self { tokens, end }
    }

    pub(super) const fn is_at_end(&self) -> bool {
        self.tokens.is_empty()
    }

    pub(super) const fn peek(&self) -> Option<&'a Token<'a>> {
        self.tokens.first()
    }

    /// Where all is read.
    pub(super) const fn last(&self) -> Self {
        Self::new(&[], self.end)
    }

    /// The first of these that comes next, which is read.
    pub(super) fn take(&mut self, texts: &[&'static str]) -> Option<&'static str> {
        let next = self.peek()?;
        let found = texts.iter().find(|text| next.is(text))?;
        self.tokens = &self.tokens[1..];
        Some(found)
    }

    /// Words that come next, such as `tcp flags`, which are read, with the first of them.
    pub(super) fn take_words(&mut self, words: &str) -> Option<&'a Token<'a>> {
        let count = words.split(' ').count();
        let next = self.tokens.get(..count)?;
        let all = next
            .iter()
            .zip(words.split(' '))
            .all(|(token, word)| token.is(word));
        if !all {
            return None;
        }
        self.tokens = &self.tokens[count..];
        next.first()
    }

    /// The word that comes next; `expected` says what it should be.
    pub(super) fn word(&mut self, expected: &str) -> Result<&'a Token<'a>, TextError> {
        match self.peek() {
            Some(token) if token.is_word => {
                self.tokens = &self.tokens[1..];
                Ok(token)
            }
            _ => Err(self.unexpected(expected)),
        }
    }

    /// An error at what comes next.
    pub(super) fn unexpected(&self, expected: &str) -> TextError {
        let problem = format!("expected {expected}");
        match self.peek() {
            Some(token) => token.error(problem),
            None => TextError::new(self.end, "", problem),
        }
    }

    /// The tokens before the next for which `ends` holds, which are read, and a cursor over them.
    pub(super) fn until(&mut self, ends: impl Fn(&Self) -> bool) -> Self {
        let start = self.tokens;
        while !self.is_at_end() && !ends(self) {
            self.tokens = &self.tokens[1..];
        }
        let count = start.len() - self.tokens.len();
        let end = self.peek().map_or(self.end, |token| token.column);
        Self::new(&start[..count], end)
    }
}
