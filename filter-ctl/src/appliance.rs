//! The appliance's own key, with which it signs what it states: receipts, and checkpoints of its log.
//!
//! It is a minisign key pair below the state directory, made at the first start, unencrypted, because the
//! service starts without a person. Whoever gets `appliance.pub` can verify with the stock tool.

use std::path::{Path, PathBuf};

use minisign::SecretKey;

use crate::order::{
    sign::{KeyFiles, SignError, keygen, read_public_key_file, read_secret_key, sign},
    trust::KeyId,
};

/// The name of both files, without `.key` and `.pub`.
const NAME: &str = "appliance";

/// The key, ready to sign.
pub struct Appliance {
    secret: SecretKey,
    public_key: String,
    id: KeyId,
}

impl Appliance {
    /// Reads the key below a state directory, or makes it where there is none. Half a pair, or a damaged
    /// one, is an error: a new key would make what the old one signed unverifiable without anyone noticing.
    pub fn open(state_dir: &Path) -> Result<Self, SignError> {
        let name = state_dir.join(NAME);
        let files = match (Self::secret_path(state_dir), Self::public_path(state_dir)) {
            (secret, public) if secret.exists() || public.exists() => {
                let (key, public_key) = read_public_key_file(&public)?;
                KeyFiles {
                    secret,
                    public,
                    public_key,
                    key,
                }
            }
            _ => keygen(&name, None, false)?,
        };
        Ok(Self {
            secret: read_secret_key(&files.secret, None)?,
            public_key: files.public_key,
            id: files.key,
        })
    }

    /// Where the public key lies.
    #[must_use]
    pub fn public_path(state_dir: &Path) -> PathBuf {
        state_dir.join(format!("{NAME}.pub"))
    }

    fn secret_path(state_dir: &Path) -> PathBuf {
        state_dir.join(format!("{NAME}.key"))
    }

    /// Signs bytes: the text of a minisign signature file. The trusted comment is signed with them.
    pub fn sign(&self, bytes: &[u8], trusted_comment: &str) -> Result<String, SignError> {
        sign(bytes, &self.secret, trusted_comment)
    }

    /// The base64 line of the public key.
    #[must_use]
    pub fn public_key(&self) -> &str {
        &self.public_key
    }

    /// The id of the key.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_key_is_made_once_and_half_a_pair_is_an_error() {
        let state = tempfile::tempdir().expect("a directory");
        let made = Appliance::open(state.path()).expect("made");
        let again = Appliance::open(state.path()).expect("read");
        assert_eq!(made.public_key(), again.public_key());
        let signature = again.sign(b"said", "by the appliance").expect("signed");
        let public = minisign_verify::PublicKey::from_base64(made.public_key()).expect("a key");
        let signature = minisign_verify::Signature::decode(&signature).expect("a signature");
        public.verify(b"said", &signature, false).expect("verifies");
        fs::remove_file(Appliance::secret_path(state.path())).expect("removed");
        assert!(Appliance::open(state.path()).is_err());
    }
}
