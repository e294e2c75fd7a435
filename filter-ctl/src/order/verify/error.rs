//! Why a bundle is refused whole.

use jiff::Timestamp;

use super::{BUNDLE_ORDERS_MAX, CHAIN_MAX, ISSUED_AHEAD_MAX_SECONDS, UntrustedOrder};
use crate::order::{
    FeedName, hex, parse::ParseError, sign::SIGNATURES_MAX, signature::SIGNATURE_BYTES_MAX,
};

/// Why a bundle is refused whole. The order of the variants is that of the checks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdmissionError {
    /// The bundle is too long.
    #[error("the bundle has {bytes} bytes: expected at most {max}")]
    BundleTooLarge {
        /// Its length.
        bytes: usize,
        /// Its longest.
        max: usize,
    },
    /// It has no signature.
    #[error("the bundle has no signature: expected at least one")]
    Unsigned,
    /// It has too many signatures.
    #[error("the bundle has {0} signatures: expected at most {SIGNATURES_MAX}")]
    TooManySignatures(usize),
    /// A signature is too long.
    #[error("signature {number} has {bytes} bytes: expected at most {SIGNATURE_BYTES_MAX}")]
    SignatureTooLarge {
        /// Which, counted from 1.
        number: usize,
        /// Its length.
        bytes: usize,
    },
    /// A signature is none.
    #[error("signature {0} is malformed: expected the four lines of a .minisig file")]
    SignatureMalformed(usize),
    /// No signature is by a key of the trust file.
    #[error("signed by key {0}: expected a key of the trust file")]
    UnknownKey(String),
    /// A signature is by a known key, and not over these bytes.
    #[error("the signature by `{0}` does not fit the bundle: expected it over exactly these bytes")]
    BadSignature(String),
    /// A line is malformed, or the bundle as a whole.
    #[error(transparent)]
    Malformed(#[from] ParseError),
    /// Nobody may sign for the feed.
    #[error("feed `{0}` is not in the trust file: expected one that is")]
    UnknownFeed(FeedName),
    /// None of the keys may sign for the feed.
    #[error("signed by {keys}: expected a key that may sign for feed `{feed}`")]
    KeyNotAllowed {
        /// The feed.
        feed: FeedName,
        /// The keys that signed.
        keys: String,
    },
    /// It came by the way of another feed.
    #[error("the bundle is for feed `{found}`: expected `{expected}`, by whose way it came")]
    WrongFeed {
        /// The bundle's feed.
        found: FeedName,
        /// The feed of the way it came.
        expected: FeedName,
    },
    /// Too few keys have signed.
    #[error("signed by {found} keys of feed `{feed}`: expected {threshold}")]
    ThresholdNotMet {
        /// The feed.
        feed: FeedName,
        /// How many distinct keys of the feed signed.
        found: usize,
        /// How many must.
        threshold: usize,
    },
    /// Keys that would be needed for the threshold are revoked.
    #[error("the key {0} is revoked: expected enough keys that are not")]
    KeyRevoked(String),
    /// It is older than what was admitted last.
    #[error(
        "epoch {} seq {} of feed `{feed}`: expected more than epoch {} seq {}, \
         which was admitted before",
        found.0, found.1, mark.0, mark.1
    )]
    Rollback {
        /// The feed.
        feed: FeedName,
        /// The bundle's epoch and sequence number.
        found: (u64, u64),
        /// Those that were admitted last.
        mark: (u64, u64),
    },
    /// Its epoch would leave no numbers above it.
    #[error("epoch {found} of feed `{feed}`: expected at most {max}; raise the epoch by one")]
    EpochTooFar {
        /// The feed.
        feed: FeedName,
        /// The bundle's epoch.
        found: u64,
        /// The highest that is admitted now.
        max: u64,
    },
    /// Its number was given to other bytes before. Somebody signs two truths.
    #[error(
        "epoch {} seq {} of feed `{feed}` was admitted with other bytes before: \
         expected the same bytes, or a higher seq; SHA-256 before {}, now {}",
        number.0, number.1, hex::encode(&digests[0]), hex::encode(&digests[1])
    )]
    Equivocation {
        /// The feed.
        feed: FeedName,
        /// The epoch and sequence number.
        number: (u64, u64),
        /// SHA-256 of what was admitted, and of this one.
        digests: [[u8; 32]; 2],
    },
    /// The trust file has expired.
    #[error("the trust file expired at {expires}: expected one that holds at {now}")]
    TrustExpired {
        /// When.
        expires: Timestamp,
        /// What the time was.
        now: Timestamp,
    },
    /// It has expired.
    #[error("expired at {expires_at}: expected later than {now}")]
    Expired {
        /// When.
        expires_at: Timestamp,
        /// What the time was.
        now: Timestamp,
    },
    /// It was issued later than now.
    #[error(
        "issued at {issued_at}: expected at most {ISSUED_AHEAD_MAX_SECONDS} s after {now}, \
         the time here"
    )]
    IssuedInFuture {
        /// When.
        issued_at: Timestamp,
        /// What the time was.
        now: Timestamp,
    },
    /// Keys that would be needed for the threshold have expired.
    #[error("the key {0} has expired: expected one that has not")]
    KeyExpired(String),
    /// The delta is of another base than what was admitted last.
    #[error(
        "a delta on epoch {} seq {} of feed `{feed}`: expected one on {}, or a snapshot",
        base.0, base.1, mark.map_or_else(
            || "nothing, as nothing was admitted yet".to_owned(),
            |(epoch, seq)| format!("epoch {epoch} seq {seq}, which was admitted last"),
        )
    )]
    WrongBase {
        /// The feed.
        feed: FeedName,
        /// The base that the delta names.
        base: (u64, u64),
        /// What was admitted last, if anything.
        mark: Option<(u64, u64)>,
    },
    /// There are too many deltas since the last snapshot.
    #[error("feed `{feed}`: {CHAIN_MAX} deltas since the last snapshot: expected a snapshot now")]
    ChainTooLong {
        /// The feed.
        feed: FeedName,
    },
    /// What the delta is to be applied on cannot be read.
    #[error("feed `{feed}`: the base of the delta cannot be read: {problem}; expected a snapshot")]
    BaseUnreadable {
        /// The feed.
        feed: FeedName,
        /// Why.
        problem: String,
    },
    /// The delta removes what is not there.
    #[error(
        "line {line}: feed `{feed}` has no entry of that `id` and `net`: expected one to remove"
    )]
    UnknownEntry {
        /// The feed.
        feed: FeedName,
        /// The line.
        line: u64,
    },
    /// An order is described otherwise than in the base.
    #[error(
        "feed `{feed}`: order `{reference}` is described otherwise than before: expected the same issuer, \
         basis and reason, or a snapshot"
    )]
    OrderChanged {
        /// The feed.
        feed: FeedName,
        /// The order.
        reference: String,
    },
    /// The delta would lead to too many orders.
    #[error("feed `{0}` would have more than {BUNDLE_ORDERS_MAX} orders: expected fewer")]
    TooManyOrders(FeedName),
    /// The delta does not lead to the state that it says.
    #[error(
        "the delta leads feed `{feed}` to the state {found}: expected {expected}, its `state_digest`"
    )]
    StateMismatch {
        /// The feed.
        feed: FeedName,
        /// What it leads to.
        found: String,
        /// What it says.
        expected: String,
    },
    /// It has more entries than the feed may have.
    #[error("the bundle has {found} entries: expected at most {max} of feed `{feed}`")]
    TooManyEntries {
        /// The feed.
        feed: FeedName,
        /// How many it announces.
        found: u64,
        /// How many the feed may have.
        max: u64,
    },
    /// It covers more addresses than the feed may cover.
    #[error("line {line}: more than {max} addresses are covered: expected fewer of feed `{feed}`")]
    TooManyAddresses {
        /// The feed.
        feed: FeedName,
        /// The line that passes the limit.
        line: u64,
        /// How many the feed may cover.
        max: u64,
    },
    /// With the delta, the feed would cover more addresses than it may.
    #[error(
        "with the delta more than {max} addresses are covered: expected fewer of feed `{feed}`"
    )]
    TooManyAddressesAfter {
        /// The feed.
        feed: FeedName,
        /// How many the feed may cover.
        max: u64,
    },
}

