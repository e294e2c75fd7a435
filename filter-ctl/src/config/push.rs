//! `[push]`: where authorities push bundles to, and which of them may push what.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

use serde::Deserialize;

use super::optional_address;
use crate::order::{FeedName, hex};

/// The listener for authorities. Without `listen` there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PushConfig {
    /// Where it listens; empty for nowhere.
    #[serde(deserialize_with = "optional_address")]
    pub listen: Option<SocketAddr>,
    /// The service's certificate and those between it and its authority, PEM.
    pub certificate: PathBuf,
    /// The private key of that certificate, PEM.
    pub key: PathBuf,
    /// The certificates that clients' certificates have to be issued by, PEM.
    pub client_ca: PathBuf,
    /// Who may push.
    #[serde(rename = "client")]
    pub clients: Vec<PushClientConfig>,
}

/// Somebody who may push.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PushClientConfig {
    /// A name for the log, the audit log and the alarms.
    pub name: String,
    /// The certificates it is known by: the old one and the new one while it changes them.
    pub sha256: Vec<Fingerprint>,
    /// The feeds that it may push to and see.
    pub feeds: Vec<FeedName>,
}

impl PushConfig {
    /// Every client by the fingerprints of its certificates.
    #[must_use]
    pub fn by_fingerprint(&self) -> BTreeMap<Fingerprint, &PushClientConfig> {
        let clients = self.clients.iter();
        clients
            .flat_map(|client| client.sha256.iter().map(move |print| (*print, client)))
            .collect()
    }
}

/// The SHA-256 of a certificate's DER form: 64 hexadecimal digits, in pairs with colons or without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Fingerprint(pub [u8; 32]);

/// Text that is no fingerprint.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` is no SHA-256 fingerprint: expected 64 hexadecimal digits, as `openssl x509 -noout \
     -fingerprint -sha256 -in CERTIFICATE` prints them"
)]
pub struct InvalidFingerprint(String);

impl TryFrom<String> for Fingerprint {
    type Error = InvalidFingerprint;

    fn try_from(text: String) -> Result<Self, InvalidFingerprint> {
        let digits: String = text.chars().filter(|digit| *digit != ':').collect();
        match hex::decode_digest(&digits) {
            Some(digest) => Ok(Self(digest)),
            None => Err(InvalidFingerprint(text)),
        }
    }
}

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_may_stand_as_openssl_prints_it() {
        let plain = Fingerprint::try_from("0a".repeat(32)).expect("plain");
        let colons = ["0A"; 32].join(":");
        assert_eq!(Fingerprint::try_from(colons).expect("with colons"), plain);
        assert!(Fingerprint::try_from("0a".repeat(20)).is_err());
    }
}
