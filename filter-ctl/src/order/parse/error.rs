//! What can be wrong with a bundle.

use super::LINE_BYTES_MAX;
use crate::order::field::{NetError, PortError, UntilError};

/// A bundle that is not of the documented form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {kind}")]
pub struct ParseError {
    /// The line, counted from 1.
    pub line: u64,
    /// What is wrong with it.
    pub kind: ParseErrorKind,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseErrorKind {
    /// It is too long.
    #[error("{0} bytes: expected at most {LINE_BYTES_MAX}")]
    LineTooLong(usize),
    /// It is no text.
    #[error("bytes that are no text: expected UTF-8")]
    NotText,
    /// It is no JSON object of the documented shape.
    #[error("{0}")]
    Json(String),
    /// There is nothing on it.
    #[error("blank: expected {0}")]
    Blank(&'static str),
    /// The manifest is of another type or version.
    #[error("`{field}` is `{found}`: expected `{expected}`")]
    Unsupported {
        /// The field.
        field: &'static str,
        /// What it says.
        found: String,
        /// What is supported.
        expected: String,
    },
    /// A text is empty that must not be.
    #[error("`{0}` is empty: expected text")]
    Empty(&'static str),
    /// A text is too long.
    #[error("`{field}` has {bytes} bytes: expected at most {max}")]
    TextTooLong {
        /// The field.
        field: &'static str,
        /// Its length.
        bytes: usize,
        /// Its longest.
        max: usize,
    },
    /// The prefix is none.
    #[error("`net` is `{0}`: {1}")]
    Net(String, NetError),
    /// The ports cannot be used.
    #[error("`ports`: {0}")]
    Ports(#[from] PortError),
    /// A time is none.
    #[error("`{0}`: {1}")]
    Time(&'static str, UntilError),
    /// Neither the line nor the manifest names an order.
    #[error("no `order`: expected one here or in the manifest")]
    NoOrder,
    /// An order is described in two ways.
    #[error(
        "order `{0}` is described otherwise than before: expected the same issuer, basis and reason"
    )]
    OrderConflict(String),
    /// There are too many different orders.
    #[error("more than {0} different orders: expected fewer, or several bundles")]
    TooManyOrders(usize),
    /// There are not as many entries as announced.
    #[error("the bundle has {found} entries: expected {announced}, as its manifest says")]
    WrongCount {
        /// How many there are; when there are more than announced, how many were read.
        found: u64,
        /// How many the manifest says.
        announced: u64,
    },
    /// An id is used twice.
    #[error("`id` is `{id}`, as on line {first}: expected each id once")]
    DuplicateId {
        /// The id.
        id: String,
        /// Where it was used first.
        first: u64,
    },
}

impl ParseErrorKind {
    /// The stable name of the error: `unsupported_version`, `wrong_count`, `duplicate_id`, `order_conflict`,
    /// `line_too_long`, else `malformed`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unsupported { .. } => "unsupported_version",
            Self::WrongCount { .. } => "wrong_count",
            Self::DuplicateId { .. } => "duplicate_id",
            Self::OrderConflict(_) => "order_conflict",
            Self::TooManyOrders(_) => "too_many_orders",
            Self::LineTooLong(_) => "line_too_long",
            _ => "malformed",
        }
    }
}
