//! A restart: what was admitted and stored comes back as it was.
//!
//! The deltas of a feed are put together and applied once, see `delta`.
//!
//! Bytes and signatures are checked again, dates are not: they judged the admission. A bundle that hashes
//! to its mark is rebuilt even when its key has left the trust file or its signature no longer fits,
//! because only an order, an `until` or the kill switch takes protection away. Such a thing is an alarm
//! for the operator, who decides.

mod problem;

use std::{mem, sync::Arc};

use bytes::Bytes;
use jiff::tz::TimeZone;
use sha2::{Digest as _, Sha256};

pub use self::problem::{ReadmitAlarm, ReadmitError};
use super::{
    AdmissionError, Link, Mark, delta,
    entries::{self, Judged},
    listed, since, verified_order,
};
use crate::order::{
    FeedName, VerifiedOrder, hex,
    parse::{self, Manifest},
    signature::Detached,
    trust::TrustFile,
};

/// Lines of deltas that are put together before they are applied, however few entries there are; with more
/// entries so many lines are. So the memory is bounded, and what is applied is never much less than what it is
/// applied to.
const DELTA_LINES_MIN: usize = if cfg!(test) { 6 } else { 65_536 };

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
    let mut alarms = authority_alarms(committed, trust);
    let mut bundles = mark.bundles().zip(chain.iter().chain([bundle]));
    // A mark has at least its own bundle.
    let (mut last, bytes) = bundles
        .next()
        .ok_or_else(|| ReadmitError::WrongBundle(feed.clone()))?;
    let (mut manifest, mut whole) = rejudge(feed, &last, bytes, timezone)?;
    let restored = match since {
        Some(since) => {
            let (entries, restored) = since::apply(since, whole.entries);
            whole.entries = entries;
            restored
        }
        None => Err("expected a file beside the bundle".to_owned()),
    };
    if let Err(problem) = restored {
        alarms.push(ReadmitAlarm::SinceLost {
            feed: feed.clone(),
            problem,
            from: last.admitted_at,
        });
    }
    let mut deltas = Deltas::default();
    for (link, bytes) in bundles {
        let (of_delta, judged) = rejudge(feed, &link, bytes, timezone)?;
        (manifest, last) = (of_delta, link);
        deltas.push(judged);
        if deltas.lines > (whole.entries.len() + whole.refused.len()).max(DELTA_LINES_MIN) {
            whole = deltas.apply(feed, &whole, &last)?;
        }
    }
    if !deltas.judged.is_empty() {
        whole = deltas.apply(feed, &whole, &last)?;
    }
    let order = Arc::new(verified_order(&manifest, mark, whole));
    Ok(Readmitted { order, alarms })
}

/// Deltas that are still to be applied, all together.
#[derive(Default)]
struct Deltas<'a> {
    judged: Vec<Judged<'a>>,
    lines: usize,
}

impl<'a> Deltas<'a> {
    fn push(&mut self, judged: Judged<'a>) {
        self.lines += judged.entries.len() + judged.refused.len() + judged.removed.len();
        self.judged.push(judged);
    }

    /// Applies all of them, of which `last` is the last.
    fn apply(
        &mut self,
        feed: &FeedName,
        whole: &Judged<'_>,
        last: &Link,
    ) -> Result<Judged<'static>, ReadmitError> {
        self.lines = 0;
        let deltas = mem::take(&mut self.judged);
        delta::apply(feed, whole.into(), &deltas, &last.scope)
            .map_err(|error| out_of_scope(feed, error))
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

/// What to say of a bundle in force whose signers the trust file revokes, from now or from a later day on.
#[must_use]
pub fn revoked_signers(feed: &FeedName, mark: &Mark, trust: &TrustFile) -> Option<ReadmitAlarm> {
    let keys = mark.signers.iter().filter_map(|name| {
        let revoked = trust.key(name)?.revoked?;
        Some(format!("{name} (from {revoked} on)"))
    });
    let keys: Vec<String> = keys.collect();
    (!keys.is_empty()).then(|| ReadmitAlarm::KeyRevoked {
        feed: feed.clone(),
        keys: listed(keys.iter()),
    })
}

/// What the trust file and the stored signatures say by now.
fn authority_alarms(committed: &Committed, trust: &TrustFile) -> Vec<ReadmitAlarm> {
    let feed = || committed.feed.clone();
    let mut alarms = Vec::new();
    let mut signers = Vec::new();
    for (number, signature) in (1..).zip(&committed.signatures) {
        let Some(signature) = Detached::decode(signature) else {
            alarms.push(ReadmitAlarm::BadSignature {
                feed: feed(),
                number,
            });
            continue;
        };
        let Some(index) = trust.key_by_id(signature.key) else {
            continue;
        };
        if !signature.verifies(&committed.bundle, &trust.keys()[index].public_key) {
            alarms.push(ReadmitAlarm::BadSignature {
                feed: feed(),
                number,
            });
        } else if !signers.contains(&index) {
            signers.push(index);
        }
    }
    let Some(trusted) = trust.feed(&committed.feed) else {
        alarms.push(ReadmitAlarm::UnknownFeed(feed()));
        return alarms;
    };
    signers.retain(|index| trusted.keys.contains(index));
    let is_gone = |name: &&String| {
        !signers
            .iter()
            .any(|index| trust.keys()[*index].name == **name)
    };
    let vanished: Vec<_> = committed.mark.signers.iter().filter(is_gone).collect();
    if !vanished.is_empty() {
        alarms.push(ReadmitAlarm::KeyNotTrusted {
            feed: feed(),
            keys: listed(vanished.iter()),
        });
    }
    alarms.extend(revoked_signers(&committed.feed, &committed.mark, trust));
    if signers.len() < trusted.threshold {
        alarms.push(ReadmitAlarm::ThresholdNotMet {
            feed: feed(),
            found: signers.len(),
            threshold: trusted.threshold,
        });
    }
    if trusted.scope != committed.mark.scope {
        alarms.push(ReadmitAlarm::ScopeChanged(feed()));
    }
    alarms
}
