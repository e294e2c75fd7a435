//! The authority's side: keys, signatures and the making of bundles.
//!
//! Everything is in minisign's form, so that an authority may as well use the stock tool on a machine
//! that is never on a network.

mod build;
mod difference;
#[cfg(test)]
mod tests;

use std::{
    fs,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use minisign::{KeyPair, SecretKey, SecretKeyBox};

pub use self::{
    build::{BundleEntry, build_bundle},
    difference::{DifferenceError, difference},
};
use super::{
    signature::{Detached, SIGNATURE_BYTES_MAX},
    trust::{KeyId, leading_bytes, read_public_key},
};
use crate::durable::{self, DurableError};

/// The mode of a secret key's file.
pub const SECRET_KEY_MODE: u32 = 0o600;
/// The mode of a public key's file.
pub const PUBLIC_KEY_MODE: u32 = 0o644;
/// Signatures of one bundle; more are refused.
pub const SIGNATURES_MAX: usize = 16;
/// Bytes of a key's file; a longer one is refused.
const KEY_BYTES_MAX: usize = 4096;

/// Why a key was not made, or a bundle not signed or verified.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] DurableError),
    /// A key is in the way.
    #[error("{}: exists: expected no such file, or force", .0.display())]
    Exists(PathBuf),
    /// The file is no secret key.
    #[error("{}: expected a minisign secret key", .0.display())]
    SecretKey(PathBuf),
    /// The file is no public key.
    #[error("{}: expected a minisign public key", .0.display())]
    PublicKey(PathBuf),
    /// The file is no signature.
    #[error("{}: expected a minisign signature", .0.display())]
    Signature(PathBuf),
    /// The secret key is encrypted.
    #[error("{}: the secret key is encrypted: expected its password", .0.display())]
    PasswordNeeded(PathBuf),
    /// The password does not open the secret key.
    #[error("{}: wrong password", .0.display())]
    WrongPassword(PathBuf),
    /// The bundle's name cannot stand in a trusted comment.
    #[error("{}: expected a file name without control characters", .0.display())]
    FileName(PathBuf),
    /// The signature's key is none of those given.
    #[error("{}: signed by key {key}: expected one of the public keys given", path.display())]
    UnknownKey {
        /// The signature.
        path: PathBuf,
        /// Its key.
        key: KeyId,
    },
    /// The signature is not that of the bundle.
    #[error("{}: not a signature of {} by key {key}", path.display(), bundle.display())]
    BadSignature {
        /// The signature.
        path: PathBuf,
        /// The bundle.
        bundle: PathBuf,
        /// Its key.
        key: KeyId,
    },
    /// No signature was given.
    #[error("{}: no signature: expected at least one", .0.display())]
    Unsigned(PathBuf),
    /// The signature's number is out of range.
    #[error("signature number {0}: expected 1 to {SIGNATURES_MAX}")]
    Number(usize),
    /// Making the key or the signature failed.
    #[error("cannot {action}: {problem}")]
    Crypto {
        /// What was tried.
        action: &'static str,
        /// What the library says.
        problem: String,
    },
}

/// A new pair of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFiles {
    /// The secret key: `NAME.key`, mode [`SECRET_KEY_MODE`].
    pub secret: PathBuf,
    /// The public key: `NAME.pub`.
    pub public: PathBuf,
    /// The public key's base64 line, for the trust file.
    pub public_key: String,
    /// The id of both.
    pub key: KeyId,
}

/// A signature that was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedSignature {
    /// Its file.
    pub path: PathBuf,
    /// The key that made it.
    pub key: KeyId,
    /// What the signer stated with it, and signed.
    pub trusted_comment: String,
}

