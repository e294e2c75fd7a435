//! An authority that signs two truths: two bundles of the same number with different bytes.
//!
//! The second is refused. Which of both others were given cannot be known here, so the alarm stays, over
//! restarts too, until the feed admits a higher number, and the refused bytes are kept as evidence:
//!
//! ```text
//! equivocation/FEED/EPOCH-SEQ.jsonl            the first that was refused of this number
//! equivocation/FEED/EPOCH-SEQ.jsonl.minisig    its signatures, .2.minisig and so on
//! ```
//!
//! One for each feed: those of an earlier number are removed when there is another.

use std::{fs, path::PathBuf};

use super::{
    engine::{Engine, actor_name},
    handle::Actor,
};
use crate::{
    audit::Event,
    durable::{self, DurableError},
    order::{
        FeedName, hex,
        sign::signature_path,
        verify::{AdmissionError, UntrustedOrder},
    },
};

/// The alarm.
const ALARM: &str = "equivocation";
/// The directory below the state directory.
const DIRECTORY: &str = "equivocation";

impl Engine {
    /// Keeps what was refused as an equivocation, records it and raises the alarm.
    pub(super) fn note_equivocation(
        &mut self,
        error: &AdmissionError,
        untrusted: &UntrustedOrder,
        actor: &Actor,
    ) {
        let AdmissionError::Equivocation {
            feed,
            number,
            digests: [admitted, refused],
        } = error
        else {
            return;
        };
        let kept = self.keep_evidence(feed, *number, untrusted);
        let (path, problem) = match kept {
            Ok(path) => (path.display().to_string(), String::new()),
            Err(error) => ("nowhere".to_owned(), error.to_string()),
        };
        self.record(
            Event::new(&actor_name(actor), ALARM, feed.as_str())
                .detail("epoch", number.0)
                .detail("seq", number.1)
                .detail("admitted_sha256", hex::encode(admitted))
                .detail("refused_sha256", hex::encode(refused))
                .detail("kept_in", path)
                .detail("not_kept", problem),
        );
        self.raise_equivocation(feed, *number);
    }

    /// Raises the alarm again for what was refused before the start, unless a higher number was admitted.
    pub(super) fn recall_equivocations(&mut self) {
        for (feed, mark) in &self.marks.clone() {
            if self.evidence(feed, mark.number()).exists() {
                self.raise_equivocation(feed, mark.number());
            }
        }
    }

    /// A higher number was admitted.
    pub(super) fn end_equivocation(&mut self, feed: &FeedName) {
        self.clear_alarm(ALARM, feed.as_str());
    }

    fn raise_equivocation(&mut self, feed: &FeedName, (epoch, seq): (u64, u64)) {
        let message = format!(
            "two bundles were signed as epoch {epoch} seq {seq}; the first is in force, the other was \
             refused and is kept in {}: ask the authority by another way which one is theirs, and whether \
             their key is; a bundle with a higher number ends this",
            self.evidence(feed, (epoch, seq)).display()
        );
        self.raise(ALARM, feed.as_str(), message);
    }

    fn evidence(&self, feed: &FeedName, (epoch, seq): (u64, u64)) -> PathBuf {
        let directory = self.config.state_dir.join(DIRECTORY).join(feed.as_str());
        directory.join(format!("{epoch}-{seq}.jsonl"))
    }

    fn keep_evidence(
        &self,
        feed: &FeedName,
        number: (u64, u64),
        untrusted: &UntrustedOrder,
    ) -> Result<PathBuf, DurableError> {
        let path = self.evidence(feed, number);
        if path.exists() {
            return Ok(path);
        }
        let directory = self.config.state_dir.join(DIRECTORY).join(feed.as_str());
        match fs::remove_dir_all(&directory) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(DurableError::at("remove", &directory)(error));
            }
            _ => durable::create_directory(&directory)?,
        }
        for (number, signature) in (1..).zip(&untrusted.signatures) {
            durable::write_atomic(&signature_path(&path, number), signature)?;
        }
        untrusted.bundle.link_at(&path)?;
        Ok(path)
    }
}
