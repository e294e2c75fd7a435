//! A restart: what was admitted and stored comes back as it was.
//!
//! The deltas of a feed are put together and applied once, see `delta`.
//!
//! Bytes and signatures are checked again, dates are not: they judged the admission. A bundle that hashes
//! to its mark is rebuilt even when its key has left the trust file or its signature no longer fits,
//! because only an order, an `until` or the kill switch takes protection away. Such a thing is an alarm
//! for the operator, who decides.

mod problem;

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    sync::Arc,
};

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
    let mut alarms = stored_alarms(committed, trust);
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
    // A mark of an earlier version does not say who signed what the last bundle builds on.
    for link in mark.bundles().filter(|link| !link.signers.is_empty()) {
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
