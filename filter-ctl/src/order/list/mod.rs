//! Published lists that nobody signs: from bytes to prefixes, whole or not at all. Pure.
//!
//! A mirror that fails serves an error text, an error page, nothing, or half a list, with status 200. So what
//! a list says of itself decides: each format has its evidence, and size is none. A list that lacks it, or
//! has a line that is no entry, is refused whole, with the line.
//!
//! - `plain`: one prefix a line, as FireHOL's netsets and the legacy DROP text;
//! - `drop_json`: Spamhaus DROP as JSON lines.

mod drop_json;
mod plain;
#[cfg(test)]
mod tests;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::field::excerpt;

/// The longest list, in bytes; a longer one is not fetched to its end.
pub const LIST_BYTES_MAX: usize = 32 << 20;
/// The longest line of a list, in bytes; a longer one refuses the list.
pub const LINE_BYTES_MAX: usize = 4096;

/// How a list is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ListFormat {
    /// One prefix a line; comments begin with `#` or `;`.
    Plain,
    /// Spamhaus DROP as JSON lines, with its record of metadata at the end.
    DropJson,
}

/// How a list is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// How it is written.
    pub format: ListFormat,
    /// The most entries; more refuse the list.
    pub entries_max: u32,
    /// Whether a list without entries is good though it does not say that it has none.
    pub can_be_empty: bool,
}

/// Why a list is refused, whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// It is a web page.
    #[error("line 1: a web page, not a list: expected {expected}")]
    Html {
        /// What a line looks like.
        expected: &'static str,
    },
    /// A line is no entry.
    #[error("line {line}: found `{found}`: expected {expected}")]
    Line {
        /// The line, from 1.
        line: usize,
        /// Its beginning.
        found: String,
        /// What a line looks like.
        expected: &'static str,
    },
    /// It has no entries, and nothing says that this is so.
    #[error(
        "no entries: expected some, or a header that says 0; if the list can be empty, set can_be_empty"
    )]
    Empty,
    /// Its end is missing.
    #[error("line {line}: the list is cut off: expected {expected}")]
    Truncated {
        /// The last line, from 1.
        line: usize,
        /// What a whole list ends with.
        expected: &'static str,
    },
    /// It says of itself what is not so.
    #[error("line {line}: announces {announced} {what}, but {found} are there")]
    Count {
        /// The line of the announcement, from 1.
        line: usize,
        /// What was counted.
        what: &'static str,
        /// What the list says.
        announced: u128,
        /// What there is.
        found: u128,
    },
    /// It has too many entries.
    #[error("line {line}: more than {max} entries: expected no more; entries_max allows others")]
    TooMany {
        /// The line, from 1.
        line: usize,
        /// The most.
        max: u32,
    },
}

impl ListError {
    /// The stable name of the reason.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Html { .. } => "list_html",
            Self::Line { .. } => "list_line",
            Self::Empty => "list_empty",
            Self::Truncated { .. } => "list_truncated",
            Self::Count { .. } => "list_count",
            Self::TooMany { .. } => "list_too_many",
        }
    }
}

/// The prefixes of a list, sorted, each once.
pub fn parse(bytes: &[u8], expected: &Expected) -> Result<Vec<IpNet>, ListError> {
    let mut nets = match expected.format {
        ListFormat::Plain => plain::parse(bytes, *expected),
        ListFormat::DropJson => drop_json::parse(bytes, *expected),
    }?;
    nets.sort_unstable();
    nets.dedup();
    Ok(nets)
}

/// A prefix, or an address for the prefix of it alone. Without bits set past its length: one that has them was
/// cut or mistyped.
fn parse_net(text: &str) -> Option<IpNet> {
    let net = match text.parse::<IpNet>() {
        Ok(net) => net,
        Err(_) => IpNet::from(text.parse::<std::net::IpAddr>().ok()?),
    };
    (net == net.trunc()).then_some(net)
}

/// Takes one more prefix, if there is room.
fn push(nets: &mut Vec<IpNet>, net: IpNet, line: usize, max: u32) -> Result<(), ListError> {
    if nets.len() >= max as usize {
        return Err(ListError::TooMany { line, max });
    }
    nets.push(net);
    Ok(())
}

/// What is wrong with a line that is no entry.
fn not_an_entry(line: usize, bytes: &[u8], expected: &'static str) -> ListError {
    let bytes = bytes.trim_ascii();
    let is_markup = bytes.starts_with(b"<");
    if line == 1 && is_markup {
        return ListError::Html { expected };
    }
    let shown = &bytes[..bytes.len().min(LINE_BYTES_MAX)];
    let found = excerpt(&String::from_utf8_lossy(shown));
    ListError::Line {
        line,
        found,
        expected,
    }
}
