//! Unsigned lists on disk.
//!
//! ```text
//! feeds/FEED/list.json           the mark of the list in force
//! feeds/FEED/held.json           the update that waits for an operator, or was rejected
//! feeds/FEED/list-DIGEST.raw     a list as it was fetched; DIGEST is the beginning of its SHA-256
//! feeds/FEED/list-DIGEST.since   since when its entries hold
//! feeds/FEED/list-DIGEST.mark    the mark when this list was the last: a state to go back to
//! ```
//!
//! As with bundles the mark is written last, and alone says what is in force.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{FeedName, STATES_MAX, Store, StoreError, list, past, read, read_json, write_json};
use crate::{
    durable,
    order::{
        Input, hex,
        verify::{AdmittedList, CommittedList, ListChange, ListMark, encode_since},
    },
};

const MARK: &str = "list.json";
const HELD: &str = "held.json";
const DIGEST_BYTES: usize = 8;
const PREFIX: &str = "list-";
const PAST_MARK: &str = "mark";

/// An update of a list that changes too much to be enforced by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeldList {
    /// SHA-256 of its bytes.
    #[serde(with = "hex::digest")]
    pub sha256: [u8; 32],
    /// When it was fetched first.
    pub fetched_at: jiff::Timestamp,
    /// What it changes.
    pub change: ListChange,
    /// Who rejected it, if someone did. It is kept so that it does not come again.
    pub rejected_by: Option<String>,
}

impl Store {
    /// Stores an admitted list: the bytes, then the mark. It is in force only after this, and what was held is
    /// forgotten.
    pub fn commit_list(
        &self,
        input: &mut Input,
        admitted: &AdmittedList,
    ) -> Result<(), StoreError> {
        let AdmittedList { order, mark, .. } = admitted;
        let feed = order.feed();
        if input.sha256() != mark.sha256 {
            return Err(StoreError::OtherBytes(feed.clone()));
        }
        let directory = self.feed_directory(feed);
        durable::create_directory(&directory)?;
        let stored = self.list_mark(feed).ok().flatten();
        // Of a list that was only seen again nothing but the mark changes.
        let is_new = stored.as_ref().is_none_or(|stored| {
            (stored.sha256, stored.admitted_at) != (mark.sha256, mark.admitted_at)
        });
        if let Some(stored) = stored.filter(|stored| stored.sha256 != mark.sha256) {
            write_json(&self.list_path(feed, &stored.sha256, PAST_MARK), &stored)?;
        }
        if is_new {
            let since = self.list_path(feed, &mark.sha256, "since");
            durable::write_atomic(&since, &encode_since(order))?;
            input.keep_at(&self.list_path(feed, &mark.sha256, "raw"))?;
        }
        write_json(&directory.join(MARK), mark)?;
        self.forget_held(feed)
    }

    /// The mark of a feed's list; `None` if there is none.
    pub fn list_mark(&self, feed: &FeedName) -> Result<Option<ListMark>, StoreError> {
        read_json(&self.feed_directory(feed).join(MARK))
    }

    /// What is stored of a feed's list, for [`readmit_list`](crate::order::verify::readmit_list); `None` if there
    /// is none.
    pub fn load_list(&self, feed: &FeedName) -> Result<Option<CommittedList>, StoreError> {
        let mark = self.list_mark(feed)?;
        mark.map(|mark| self.load_list_state(feed, mark))
            .transpose()
    }

    /// What is stored of a version of a feed's list, by its mark.
    pub fn load_list_state(
        &self,
        feed: &FeedName,
        mark: ListMark,
    ) -> Result<CommittedList, StoreError> {
        let input = self.list_input(feed, &mark.sha256)?;
        let since = read(&self.list_path(feed, &mark.sha256, "since"))?;
        Ok(CommittedList {
            feed: feed.clone(),
            mark,
            input,
            since,
        })
    }

