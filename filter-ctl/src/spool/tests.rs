//! The spool is bounded, and leaves nothing behind.

use std::{fs, time::Duration};

use sha2::{Digest as _, Sha256};
use tokio::time::timeout;

use super::*;
use crate::order::Input;

fn spool() -> (tempfile::TempDir, Spool) {
    let directory = tempfile::tempdir().expect("a directory");
    let spool = Spool::new(directory.path());
    spool.clear().expect("an empty spool");
    (directory, spool)
}

fn files(spool: &Spool) -> usize {
    fs::read_dir(&spool.0.directory)
        .expect("a directory")
        .count()
}

async fn received(spool: &Spool, chunks: &[&[u8]]) -> Result<Input, SpoolError> {
    let room = spool.room(Way::Sent, 10).await;
    let mut receiving = spool.receive(room).await?;
    for chunk in chunks {
        receiving.write(chunk).await?;
    }
    receiving.finish().await
}

/// Whether room is to be had now; the future is polled, and no clock is asked.
async fn has_room(spool: &Spool, way: Way, bytes: u64) -> Option<Room> {
    timeout(Duration::ZERO, spool.room(way, bytes)).await.ok()
}

#[tokio::test]
async fn what_is_kept_moves_and_what_is_not_goes() {
    let (directory, spool) = spool();
    let mut kept = received(&spool, &[b"abc", b"", b"def"])
        .await
        .expect("received");
    let dropped = received(&spool, &[b""])
        .await
        .expect("nothing is something");
    assert_eq!((kept.bytes(), dropped.bytes()), (&b"abcdef"[..], &b""[..]));
    assert_eq!(kept.sha256(), <[u8; 32]>::from(Sha256::digest("abcdef")));
    assert_eq!(files(&spool), 2);

    let path = directory.path().join("kept");
    kept.keep_at(&path).expect("kept");
    drop(dropped);
    assert_eq!(files(&spool), 0);
    // It can have further names, and is there after its value.
    let other = directory.path().join("other");
    kept.link_at(&other).expect("linked");
    kept.link_at(&other).expect("linked already");
    drop(kept);
    for path in [path, other] {
        assert_eq!(fs::read(path).expect("there"), b"abcdef");
    }
}

#[tokio::test]
async fn the_limit_holds_while_bytes_come_in() {
    let (_directory, spool) = spool();
    let error = received(&spool, &[b"12345", b"67890", b"1"]).await;
    assert!(matches!(error, Err(SpoolError::TooLong { max: 10 })));
    assert_eq!(files(&spool), 0, "nothing of it stays");
    received(&spool, &[b"1234567890"])
        .await
        .expect("just enough");
}

#[tokio::test]
async fn a_start_removes_what_was_left() {
    let (_directory, spool) = spool();
    let input = received(&spool, &[b"abc"]).await.expect("received");
    spool.clear().expect("cleared");
    assert_eq!(files(&spool), 0);
    assert_eq!(input.bytes(), b"abc", "a map outlives the name");
}

#[tokio::test]
async fn all_ways_share_one_bound_and_fetching_takes_half_of_it() {
    let (_directory, spool) = spool();
    let mut held = Vec::new();
    while let Some(room) = has_room(&spool, Way::Fetched, 1).await {
        held.push(room);
    }
    assert_eq!(held.len(), SPOOL_FILES_MAX / 2);
    while let Some(room) = has_room(&spool, Way::Sent, 1).await {
        held.push(room);
    }
    assert_eq!(held.len(), SPOOL_FILES_MAX);
    held.pop();
    assert!(has_room(&spool, Way::Sent, 1).await.is_some());

    held.clear();
    let half = has_room(&spool, Way::Fetched, SPOOL_BYTES_MAX / 2).await;
    assert!(half.is_some() && has_room(&spool, Way::Fetched, 1).await.is_none());
    let rest = has_room(&spool, Way::Sent, SPOOL_BYTES_MAX / 2).await;
    assert!(rest.is_some() && has_room(&spool, Way::Sent, 1).await.is_none());
}
