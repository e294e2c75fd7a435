//! Receipts on disk: `receipts/FEED/ID.json` below the state directory, with its signature `ID.json.minisig`
//! beside it, where the stock minisign looks for it.
//!
//! The engine writes through [`ReceiptStore`]; everybody reads through [`ReceiptDir`], which waits for nobody. The
//! signature is written before the receipt, so a receipt that is there has one.

use std::{
    collections::{BTreeMap, VecDeque},
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use super::Receipt;
use crate::{
    appliance::Appliance,
    durable::{self, DurableError},
    order::{FeedName, sign::SignError},
};

/// Receipts that are kept of each feed; past it the oldest are removed.
pub const RECEIPTS_PER_FEED_MAX: usize = 4096;

const RECEIPT: &str = ".json";
const SIGNATURE: &str = ".json.minisig";
/// Hexadecimal digits of a receipt's name.
const ID_DIGITS: usize = 64;

/// Why a receipt was not written or read.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptError {
    /// A file cannot be written or removed.
    #[error(transparent)]
    Durable(#[from] DurableError),
    /// It cannot be signed.
    #[error("cannot sign a receipt: {0}")]
    Sign(#[from] SignError),
    /// It cannot be put into words.
    #[error("cannot write a receipt as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// A file cannot be read.
    #[error("cannot read {}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// The name of a receipt: 64 lower-case hexadecimal digits, and therefore no path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptId(String);

impl ReceiptId {
    /// Reads a name; `None` for what cannot be one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        (text.len() == ID_DIGITS && text.bytes().all(is_digit)).then(|| Self(text.to_owned()))
    }

    /// The name of the receipt for a bundle with this SHA-256.
    #[must_use]
    pub fn of_digest(sha256: &[u8; 32]) -> Self {
        Self(crate::order::hex::encode(sha256))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A receipt as it lies on disk: the very bytes that are signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The document.
    pub document: String,
    /// The minisign signature over it.
    pub signature: String,
}

/// Where receipts lie, for reading. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct ReceiptDir {
    state_dir: PathBuf,
}

impl ReceiptDir {
    /// The receipts below a state directory.
    #[must_use]
    pub fn new(state_dir: &Path) -> Self {
        Self {
            state_dir: state_dir.to_owned(),
        }
    }

    /// A receipt with its signature; `None` if there is none.
    pub fn read(&self, feed: &FeedName, id: &ReceiptId) -> Result<Option<Signed>, ReceiptError> {
        let document = read(&self.path(feed, id, RECEIPT))?;
        let signature = read(&self.path(feed, id, SIGNATURE))?;
        Ok(document.zip(signature).map(|(document, signature)| Signed {
            document,
            signature,
        }))
    }

    /// The appliance's public key file; `None` before there is one.
    pub fn public_key(&self) -> Result<Option<String>, ReceiptError> {
        read(&Appliance::public_path(&self.state_dir))
    }

    fn feed(&self, feed: &FeedName) -> PathBuf {
        self.state_dir.join("receipts").join(feed.as_str())
    }

    fn path(&self, feed: &FeedName, id: &ReceiptId, extension: &str) -> PathBuf {
        self.feed(feed).join(format!("{}{extension}", id.as_str()))
    }
}

/// The receipts, for the one who writes them.
#[derive(Debug)]
pub struct ReceiptStore {
    directory: ReceiptDir,
    /// What there is of each feed that was written to, oldest first.
    known: BTreeMap<FeedName, VecDeque<ReceiptId>>,
    per_feed_max: usize,
}

impl ReceiptStore {
    /// The receipts in a directory. Reads nothing yet.
    #[must_use]
    pub const fn new(directory: ReceiptDir) -> Self {
        Self {
            directory,
            known: BTreeMap::new(),
            per_feed_max: RECEIPTS_PER_FEED_MAX,
        }
    }

    /// The receipt there is for a bundle. One that cannot be understood counts as none and is written anew.
    pub fn find(&self, feed: &FeedName, id: &ReceiptId) -> Result<Option<Receipt>, ReceiptError> {
        let signed = self.directory.read(feed, id)?;
        Ok(signed.and_then(|signed| serde_json::from_str(&signed.document).ok()))
    }

    /// Signs and writes a receipt, unless one that stays is there; removes the oldest past the limit.
    pub fn put(&mut self, receipt: &Receipt, signer: &Appliance) -> Result<(), ReceiptError> {
        let feed = &receipt.feed;
        let Some(id) = ReceiptId::parse(&receipt.receipt) else {
            return Ok(());
        };
        let older = self.find(feed, &id)?;
        if older.is_some_and(|older| !receipt.replaces(&older)) {
            return Ok(());
        }
        let mut document = serde_json::to_string_pretty(receipt)?;
        document.push('\n');
        let comment = format!("levee receipt, feed {feed}, {}", receipt.status.name());
        let signature = signer.sign(document.as_bytes(), &comment)?;
        durable::create_directory(&self.directory.feed(feed))?;
        let path = |extension| self.directory.path(feed, &id, extension);
        durable::write_atomic(&path(SIGNATURE), signature.as_bytes())?;
        durable::write_atomic(&path(RECEIPT), document.as_bytes())?;
        self.note(feed, id)
    }

    /// Notes the newest, and removes the oldest past the limit.
    fn note(&mut self, feed: &FeedName, id: ReceiptId) -> Result<(), ReceiptError> {
        if !self.known.contains_key(feed) {
            let listed = list(&self.directory.feed(feed))?;
            self.known.insert(feed.clone(), listed);
        }
        let known = self.known.entry(feed.clone()).or_default();
        known.retain(|other| *other != id);
        known.push_back(id);
        while known.len() > self.per_feed_max
            && let Some(oldest) = known.front()
        {
            for extension in [RECEIPT, SIGNATURE] {
                durable::remove(&self.directory.path(feed, oldest, extension))?;
            }
            known.pop_front();
        }
        Ok(())
    }
}

/// The receipts in a directory, oldest first.
fn list(directory: &Path) -> Result<VecDeque<ReceiptId>, ReceiptError> {
    let at = |source| ReceiptError::Read {
        path: directory.to_owned(),
        source,
    };
    let mut found: Vec<(SystemTime, ReceiptId)> = Vec::new();
    for entry in fs::read_dir(directory).map_err(at)? {
        let entry = entry.map_err(at)?;
        let name = entry.file_name();
        let id = name.to_str().and_then(|name| name.strip_suffix(RECEIPT));
        if let Some(id) = id.and_then(ReceiptId::parse) {
            let changed = entry.metadata().and_then(|metadata| metadata.modified());
            found.push((changed.map_err(at)?, id));
        }
    }
    found.sort_by(|one, other| (one.0, &one.1.0).cmp(&(other.0, &other.1.0)));
    Ok(found.into_iter().map(|(_, id)| id).collect())
}

fn read(path: &Path) -> Result<Option<String>, ReceiptError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ReceiptError::Read {
            path: path.to_owned(),
            source,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        http::samples,
        receipt::{ReceiptStatus, tests::receipt},
    };

    fn id(digit: char) -> String {
        digit.to_string().repeat(ID_DIGITS)
    }

    #[test]
    fn a_name_is_never_a_path() {
        assert!(ReceiptId::parse(&id('a')).is_some());
        for text in ["", "..", "../../appliance", &id('A'), &id('/')] {
            assert_eq!(ReceiptId::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_receipt_verifies_and_the_oldest_go_first() {
        let state = tempfile::tempdir().expect("a directory");
        let signer = Appliance::open(state.path()).expect("a key");
        let directory = ReceiptDir::new(state.path());
        let mut store = ReceiptStore {
            per_feed_max: 2,
            ..ReceiptStore::new(directory.clone())
        };
        for digit in ['a', 'b', 'c'] {
            let receipt = receipt(&id(digit), ReceiptStatus::Enforced);
            store.put(&receipt, &signer).expect("written");
        }
        let read = |digit| {
            let id = ReceiptId::parse(&id(digit)).expect("a name");
            directory.read(&samples::feed(), &id).expect("readable")
        };
        assert_eq!(read('a'), None, "the oldest is gone");
        let newest = read('c').expect("the newest is there");
        let public = minisign_verify::PublicKey::from_base64(signer.public_key()).expect("a key");
        let signature = minisign_verify::Signature::decode(&newest.signature).expect("a signature");
        public
            .verify(newest.document.as_bytes(), &signature, false)
            .expect("verifies");

        // What is on disk counts after a restart too.
        let mut store = ReceiptStore {
            per_feed_max: 2,
            ..ReceiptStore::new(directory.clone())
        };
        let newest = receipt(&id('d'), ReceiptStatus::Refused);
        store.put(&newest, &signer).expect("written");
        assert!(read('b').is_none() && read('c').is_some() && read('d').is_some());
    }
}
