//! A directory in which an authority's bundles appear, put there by rsync, scp or a person.
//!
//! A bundle is `NAME.jsonl` with at least `NAME.jsonl.minisig`. It is taken once it and its signatures
//! have not changed between two looks, so that a file still being copied is left alone. Afterwards it
//! is moved to `accepted/` or, with a note of the reason, to `refused/`.
//!
//! - [`spool`]: its files, handled so that who can write there cannot lead the service elsewhere.

mod spool;

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    io, mem,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::task::spawn_blocking;

use self::spool::{Spool, Stamp};
use crate::{
    daemon::handle::{Actor, Handle, Upload},
    http::wire::RefusalKind,
    order::{
        FeedName,
        sign::{SIGNATURES_MAX, signature_path},
    },
};

/// The time between two looks.
pub const POLL: Duration = Duration::from_secs(1);
/// Bundles taken at one look; the rest waits for the next.
pub const BUNDLES_PER_LOOK_MAX: usize = 16;
/// A signature file that is longer is none.
const SIGNATURE_BYTES_MAX: u64 = 4096;

/// What was seen of a bundle at the last look: its files and their stamps, the bundle first.
type Sighting = Vec<(OsString, Stamp)>;

/// What was seen at the last look, by the bundle's name.
type Sightings = BTreeMap<OsString, Sighting>;

/// Watches a feed's directory until the service stops.
pub async fn watch(feed: FeedName, directory: PathBuf, bundle_bytes_max: u64, handle: Handle) {
    let actor = Actor {
        uid: None,
        name: format!("directory {}", directory.display()),
    };
    let mut seen = Sightings::new();
    // Files that could not be moved away are not taken again as long as they do not change.
    let mut handled = Sightings::new();
    let mut failing = false;
    loop {
        tokio::time::sleep(POLL).await;
        let (path, before) = (directory.clone(), mem::take(&mut seen));
        let (spool, ready) = match blocking(move || look(&path, before)).await {
            Ok((spool, sightings, ready)) => {
                failing = false;
                seen = sightings;
                (Arc::new(spool), ready)
            }
            Err(error) => {
                if !failing {
                    tracing::error!(%feed, directory = %directory.display(), %error, "cannot watch");
                }
                failing = true;
                continue;
            }
        };
        handled.retain(|name, _| seen.contains_key(name));
        let ready = ready
            .into_iter()
            .filter(|bundle| handled.get(&bundle[0].0) != Some(bundle));
        for bundle in ready.take(BUNDLES_PER_LOOK_MAX).collect::<Vec<_>>() {
            let (from, sighting) = (Arc::clone(&spool), bundle.clone());
            let outcome = match blocking(move || read(&from, &sighting, bundle_bytes_max)).await {
                Ok(Some((bytes, signatures))) => {
                    let upload = Upload {
                        feed: Some(feed.clone()),
                        bundle: bytes,
                        signatures,
                    };
                    match handle.apply(upload, actor.clone()).await {
                        Ok(_) => Ok(()),
                        // Not the bundle's fault: it stays where it is and is tried again.
                        Err(refusal) if refusal.kind == RefusalKind::Failed => {
                            tracing::warn!(%feed, code = refusal.code, error = refusal.error, "will try again");
                            continue;
                        }
                        Err(refusal) => Err(format!("{}: {}\n", refusal.code, refusal.error)),
                    }
                }
                // Somebody is still at it.
                Ok(None) => continue,
                Err(error) => Err(format!("unreadable: {error}\n")),
            };
            let (from, sighting) = (Arc::clone(&spool), bundle.clone());
            if let Err(error) = blocking(move || put_away(&from, &sighting, outcome)).await {
                handled.insert(bundle[0].0.clone(), bundle);
                tracing::error!(%feed, directory = %directory.display(), %error, "cannot move a bundle away");
            }
        }
    }
}

/// Runs what waits for a disk, which may hang, where it holds up nothing else.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    spawn_blocking(work).await.map_err(io::Error::other)?
}

/// The directory, what is in it, and the bundles that have not changed since the last look, by name.
fn look(directory: &Path, before: Sightings) -> io::Result<(Spool, Sightings, Vec<Sighting>)> {
    let spool = Spool::open(directory)?;
    let files = spool.files()?;
    let mut sightings = Sightings::new();
    for (name, stamp) in &files {
        let path = Path::new(name);
        if path
            .extension()
            .is_none_or(|extension| extension != "jsonl")
        {
            continue;
        }
        let mut sighting = vec![(name.clone(), *stamp)];
        for number in 1..=SIGNATURES_MAX {
            let signature = signature_path(path, number).into_os_string();
            if let Some(stamp) = files.get(&signature) {
                sighting.push((signature, *stamp));
            }
        }
        if sighting.len() > 1 {
            sightings.insert(name.clone(), sighting);
        }
    }
    let ready = sightings
        .iter()
        .filter(|(name, sighting)| before.get(*name) == Some(*sighting))
        .map(|(_, sighting)| sighting.clone())
        .collect();
    Ok((spool, sightings, ready))
}

/// A bundle and its signatures; `None` if they are no longer those that were seen.
fn read(
    spool: &Spool,
    sighting: &Sighting,
    bundle_bytes_max: u64,
) -> io::Result<Option<(Vec<u8>, Vec<Vec<u8>>)>> {
    let mut files = Vec::with_capacity(sighting.len());
    for (index, (name, stamp)) in sighting.iter().enumerate() {
        let limit = if index == 0 {
            bundle_bytes_max
        } else {
            SIGNATURE_BYTES_MAX
        };
        if stamp.length > limit {
            return Err(io::Error::other(format!(
                "{} has {} bytes, at most {limit} are read",
                Path::new(name).display(),
                stamp.length
            )));
        }
        let Some(bytes) = spool.read(name, *stamp)? else {
            return Ok(None);
        };
        files.push(bytes);
    }
    let bundle = files.remove(0);
    Ok(Some((bundle, files)))
}

fn put_away(spool: &Spool, sighting: &Sighting, outcome: Result<(), String>) -> io::Result<()> {
    let names = sighting.iter().map(|(name, _)| OsStr::new(name));
    match outcome {
        Ok(()) => spool.put_away("accepted", names, None),
        Err(reason) => spool.put_away("refused", names, Some(&reason)),
    }
}