    /// The marks of the versions before the one admitted last, the newest first. One that cannot be read is passed
    /// over: nobody can go back to it.
    pub fn past_list_marks(&self, feed: &FeedName) -> Result<Vec<ListMark>, StoreError> {
        let files = list(&self.feed_directory(feed))?;
        Ok(past_marks(&files, feed, self.list_mark(feed)?.as_ref()))
    }

    /// A list that is in force or held, mapped; it may be damaged.
    pub fn list_input(&self, feed: &FeedName, sha256: &[u8; 32]) -> Result<Input, StoreError> {
        let path = self.list_path(feed, sha256, "raw");
        Input::kept(&path)?.ok_or_else(|| StoreError::Damaged {
            path,
            reason: "missing: expected the list that a mark names".to_owned(),
        })
    }

    /// Stores an update that waits, in place of one that did.
    pub fn hold_list(
        &self,
        feed: &FeedName,
        input: &mut Input,
        held: &HeldList,
    ) -> Result<(), StoreError> {
        if input.sha256() != held.sha256 {
            return Err(StoreError::OtherBytes(feed.clone()));
        }
        durable::create_directory(&self.feed_directory(feed))?;
        input.keep_at(&self.list_path(feed, &held.sha256, "raw"))?;
        self.save_held(feed, held)
    }

    /// Stores what was decided of an update that waits.
    pub fn save_held(&self, feed: &FeedName, held: &HeldList) -> Result<(), StoreError> {
        write_json(&self.feed_directory(feed).join(HELD), held)
    }

    /// The update that waits, or was rejected.
    pub fn held_list(&self, feed: &FeedName) -> Result<Option<HeldList>, StoreError> {
        read_json(&self.feed_directory(feed).join(HELD))
    }

    fn forget_held(&self, feed: &FeedName) -> Result<(), StoreError> {
        Ok(durable::remove(&self.feed_directory(feed).join(HELD))?)
    }

    /// Removes the lists of a feed that are neither held nor among the newest [`STATES_MAX`] versions, nor `pinned`,
    /// which a paused feed stands at.
    pub fn prune_lists(
        &self,
        feed: &FeedName,
        pinned: Option<&ListMark>,
    ) -> Result<(), StoreError> {
        let files = list(&self.feed_directory(feed))?;
        let marked = self.list_mark(feed)?;
        let held = self.held_list(feed)?.map(|held| held.sha256);
        let past = past_marks(&files, feed, marked.as_ref());
        let versions = past.iter().take(STATES_MAX - 1).chain(&marked);
        let versions = versions.chain(pinned).map(|mark| &mark.sha256);
        let kept: Vec<String> = versions.chain(&held).map(stem).collect();
        for (path, name) in files {
            let file_stem = name.split_once('.').map_or("", |(stem, _)| stem);
            if name.starts_with(PREFIX) && !kept.iter().any(|kept| kept == file_stem) {
                durable::remove(&path)?;
            }
        }
        Ok(())
    }

    fn list_path(&self, feed: &FeedName, sha256: &[u8; 32], extension: &str) -> PathBuf {
        let name = format!("{}.{extension}", stem(sha256));
        self.feed_directory(feed).join(name)
    }
}

/// See [`Store::past_list_marks`]; the last is the one admitted last.
fn past_marks(
    files: &[(PathBuf, String)],
    feed: &FeedName,
    last: Option<&ListMark>,
) -> Vec<ListMark> {
    let is_past_mark =
        |name: &str| name.starts_with(PREFIX) && name.ends_with(&format!(".{PAST_MARK}"));
    let mut marks: Vec<ListMark> = past(files, feed, is_past_mark);
    let last = last.map(|mark| mark.sha256);
    marks.retain(|mark| Some(mark.sha256) != last);
    marks.sort_unstable_by_key(|mark| std::cmp::Reverse((mark.admitted_at, mark.sha256)));
    marks
}

fn stem(sha256: &[u8; 32]) -> String {
    format!("{PREFIX}{}", hex::encode(&sha256[..DIGEST_BYTES]))
}
