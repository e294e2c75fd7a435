//! A directory in which an authority's bundles appear, put there by rsync, scp or a person.
//!
//! A bundle is `NAME.jsonl` with at least `NAME.jsonl.minisig`. It is taken once it and its signatures
//! have not changed between two looks, so that a file still being copied is left alone. Afterwards it
//! is moved to `accepted/` or, with a note of the reason, to `refused/`.
//!
//! - [`watched`]: its files, handled so that who can write there cannot lead the service elsewhere.

mod watched;

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    io, mem,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{io::AsyncReadExt as _, task::spawn_blocking};

use self::watched::{Stamp, Watched};
use crate::{
    daemon::handle::{Actor, Handle, Upload},
    durable::DurableError,
    http::wire::RefusalKind,
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
/// A signature file that is longer is none.
const SIGNATURE_BYTES_MAX: u64 = 4096;
/// Bytes that are copied at a time.
const WINDOW_BYTES: usize = 256 << 10;

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
        let (watched, ready) = match blocking(move || look(&path, &before)).await {
            Ok((watched, sightings, ready)) => {
                failing = false;
                seen = sightings;
                (Arc::new(watched), ready)
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
            let read = read(&watched, &bundle, bundle_bytes_max, handle.spool()).await;
            let outcome = match read {
                Ok((input, signatures)) => {
                    let upload = Upload {
                        feed: Some(feed.clone()),
                        bundle: input,
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
                Err(ReadError::Changed) => continue,
                Err(ReadError::Spool(error)) => {
                    tracing::warn!(%feed, %error, "will try again");
                    continue;
                }
                Err(ReadError::Unreadable(error)) => Err(format!("unreadable: {error}\n")),
            };
            let (from, sighting) = (Arc::clone(&watched), bundle.clone());
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
fn look(directory: &Path, before: &Sightings) -> io::Result<(Watched, Sightings, Vec<Sighting>)> {
    let watched = Watched::open(directory)?;
    let files = watched.files()?;
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
    Ok((watched, sightings, ready))
}

/// Why a bundle was not taken.
enum ReadError {
    /// It is no longer the one that was seen.
    Changed,
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
    watched: &Arc<Watched>,
    sighting: &Sighting,
    bundle_bytes_max: u64,
    spool: &Spool,
) -> Result<(Input, Vec<Vec<u8>>), ReadError> {
    let mut limit = bundle_bytes_max;
    for (name, stamp) in sighting {
        if stamp.length > limit {
            return Err(ReadError::Unreadable(io::Error::other(format!(
                "{} has {} bytes, at most {limit} are read",
                Path::new(name).display(),
                stamp.length
            ))));
        }
        limit = SIGNATURE_BYTES_MAX;
    }
    let (from, seen) = (Arc::clone(watched), sighting[1..].to_vec());
    let signatures = blocking(move || {
        let read = seen.iter().map(|(name, stamp)| from.read(name, *stamp));
        read.collect::<io::Result<Option<Vec<Vec<u8>>>>>()
    });
    let signatures = signatures.await?.ok_or(ReadError::Changed)?;
    let (name, stamp) = sighting[0].clone();
    let from = Arc::clone(watched);
    let file = blocking(move || from.open_seen(&name, stamp)).await?;
    let mut file = tokio::fs::File::from_std(file.ok_or(ReadError::Changed)?);
    let spooled = |error| match error {
        // It has grown since it was seen.
        SpoolError::TooLong { .. } => ReadError::Changed,
        SpoolError::File(error) => ReadError::Spool(error),
    };
    let room = spool.room(Way::Sent, stamp.length).await;
    let mut receiving = spool.receive(room).await.map_err(spooled)?;
    let mut window = vec![0; WINDOW_BYTES];
    loop {
        let read = file.read(&mut window).await?;
        if read == 0 {
            break;
        }
        receiving.write(&window[..read]).await.map_err(spooled)?;
    }
    if Stamp::of(&file.metadata().await?) != stamp {
        return Err(ReadError::Changed);
    }
    let input = receiving.finish().await.map_err(spooled)?;
    Ok((input, signatures))
}

fn put_away(watched: &Watched, sighting: &Sighting, outcome: Result<(), String>) -> io::Result<()> {
    let names = sighting.iter().map(|(name, _)| OsStr::new(name));
    match outcome {
        Ok(()) => watched.put_away("accepted", names, None),
        Err(reason) => watched.put_away("refused", names, Some(&reason)),
    }
}
