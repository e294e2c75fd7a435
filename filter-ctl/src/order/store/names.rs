//! The names of stored bundles.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use crate::order::{
    hex,
    verify::{Link, Mark},
};

const EXTENSION: &str = ".jsonl";
const PAST_MARK: &str = ".mark";
const DIGEST_BYTES: usize = 8;

/// The name of a bundle: its number, and the beginning of its digest. Sorted by number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct BundleName {
    epoch: u64,
    seq: u64,
    digest: String,
}

impl BundleName {
    pub(super) fn of(mark: &Mark) -> Self {
        Self::new(mark.epoch, mark.seq, &mark.sha256)
    }

    pub(super) fn of_link(link: &Link) -> Self {
        Self::new(link.epoch, link.seq, &link.sha256)
    }

    fn new(epoch: u64, seq: u64, sha256: &[u8; 32]) -> Self {
        Self {
            epoch,
            seq,
            digest: hex::encode(&sha256[..DIGEST_BYTES]),
        }
    }
}

impl fmt::Display for BundleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { epoch, seq, digest } = self;
        write!(f, "{epoch}-{seq}-{digest}{EXTENSION}")
    }
}

/// The bundle that a file belongs to: the bundle itself, a signature, the record of first dates.
pub(super) fn bundle_of(file: &str) -> Option<BundleName> {
    let (stem, rest) = file.split_once('.')?;
    let of_bundle = rest == "jsonl" || rest.starts_with("jsonl.");
    let mut parts = stem.splitn(3, '-');
    let (epoch, seq, digest) = (parts.next()?, parts.next()?, parts.next()?);
    let is_digest =
        digest.len() == 2 * DIGEST_BYTES && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
    let name = BundleName {
        epoch: epoch.parse().ok()?,
        seq: seq.parse().ok()?,
        digest: digest.to_owned(),
    };
    Some(name).filter(|_| of_bundle && is_digest)
}

/// The mark beside a bundle that was in force before the marked one.
pub(super) fn past_mark_path(bundle: &Path) -> PathBuf {
    beside(bundle, PAST_MARK)
}

/// Whether a file is such a mark.
pub(super) fn is_past_mark(file: &str) -> bool {
    bundle_of(file).is_some() && file.ends_with(PAST_MARK)
}

/// The record of first dates beside a bundle.
pub(super) fn since_path(bundle: &Path) -> PathBuf {
    beside(bundle, ".since")
}

fn beside(bundle: &Path, extension: &str) -> PathBuf {
    let mut path = bundle.as_os_str().to_owned();
    path.push(extension);
    PathBuf::from(path)
}
