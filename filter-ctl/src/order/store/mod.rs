//! What was admitted, on disk, as it was received.
//!
//! ```text
//! feeds/FEED/EPOCH-SEQ-DIGEST.jsonl             the bundle; DIGEST is the beginning of its SHA-256
//! feeds/FEED/EPOCH-SEQ-DIGEST.jsonl.minisig     its signatures, .2.minisig and so on
//! feeds/FEED/EPOCH-SEQ-DIGEST.jsonl.since       since when its entries hold
//! feeds/FEED/EPOCH-SEQ-DIGEST.jsonl.mark        the mark when this bundle was the last: a state to go back to
//! feeds/FEED/mark.json                          the mark: what was admitted last
//! operator/DIGEST.json                          an operator's order; DIGEST is that of its reference
//! ```
//!
//! Lists that nobody signs lie beside the bundles, see `list`.
//!
//! The mark alone says what is in force of a feed. It is written last, so that a crash at any moment leaves
//! either the old state or the new one. Every error names the path, and leaves the old state as it was.

mod list;
mod names;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

pub use self::list::HeldList;
use self::names::BundleName;
use super::{
    FeedName, UntrustedOrder,
    letter::OperatorOrder,
    sign::{signature_path, signatures_beside},
    verify::{Admitted, Committed, Link, Mark, encode_since},
};
use crate::durable::{self, DurableError};

/// States that are kept of a feed, the one admitted last among them: bundles that changed something, or lists. The
/// bundles that they build on and those that a paused feed stands at are not counted; older ones are removed.
pub const STATES_MAX: usize = 8;

const MARK: &str = "mark.json";

/// Why something is not stored, or what is stored is not used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] DurableError),
    /// A file is not what was written.
    #[error("{} is damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what was expected.
        reason: String,
    },
    /// The bytes are not those that were admitted.
    #[error(
        "feed `{0}`: the bundle is not the one that was admitted: expected its SHA-256 in the mark"
    )]
    OtherBytes(FeedName),
    /// Something newer was stored meanwhile.
    #[error(
        "feed `{feed}`: epoch {} seq {} is to be stored: expected more than epoch {} seq {}, \
         which is stored",
        found.0, found.1, mark.0, mark.1
    )]
    Stale {
        /// The feed.
        feed: FeedName,
        /// What is to be stored.
        found: (u64, u64),
        /// What is.
        mark: (u64, u64),
    },
}

/// The stored state. One process uses it at a time; who opens it makes sure of that.
#[derive(Clone, Debug)]
pub struct Store {
    feeds: PathBuf,
    operator: PathBuf,
}

impl Store {
    /// Opens the state under a directory, making it where it is missing, and removes what a crash left
    /// half written.
    pub fn open(state_dir: &Path) -> Result<Self, StoreError> {
        let store = Self::look(state_dir);
        durable::create_directory(&store.feeds)?;
        durable::create_directory(&store.operator)?;
        sweep(&store.operator)?;
        for (path, _) in list(&store.feeds)? {
            if path.is_dir() {
                sweep(&path)?;
            }
        }
        Ok(store)
    }

    /// The state under a directory, to be read only: nothing is made or removed, and another process may
    /// own it. What is not there is empty.
    #[must_use]
    pub fn look(state_dir: &Path) -> Self {
        Self {
            feeds: state_dir.join("feeds"),
            operator: state_dir.join("operator"),
        }
    }

    /// The directories in which everything lies.
    #[must_use]
    pub fn directories(&self) -> [&Path; 2] {
        [&self.feeds, &self.operator]
    }

