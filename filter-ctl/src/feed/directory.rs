//! A directory in which an authority's bundles appear, put there by rsync, scp or a person.
//!
//! A bundle is `NAME.jsonl` with at least `NAME.jsonl.minisig`. It is taken once it and its signatures
//! have not changed between two looks, so that a file still being copied is left alone. Afterwards it
//! is moved to `accepted/` or, with a note of the reason, to `refused/`.

use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{fs::File, io::AsyncReadExt as _};

use crate::{
    daemon::handle::{Actor, Handle, Upload},
    durable::DurableError,
    order::{
        FeedName, Input,
        sign::{SIGNATURES_MAX, signature_path},
    },
    spool::{Spool, SpoolError, Way},
};

/// The time between two looks.
pub const POLL: Duration = Duration::from_secs(1);
/// Bundles taken at one look; the rest waits for the next.
pub const BUNDLES_PER_LOOK_MAX: usize = 16;
/// Files looked at; past it the rest is not seen until files are taken away, which the log says.
pub const FILES_MAX: usize = 10_000;
/// A signature file that is longer is none.
const SIGNATURE_BYTES_MAX: u64 = 4096;
/// Bytes that are copied at a time.
const WINDOW_BYTES: usize = 256 << 10;

/// What tells one state of a file from another.
type Stamp = (u64, u64, i64, i64);

/// What was seen of a bundle at the last look: its files and their stamps.
type Sighting = Vec<(PathBuf, Stamp)>;

/// Watches a feed's directory until the service stops.
pub async fn watch(feed: FeedName, directory: PathBuf, bundle_bytes_max: u64, handle: Handle) {
    let actor = Actor {
        uid: None,
        name: format!("directory {}", directory.display()),
    };
    let mut seen = BTreeMap::new();
    // Files that could not be moved away are not taken again as long as they do not change.
    let mut handled: BTreeMap<PathBuf, Sighting> = BTreeMap::new();
    let mut failing = false;
    loop {
        tokio::time::sleep(POLL).await;
        let ready = match look(&directory, &mut seen) {
            Ok(ready) => {
                failing = false;
                ready
            }
            Err(error) => {
                if !failing {
                    tracing::error!(%feed, directory = %directory.display(), %error, "cannot watch");
                }
                failing = true;
                continue;
            }
        };
        handled.retain(|path, _| seen.contains_key(path));
        let ready = ready
            .into_iter()
            .filter(|bundle| handled.get(&bundle[0].0) != Some(bundle));
        for bundle in ready.take(BUNDLES_PER_LOOK_MAX).collect::<Vec<_>>() {
            let outcome = match read(&bundle, bundle_bytes_max, handle.spool()).await {
                Ok((input, signatures)) => {
                    let upload = Upload {
                        feed: Some(feed.clone()),
                        bundle: input,
                        signatures,
                    };
                    match handle.apply(upload, actor.clone()).await {
                        Ok(_) => Ok(()),
                        // Not the bundle's fault: it stays where it is and is tried again.
                        Err(refusal) if refusal.kind == crate::http::wire::RefusalKind::Failed => {
                            tracing::warn!(%feed, code = refusal.code, error = refusal.error, "will try again");
                            continue;
                        }
                        Err(refusal) => Err(format!("{}: {}\n", refusal.code, refusal.error)),
                    }
                }
                Err(ReadError::Spool(error)) => {
                    tracing::warn!(%feed, %error, "will try again");
                    continue;
                }
                Err(ReadError::Unreadable(error)) => Err(format!("unreadable: {error}\n")),
            };
            if let Err(error) = put_away(&directory, &bundle, outcome) {
                handled.insert(bundle[0].0.clone(), bundle);
                tracing::error!(%feed, directory = %directory.display(), %error, "cannot move a bundle away");
            }
        }
    }
}

