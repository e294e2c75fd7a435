//! Bytes as lower-case hexadecimal, for digests in file names and records.

use std::fmt::Write as _;

/// The bytes as lower-case hexadecimal digits.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The fewest digits by which a person may name a digest.
const NAME_DIGITS_MIN: usize = 8;

/// Whether these lower-case digits are the beginning of a digest, and enough of it.
pub(crate) fn is_named(digest: &[u8; 32], digits: &str) -> bool {
    digits.len() >= NAME_DIGITS_MIN && encode(digest).starts_with(digits)
}

/// The digest that 64 hexadecimal digits, in either case, stand for.
#[must_use]
pub fn decode_digest(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    let mut digest = [0; 32];
    if digits.len() != digest.len() * 2 {
        return None;
    }
    for (byte, pair) in digest.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Some(digest)
}

const fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// For `#[serde(with = ...)]` on a digest.
pub(crate) mod digest {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    use super::{decode_digest, encode};

    pub(crate) fn serialize<S: Serializer>(
        digest: &[u8; 32],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&encode(digest))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<[u8; 32], D::Error> {
        let text = String::deserialize(deserializer)?;
        decode_digest(&text)
            .ok_or_else(|| D::Error::custom("expected a SHA-256 as 64 hexadecimal digits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_survives_its_text_and_nothing_else_is_a_digest() {
        let digest: [u8; 32] = std::array::from_fn(|index| u8::try_from(index * 8).expect("small"));
        assert_eq!(decode_digest(&encode(&digest)), Some(digest));
        assert_eq!(decode_digest(&encode(&digest).to_uppercase()), Some(digest));
        assert_eq!(decode_digest(&encode(&digest[1..])), None);
        assert_eq!(decode_digest(&"g0".repeat(32)), None);
        assert_eq!(decode_digest(&"é".repeat(32)), None);
    }
}
