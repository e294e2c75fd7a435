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

use crate::{
    daemon::handle::{Actor, Handle, Upload},
    order::{
        FeedName,
        sign::{SIGNATURES_MAX, signature_path},
    },
};

/// The time between two looks.
pub const POLL: Duration = Duration::from_secs(1);
/// Bundles taken at one look; the rest waits for the next.
pub const BUNDLES_PER_LOOK_MAX: usize = 16;
/// Files looked at; past it the rest is not seen until files are taken away, which the log says.
pub const FILES_MAX: usize = 10_000;
/// A signature file that is longer is none.
const SIGNATURE_BYTES_MAX: u64 = 4096;

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
            let outcome = match read(&bundle, bundle_bytes_max) {
                Ok((bytes, signatures)) => {
                    let upload = Upload {
                        feed: Some(feed.clone()),
                        bundle: bytes,
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
                Err(error) => Err(format!("unreadable: {error}\n")),
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

fn read(sighting: &Sighting, bundle_bytes_max: u64) -> io::Result<(Vec<u8>, Vec<Vec<u8>>)> {
    let mut files = Vec::with_capacity(sighting.len());
    for (index, (path, (_, length, ..))) in sighting.iter().enumerate() {
        let limit = if index == 0 {
            bundle_bytes_max
        } else {
            SIGNATURE_BYTES_MAX
        };
        if *length > limit {
            return Err(io::Error::other(format!(
                "{} has {length} bytes, at most {limit} are read",
                path.display()
            )));
        }
        files.push(fs::read(path)?);
    }
    let bundle = files.remove(0);
    Ok((bundle, files))
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
