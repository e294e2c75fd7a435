//! One detached signature in minisign's form.
//!
//! What signs a bundle is the Ed25519 signature over its bytes (or, in the newer form, their BLAKE2b-512
//! hash) and a second one over the first and the trusted comment; both are verified. The untrusted
//! comment is covered by neither, as its name says, and is read by nobody.

use minisign_verify::Signature;

use super::trust::KeyId;

/// Bytes of a signature file; a longer one is refused.
pub(crate) const SIGNATURE_BYTES_MAX: usize = 16 << 10;

/// A signature that is well formed, and not yet verified.
pub(super) struct Detached {
    pub(super) key: KeyId,
    pub(super) signature: Signature,
}

impl Detached {
    /// Reads a signature file: four lines, and nothing else.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let text = str::from_utf8(bytes).ok()?;
        let mut lines = text.lines();
        let comment = lines.next()?;
        let key = KeyId::of_base64(lines.next()?)?;
        if !comment.starts_with("untrusted comment: ") || lines.count() != 2 {
            return None;
        }
        let signature = Signature::decode(text).ok()?;
        Some(Self { key, signature })
    }

    /// Whether the key made it over exactly these bytes. Both forms of minisign are accepted: hashed
    /// first (`ED`), and the older one over the bytes themselves (`Ed`).
    pub(super) fn verifies(&self, bytes: &[u8], key: &minisign_verify::PublicKey) -> bool {
        key.verify(bytes, &self.signature, true).is_ok()
    }
}
