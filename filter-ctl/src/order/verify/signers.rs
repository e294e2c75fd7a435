//! Who signed, and whether that is enough: of the keys that are known, those that may sign for the feed, those that
//! are not revoked, those that have not expired.

use jiff::Timestamp;

use super::{AdmissionError, UntrustedOrder};
use crate::order::{
    parse::Manifest,
    signature::Detached,
    trust::{TrustFile, TrustedFeed, TrustedKey},
};

/// The distinct known keys that signed, as indices into the trust file.
pub(super) fn signers(
    untrusted: &UntrustedOrder,
    trust: &TrustFile,
) -> Result<Vec<usize>, AdmissionError> {
    let mut signatures = Vec::with_capacity(untrusted.signatures.len());
    for (number, signature) in distinct(&untrusted.signatures) {
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
        if !signature.verifies(untrusted.bundle.bytes(), public_key) {
            return Err(AdmissionError::BadSignature(name.clone()));
        }
        if !signers.contains(&index) {
            signers.push(index);
        }
    }
    Ok(signers)
}

/// The signatures without copies, numbered from 1 as they came: verifying reads the whole bundle, so a sender with one signature of an old bundle
/// must not be able to have it read once for each copy.
fn distinct(signatures: &[Vec<u8>]) -> impl Iterator<Item = (usize, &Vec<u8>)> {
    let numbered = (1..).zip(signatures);
    numbered.filter(|(number, signature)| !signatures[..number - 1].contains(signature))
}

/// The manifest's feed, and those of the signers that may sign for it.
pub(super) fn authority<'a>(
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

pub(super) fn check_threshold(feed: &TrustedFeed, found: usize) -> Result<(), AdmissionError> {
    if found >= feed.threshold {
        return Ok(());
    }
    Err(AdmissionError::ThresholdNotMet {
        feed: feed.name.clone(),
        found,
        threshold: feed.threshold,
    })
}

/// The signers whose keys are not revoked, of which there must be enough.
pub(super) fn unrevoked<'a>(
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

/// The names of the signers whose keys have not expired, of which there must be enough.
pub(super) fn unexpired(
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
pub(super) fn listed(names: impl Iterator<Item = impl std::fmt::Display>) -> String {
    let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    names.join(", ")
}
