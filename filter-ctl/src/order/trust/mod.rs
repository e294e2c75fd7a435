//! The trust file: which key may speak for which feed, and in which scope.
//!
//! It is the operator's own file. One with a `[root]` can be followed only by a file that enough keys of
//! both have signed, see [`succeed`]. Whatever in it is unknown, doubled or contradictory is an error that
//! names the key or the feed: a trust file is never half in force.

mod read;
mod scope;
pub mod succeed;
#[cfg(test)]
mod tests;

use std::fmt;

use jiff::Timestamp;
use minisign_verify::PublicKey;

pub(super) use self::read::read_public_key;
pub use self::scope::{
    ENTRIES_MAX_DEFAULT, Family, SHORTEST_IPV4_FLOOR, SHORTEST_IPV6_FLOOR, Scope, UNTIL_DAYS_MAX,
};
use super::FeedName;

/// Bytes of a trust file; a longer one is refused.
pub const TRUST_BYTES_MAX: usize = 1 << 20;
/// Keys of a trust file; more are refused.
pub const TRUST_KEYS_MAX: usize = 256;
/// Feeds of a trust file; more are refused.
pub const TRUST_FEEDS_MAX: usize = 256;
/// Bytes of a key's name; a longer one is refused.
pub const KEY_NAME_BYTES_MAX: usize = 64;

/// The number by which a signature names its key. It is no secret and no proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId([u8; 8]);

impl KeyId {
    /// The id in a public key's or a signature's base64 line, of which it needs the beginning only.
    pub(super) fn of_base64(line: &str) -> Option<Self> {
        let [_, _, id @ .., _, _] = leading_bytes::<12>(line)?;
        Some(Self(id))
    }
}

/// The first `N` bytes that a base64 line stands for; `N` is a multiple of three.
pub(super) fn leading_bytes<const N: usize>(line: &str) -> Option<[u8; N]> {
    let digits = line.as_bytes().get(..N / 3 * 4)?;
    let mut bytes = [0; N];
    for (bytes, digits) in bytes.chunks_exact_mut(3).zip(digits.chunks_exact(4)) {
        let mut word = 0_u32;
        for digit in digits {
            let value = match digit {
                b'A'..=b'Z' => digit - b'A',
                b'a'..=b'z' => digit - b'a' + 26,
                b'0'..=b'9' => digit - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                _ => return None,
            };
            word = word << 6 | u32::from(value);
        }
        bytes.copy_from_slice(&word.to_be_bytes()[1..]);
    }
    Some(bytes)
}

/// As minisign prints it: sixteen upper-case hexadecimal digits.
impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016X}", u64::from_le_bytes(self.0))
    }
}

/// A key that may sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedKey {
    /// The operator's name for it.
    pub name: String,
    /// The number that signatures name it by.
    pub id: KeyId,
    /// What verifies them.
    pub public_key: PublicKey,
    /// The Ed25519 key itself, without its id.
    material: [u8; 32],
    /// From when on it admits nothing more. What it has admitted stays.
    pub expires: Option<Timestamp>,
    /// From when on it admits nothing more and counts towards no threshold. What it has admitted stays.
    pub revoked: Option<Timestamp>,
    /// Why, in the operator's words; may be empty.
    pub revoked_reason: String,
}

impl TrustedKey {
    /// Whether it is revoked by then.
    #[must_use]
    pub fn is_revoked(&self, now: Timestamp) -> bool {
        self.revoked.is_some_and(|revoked| revoked <= now)
    }

    /// Whether its time has passed by then.
    #[must_use]
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

/// Who may sign the trust file that comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// The number of the file that names this root; its successor has the next one.
    pub version: u64,
    /// The keys: indices into [`TrustFile::keys`], distinct.
    pub keys: Vec<usize>,
    /// How many of them must sign; from 1 to the number of keys.
    pub threshold: usize,
}

/// A feed that may be signed for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedFeed {
    /// Its name.
    pub name: FeedName,
    /// The keys that may sign for it: indices into [`TrustFile::keys`], distinct.
    pub keys: Vec<usize>,
    /// How many of them must have signed; from 1 to the number of keys.
    pub threshold: usize,
    /// What it may ask for.
    pub scope: Scope,
}

/// Who may order what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustFile {
    version: Option<u64>,
    expires: Option<Timestamp>,
    root: Option<Root>,
    keys: Vec<TrustedKey>,
    feeds: Vec<TrustedFeed>,
}

/// Why a trust file is not used.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// It is too long.
    #[error("trust file: {0} bytes: expected at most {TRUST_BYTES_MAX}")]
    TooLarge(usize),
    /// It is no TOML of the documented shape.
    #[error("trust file: {0}")]
    Syntax(#[from] Box<toml::de::Error>),
    /// It has too many tables.
    #[error("trust file: {count} `{table}` tables: expected at most {max}")]
    TooMany {
        /// `key` or `feed`.
        table: &'static str,
        /// How many there are.
        count: usize,
        /// How many there may be.
        max: usize,
    },
    /// Its number is none.
    #[error("trust file: `version` is 0: expected 1 or more")]
    Version,
    /// Something is wrong with the root.
    #[error("trust file: root: {0}")]
    Root(String),
    /// Something is wrong with a key.
    #[error("trust file: key `{name}`: {problem}")]
    Key {
        /// The key.
        name: String,
        /// What is wrong, and what was expected.
        problem: String,
    },
    /// Something is wrong with a feed.
    #[error("trust file: feed `{name}`: {problem}")]
    Feed {
        /// The feed.
        name: FeedName,
        /// What is wrong, and what was expected.
        problem: String,
    },
}

impl TrustFile {
    /// Its number; `None` for one that does not count.
    #[must_use]
    pub const fn version(&self) -> Option<u64> {
        self.version
    }

    /// From when on nothing is admitted by it. What was admitted stays.
    #[must_use]
    pub const fn expires(&self) -> Option<Timestamp> {
        self.expires
    }

    /// Whether its time has passed by then.
    #[must_use]
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }

    /// Who may sign its successor; without it, any change of the file is the operator's own.
    #[must_use]
    pub const fn root(&self) -> Option<&Root> {
        self.root.as_ref()
    }

    /// The key of that name.
    #[must_use]
    pub fn key(&self, name: &str) -> Option<&TrustedKey> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// The keys, in the order of the file.
    #[must_use]
    pub fn keys(&self) -> &[TrustedKey] {
        &self.keys
    }

    /// The feeds, in the order of the file.
    #[must_use]
    pub fn feeds(&self) -> &[TrustedFeed] {
        &self.feeds
    }

    /// The feed of that name.
    #[must_use]
    pub fn feed(&self, name: &FeedName) -> Option<&TrustedFeed> {
        self.feeds.iter().find(|feed| feed.name == *name)
    }

    /// The index of the key with that id.
    #[must_use]
    pub fn key_by_id(&self, id: KeyId) -> Option<usize> {
        self.keys.iter().position(|key| key.id == id)
    }
}
