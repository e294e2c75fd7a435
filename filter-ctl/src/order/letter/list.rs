//! The list that comes with a letter: lines of text, or a table.
//!
//! In text, words are separated by white space, commas, semicolons or bars; bullets, numbering, quotes and
//! prose around an address are passed over. A comment begins with `#`, `;` or `//` at the beginning of a
//! line or after white space and runs to its end. A line without any address is reported, as is each host
//! name, URL, hash and mail address. Whatever looks like an address and is none refuses the whole list, and so does
//! a line that seems to exempt an address: a list says what is to be blocked, and nothing else.

use std::fmt;

use ipnet::IpNet;
use serde::Serialize;

use super::{
    csv,
    indicator::{Kind, Word, classify, refang},
};
use crate::order::field::excerpt;

/// Bytes of a list; a longer one is refused.
pub const LIST_BYTES_MAX: usize = 64 << 20;
/// Lines of a list; more are refused.
pub const LIST_LINES_MAX: usize = 1_000_000;
/// Bytes of a line; a longer one is refused.
pub const LIST_LINE_BYTES_MAX: usize = 16 << 10;

/// How a list is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// A table if a column is asked for, or if the first line names one that is known; else text.
    #[default]
    Auto,
    /// Lines of text.
    Text,
    /// A table with a line of column names, separated by commas, semicolons or tabs.
    Csv,
}

/// One address or prefix of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ListedNet {
    /// Its line, counted from 1.
    pub line: u64,
    /// The prefix.
    pub net: IpNet,
}

/// Something in a list that a packet filter cannot enforce.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NotEnforceable {
    /// Its line, counted from 1.
    pub line: u64,
    /// The text, without control characters, shortened.
    pub text: String,
    /// What it is.
    pub kind: Kind,
}

/// What a list says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ParsedList {
    /// What is to be blocked, in the order of the list.
    pub entries: Vec<ListedNet>,
    /// What is asked for and cannot be done, for the report to the sender.
    pub not_enforceable: Vec<NotEnforceable>,
}

/// Why a list is refused as a whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// It is too long.
    #[error("the list has {0} bytes: expected at most {LIST_BYTES_MAX}")]
    TooLarge(usize),
    /// It has too many lines.
    #[error("the list has more than {LIST_LINES_MAX} lines: expected fewer, or several lists")]
    TooManyLines,
    /// A line is too long.
    #[error("line {line}: {bytes} bytes: expected at most {LIST_LINE_BYTES_MAX}")]
    LineTooLong {
        /// The line, counted from 1.
        line: u64,
        /// Its length.
        bytes: usize,
    },
    /// Something looks like an address, and is none.
    #[error("line {line}: `{text}`: {problem}")]
    Broken {
        /// The line, counted from 1.
        line: u64,
        /// The text.
        text: String,
        /// What was expected.
        problem: String,
    },
    /// A line seems to say what is *not* to be blocked.
    #[error(
        "line {line}: `{word}` beside an address seems to exempt something: expected only what is to be blocked; take \
         the line out, and enter what must not be blocked with `filter-ctl exception add`"
    )]
    Exempts {
        /// The line, counted from 1.
        line: u64,
        /// The word.
        word: &'static str,
    },
    /// The table has no such column, or several known ones.
    #[error("{problem}: expected one of the columns {columns}")]
    Column {
        /// What was asked for or found.
        problem: String,
        /// The columns of the table.
        columns: String,
    },
    /// A row of the table is none.
    #[error("line {line}: {problem}")]
    Row {
        /// The line on which the row begins, counted from 1.
        line: u64,
        /// What is wrong, and what was expected.
        problem: String,
    },
}

impl ListError {
    /// The stable name of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge(_) => "list_too_large",
            Self::TooManyLines => "too_many_lines",
            Self::LineTooLong { .. } => "line_too_long",
            Self::Broken { .. } => "broken_address",
            Self::Exempts { .. } => "list_exempts",
            Self::Column { .. } => "no_such_column",
            Self::Row { .. } => "broken_row",
        }
    }
}

