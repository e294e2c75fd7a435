//! The metrics of the trust file.

use jiff::Timestamp;

use super::{family::Family, list::seconds};
use crate::order::trust::TrustFile;

/// What the metrics say of the trust file in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustExtras {
    /// Its number, if it counts.
    pub version: Option<u64>,
    /// From when on nothing is admitted by it.
    pub expires: Option<Timestamp>,
    /// Keys by name, and from when on they admit nothing: expired or revoked, whichever is first.
    pub keys: Vec<(String, Timestamp)>,
}

impl TrustExtras {
    /// What there is to say of this file.
    #[must_use]
    pub fn of(trust: &TrustFile) -> Self {
        let keys = trust.keys().iter().filter_map(|key| {
            let end = [key.expires, key.revoked].into_iter().flatten().min()?;
            Some((key.name.clone(), end))
        });
        Self {
            version: trust.version(),
            expires: trust.expires(),
            keys: keys.collect(),
        }
    }

    pub(super) fn families(&self) -> Vec<Family> {
        vec![
            Family::gauge(
                "levee_trust_version",
                "The version of the trust file in force",
            )
            .each(self.version, |family, version| family.with(&[], version)),
            Family::gauge(
                "levee_trust_expiry_timestamp_seconds",
                "From when on nothing is admitted by the trust file in force",
            )
            .each(self.expires, |family, expires| {
                family.with(&[], seconds(expires))
            }),
            Family::gauge(
                "levee_trust_key_expiry_timestamp_seconds",
                "From when on a key of the trust file admits nothing: expired or revoked",
            )
            .each(&self.keys, |family, (key, end)| {
                family.with(&[("key", key)], seconds(*end))
            }),
        ]
    }
}
