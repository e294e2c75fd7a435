//! What is not as it was at admission: an alarm where the order is enforced all the same, an error where it is not.

use crate::order::{FeedName, parse::ParseError, verify::AdmissionError};

/// What is not as it was at admission. The order is enforced all the same.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadmitAlarm {
    /// The feed has left the trust file.
    #[error("feed `{0}` is no longer in the trust file: what it ordered stays in force")]
    UnknownFeed(FeedName),
    /// Keys that signed it, or a bundle that it builds on, have left the trust file, or the feed's keys.
    #[error(
        "feed `{feed}` was signed by {keys}, no longer trusted: what it ordered stays in force"
    )]
    KeyNotTrusted {
        /// The feed.
        feed: FeedName,
        /// The keys.
        keys: String,
    },
    /// Keys that signed it, or a bundle that it builds on, are revoked.
    #[error(
        "feed `{feed}` was signed by {keys}, revoked since: what it ordered stays in force until it is \
         withdrawn or a snapshot by another key takes its place"
    )]
    KeyRevoked {
        /// The feed.
        feed: FeedName,
        /// The keys, with the times of their revocation.
        keys: String,
    },
    /// Fewer trusted keys than the threshold have signed it, or a bundle that it builds on.
    #[error(
        "feed `{feed}` is signed by {found} of {threshold} keys: what it ordered stays in force"
    )]
    ThresholdNotMet {
        /// The feed.
        feed: FeedName,
        /// How many trusted keys signed it.
        found: usize,
        /// How many must by now.
        threshold: usize,
    },
    /// A stored signature does not fit the bundle, which is that of the mark.
    #[error(
        "feed `{feed}`: stored signature {number} no longer fits: what was ordered stays in force"
    )]
    BadSignature {
        /// The feed.
        feed: FeedName,
        /// Which, counted from 1.
        number: usize,
    },
    /// The feed's scope is another by now. What was admitted stays as it was judged, also where a delta
    /// leaves it alone.
    #[error(
        "feed `{0}` has another scope by now: it holds for what is added, and for all from the next \
         snapshot on"
    )]
    ScopeChanged(FeedName),
    /// The record of the times since which entries hold is damaged or missing.
    #[error(
        "feed `{feed}`: the record of first dates is lost: {problem}; entries count from {from}"
    )]
    SinceLost {
        /// The feed.
        feed: FeedName,
        /// What is wrong with it.
        problem: String,
        /// The admission of the bundle.
        from: jiff::Timestamp,
    },
}

impl ReadmitAlarm {
    /// The codes of what [`authority_alarms`] finds.
    pub const AUTHORITY: [&'static str; 5] = [
        "unknown_feed",
        "key_not_trusted",
        "key_revoked",
        "threshold_not_met",
        "scope_changed",
    ];
    /// The codes of what is found of the files of a snapshot and its signatures; a new snapshot ends them.
    pub const FILES: [&'static str; 2] = ["bad_signature", "since_lost"];

    /// The stable name of the alarm.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UnknownFeed(_) => "unknown_feed",
            Self::KeyNotTrusted { .. } => "key_not_trusted",
            Self::KeyRevoked { .. } => "key_revoked",
            Self::ThresholdNotMet { .. } => "threshold_not_met",
            Self::BadSignature { .. } => "bad_signature",
            Self::ScopeChanged(_) => "scope_changed",
            Self::SinceLost { .. } => "since_lost",
        }
    }
}

/// Why stored bytes are not what was admitted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadmitError {
    /// The bundle has changed on disk.
    #[error(
        "feed `{feed}`: the stored bundle has SHA-256 {found}: expected {expected}, as the mark says"
    )]
    DigestMismatch {
        /// The feed.
        feed: FeedName,
        /// The bundle's digest, in hexadecimal.
        found: String,
        /// The mark's.
        expected: String,
    },
    /// It is malformed, which it was not.
    #[error("feed `{feed}`: stored bundle: {error}")]
    Malformed {
        /// The feed.
        feed: FeedName,
        /// What is wrong.
        error: ParseError,
    },
    /// It is another bundle than the mark says.
    #[error("feed `{0}`: the stored bundle is of another feed or number than its mark")]
    WrongBundle(FeedName),
    /// It passes a limit of the scope in the mark, or does not fit what it builds on, which it did.
    #[error("feed `{feed}`: stored bundle: {error}")]
    OutOfScope {
        /// The feed.
        feed: FeedName,
        /// What is wrong.
        error: Box<AdmissionError>,
    },
}

impl ReadmitError {
    /// The stable name of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::DigestMismatch { .. } => "digest_mismatch",
            Self::Malformed { .. } => "malformed",
            Self::WrongBundle(_) => "wrong_bundle",
            Self::OutOfScope { .. } => "out_of_scope",
        }
    }
}