/// The bundles that have not changed since the last look, by name.
fn look(directory: &Path, seen: &mut BTreeMap<PathBuf, Sighting>) -> io::Result<Vec<Sighting>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        if files.len() == FILES_MAX {
            tracing::warn!(directory = %directory.display(), limit = FILES_MAX, "too many files; some are not seen");
            break;
        }
        if metadata.is_file() {
            let stamp = (
                metadata.ino(),
                metadata.len(),
                metadata.mtime(),
                metadata.mtime_nsec(),
            );
            files.insert(entry.path(), stamp);
        }
    }
    let mut sightings = BTreeMap::new();
    for (path, stamp) in &files {
        if path
            .extension()
            .is_none_or(|extension| extension != "jsonl")
        {
            continue;
        }
        let mut sighting = vec![(path.clone(), *stamp)];
        for number in 1..=SIGNATURES_MAX {
            let signature = signature_path(path, number);
            if let Some(stamp) = files.get(&signature) {
                sighting.push((signature, *stamp));
            }
        }
        if sighting.len() > 1 {
            sightings.insert(path.clone(), sighting);
        }
    }
    let ready = sightings
        .iter()
        .filter(|(path, sighting)| seen.get(*path) == Some(*sighting))
        .map(|(_, sighting)| sighting.clone())
        .collect();
    *seen = sightings;
    Ok(ready)
}

/// Why a bundle was not taken.
enum ReadError {
    /// It cannot be read, or is too long.
    Unreadable(io::Error),
    /// The spool cannot take it.
    Spool(DurableError),
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        Self::Unreadable(error)
    }
}

/// Copies a bundle into the spool, where nobody changes it any more, and reads its signatures.
async fn read(
    sighting: &Sighting,
    bundle_bytes_max: u64,
    spool: &Spool,
) -> Result<(Input, Vec<Vec<u8>>), ReadError> {
    let mut limit = bundle_bytes_max;
    for (path, (_, length, ..)) in sighting {
        if *length > limit {
            return Err(too_long(path, *length, limit).into());
        }
        limit = SIGNATURE_BYTES_MAX;
    }
    let mut signatures = Vec::with_capacity(sighting.len());
    for (path, _) in &sighting[1..] {
        signatures.push(fs::read(path)?);
    }
    let (path, (_, length, ..)) = &sighting[0];
    let spooled = |error| match error {
        // It has grown since the look.
        SpoolError::TooLong { max } => too_long(path, max + 1, max).into(),
        SpoolError::File(error) => ReadError::Spool(error),
    };
    let room = spool.room(Way::Sent, *length).await;
    let mut receiving = spool.receive(room, *length).await.map_err(spooled)?;
    let mut file = File::open(path).await?;
    let mut window = vec![0; WINDOW_BYTES];
    loop {
        let read = file.read(&mut window).await?;
        if read == 0 {
            break;
        }
        receiving.write(&window[..read]).await.map_err(spooled)?;
    }
    let input = receiving.finish().await.map_err(spooled)?;
    Ok((input, signatures))
}

fn too_long(path: &Path, length: u64, limit: u64) -> io::Error {
    io::Error::other(format!(
        "{} has {length} bytes, at most {limit} are read",
        path.display()
    ))
}

fn put_away(directory: &Path, sighting: &Sighting, outcome: Result<(), String>) -> io::Result<()> {
    let target = directory.join(if outcome.is_ok() {
        "accepted"
    } else {
        "refused"
    });
    fs::create_dir_all(&target)?;
    for (path, _) in sighting {
        if let Some(name) = path.file_name() {
            fs::rename(path, target.join(name))?;
        }
    }
    if let (Err(reason), Some(name)) = (outcome, sighting[0].0.file_name()) {
        let mut note = name.to_owned();
        note.push(".reason");
        // By a rename, because whoever waits for the note reads it as soon as it is there.
        let unfinished = target.join(".reason");
        fs::write(&unfinished, reason)?;
        fs::rename(&unfinished, target.join(note))?;
    }
    Ok(())
}
