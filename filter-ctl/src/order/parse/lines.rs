//! The lines of a bundle.

use super::{LINE_BYTES_MAX, ParseError, ParseErrorKind};

/// The lines of a bundle, with their numbers, without their ends.
pub(super) struct Lines<'a> {
    rest: &'a str,
    /// The number of the line that was read last, counted from 1.
    pub(super) number: u64,
    /// Whether the text ends where the bytes are no longer UTF-8.
    cut: bool,
}

impl<'a> Lines<'a> {
    pub(super) fn new(bundle: &'a [u8]) -> Self {
        // Bytes that are no text count as an error of the line they stand on, not of those before it.
        let (rest, cut) = match str::from_utf8(bundle) {
            Ok(text) => (text, false),
            Err(error) => {
                let valid = &bundle[..error.valid_up_to()];
                (str::from_utf8(valid).unwrap_or_default(), true)
            }
        };
        Self {
            rest,
            number: 0,
            cut,
        }
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Result<(u64, &'a str), ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() && !self.cut {
            return None;
        }
        self.number += 1;
        let failed = |kind| {
            let line = self.number;
            Some(Err(ParseError { line, kind }))
        };
        let (line, rest) = match self.rest.split_once('\n') {
            Some(split) => split,
            None if self.cut => return failed(ParseErrorKind::NotText),
            None => (self.rest, ""),
        };
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.len() > LINE_BYTES_MAX {
            return failed(ParseErrorKind::LineTooLong(line.len()));
        }
        self.rest = rest;
        Some(Ok((self.number, line)))
    }
}
