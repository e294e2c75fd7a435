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
//!
//! - here: the order of the checks, and the first line;
//! - `signers`: step 2 to 4 as far as keys are concerned;
//! - `entries`: step 6; `delta`: the steps 5 and 7, and a restart's deltas;
//! - `mark`: what is remembered of a feed; `since`: since when its entries hold;
//! - `readmit`: what is stored comes back;
//! - `list`: lists that nobody signs;
//! - `error`: what a sender is told.

mod delta;
mod entries;
mod error;
mod list;
mod mark;
mod readmit;
mod signers;
mod since;
#[cfg(test)]
mod tests;

use std::{cmp::Ordering, sync::Arc};

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};

pub(super) use self::entries::{furthest_until, judge_until};
pub use self::{
    entries::BUNDLE_ORDERS_MAX,
    error::AdmissionError,
    list::{
        AdmittedList, CHANGE_FLOOR, CommittedList, ListCaps, ListChange, ListMark,
        ListReadmitError, ListTerms, admit_list, readmit_list,
    },
    mark::{Link, Mark},
    readmit::{Committed, ReadmitAlarm, ReadmitError, Readmitted, authority_alarms, readmit},
    since::encode_since,
};
use self::{
    error::check_sizes,
    signers::{authority, check_threshold, listed, signers, unexpired, unrevoked},
};
use super::{
    FeedName, Input, Provenance, VerifiedOrder, hex,
    parse::{self, BUNDLE_BYTES_MAX_DEFAULT, Kind, Manifest},
    state,
    trust::{TrustFile, TrustedFeed},
};

/// How far ahead of this machine's clock a bundle may be issued, in seconds; past it, it is refused.
pub const ISSUED_AHEAD_MAX_SECONDS: i64 = 300;

/// The highest epoch of a feed's first bundle, the greatest whole number that all readers of JSON have (RFC 7493).
pub const EPOCH_FIRST_MAX: u64 = (1 << 53) - 1;

/// How far an epoch may be above the one before. Without a bound, one bundle by a stolen key could use up all numbers,
/// and its feed would admit nothing ever again.
pub const EPOCH_STEP_MAX: u64 = 1 << 32;

/// Deltas since the last snapshot that change something; a further one is refused. A restart reads them all.
pub const CHAIN_MAX: usize = 1024;

/// What arrived, and by which way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UntrustedOrder {
    /// The feed whose way it came by, if that way belongs to one.
    pub transport_feed: Option<FeedName>,
    /// The bundle, as received.
    pub bundle: Input,
    /// The signature files, as received.
    pub signatures: Vec<Vec<u8>>,
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
    let bundle = untrusted.bundle.bytes();
    check_sizes(untrusted, context.bundle_bytes_max)?;
    let signers = signers(untrusted, trust)?;
    let (manifest, lines) = parse::open(bundle, timezone)?;
    let (feed, signers) = authority(&manifest, &signers, trust)?;
    check_way(untrusted, &manifest)?;
    check_threshold(feed, signers.len())?;
    let sha256 = untrusted.bundle.sha256();
    let before = (context.mark)(&feed.name);
    if let Some(mark) = before.as_ref().filter(|mark| mark.sha256 == sha256) {
        let (feed, mark) = (feed.name.clone(), mark.clone());
        return Ok(Admission::Repeat { feed, mark });
    }
    let signers = unrevoked(feed, &signers, now)?;
    check_number(&manifest, sha256, before.as_ref())?;
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
    let applied = delta::apply(
        &feed.name,
        delta::Base::from(&*before),
        [change],
        &feed.scope,
    )?;
    let bundles = (context.bundles)(&feed.name, base).map_err(unreadable)?;
    let bundles = bundles.iter().map(|bytes| &**bytes);
    let found = state::digest(bundles.chain([untrusted.bundle.bytes()]))
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

fn check_way(untrusted: &UntrustedOrder, manifest: &Manifest) -> Result<(), AdmissionError> {
    match &untrusted.transport_feed {
        Some(expected) if *expected != manifest.feed => Err(AdmissionError::WrongFeed {
            found: manifest.feed.clone(),
            expected: expected.clone(),
        }),
        _ => Ok(()),
    }
}

/// A number above the mark, in an epoch that leaves others above it. The bytes are others than those of the mark.
fn check_number(
    manifest: &Manifest,
    sha256: [u8; 32],
    mark: Option<&Mark>,
) -> Result<(), AdmissionError> {
    let number = (manifest.epoch, manifest.seq);
    let feed = manifest.feed.clone();
    let epoch_max = mark.map_or(EPOCH_FIRST_MAX, |mark| {
        mark.epoch.saturating_add(EPOCH_STEP_MAX)
    });
    if manifest.epoch > epoch_max {
        return Err(AdmissionError::EpochTooFar {
            feed,
            found: manifest.epoch,
            max: epoch_max,
        });
    }
    let Some(mark) = mark else { return Ok(()) };
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
