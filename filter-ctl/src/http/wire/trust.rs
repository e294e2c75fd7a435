//! Who is trusted, and the clock: the documents of `trust show` and `clock accept`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::order::{
    FeedName,
    trust::{Scope, TrustedKey},
};

/// `GET /v1/trust`: the trust file in force.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustStatus {
    /// Its number, if it counts.
    pub version: Option<u64>,
    /// From when on nothing is admitted by it.
    pub expires: Option<Timestamp>,
    /// SHA-256 of its bytes, in hexadecimal; nothing where no file is in force.
    pub sha256: Option<String>,
    /// When it came into force here.
    pub taken_at: Option<Timestamp>,
    /// By whom.
    pub by: Option<String>,
    /// The root keys that signed it; none where it was trusted as installed.
    pub signers: Vec<String>,
    /// Who may sign its successor; nothing where any change is the operator's own.
    pub root: Option<TrustRoot>,
    /// The keys.
    pub keys: Vec<TrustKeyStatus>,
    /// The feeds.
    pub feeds: Vec<TrustFeedStatus>,
}

/// Who may sign the next trust file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustRoot {
    /// The names of the keys.
    pub keys: Vec<String>,
    /// How many of them must sign.
    pub threshold: u64,
}

/// A key that may sign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustKeyStatus {
    /// Its name.
    pub name: String,
    /// Its id, as minisign prints it.
    pub id: String,
    /// From when on it admits nothing.
    pub expires: Option<Timestamp>,
    /// From when on it is revoked.
    pub revoked: Option<Timestamp>,
    /// Why; may be empty.
    pub revoked_reason: String,
}

impl From<&TrustedKey> for TrustKeyStatus {
    fn from(key: &TrustedKey) -> Self {
        Self {
            name: key.name.clone(),
            id: key.id.to_string(),
            expires: key.expires,
            revoked: key.revoked,
            revoked_reason: key.revoked_reason.clone(),
        }
    }
}

/// A feed that may be signed for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustFeedStatus {
    /// Its name.
    pub feed: FeedName,
    /// The names of its keys.
    pub keys: Vec<String>,
    /// How many of them must sign.
    pub threshold: u64,
    /// What it may ask for.
    pub scope: Scope,
}

/// `POST /v1/clock/accept`: an operator says that this machine's clock is right.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcceptClock {
    /// Why; it goes to the audit log.
    pub reason: String,
}
