//! Admission: what makes a [`VerifiedOrder`] of an [`UntrustedOrder`].
//!
//! The checks come in this order, and the first that fails is the one reported:
//!
//! 1. sizes: of the bundle, of each signature, and their number;
//! 2. a signature is by a key of the trust file (others are passed over, so that a feed can be signed by
//!    a new key before everyone knows it);
//! 3. every signature by a known key is over exactly these bytes;
//! 4. the first line: its form; a key may sign for its feed; the feed is that of the way it came; enough
//!    distinct keys have signed, and enough of them are not revoked; (epoch, seq) is above the stored mark;
//!    the trust file and the bundle have not expired; it is not issued in the future; enough of the keys
//!    have not expired;
//! 5. of a delta: its base is what was admitted last;
//! 6. the entries, against the feed's scope;
//! 7. of a delta: it leads to the state whose digest it gives.
//!
//! Everything here is a decision about bytes and a time that are passed in. Nothing is stored.

mod delta;
mod entries;
mod error;
mod list;
mod readmit;
mod since;
#[cfg(test)]
mod tests;

use std::{cmp::Ordering, sync::Arc};

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

pub(super) use self::entries::{furthest_until, judge_until};
use self::error::check_sizes;
pub use self::{
    entries::BUNDLE_ORDERS_MAX,
    error::AdmissionError,
    list::{
        AdmittedList, CHANGE_FLOOR, CommittedList, ListCaps, ListChange, ListMark,
        ListReadmitError, ListTerms, admit_list, list_digest, readmit_list,
    },
    readmit::{Committed, ReadmitAlarm, ReadmitError, Readmitted, authority_alarms, readmit},
    since::encode_since,
};
use super::{
    FeedName, Provenance, VerifiedOrder, hex,
    parse::{self, BUNDLE_BYTES_MAX_DEFAULT, Kind, Manifest},
    signature::Detached,
    state,
    trust::{Scope, TrustFile, TrustedFeed, TrustedKey},
};

/// How far ahead of this machine's clock a bundle may be issued, in seconds; past it, it is refused.
pub const ISSUED_AHEAD_MAX_SECONDS: i64 = 300;

/// Deltas since the last snapshot that change something; a further one is refused. A restart reads them all.
pub const CHAIN_MAX: usize = 1024;

/// What arrived, and by which way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UntrustedOrder {
    /// The feed whose way it came by, if that way belongs to one.
    pub transport_feed: Option<FeedName>,
    /// The bundle, as received.
    pub bundle: Vec<u8>,
    /// The signature files, as received.
    pub signatures: Vec<Vec<u8>>,
}

/// What was admitted last from a feed. It is stored; who holds it decides what comes next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mark {
    /// The bundle's epoch.
    pub epoch: u64,
    /// The bundle's sequence number.
    pub seq: u64,
    /// SHA-256 of the bundle's bytes.
    #[serde(with = "hex::digest")]
    pub sha256: [u8; 32],
    /// When it was admitted.
    pub admitted_at: Timestamp,
    /// The names of the keys that signed it.
    pub signers: Vec<String>,
    /// The scope that its entries were judged by. A restart judges by the same, so that it changes
    /// nothing; the next bundle is judged by the trust file's.
    pub scope: Scope,
    /// Of a delta: the bundles that it builds on, from the last snapshot on, without those that changed
    /// nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chain: Vec<Link>,
    /// Whether it changed something: a delta without entries is a sign of life, and nothing builds on it.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub has_entries: bool,
}

/// A bundle that the marked one builds on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// The bundle's epoch.
    pub epoch: u64,
    /// The bundle's sequence number.
    pub seq: u64,
    /// SHA-256 of the bundle's bytes.
    #[serde(with = "hex::digest")]
    pub sha256: [u8; 32],
    /// When it was admitted.
    pub admitted_at: Timestamp,
    /// The names of the keys that signed it; none in a mark that does not say so yet.
    #[serde(default)]
    pub signers: Vec<String>,
    /// The scope that its entries were judged by.
    pub scope: Scope,
}

const fn yes() -> bool {
    true
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks for this signature"
)]
const fn is_yes(value: &bool) -> bool {
    *value
}

impl Mark {
    /// All bundles that make what is in force, the marked one last.
    pub fn bundles(&self) -> impl Iterator<Item = Link> {
        self.chain.iter().cloned().chain([self.link()])
    }

    /// The marked bundle, as one that others build on.
    fn link(&self) -> Link {
        Link {
            epoch: self.epoch,
            seq: self.seq,
            sha256: self.sha256,
            admitted_at: self.admitted_at,
            signers: self.signers.clone(),
            scope: self.scope.clone(),
        }
    }