/// Reads a list. `column` names the column of a table, in either case; without it the only one with a
/// known name is read.
pub fn parse_list(
    text: &str,
    format: Format,
    column: Option<&str>,
) -> Result<ParsedList, ListError> {
    if text.len() > LIST_BYTES_MAX {
        return Err(ListError::TooLarge(text.len()));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    check_lines(text)?;
    let is_table = match format {
        Format::Csv => true,
        Format::Text => false,
        Format::Auto => column.is_some() || csv::is_table(text),
    };
    let mut list = ParsedList::default();
    if is_table {
        csv::read(text, column, &mut list)?;
    } else {
        for (number, line) in (1..).zip(text.lines()) {
            list.read_text(number, line)?;
        }
    }
    Ok(list)
}

fn check_lines(text: &str) -> Result<(), ListError> {
    for (number, line) in (1..).zip(text.lines()) {
        let bytes = line.len();
        if number > LIST_LINES_MAX as u64 {
            return Err(ListError::TooManyLines);
        }
        if bytes > LIST_LINE_BYTES_MAX {
            let line = number;
            return Err(ListError::LineTooLong { line, bytes });
        }
    }
    Ok(())
}

impl ParsedList {
    /// Reads a line, or a field of a table.
    pub(super) fn read_text(&mut self, line: u64, text: &str) -> Result<(), ListError> {
        let plain = plain(text);
        let whole = refang(&plain);
        let whole = without_comment(&whole);
        let broken = |word: &str, problem: &str| ListError::Broken {
            line,
            text: excerpt(word),
            problem: problem.to_owned(),
        };
        let mut found = false;
        // After an address, and after an address and a dash.
        let (mut after_net, mut after_dash) = (false, false);
        // The address that this word hangs on, without a blank in between.
        let mut hangs_on = None;
        for (word, is_joined) in words(whole) {
            let before = (after_net, after_dash);
            (after_net, after_dash) = (false, false);
            hangs_on = hangs_on.filter(|_| is_joined);
            match classify(word) {
                Word::Prose
                    if let Some(address) = hangs_on
                        && is_last_part(word) =>
                {
                    self.refuse(line, &format!("{address},{word}"), Kind::Other);
                }
                Word::Prose if before.0 && is_length(word) => {
                    let problem = "a prefix length apart from its address: expected them together";
                    return Err(broken(word, problem));
                }
                // Somebody meant something by it: it must not be lost without a word.
                Word::Prose if holds_address(word) => {
                    self.refuse(line, word, Kind::Other);
                    found = true;
                }
                Word::Prose => after_dash = before.0 && is_range_word(word),
                Word::Net(_) if before.1 => {
                    return Err(broken(word, "ends a range: expected prefixes in CIDR form"));
                }
                Word::Net(net) => {
                    self.entries.push(ListedNet { line, net });
                    (after_net, found) = (true, true);
                    hangs_on = Some(word);
                }
                Word::Named(kind) => {
                    self.refuse(line, word, kind);
                    found = true;
                }
                Word::Broken(problem) => return Err(broken(word, &problem)),
            }
        }
        let ends_in_colon = plain.trim_end().ends_with(':');
        if (found || ends_in_colon)
            && let Some(word) = exempting_word(&plain)
        {
            return Err(ListError::Exempts { line, word });
        }
        if !found && whole.contains(char::is_alphanumeric) {
            self.refuse(line, whole.trim(), Kind::Other);
        }
        Ok(())
    }

    /// Reports a text that cannot be enforced.
    pub(super) fn refuse(&mut self, line: u64, text: &str, kind: Kind) {
        let text = excerpt(text);
        self.not_enforceable
            .push(NotEnforceable { line, text, kind });
    }
}

/// With plain blanks for the many that word processors know, and without invisible characters.
fn plain(text: &str) -> String {
    text.chars()
        .filter(|c| {
            !matches!(
                c,
                '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}'
            )
        })
        .map(|c| {
            if c.is_whitespace() || c.is_control() {
                ' '
            } else {
                c
            }
        })
        .collect()
}

/// The line up to its comment. After a semicolon there may also be more of the list: then it is none.
fn without_comment(line: &str) -> &str {
    let mut after_blank = true;
    for (at, c) in line.char_indices() {
        let rest = &line[at..];
        if after_blank {
            let list_goes_on = || {
                let mut words = words(rest).map(|(word, _)| word).peekable();
                words.peek().is_some() && words.all(|word| matches!(classify(word), Word::Net(_)))
            };
            if c == '#' || rest.starts_with("//") || (c == ';' && (at == 0 || !list_goes_on())) {
                return &line[..at];
            }
        }
        after_blank = c == ' ';
    }
    line
}

/// The words of a line, and whether each hangs on the one before by something else than a blank.
fn words(line: &str) -> impl Iterator<Item = (&str, bool)> {
    // A URL may have any of the separators in it but the blank.
    line.split(' ').flat_map(|word| {
        let is_url = word.contains("://");
        let separators: &[char] = if is_url { &[] } else { &[',', ';', '|'] };
        let parts = word.split(separators).map(cut_comment);
        let parts = parts.filter(|word| !word.is_empty());
        parts.zip([false].into_iter().chain(std::iter::repeat(true)))
    })
}

/// `53` behind `203.0.113.52,` may be the end of a further address, or a port, or a number of something: nobody knows,
/// so it is reported.
fn is_last_part(word: &str) -> bool {
    word.len() <= 3 && word.parse::<u8>().is_ok()
}

/// `/29` behind an address and a blank.
fn is_length(word: &str) -> bool {
    let length = word.strip_prefix('/').unwrap_or_default();
    !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether four numbers with dots are somewhere in a word that is no address.
fn holds_address(word: &str) -> bool {
    let runs = word.split(|c: char| !c.is_ascii_digit() && c != '.');
    let mut runs = runs.map(|run| run.trim_matches('.'));
    runs.any(|run| run.parse::<std::net::Ipv4Addr>().is_ok())
}

/// Words by which a line says what is not to be blocked. A line with one of them and an address is never entered: the
/// address could be the exempt one, or lie within a prefix beside it.
const EXEMPTING: [&str; 22] = [
    "trừ",
    "loại trừ",
    "không chặn",
    "không ngăn chặn",
    "không được chặn",
    "không được ngăn chặn",
    "bỏ chặn",
    "gỡ chặn",
    "gỡ bỏ",
    "except",
    "excepting",
    "excluding",
    "exclude",
    "excludes",
    "exempt",
    "unless",
    "not block",
    "not to be blocked",
    "don't block",
    "unblock",
    "whitelist",
    "allowlist",
];

/// The first of [`EXEMPTING`] in a text, as whole words in either case.
pub(super) fn exempting_word(text: &str) -> Option<&'static str> {
    let text = text.to_lowercase().replace('’', "'");
    let letters = |c: char| c.is_alphanumeric() || c == '\'';
    let mut spaced = String::from(" ");
    for word in text.split(|c| !letters(c)).filter(|word| !word.is_empty()) {
        spaced += word;
        spaced.push(' ');
    }
    let is_in = |word: &&&str| spaced.contains(&format!(" {word} "));
    EXEMPTING.iter().find(is_in).copied()
}

/// What stands between the first and the last address of a range.
fn is_range_word(word: &str) -> bool {
    let is_dash = |c| matches!(c, '-' | '\u{2010}'..='\u{2015}' | '~');
    word.chars().all(is_dash)
        || matches!(
            word,
            "to" | "through"
                | "till"
                | "until"
                | "đến"
                | "tới"
                | "/"
                | "..."
                | ".."
                | "…"
                | "->"
                | "-->"
                | "=>"
                | "→"
                | "⇒"
                | "⟶"
        )
}

/// `203.0.113.7#C2` is an address with a comment right behind it.
fn cut_comment(word: &str) -> &str {
    match word.split_once('#') {
        Some((address, _)) if matches!(classify(address), Word::Net(_)) => address,
        _ => word,
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Text => "text",
            Self::Csv => "csv",
        })
    }
}
