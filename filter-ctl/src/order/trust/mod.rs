//! The trust file: which key may speak for which feed, and in which scope.
//!
//! It is the operator's own file. Whatever in it is unknown, doubled or contradictory is an error that
//! names the key or the feed: a trust file is never half in force.

mod scope;
#[cfg(test)]
mod tests;

use std::fmt;

use jiff::Timestamp;
use minisign_verify::PublicKey;
use serde::Deserialize;

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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    #[serde(default)]
    key: Vec<RawKey>,
    #[serde(default)]
    feed: Vec<RawFeed>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawKey {
    name: String,
    public_key: String,
    #[serde(default)]
    expires: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFeed {
    name: FeedName,
    keys: Vec<String>,
    #[serde(default = "one")]
    threshold: usize,
    #[serde(default)]
    scope: Scope,
}

const fn one() -> usize {
    1
}

impl TrustFile {
    /// Reads a trust file.
    pub fn parse(text: &str) -> Result<Self, TrustError> {
        if text.len() > TRUST_BYTES_MAX {
            return Err(TrustError::TooLarge(text.len()));
        }
        let RawFile { key, feed } = toml::from_str(text).map_err(Box::new)?;
        check_count("key", key.len(), TRUST_KEYS_MAX)?;
        check_count("feed", feed.len(), TRUST_FEEDS_MAX)?;
        let mut trust = Self::default();
        for raw in key {
            trust.add_key(raw)?;
        }
        for raw in feed {
            trust.add_feed(raw)?;
        }
        Ok(trust)
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

    fn add_key(&mut self, raw: RawKey) -> Result<(), TrustError> {
        let RawKey {
            name,
            public_key,
            expires,
        } = raw;
        let plain = !name.is_empty() && !name.chars().any(char::is_control);
        let key = if !plain || name.len() > KEY_NAME_BYTES_MAX {
            Err(format!(
                "expected a name of 1 to {KEY_NAME_BYTES_MAX} bytes"
            ))
        } else if self.keys.iter().any(|key| key.name == name) {
            Err("a second key of that name: expected each name once".to_owned())
        } else {
            read_public_key(&public_key).ok_or_else(|| {
                "`public_key` is none: expected minisign's base64 line or the whole .pub file"
                    .to_owned()
            })
        };
        // A key under two names would count twice towards a threshold.
        let key = key.and_then(|(id, material, public_key)| {
            let same = |known: &&TrustedKey| known.id == id || known.material == material;
            match self.keys.iter().find(same) {
                Some(known) => Err(format!(
                    "has the id {id}, and id or key are those of `{}`: expected each key once",
                    known.name
                )),
                None => Ok((id, material, public_key)),
            }
        });
        match key {
            Ok((id, material, public_key)) => {
                self.keys.push(TrustedKey {
                    name,
                    id,
                    public_key,
                    material,
                    expires,
                });
                Ok(())
            }
            Err(problem) => Err(TrustError::Key { name, problem }),
        }
    }

    fn add_feed(&mut self, raw: RawFeed) -> Result<(), TrustError> {
        let RawFeed {
            name,
            keys: key_names,
            threshold,
            scope,
        } = raw;
        let refused = |problem: String| {
            let name = name.clone();
            Err(TrustError::Feed { name, problem })
        };
        if name.as_str() == FeedName::OPERATOR {
            return refused("the name is reserved for operators' own orders".to_owned());
        }
        if self.feed(&name).is_some() {
            return refused("a second feed of that name: expected each name once".to_owned());
        }
        let mut keys = Vec::with_capacity(key_names.len());
        for key in &key_names {
            match self.keys.iter().position(|known| known.name == *key) {
                None => return refused(format!("key `{key}` is not in the file")),
                Some(index) if keys.contains(&index) => {
                    return refused(format!("key `{key}` is listed twice: expected it once"));
                }
                Some(index) => keys.push(index),
            }
        }
        if !(1..=keys.len()).contains(&threshold) {
            let count = keys.len();
            return refused(format!(
                "`threshold` is {threshold} with {count} keys: expected 1 to the number of keys"
            ));
        }
        if let Err(problem) = scope.check() {
            return refused(format!("scope: {problem}"));
        }
        self.feeds.push(TrustedFeed {
            name,
            keys,
            threshold,
            scope,
        });
        Ok(())
    }
}

fn check_count(table: &'static str, count: usize, max: usize) -> Result<(), TrustError> {
    if count <= max {
        Ok(())
    } else {
        Err(TrustError::TooMany { table, count, max })
    }
}

/// Reads a minisign public key: its base64 line, or the whole `.pub` file. The id, the Ed25519 key and
/// what verifies with them.
pub(super) fn read_public_key(text: &str) -> Option<(KeyId, [u8; 32], PublicKey)> {
    let text = text.trim();
    let line = match text.split_once('\n') {
        Some((comment, line)) if comment.starts_with("untrusted comment:") => line.trim(),
        Some(_) => return None,
        None => text,
    };
    let public_key = PublicKey::from_base64(line).ok()?;
    let bytes = leading_bytes::<42>(line)?;
    let (_, material) = bytes.split_last_chunk()?;
    Some((KeyId::of_base64(line)?, *material, public_key))
}