    /// The chain of a delta on this one.
    fn chain_after(&self) -> Vec<Link> {
        let mut chain = self.chain.clone();
        if self.has_entries || chain.is_empty() {
            chain.push(self.link());
        }
        chain
    }

    /// The epoch and the sequence number, in the order that they count.
    #[must_use]
    pub const fn number(&self) -> (u64, u64) {
        (self.epoch, self.seq)
    }
}

/// The stored bytes of the bundles of a mark, in their order, or why they cannot be read.
pub type StoredBundles<'a> = dyn Fn(&FeedName, &Mark) -> Result<Vec<Bytes>, String> + 'a;

/// What admission depends on besides the bytes and the trust file.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The time of admission.
    pub now: Timestamp,
    /// Where a date without a time ends.
    pub timezone: &'a TimeZone,
    /// The longest bundle, in bytes; [`BUNDLE_BYTES_MAX_DEFAULT`] unless configured.
    pub bundle_bytes_max: usize,
    /// The stored mark of a feed.
    pub mark: &'a dyn Fn(&FeedName) -> Option<Mark>,
    /// What is in force of a feed, so that an entry which stays keeps its `since`.
    pub previous: &'a dyn Fn(&FeedName) -> Option<Arc<VerifiedOrder>>,
    /// The stored bytes of the bundles of a mark, in their order, or why they cannot be read.
    pub bundles: &'a StoredBundles<'a>,
}

impl<'a> Context<'a> {
    /// A context in which nothing was admitted before.
    #[must_use]
    pub fn new(now: Timestamp, timezone: &'a TimeZone) -> Self {
        Self {
            now,
            timezone,
            bundle_bytes_max: BUNDLE_BYTES_MAX_DEFAULT,
            mark: &|_| None,
            previous: &|_| None,
            bundles: &|_, _| Err("nothing is stored".to_owned()),
        }
    }
}

/// An order that was admitted, and the mark that must be stored before it is enforced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// The order.
    pub order: Arc<VerifiedOrder>,
    /// Its mark.
    pub mark: Mark,
}

/// What became of a bundle that is not refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// To be stored, then enforced.
    New(Box<Admitted>),
    /// A test: good in every respect, and not to be enforced. It has no mark, because it must not take
    /// the place of what is in force.
    Test(Arc<VerifiedOrder>),
    /// The very bundle that was admitted last. Nothing is to be done.
    Repeat {
        /// The feed.
        feed: FeedName,
        /// Its mark, as it was.
        mark: Mark,
    },
}

/// Admits a bundle, or says why not.
pub fn admit(
    untrusted: &UntrustedOrder,
    trust: &TrustFile,
    context: &Context<'_>,
) -> Result<Admission, AdmissionError> {
    let Context { now, timezone, .. } = *context;
    let bundle = &untrusted.bundle;
    check_sizes(untrusted, context.bundle_bytes_max)?;
    let signers = signers(untrusted, trust)?;
    let (manifest, lines) = parse::open(bundle, timezone)?;
    let (feed, signers) = authority(&manifest, &signers, trust)?;
    check_way(untrusted, &manifest)?;
    check_threshold(feed, signers.len())?;
    let sha256 = Sha256::digest(bundle).into();
    let before = (context.mark)(&feed.name);
    if let Some(mark) = before.as_ref().filter(|mark| mark.sha256 == sha256) {
        let (feed, mark) = (feed.name.clone(), mark.clone());
        return Ok(Admission::Repeat { feed, mark });
    }
    let signers = unrevoked(feed, &signers, now)?;
    if let Some(mark) = &before {
        check_number(&manifest, sha256, mark)?;
    }
    check_trust(trust, now)?;
    check_dates(&manifest, now)?;
    let signers = unexpired(feed, &signers, now)?;
    let base = check_base(&manifest, before.as_ref())?;

    let mut judged = entries::judge(bundle, (&manifest, lines), timezone, &feed.scope, now)?;
    let previous = (context.previous)(&feed.name);
    match base {
        Some((base, state_digest)) => {
            judged = apply_delta(untrusted, feed, base, state_digest, &judged, context)?;
        }
        None => {
            if let Some(previous) = previous {
                judged.entries = entries::carry_since(judged.entries, &previous);
            }
        }
    }
    let mark = Mark {
        epoch: manifest.epoch,
        seq: manifest.seq,
        sha256,
        admitted_at: now,
        signers,
        scope: feed.scope.clone(),
        chain: base.map_or_else(Vec::new, |(base, _)| base.chain_after()),
        has_entries: base.is_none() || manifest.entries > 0,
    };
    let order = Arc::new(verified_order(&manifest, &mark, judged));
    Ok(if manifest.test {
        Admission::Test(order)
    } else {
        Admission::New(Box::new(Admitted { order, mark }))
    })
}

