//! What may follow the trust file in force.
//!
//! A file without a `[root]` is followed by any. One with a `[root]` is followed only by a file with the
//! next version that has not expired, has a `[root]` too, and is signed by enough keys of the old root and
//! by enough of the new one. A key that either file revokes counts for neither.
//!
//! Pure: bytes and a time go in.

use jiff::Timestamp;

use super::{Root, TrustError, TrustFile, TrustedKey};
use crate::order::{
    sign::SIGNATURES_MAX,
    signature::{Detached, SIGNATURE_BYTES_MAX},
};

/// A trust file as it was found, and what signs it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UntrustedTrust {
    /// Its text.
    pub text: String,
    /// The signature files.
    pub signatures: Vec<String>,
}

/// A trust file that may come into force, and who signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Successor {
    /// The file.
    pub trust: TrustFile,
    /// The names of the root keys, of the old file or the new, that count for it.
    pub signers: Vec<String>,
}

/// Why a trust file may not follow the one in force.
#[derive(Debug, thiserror::Error)]
pub enum SuccessionError {
    /// It cannot be read at all.
    #[error(transparent)]
    Malformed(#[from] TrustError),
    /// There are too many signatures.
    #[error("the trust file has {0} signatures: expected at most {SIGNATURES_MAX}")]
    TooManySignatures(usize),
    /// A signature is too long or none.
    #[error(
        "signature {0} of the trust file is malformed: expected the four lines of a .minisig file, \
         at most {SIGNATURE_BYTES_MAX} bytes"
    )]
    SignatureMalformed(usize),
    /// It has no root, and the one in force has.
    #[error("the trust file has no [root], but the one in force has: expected a [root]")]
    RootRemoved,
    /// It has not the next version.
    #[error("the trust file has version {found}, version {current} is in force: expected {}", .current.saturating_add(1))]
    Version {
        /// Its version.
        found: u64,
        /// That of the one in force.
        current: u64,
    },
    /// It has expired.
    #[error("the trust file expired at {expires}: expected later than {now}")]
    Expired {
        /// When.
        expires: Timestamp,
        /// What the time was.
        now: Timestamp,
    },
    /// A signature by a root key is over other bytes.
    #[error(
        "the signature by `{0}` does not fit the trust file: expected it over exactly these bytes"
    )]
    BadSignature(String),
    /// Too few keys of the old root have signed.
    #[error(
        "the trust file is signed by {found} keys of the root in force: expected {threshold}{}",
        uncounted(.left_out)
    )]
    TooFewOld {
        /// How many have.
        found: usize,
        /// How many must.
        threshold: usize,
        /// Those that signed and do not count: revoked or expired.
        left_out: Vec<String>,
    },
    /// Too few keys of the new root have signed.
    #[error(
        "the trust file is signed by {found} keys of its own root: expected {threshold}{}",
        uncounted(.left_out)
    )]
    TooFewNew {
        /// How many have.
        found: usize,
        /// How many must.
        threshold: usize,
        /// Those that signed and do not count: revoked or expired.
        left_out: Vec<String>,
    },
}

fn uncounted(names: &[String]) -> String {
    if names.is_empty() {
        String::new()
    } else {
        format!(
            "; revoked or expired, and not counted: {}",
            names.join(", ")
        )
    }
}

impl SuccessionError {
    /// The stable name of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "trust_malformed",
            Self::TooManySignatures(_) => "trust_too_many_signatures",
            Self::SignatureMalformed(_) => "trust_signature_malformed",
            Self::RootRemoved => "trust_root_removed",
            Self::Version { .. } => "trust_version",
            Self::Expired { .. } => "trust_expired",
            Self::BadSignature(_) => "trust_bad_signature",
            Self::TooFewOld { .. } => "trust_signed_by_too_few_old",
            Self::TooFewNew { .. } => "trust_signed_by_too_few_new",
        }
    }
}

/// Judges what is to follow `current`, which is `None` where nothing is in force yet: the first file is
/// trusted as it was installed.
pub fn succeed(
    current: Option<&TrustFile>,
    new: &UntrustedTrust,
    now: Timestamp,
) -> Result<Successor, SuccessionError> {
    let UntrustedTrust { text, signatures } = new;
    let trust = TrustFile::parse(text)?;
    let Some((current, old_root)) = current.and_then(|current| Some((current, current.root()?)))
    else {
        return Ok(Successor {
            trust,
            signers: Vec::new(),
        });
    };
    let signatures = decode(signatures)?;
    let new_root = trust.root().ok_or(SuccessionError::RootRemoved)?;
    if old_root.version.checked_add(1) != Some(new_root.version) {
        return Err(SuccessionError::Version {
            found: new_root.version,
            current: old_root.version,
        });
    }
    if let Some(expires) = trust.expires()
        && trust.has_expired(now)
    {
        return Err(SuccessionError::Expired { expires, now });
    }
    let files = [current, &trust];
    let old = count(current, old_root, files, text, &signatures, now)?;
    let threshold = old_root.threshold;
    if old.counted.len() < threshold {
        return Err(SuccessionError::TooFewOld {
            found: old.counted.len(),
            threshold,
            left_out: old.left_out,
        });
    }
    let new = count(&trust, new_root, files, text, &signatures, now)?;
    let threshold = new_root.threshold;
    if new.counted.len() < threshold {
        return Err(SuccessionError::TooFewNew {
            found: new.counted.len(),
            threshold,
            left_out: new.left_out,
        });
    }
    let mut signers = old.counted;
    signers.extend(new.counted);
    signers.sort();
    signers.dedup();
    Ok(Successor { trust, signers })
}

fn decode(signatures: &[String]) -> Result<Vec<Detached>, SuccessionError> {
    if signatures.len() > SIGNATURES_MAX {
        return Err(SuccessionError::TooManySignatures(signatures.len()));
    }
    let decode = |(number, text): (usize, &String)| {
        Some(text)
            .filter(|text| text.len() <= SIGNATURE_BYTES_MAX)
            .and_then(|text| Detached::decode(text.as_bytes()))
            .ok_or(SuccessionError::SignatureMalformed(number))
    };
    (1..).zip(signatures).map(decode).collect()
}

/// The keys of a root that signed: those that count, and those that do not any more.
#[derive(Default)]
struct Signed {
    counted: Vec<String>,
    left_out: Vec<String>,
}

fn count(
    of: &TrustFile,
    root: &Root,
    files: [&TrustFile; 2],
    text: &str,
    signatures: &[Detached],
    now: Timestamp,
) -> Result<Signed, SuccessionError> {
    let mut signed = Signed::default();
    for key in root.keys.iter().map(|index| &of.keys[*index]) {
        let mut by_key = signatures
            .iter()
            .filter(|signature| signature.key == key.id)
            .peekable();
        if by_key.peek().is_none() {
            continue;
        }
        if !by_key.all(|signature| signature.verifies(text.as_bytes(), &key.public_key)) {
            return Err(SuccessionError::BadSignature(key.name.clone()));
        }
        if key.has_expired(now) || is_revoked(key, files, now) {
            signed.left_out.push(key.name.clone());
        } else {
            signed.counted.push(key.name.clone());
        }
    }
    Ok(signed)
}

/// Whether either file revokes the key, under whatever name.
fn is_revoked(key: &TrustedKey, files: [&TrustFile; 2], now: Timestamp) -> bool {
    let is_same = |other: &TrustedKey| other.id == key.id || other.material == key.material;
    files
        .iter()
        .flat_map(|file| &file.keys)
        .any(|other| is_same(other) && other.is_revoked(now))
}
