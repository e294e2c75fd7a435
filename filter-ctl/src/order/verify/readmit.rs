//! A restart: what was admitted and stored comes back as it was.
//!
//! Bytes and signatures are checked again, dates are not: they judged the admission. A bundle that hashes
//! to its mark is rebuilt even when its key has left the trust file or its signature no longer fits,
//! because only an order, an `until` or the kill switch takes protection away. Such a thing is an alarm
//! for the operator, who decides.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bytes::Bytes;
use jiff::tz::TimeZone;
use sha2::{Digest as _, Sha256};

use super::{
    AdmissionError, Link, Mark, delta,
    entries::{self, Judged},
    listed, since, verified_order,
};
use crate::order::{
    FeedName, VerifiedOrder, hex,
    parse::{self, Manifest, ParseError},
    signature::Detached,
    trust::TrustFile,
};

/// What is stored of a feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The feed.
    pub feed: FeedName,
    /// The mark.
    pub mark: Mark,
    /// The bundles that the marked one builds on, as received, in the order of [`Mark::chain`].
    pub chain: Vec<Bytes>,
    /// The bundle, as received.
    pub bundle: Bytes,
    /// The signature files, as received.
    pub signatures: Vec<Vec<u8>>,
    /// What [`encode_since`](super::encode_since) made for the snapshot; `None` if it is missing.
    pub since: Option<Vec<u8>>,
}

/// What comes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readmitted {
    /// The order, to be enforced.
    pub order: Arc<VerifiedOrder>,
    /// What an operator must hear about it.
    pub alarms: Vec<ReadmitAlarm>,
}

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

/// Rebuilds what was admitted. It fails only when the stored bytes are not those of the mark.
pub fn readmit(
    committed: &Committed,
    trust: &TrustFile,
    timezone: &TimeZone,
) -> Result<Readmitted, ReadmitError> {
    let Committed {
        feed,
        mark,
        chain,
        bundle,
        signatures: _,
        since,
    } = committed;
    let mut alarms = stored_alarms(committed, trust);
    let mut order: Option<VerifiedOrder> = None;
    for (link, bytes) in mark.bundles().zip(chain.iter().chain([bundle])) {
        let (manifest, mut judged) = rejudge(feed, &link, bytes, timezone)?;
        let of_link = mark_of(&link);
        match order {
            None => {
                let restored = match since {
                    Some(since) => {
                        let (entries, restored) = since::apply(since, judged.entries);
                        judged.entries = entries;
                        restored
                    }
                    None => Err("expected a file beside the bundle".to_owned()),
                };
                if let Err(problem) = restored {
                    alarms.push(ReadmitAlarm::SinceLost {
                        feed: feed.clone(),
                        problem,
                        from: link.admitted_at,
                    });
                }
            }
            Some(before) => {
                let applied = delta::apply(feed, before.base(), &judged, &link.scope);
                judged = applied.map_err(|error| out_of_scope(feed, error))?;
            }
        }
        order = Some(verified_order(&manifest, &of_link, judged));
    }
    // A mark has at least its own bundle.
    let order = order.ok_or_else(|| ReadmitError::WrongBundle(feed.clone()))?;
    let order = Arc::new(order);
    Ok(Readmitted { order, alarms })
}

/// What an order takes from the mark of a bundle of a chain.
fn mark_of(link: &Link) -> Mark {
    Mark {
        epoch: link.epoch,
        seq: link.seq,
        sha256: link.sha256,
        admitted_at: link.admitted_at,
        scope: link.scope.clone(),
        signers: link.signers.clone(),
        chain: Vec::new(),
        has_entries: true,
    }
}

/// Judges stored bytes as they were judged at their admission.
fn rejudge<'a>(
    feed: &FeedName,
    link: &Link,
    bundle: &'a [u8],
    timezone: &TimeZone,
) -> Result<(Manifest, Judged<'a>), ReadmitError> {
    let found: [u8; 32] = Sha256::digest(bundle).into();
    if found != link.sha256 {
        return Err(ReadmitError::DigestMismatch {
            feed: feed.clone(),
            found: hex::encode(&found),
            expected: hex::encode(&link.sha256),
        });
    }
    let malformed = |error| ReadmitError::Malformed {
        feed: feed.clone(),
        error,
    };
    let (manifest, lines) = parse::open(bundle, timezone).map_err(malformed)?;
    if manifest.feed != *feed || (manifest.epoch, manifest.seq) != (link.epoch, link.seq) {
        return Err(ReadmitError::WrongBundle(feed.clone()));
    }
    let lines = (&manifest, lines);
    let judged = entries::judge(bundle, lines, timezone, &link.scope, link.admitted_at);
    let judged = judged.map_err(|error| match error {
        AdmissionError::Malformed(error) => malformed(error),
        error => out_of_scope(feed, error),
    })?;
    Ok((manifest, judged))
}