/// What a delta is to be applied on, which has to be what was admitted last, and the digest of the result.
fn check_base<'a>(
    manifest: &Manifest,
    mark: Option<&'a Mark>,
) -> Result<Option<(&'a Mark, [u8; 32])>, AdmissionError> {
    let Kind::Delta {
        base_seq,
        state_digest,
    } = manifest.kind
    else {
        return Ok(None);
    };
    let feed = || manifest.feed.clone();
    let base = (manifest.epoch, base_seq);
    match mark {
        Some(mark) if mark.number() == base && mark.chain.len() < CHAIN_MAX => {
            Ok(Some((mark, state_digest)))
        }
        Some(mark) if mark.number() == base => Err(AdmissionError::ChainTooLong { feed: feed() }),
        mark => Err(AdmissionError::WrongBase {
            feed: feed(),
            base,
            mark: mark.map(Mark::number),
        }),
    }
}

/// Applies a delta to what is in force of its feed, and checks that the result is what its authority means.
fn apply_delta(
    untrusted: &UntrustedOrder,
    feed: &TrustedFeed,
    base: &Mark,
    state_digest: [u8; 32],
    change: &entries::Judged<'_>,
    context: &Context<'_>,
) -> Result<entries::Judged<'static>, AdmissionError> {
    let unreadable = |problem: String| AdmissionError::BaseUnreadable {
        feed: feed.name.clone(),
        problem,
    };
    let before =
        (context.previous)(&feed.name).ok_or_else(|| unreadable("it is not loaded".to_owned()))?;
    let applied = delta::apply(&feed.name, before.base(), change, &feed.scope)?;
    let bundles = (context.bundles)(&feed.name, base).map_err(unreadable)?;
    let bundles = bundles.iter().map(|bytes| &**bytes);
    let found = state::digest(bundles.chain([&*untrusted.bundle]))
        .map_err(|error| unreadable(error.to_string()))?;
    if found == state_digest {
        Ok(applied)
    } else {
        Err(AdmissionError::StateMismatch {
            feed: feed.name.clone(),
            found: hex::encode(&found),
            expected: hex::encode(&state_digest),
        })
    }
}

impl VerifiedOrder {
    fn base(&self) -> delta::Base<'_> {
        delta::Base {
            orders: &self.orders,
            entries: &self.entries,
            refused: &self.refused,
        }
    }
}

fn verified_order(manifest: &Manifest, mark: &Mark, judged: entries::Judged<'_>) -> VerifiedOrder {
    let entries::Judged {
        orders,
        entries,
        refused,
        removed: _,
    } = judged;
    VerifiedOrder {
        feed: manifest.feed.clone(),
        provenance: Provenance::Bundle {
            epoch: manifest.epoch,
            seq: manifest.seq,
            sha256: mark.sha256,
            signers: mark.signers.clone(),
            test: manifest.test,
            expires_at: manifest.expires_at,
        },
        admitted_at: mark.admitted_at,
        orders,
        entries: Arc::new(entries),
        refused,
    }
}

/// The distinct known keys that signed, as indices into the trust file.
fn signers(untrusted: &UntrustedOrder, trust: &TrustFile) -> Result<Vec<usize>, AdmissionError> {
    let mut signatures = Vec::with_capacity(untrusted.signatures.len());
    for (number, signature) in (1..).zip(&untrusted.signatures) {
        let signature = Detached::decode(signature);
        signatures.push(signature.ok_or(AdmissionError::SignatureMalformed(number))?);
    }
    let known: Vec<_> = signatures
        .iter()
        .filter_map(|signature| Some((signature, trust.key_by_id(signature.key)?)))
        .collect();
    if known.is_empty() {
        let keys = listed(signatures.iter().map(|signature| signature.key));
        return Err(AdmissionError::UnknownKey(keys));
    }
    let mut signers = Vec::with_capacity(known.len());
    for (signature, index) in known {
        let TrustedKey {
            name, public_key, ..
        } = &trust.keys()[index];
        if !signature.verifies(&untrusted.bundle, public_key) {
            return Err(AdmissionError::BadSignature(name.clone()));
        }
        if !signers.contains(&index) {
            signers.push(index);
        }
    }
    Ok(signers)
}