    /// Stores what was admitted: the bytes, then the mark. It is in force only after this.
    /// After an error [`Self::mark`] says what holds: almost always the old mark, but the new one if only
    /// the last synchronising of the directory failed. So the very same may be stored once more.
    pub fn commit(
        &self,
        untrusted: &mut UntrustedOrder,
        admitted: &Admitted,
    ) -> Result<(), StoreError> {
        let Admitted { order, mark } = admitted;
        let feed = order.feed();
        // Both were checked at admission. A mark that is wrong, or goes back, would be admission undone.
        if untrusted.bundle.sha256() != mark.sha256 {
            return Err(StoreError::OtherBytes(feed.clone()));
        }
        let stored = self.mark(feed)?;
        let is_same =
            |stored: &Mark| (stored.number(), stored.sha256) == (mark.number(), mark.sha256);
        if let Some(stored) = &stored
            && stored.number() >= mark.number()
            && !is_same(stored)
        {
            return Err(StoreError::Stale {
                feed: feed.clone(),
                found: mark.number(),
                mark: stored.number(),
            });
        }
        let directory = self.feed_directory(feed);
        durable::create_directory(&directory)?;
        let before = stored.filter(|stored| stored.has_entries && !is_same(stored));
        if let Some(stored) = before {
            let bundle = directory.join(BundleName::of(&stored).to_string());
            write_json(&names::past_mark_path(&bundle), &stored)?;
        }
        // What a delta leaves has the times of the bundles before it.
        if mark.chain.is_empty() {
            let since = names::since_path(&directory.join(BundleName::of(mark).to_string()));
            durable::write_atomic(&since, &encode_since(order))?;
        }
        self.write_bundle(untrusted, feed, mark)?;
        write_json(&directory.join(MARK), mark)
    }

    /// Puts the very bundle that the stored mark names in place of one that cannot be read.
    pub fn restore(
        &self,
        untrusted: &mut UntrustedOrder,
        feed: &FeedName,
        mark: &Mark,
    ) -> Result<(), StoreError> {
        if untrusted.bundle.sha256() != mark.sha256 || self.mark(feed)?.as_ref() != Some(mark) {
            return Err(StoreError::OtherBytes(feed.clone()));
        }
        self.write_bundle(untrusted, feed, mark)
    }

    fn write_bundle(
        &self,
        untrusted: &mut UntrustedOrder,
        feed: &FeedName,
        mark: &Mark,
    ) -> Result<(), StoreError> {
        let bundle = self
            .feed_directory(feed)
            .join(BundleName::of(mark).to_string());
        for (number, signature) in (1..).zip(&untrusted.signatures) {
            durable::write_atomic(&signature_path(&bundle, number), signature)?;
        }
        Ok(untrusted.bundle.keep_at(&bundle)?)
    }

    /// Removes the oldest bundles of a feed: those that neither the newest [`STATES_MAX`] states nor `pinned`, which
    /// a paused feed stands at, need. How many.
    pub fn prune(&self, feed: &FeedName, pinned: Option<&Mark>) -> Result<usize, StoreError> {
        let listed = list(&self.feed_directory(feed))?;
        let mark = self.mark(feed)?;
        let mut states = past_marks(&listed, feed, mark.as_ref());
        states.truncate(STATES_MAX - 1);
        let needed: BTreeSet<BundleName> = mark
            .iter()
            .chain(pinned)
            .chain(&states)
            .flat_map(Mark::bundles)
            .map(|link| BundleName::of_link(&link))
            .collect();
        let mut files = Vec::new();
        for (path, name) in listed {
            if let Some(bundle) = names::bundle_of(&name) {
                files.push((bundle, path));
            }
        }
        let mut bundles: Vec<_> = files.iter().map(|(bundle, _)| bundle.clone()).collect();
        bundles.sort_unstable();
        bundles.dedup();
        bundles.retain(|bundle| !needed.contains(bundle));
        let kept = STATES_MAX - usize::from(mark.is_some()) - states.len();
        bundles.truncate(bundles.len().saturating_sub(kept));
        // A chain may be long, and each of its marks names it.
        let states = states.iter().chain(pinned);
        let states: BTreeSet<BundleName> = states.map(BundleName::of).collect();
        for (bundle, path) in &files {
            let name = path.file_name().and_then(|name| name.to_str());
            let is_past = name.is_some_and(names::is_past_mark) && !states.contains(bundle);
            if is_past || bundles.contains(bundle) {
                durable::remove(path)?;
            }
        }
        Ok(bundles.len())
    }