impl AdmissionError {
    /// Whether a good signature by a known key had been found before this went wrong: what a stranger
    /// sends never gets that far.
    #[must_use]
    pub const fn is_by_known_key(&self) -> bool {
        !matches!(
            self,
            Self::BundleTooLarge { .. }
                | Self::Unsigned
                | Self::TooManySignatures(_)
                | Self::SignatureTooLarge { .. }
                | Self::SignatureMalformed(_)
                | Self::UnknownKey(_)
                | Self::BadSignature(_)
        )
    }

    /// The stable name of the error, as in receipts, metrics and HTTP answers. A malformed bundle has
    /// the name that [`ParseErrorKind::code`](crate::order::parse::ParseErrorKind::code) gives it.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::BundleTooLarge { .. } => "bundle_too_large",
            Self::Unsigned => "unsigned",
            Self::TooManySignatures(_) => "too_many_signatures",
            Self::SignatureTooLarge { .. } => "signature_too_large",
            Self::SignatureMalformed(_) => "signature_malformed",
            Self::UnknownKey(_) => "unknown_key",
            Self::BadSignature(_) => "bad_signature",
            Self::Malformed(error) => error.kind.code(),
            Self::UnknownFeed(_) => "unknown_feed",
            Self::KeyNotAllowed { .. } => "key_not_allowed",
            Self::WrongFeed { .. } => "wrong_feed",
            Self::ThresholdNotMet { .. } => "threshold_not_met",
            Self::KeyRevoked(_) => "key_revoked",
            Self::Rollback { .. } => "rollback",
            Self::EpochTooFar { .. } => "epoch_too_far",
            Self::Equivocation { .. } => "equivocation",
            Self::TrustExpired { .. } => "trust_expired",
            Self::Expired { .. } => "expired",
            Self::IssuedInFuture { .. } => "issued_in_future",
            Self::KeyExpired(_) => "key_expired",
            Self::WrongBase { .. } => "wrong_base",
            Self::ChainTooLong { .. } => "chain_too_long",
            Self::BaseUnreadable { .. } => "base_unreadable",
            Self::UnknownEntry { .. } => "unknown_entry",
            Self::OrderChanged { .. } => "order_conflict",
            Self::TooManyOrders(_) => "too_many_orders",
            Self::StateMismatch { .. } => "state_mismatch",
            Self::TooManyEntries { .. } => "too_many_entries",
            Self::TooManyAddresses { .. } | Self::TooManyAddressesAfter { .. } => {
                "too_many_addresses"
            }
        }
    }
}

/// The checks that need nothing but lengths.
pub(super) fn check_sizes(
    untrusted: &UntrustedOrder,
    bundle_bytes_max: usize,
) -> Result<(), AdmissionError> {
    let UntrustedOrder {
        transport_feed: _,
        bundle,
        signatures,
    } = untrusted;
    let bytes = bundle.bytes().len();
    if bytes > bundle_bytes_max {
        return Err(AdmissionError::BundleTooLarge {
            bytes,
            max: bundle_bytes_max,
        });
    }
    if signatures.is_empty() {
        return Err(AdmissionError::Unsigned);
    }
    if signatures.len() > SIGNATURES_MAX {
        return Err(AdmissionError::TooManySignatures(signatures.len()));
    }
    for (number, signature) in (1..).zip(signatures) {
        let bytes = signature.len();
        if bytes > SIGNATURE_BYTES_MAX {
            return Err(AdmissionError::SignatureTooLarge { number, bytes });
        }
    }
    Ok(())
}