/// The manifest's feed, and those of the signers that may sign for it.
fn authority<'a>(
    manifest: &Manifest,
    signers: &[usize],
    trust: &'a TrustFile,
) -> Result<(&'a TrustedFeed, Vec<&'a TrustedKey>), AdmissionError> {
    let Some(feed) = trust.feed(&manifest.feed) else {
        return Err(AdmissionError::UnknownFeed(manifest.feed.clone()));
    };
    let allowed: Vec<_> = signers
        .iter()
        .filter(|index| feed.keys.contains(index))
        .map(|index| &trust.keys()[*index])
        .collect();
    if allowed.is_empty() {
        let names = signers.iter().map(|index| &*trust.keys()[*index].name);
        return Err(AdmissionError::KeyNotAllowed {
            feed: feed.name.clone(),
            keys: listed(names),
        });
    }
    Ok((feed, allowed))
}

fn check_way(untrusted: &UntrustedOrder, manifest: &Manifest) -> Result<(), AdmissionError> {
    match &untrusted.transport_feed {
        Some(expected) if *expected != manifest.feed => Err(AdmissionError::WrongFeed {
            found: manifest.feed.clone(),
            expected: expected.clone(),
        }),
        _ => Ok(()),
    }
}

fn check_threshold(feed: &TrustedFeed, found: usize) -> Result<(), AdmissionError> {
    if found >= feed.threshold {
        return Ok(());
    }
    Err(AdmissionError::ThresholdNotMet {
        feed: feed.name.clone(),
        found,
        threshold: feed.threshold,
    })
}

/// A number above the mark. The bytes are others than those of the mark.
fn check_number(manifest: &Manifest, sha256: [u8; 32], mark: &Mark) -> Result<(), AdmissionError> {
    let number = (manifest.epoch, manifest.seq);
    let feed = manifest.feed.clone();
    match number.cmp(&mark.number()) {
        Ordering::Greater => Ok(()),
        Ordering::Less => Err(AdmissionError::Rollback {
            feed,
            found: number,
            mark: mark.number(),
        }),
        Ordering::Equal => Err(AdmissionError::Equivocation {
            feed,
            number,
            digests: [mark.sha256, sha256],
        }),
    }
}

fn check_trust(trust: &TrustFile, now: Timestamp) -> Result<(), AdmissionError> {
    match trust.expires() {
        Some(expires) if trust.has_expired(now) => {
            Err(AdmissionError::TrustExpired { expires, now })
        }
        _ => Ok(()),
    }
}

/// The signers whose keys are not revoked, of which there must be enough.
fn unrevoked<'a>(
    feed: &TrustedFeed,
    signers: &[&'a TrustedKey],
    now: Timestamp,
) -> Result<Vec<&'a TrustedKey>, AdmissionError> {
    let (revoked, good): (Vec<&TrustedKey>, Vec<&TrustedKey>) =
        signers.iter().partition(|key| key.is_revoked(now));
    if good.len() >= feed.threshold {
        Ok(good)
    } else {
        let names = listed(revoked.iter().map(|key| &*key.name));
        Err(AdmissionError::KeyRevoked(names))
    }
}

fn check_dates(manifest: &Manifest, now: Timestamp) -> Result<(), AdmissionError> {
    let Manifest {
        issued_at,
        expires_at,
        ..
    } = *manifest;
    let ahead = SignedDuration::from_secs(ISSUED_AHEAD_MAX_SECONDS);
    if expires_at <= now {
        Err(AdmissionError::Expired { expires_at, now })
    } else if issued_at.duration_since(now) > ahead {
        Err(AdmissionError::IssuedInFuture { issued_at, now })
    } else {
        Ok(())
    }
}

/// The names of the signers whose keys have not expired, of which there must be enough.
fn unexpired(
    feed: &TrustedFeed,
    signers: &[&TrustedKey],
    now: Timestamp,
) -> Result<Vec<String>, AdmissionError> {
    let (expired, good): (Vec<&TrustedKey>, Vec<&TrustedKey>) =
        signers.iter().partition(|key| key.has_expired(now));
    if good.len() >= feed.threshold {
        Ok(good.iter().map(|key| key.name.clone()).collect())
    } else {
        let names = listed(expired.iter().map(|key| &*key.name));
        Err(AdmissionError::KeyExpired(names))
    }
}

/// Names for an error: `` `a`, `b` ``.
fn listed(names: impl Iterator<Item = impl std::fmt::Display>) -> String {
    let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    names.join(", ")
}