    /// The marks of the states before the one admitted last, the newest first. Those that changed nothing are not
    /// among them. One that cannot be read is passed over: nobody can go back to it.
    pub fn past_marks(&self, feed: &FeedName) -> Result<Vec<Mark>, StoreError> {
        let files = list(&self.feed_directory(feed))?;
        Ok(past_marks(&files, feed, self.mark(feed)?.as_ref()))
    }

    /// The mark of a feed; `None` if nothing of it was admitted yet. While a mark is damaged, nothing can
    /// be admitted from its feed, because nobody knows what came before.
    pub fn mark(&self, feed: &FeedName) -> Result<Option<Mark>, StoreError> {
        read_json(&self.feed_directory(feed).join(MARK))
    }

    /// What is stored of a feed, for [`readmit`](super::verify::readmit); `None` if nothing of it was
    /// admitted yet.
    pub fn load_feed(&self, feed: &FeedName) -> Result<Option<Committed>, StoreError> {
        let mark = self.mark(feed)?;
        mark.map(|mark| self.load_state(feed, mark)).transpose()
    }

    /// What is stored of a state of a feed, by its mark.
    pub fn load_state(&self, feed: &FeedName, mark: Mark) -> Result<Committed, StoreError> {
        let directory = self.feed_directory(feed);
        let path = directory.join(BundleName::of(&mark).to_string());
        let mut chain = self.bundles(feed, &mark)?;
        let bundle = chain.pop().unwrap_or_default();
        let mut signatures = Vec::new();
        for path in signatures_beside(&path) {
            signatures.extend(read(&path)?);
        }
        let snapshot = mark.bundles().next();
        let snapshot = snapshot.map(|link| BundleName::of_link(&link).to_string());
        let since = match snapshot {
            Some(name) => read(&names::since_path(&directory.join(name)))?,
            None => None,
        };
        Ok(Committed {
            feed: feed.clone(),
            mark,
            chain,
            bundle,
            signatures,
            since,
        })
    }

    /// Where a bundle of a mark lies.
    #[must_use]
    pub fn bundle_path(&self, feed: &FeedName, link: &Link) -> PathBuf {
        let name = BundleName::of_link(link).to_string();
        self.feed_directory(feed).join(name)
    }

    /// The bundles of a mark, in the order of [`Mark::bundles`], as they lie on disk: they are mapped, not
    /// read.
    pub fn bundles(&self, feed: &FeedName, mark: &Mark) -> Result<Vec<Bytes>, StoreError> {
        let mut bundles = Vec::new();
        for link in mark.bundles() {
            let path = self.bundle_path(feed, &link);
            let Some(bundle) = durable::map(&path)? else {
                let reason = "missing: expected a bundle of the mark".to_owned();
                return Err(StoreError::Damaged { path, reason });
            };
            bundles.push(bundle);
        }
        Ok(bundles)
    }

    /// The feeds that something is stored of, in the order of their names, and what is there besides.
    pub fn feeds(&self) -> Result<(Vec<FeedName>, Vec<StoreError>), StoreError> {
        let (mut feeds, mut damaged) = (Vec::new(), Vec::new());
        for (path, name) in list(&self.feeds)? {
            match FeedName::try_from(name) {
                Ok(feed) if path.is_dir() => feeds.push(feed),
                Ok(_) => damaged.push(StoreError::Damaged {
                    path,
                    reason: "a file: expected the directory of a feed".to_owned(),
                }),
                Err(error) => damaged.push(StoreError::Damaged {
                    path,
                    reason: error.to_string(),
                }),
            }
        }
        feeds.sort_unstable();
        Ok((feeds, damaged))
    }

    /// Stores an operator's order in place of what is stored under its reference.
    pub fn save_operator(&self, order: &OperatorOrder) -> Result<(), StoreError> {
        write_json(&self.operator_path(&order.info.reference), order)
    }

    /// The operator's order of that reference.
    pub fn load_operator(&self, reference: &str) -> Result<Option<OperatorOrder>, StoreError> {
        let path = self.operator_path(reference);
        let order = read_json(&path)?;
        order.map(|order| check_reference(order, path)).transpose()
    }