/// Makes a pair of keys, `NAME.key` and `NAME.pub`. With a password the secret key is encrypted by it.
/// Existing files are an error unless `force`.
pub fn keygen(name: &Path, password: Option<&str>, force: bool) -> Result<KeyFiles, SignError> {
    let secret = with_extension(name, ".key");
    let public = with_extension(name, ".pub");
    for path in [&secret, &public] {
        if !force && path.symlink_metadata().is_ok() {
            return Err(SignError::Exists(path.clone()));
        }
    }
    let pair = match password {
        Some(password) => KeyPair::generate_encrypted_keypair(Some(password.to_owned())),
        None => KeyPair::generate_unencrypted_keypair(),
    };
    let KeyPair { pk, sk } = pair.map_err(crypto("make a key"))?;
    let public_key = pk.to_base64();
    let key = KeyId::of_base64(&public_key).ok_or(SignError::PublicKey(public.clone()))?;
    let secret_text = sk
        .to_box(Some("levee secret key"))
        .map_err(crypto("make a key"))?;
    let public_text = format!("untrusted comment: levee public key {key}\n{public_key}\n");
    let write = if force {
        durable::write_atomic_with_mode
    } else {
        durable::write_new_with_mode
    };
    write(&secret, &secret_text.to_bytes(), SECRET_KEY_MODE)?;
    write(&public, public_text.as_bytes(), PUBLIC_KEY_MODE)?;
    Ok(KeyFiles {
        secret,
        public,
        public_key,
        key,
    })
}

/// The file of a bundle's signature: `NAME.jsonl.minisig` for the first, `NAME.jsonl.2.minisig` for the
/// second, and so on.
#[must_use]
pub fn signature_path(bundle: &Path, number: usize) -> PathBuf {
    match number {
        1 => with_extension(bundle, ".minisig"),
        _ => with_extension(bundle, &format!(".{number}.minisig")),
    }
}

/// The signatures beside a bundle, in their order, up to the first that is missing.
#[must_use]
pub fn signatures_beside(bundle: &Path) -> Vec<PathBuf> {
    (1..=SIGNATURES_MAX)
        .map(|number| signature_path(bundle, number))
        .take_while(|path| path.is_file())
        .collect()
}

/// Signs a bundle's file and writes its signature of that number beside it, in place of an older one.
/// The trusted comment names the time and the file.
pub fn sign_file(
    bundle: &Path,
    secret_key: &Path,
    password: Option<&str>,
    number: usize,
    now: Timestamp,
) -> Result<PathBuf, SignError> {
    if !(1..=SIGNATURES_MAX).contains(&number) {
        return Err(SignError::Number(number));
    }
    let name = bundle.file_name().and_then(|name| name.to_str());
    let name = name
        .filter(|name| !name.chars().any(char::is_control))
        .ok_or_else(|| SignError::FileName(bundle.to_owned()))?;
    let comment = format!("timestamp:{}\tfile:{name}\thashed", now.as_second());
    let secret = read_secret_key(secret_key, password)?;
    let bytes = read(bundle)?;
    let signature = sign(&bytes, &secret, &comment)?;
    let path = signature_path(bundle, number);
    durable::write_atomic_with_mode(&path, signature.as_bytes(), PUBLIC_KEY_MODE)?;
    Ok(path)
}

/// Signs bytes: the text of a signature file. They are hashed first (`ED`).
pub fn sign(bytes: &[u8], key: &SecretKey, trusted_comment: &str) -> Result<String, SignError> {
    let untrusted_comment = Some("signature of a levee bundle");
    // With the public half the library verifies what it has signed.
    let public = minisign::PublicKey::from_secret_key(key).map_err(crypto("sign"))?;
    let (public, trusted_comment) = (Some(&public), Some(trusted_comment));
    minisign::sign(public, key, bytes, trusted_comment, untrusted_comment)
        .map(minisign::SignatureBox::into_string)
        .map_err(crypto("sign"))
}

/// Reads a public key's file: its id, and its base64 line.
pub fn read_public_key_file(path: &Path) -> Result<(KeyId, String), SignError> {
    let text = read_key_text(path)?;
    let key = text.as_deref().and_then(|text| {
        let (key, ..) = read_public_key(text)?;
        Some((key, text.lines().last()?.trim().to_owned()))
    });
    key.ok_or_else(|| SignError::PublicKey(path.to_owned()))
}