fn out_of_scope(feed: &FeedName, error: AdmissionError) -> ReadmitError {
    ReadmitError::OutOfScope {
        feed: feed.clone(),
        error: Box::new(error),
    }
}

/// What the trust file says by now of those who signed what is in force of a feed: the last bundle and all that
/// it builds on.
#[must_use]
pub fn authority_alarms(feed: &FeedName, mark: &Mark, trust: &TrustFile) -> Vec<ReadmitAlarm> {
    judge_signers(feed, mark, trust, None)
}

/// The same, where it is known which keys' signatures beside the last bundle fit it.
fn judge_signers(
    feed: &FeedName,
    mark: &Mark,
    trust: &TrustFile,
    fitting: Option<&[&str]>,
) -> Vec<ReadmitAlarm> {
    let feed = || feed.clone();
    let mut alarms = Vec::new();
    let mut revoked = BTreeMap::new();
    for name in mark.bundles().flat_map(|link| link.signers) {
        if let Some(from) = trust.key(&name).and_then(|key| key.revoked) {
            revoked.insert(name, from);
        }
    }
    if !revoked.is_empty() {
        let keys = revoked.iter();
        let keys = keys.map(|(name, from)| format!("{name} (from {from} on)"));
        alarms.push(ReadmitAlarm::KeyRevoked {
            feed: feed(),
            keys: listed(keys),
        });
    }
    let Some(trusted) = trust.feed(&feed()) else {
        alarms.push(ReadmitAlarm::UnknownFeed(feed()));
        return alarms;
    };
    let keys = trusted.keys.iter().map(|index| &*trust.keys()[*index].name);
    let keys: BTreeSet<&str> = keys.collect();
    let mut vanished = BTreeSet::new();
    let mut fewest = usize::MAX;
    for link in mark.bundles() {
        let signers: Vec<&str> = match fitting {
            Some(fitting) if link.sha256 == mark.sha256 => fitting.to_vec(),
            _ => link.signers.iter().map(|name| &**name).collect(),
        };
        let stands = |name: &&str| keys.contains(name);
        let standing: Vec<&str> = signers.into_iter().filter(stands).collect();
        fewest = fewest.min(standing.len());
        let gone = link.signers.iter();
        vanished.extend(gone.filter(|name| !standing.contains(&&***name)).cloned());
    }
    if !vanished.is_empty() {
        alarms.push(ReadmitAlarm::KeyNotTrusted {
            feed: feed(),
            keys: listed(vanished.iter()),
        });
    }
    if fewest < trusted.threshold {
        alarms.push(ReadmitAlarm::ThresholdNotMet {
            feed: feed(),
            found: fewest,
            threshold: trusted.threshold,
        });
    }
    if mark.bundles().any(|link| link.scope != trusted.scope) {
        alarms.push(ReadmitAlarm::ScopeChanged(feed()));
    }
    alarms
}

/// What the trust file and the stored signatures say by now.
fn stored_alarms(committed: &Committed, trust: &TrustFile) -> Vec<ReadmitAlarm> {
    let Committed { feed, mark, .. } = committed;
    let mut alarms = Vec::new();
    let mut fitting: Vec<&str> = Vec::new();
    for (number, signature) in (1..).zip(&committed.signatures) {
        let bad = || ReadmitAlarm::BadSignature {
            feed: feed.clone(),
            number,
        };
        let Some(signature) = Detached::decode(signature) else {
            alarms.push(bad());
            continue;
        };
        let Some(index) = trust.key_by_id(signature.key) else {
            continue;
        };
        let key = &trust.keys()[index];
        if !signature.verifies(&committed.bundle, &key.public_key) {
            alarms.push(bad());
        } else if !fitting.contains(&&*key.name) {
            fitting.push(&key.name);
        }
    }
    alarms.extend(judge_signers(feed, mark, trust, Some(&fitting)));
    alarms
}