    /// All operators' orders, in the order of their first entering, and what cannot be used.
    pub fn load_operators(&self) -> Result<(Vec<OperatorOrder>, Vec<StoreError>), StoreError> {
        let (mut orders, mut damaged) = (Vec::new(), Vec::new());
        for (path, name) in list(&self.operator)? {
            if durable::is_temporary(&name) {
                continue;
            }
            let order = read_json(&path)
                .and_then(|order| order.map(|order| check_reference(order, path)).transpose());
            match order {
                Ok(order) => orders.extend(order),
                Err(error) => damaged.push(error),
            }
        }
        let key = |order: &OperatorOrder| (order.entered_at, order.info.reference.clone());
        orders.sort_by_cached_key(key);
        Ok((orders, damaged))
    }

    /// Removes an operator's order; it is no error if there is none.
    pub fn remove_operator(&self, reference: &str) -> Result<(), StoreError> {
        Ok(durable::remove(&self.operator_path(reference))?)
    }

    fn feed_directory(&self, feed: &FeedName) -> PathBuf {
        self.feeds.join(feed.as_str())
    }

    fn operator_path(&self, reference: &str) -> PathBuf {
        let digest = OperatorOrder::digest(reference);
        self.operator.join(format!("{digest}.json"))
    }
}

/// See [`Store::past_marks`]; the last is the one admitted last.
fn past_marks(files: &[(PathBuf, String)], feed: &FeedName, last: Option<&Mark>) -> Vec<Mark> {
    let mut marks: Vec<Mark> = past(files, feed, names::is_past_mark);
    // That of the state admitted last may be there as well, where a commit failed after it.
    let last = last.map(Mark::number);
    marks.retain(|mark| Some(mark.number()) < last);
    marks.sort_unstable_by_key(|mark| std::cmp::Reverse(mark.number()));
    marks
}

/// The marks of states to go back to among the files of a feed. One that cannot be read is passed over.
fn past<T: DeserializeOwned>(
    files: &[(PathBuf, String)],
    feed: &FeedName,
    is_past_mark: impl Fn(&str) -> bool,
) -> Vec<T> {
    let mut marks = Vec::new();
    for (path, _) in files.iter().filter(|(_, name)| is_past_mark(name)) {
        match read_json(path) {
            Ok(mark) => marks.extend(mark),
            Err(error) => tracing::warn!(%feed, %error, "a state cannot be gone back to"),
        }
    }
    marks
}

/// An order is stored under its own reference, so that the next letter finds it.
fn check_reference(order: OperatorOrder, path: PathBuf) -> Result<OperatorOrder, StoreError> {
    let reference = &order.info.reference;
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    if stem == Some(&OperatorOrder::digest(reference)) {
        return Ok(order);
    }
    let reason = "expected the SHA-256 of its reference as its name".to_owned();
    Err(StoreError::Damaged { path, reason })
}

fn write_json(path: &Path, value: &impl Serialize) -> Result<(), StoreError> {
    let mut bytes =
        serde_json::to_vec(value).map_err(|error| DurableError::at("write", path)(error.into()))?;
    bytes.push(b'\n');
    Ok(durable::write_atomic(path, &bytes)?)
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, StoreError> {
    let Some(bytes) = read(path)? else {
        return Ok(None);
    };
    let value = serde_json::from_slice(&bytes);
    value.map(Some).map_err(|error| StoreError::Damaged {
        path: path.to_owned(),
        reason: error.to_string(),
    })
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(DurableError::at("read", path)(error).into()),
    }
}

/// The files of a directory with their names. A name that is no text is nobody's and is passed over.
fn list(directory: &Path) -> Result<Vec<(PathBuf, String)>, StoreError> {
    let failed = |error| StoreError::from(DurableError::at("read", directory)(error));
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed)?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failed)?;
        if let Ok(name) = entry.file_name().into_string() {
            files.push((entry.path(), name));
        }
    }
    Ok(files)
}

fn sweep(directory: &Path) -> Result<(), StoreError> {
    for (path, name) in list(directory)? {
        if durable::is_temporary(&name) {
            durable::remove(&path)?;
        }
    }
    Ok(())
}