/// Reads a secret key, encrypted or not.
pub fn read_secret_key(path: &Path, password: Option<&str>) -> Result<SecretKey, SignError> {
    let refused = || SignError::SecretKey(path.to_owned());
    let text = read_key_text(path)?.ok_or_else(refused)?;
    let header: [u8; 6] = text
        .lines()
        .nth(1)
        .and_then(leading_bytes)
        .ok_or_else(refused)?;
    let key_box = SecretKeyBox::from(text.clone());
    match (&header, password) {
        ([b'E', b'd', 0, 0, ..], _) => match stock_unencrypted_key(&text) {
            Some(key) => Ok(key),
            None => key_box.into_unencrypted_secret_key().map_err(|_| refused()),
        },
        // Without a password the library would ask for it at the terminal.
        ([b'E', b'd', b'S', b'c', ..], None) => Err(SignError::PasswordNeeded(path.to_owned())),
        ([b'E', b'd', b'S', b'c', ..], Some(password)) => {
            let key = key_box.into_secret_key(Some(password.to_owned()));
            key.map_err(|error| match error.kind() {
                minisign::ErrorKind::Verify => SignError::WrongPassword(path.to_owned()),
                _ => refused(),
            })
        }
        _ => Err(refused()),
    }
}

/// A key that the stock tool made without a password: it has no checksum, which the library would take
/// for a wrong one. [`sign`] finds a damaged key all the same.
fn stock_unencrypted_key(text: &str) -> Option<SecretKey> {
    const KEY_BYTES: usize = 158;
    const CHECKSUM_BYTES: usize = 32;
    let line = text.lines().nth(1)?.trim_end();
    let mut bytes = leading_bytes::<156>(line)?.to_vec();
    // The last two bytes of the line are of the checksum too.
    bytes.resize(KEY_BYTES, 0);
    let checksum = bytes.last_chunk::<CHECKSUM_BYTES>()?;
    if *checksum != [0; CHECKSUM_BYTES] || line.get(208..) != Some("AAA=") {
        return None;
    }
    SecretKey::from_bytes(&bytes).ok()
}

/// Verifies every signature of a bundle's file with the public keys given.
pub fn verify_files(
    bundle: &Path,
    signatures: &[PathBuf],
    public_keys: &[PathBuf],
) -> Result<Vec<VerifiedSignature>, SignError> {
    if signatures.is_empty() {
        return Err(SignError::Unsigned(bundle.to_owned()));
    }
    let mut keys = Vec::with_capacity(public_keys.len());
    for path in public_keys {
        let text = read_key_text(path)?;
        let key = text.as_deref().and_then(read_public_key);
        keys.push(key.ok_or_else(|| SignError::PublicKey(path.clone()))?);
    }
    let bytes = read(bundle)?;
    let mut verified = Vec::with_capacity(signatures.len());
    for path in signatures {
        let text = read(path)?;
        let detached = Some(text)
            .filter(|text| text.len() <= SIGNATURE_BYTES_MAX)
            .and_then(|text| Detached::decode(&text))
            .ok_or_else(|| SignError::Signature(path.clone()))?;
        let (path, key) = (path.clone(), detached.key);
        let Some((_, _, public_key)) = keys.iter().find(|(id, ..)| *id == key) else {
            return Err(SignError::UnknownKey { path, key });
        };
        if !detached.verifies(&bytes, public_key) {
            let bundle = bundle.to_owned();
            return Err(SignError::BadSignature { path, bundle, key });
        }
        verified.push(VerifiedSignature {
            path,
            key,
            trusted_comment: detached.signature.trusted_comment().to_owned(),
        });
    }
    Ok(verified)
}

fn read(path: &Path) -> Result<Vec<u8>, SignError> {
    fs::read(path).map_err(|error| DurableError::at("read", path)(error).into())
}

fn read_key_text(path: &Path) -> Result<Option<String>, SignError> {
    let bytes = read(path)?;
    let text = Some(bytes).filter(|bytes| bytes.len() <= KEY_BYTES_MAX);
    Ok(text.and_then(|bytes| String::from_utf8(bytes).ok()))
}

fn with_extension(path: &Path, extension: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(extension);
    PathBuf::from(path)
}

fn crypto(action: &'static str) -> impl FnOnce(minisign::PError) -> SignError {
    move |error| SignError::Crypto {
        action,
        problem: error.to_string(),
    }
}
