//! From the text of a trust file to a [`TrustFile`], or to the name of what is wrong in it.

use jiff::Timestamp;
use minisign_verify::PublicKey;
use serde::Deserialize;

use super::{
    KEY_NAME_BYTES_MAX, KeyId, Root, Scope, TRUST_BYTES_MAX, TRUST_FEEDS_MAX, TRUST_KEYS_MAX,
    TrustError, TrustFile, TrustedFeed, TrustedKey, leading_bytes,
};
use crate::order::FeedName;

/// Bytes of a `revoked_reason`; a longer one is refused.
const REASON_BYTES_MAX: usize = 256;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    #[serde(default)]
    version: Option<u64>,
    #[serde(default)]
    expires: Option<Timestamp>,
    #[serde(default)]
    root: Option<RawRoot>,
    #[serde(default)]
    key: Vec<RawKey>,
    #[serde(default)]
    feed: Vec<RawFeed>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRoot {
    keys: Vec<String>,
    #[serde(default = "one")]
    threshold: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawKey {
    name: String,
    public_key: String,
    #[serde(default)]
    expires: Option<Timestamp>,
    #[serde(default)]
    revoked: Option<Timestamp>,
    #[serde(default)]
    revoked_reason: String,
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
        let RawFile {
            version,
            expires,
            root,
            key,
            feed,
        } = toml::from_str(text).map_err(Box::new)?;
        check_count("key", key.len(), TRUST_KEYS_MAX)?;
        check_count("feed", feed.len(), TRUST_FEEDS_MAX)?;
        if version == Some(0) {
            return Err(TrustError::Version);
        }
        let mut trust = Self {
            version,
            expires,
            ..Self::default()
        };
        for raw in key {
            trust.add_key(raw)?;
        }
        for raw in feed {
            trust.add_feed(raw)?;
        }
        if let Some(raw) = root {
            trust.set_root(&raw)?;
        }
        Ok(trust)
    }

    fn add_key(&mut self, raw: RawKey) -> Result<(), TrustError> {
        let RawKey {
            name,
            public_key,
            expires,
            revoked,
            revoked_reason,
        } = raw;
        let plain = !name.is_empty() && !name.chars().any(char::is_control);
        let key = if !plain || name.len() > KEY_NAME_BYTES_MAX {
            Err(format!(
                "expected a name of 1 to {KEY_NAME_BYTES_MAX} bytes"
            ))
        } else if revoked.is_none() && !revoked_reason.is_empty() {
            Err("`revoked_reason` without `revoked`: expected both, or neither".to_owned())
        } else if revoked_reason.len() > REASON_BYTES_MAX
            || revoked_reason.chars().any(char::is_control)
        {
            Err(format!(
                "expected a `revoked_reason` of at most {REASON_BYTES_MAX} bytes in one line"
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
                    revoked,
                    revoked_reason,
                });
                Ok(())
            }
            Err(problem) => Err(TrustError::Key { name, problem }),
        }
    }

    /// The indices of these keys, of which `threshold` must sign together.
    fn quorum(&self, names: &[String], threshold: usize) -> Result<Vec<usize>, String> {
        let mut keys = Vec::with_capacity(names.len());
        for name in names {
            match self.keys.iter().position(|known| known.name == *name) {
                None => return Err(format!("key `{name}` is not in the file")),
                Some(index) if keys.contains(&index) => {
                    return Err(format!("key `{name}` is listed twice: expected it once"));
                }
                Some(index) => keys.push(index),
            }
        }
        if (1..=keys.len()).contains(&threshold) {
            return Ok(keys);
        }
        let count = keys.len();
        Err(format!(
            "`threshold` is {threshold} with {count} keys: expected 1 to the number of keys"
        ))
    }

    fn set_root(&mut self, raw: &RawRoot) -> Result<(), TrustError> {
        let Some(version) = self.version else {
            let problem = "there is no `version` at the top of the file: expected one, counting up";
            return Err(TrustError::Root(problem.to_owned()));
        };
        let keys = self
            .quorum(&raw.keys, raw.threshold)
            .map_err(TrustError::Root)?;
        self.root = Some(Root {
            version,
            keys,
            threshold: raw.threshold,
        });
        Ok(())
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
        let keys = match self.quorum(&key_names, threshold) {
            Ok(keys) => keys,
            Err(problem) => return refused(problem),
        };
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
pub(in crate::order) fn read_public_key(text: &str) -> Option<(KeyId, [u8; 32], PublicKey)> {
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
