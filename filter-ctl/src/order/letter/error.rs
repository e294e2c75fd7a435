//! Why a letter is refused as a whole.

use ipnet::IpNet;

use super::OPERATOR_ORDER_VERSION;
use crate::order::{field::PortError, parse::ParseErrorKind};

/// Why a letter is refused as a whole, or a document is not used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnterError {
    /// A text is empty or too long.
    #[error("{0}")]
    Text(ParseErrorKind),
    /// It says nothing.
    #[error("order `{0}`: no entries: expected at least one")]
    NoEntries(String),
    /// There are too many entries.
    #[error("order `{reference}`: {count} entries: expected at most {max}")]
    TooManyEntries {
        /// The order.
        reference: String,
        /// How many there would be.
        count: usize,
        /// How many there may be.
        max: usize,
    },
    /// The reference is that of another authority's order.
    #[error("order `{reference}` is by `{known}`: expected the same issuer, not `{found}`")]
    OtherIssuer {
        /// The order.
        reference: String,
        /// Whose order it is.
        known: String,
        /// Whose it is said to be.
        found: String,
    },
    /// The document that exists is another order.
    #[error("order `{found}`: expected `{known}`, to which it is to be added")]
    OtherOrder {
        /// The order that exists.
        known: String,
        /// The order that is entered.
        found: String,
    },
    /// The prefix has host bits.
    #[error("entry {index}: `{net}` has host bits set: expected `{}`", net.trunc())]
    HostBits {
        /// Which, counted from 1.
        index: usize,
        /// The prefix.
        net: IpNet,
    },
    /// The ports cannot be used.
    #[error("entry {index}: {error}")]
    Ports {
        /// Which, counted from 1.
        index: usize,
        /// What is wrong with them.
        error: PortError,
    },
    /// The document is of another version.
    #[error("`version` is {0}: expected {OPERATOR_ORDER_VERSION}")]
    Version(u32),
    /// An entry of the document is not as it was written.
    #[error("entry `{id}`: {problem}")]
    Entry {
        /// Its name.
        id: String,
        /// What is wrong, and what was expected.
        problem: &'static str,
    },
}

impl EnterError {
    /// The stable name of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Text(_) => "malformed",
            Self::NoEntries(_) => "no_entries",
            Self::TooManyEntries { .. } => "too_many_entries",
            Self::OtherIssuer { .. } => "other_issuer",
            Self::OtherOrder { .. } => "other_order",
            Self::HostBits { .. } => "host_bits",
            Self::Ports { .. } => "malformed_ports",
            Self::Version(_) => "unsupported_version",
            Self::Entry { .. } => "damaged_entry",
        }
    }
}
