//! What is kept, for how long, and what a full disk does.

use super::{
    note::{Became, Kind, Outcome},
    *,
};
use crate::http::samples::time;

const DAY: SignedDuration = SignedDuration::from_hours(24);

fn seen(day: u32, what: Became) -> Seen {
    let at = time(&format!("2026-11-{day:02}T08:00:00Z"));
    Seen {
        kind: Kind::Bundle,
        subject: "ncsc".to_owned(),
        at: Outcome::new(at, "push ncsc", what),
    }
}

fn input(text: &str) -> Input {
    text.as_bytes().to_vec().into()
}

fn evidence() -> (tempfile::TempDir, Evidence) {
    let directory = tempfile::tempdir().expect("a directory");
    let mut evidence = Evidence::new(directory.path());
    evidence.load().expect("nothing");
    (directory, evidence)
}

fn retention(days: i32, bytes_max: u64) -> Retention {
    Retention {
        keep: DAY * days,
        bytes_max,
    }
}

fn names(evidence: &Evidence) -> Vec<String> {
    let entries = fs::read_dir(&evidence.directory).expect("a directory");
    let name = |entry: io::Result<fs::DirEntry>| entry.expect("an entry").file_name();
    let mut names: Vec<_> = entries
        .map(|entry| name(entry).into_string().expect("a name"))
        .collect();
    names.sort();
    names
}

#[test]
fn an_input_is_kept_with_its_signatures_and_what_became_of_it() {
    let (directory, mut evidence) = evidence();
    let input = input("abc");
    let signatures = [b"one".to_vec(), b"two".to_vec()];
    for what in [Became::Held, Became::Held, Became::Admitted] {
        evidence
            .keep(&input, &signatures, seen(1, what))
            .expect("kept");
    }
    let sha = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let expected = [
        sha.to_owned(),
        format!("{sha}.2.minisig"),
        format!("{sha}.json"),
        format!("{sha}.minisig"),
    ];
    assert_eq!(names(&evidence), expected);
    assert_eq!(evidence.size(), (1, 3));

    let mut again = Evidence::new(directory.path());
    again.load().expect("read back");
    assert!(again.has(&input.sha256()));
    let note = Note::read(&again.directory, &input.sha256()).expect("a note");
    let outcomes = note.expect("a note").outcomes;
    let became: Vec<_> = outcomes.iter().map(|outcome| outcome.what).collect();
    assert_eq!(became, [Became::Held, Became::Admitted]);

    again
        .prune(retention(1, 100), time("2026-11-03T00:00:00Z"), |_, _| {
            false
        })
        .expect("removed");
    assert_eq!((names(&again), again.removed_early), (vec![], 0));
}

#[test]
fn a_file_that_is_in_force_is_not_written_again() {
    use std::os::unix::fs::MetadataExt as _;
    let (directory, mut evidence) = evidence();
    let mut input = input("abc");
    let path = directory.path().join("in-force");
    input.keep_at(&path).expect("kept");
    evidence
        .keep(&input, &[], seen(1, Became::Admitted))
        .expect("kept");
    let inode = |path: &Path| fs::metadata(path).expect("there").ino();
    assert_eq!(inode(&path), inode(&evidence.path(&input.sha256())));
}

#[test]
fn the_oldest_go_first_and_what_is_referenced_stays() {
    let (_directory, mut evidence) = evidence();
    let texts = ["one", "two", "three", "four"];
    for (day, text) in (1..).zip(texts) {
        evidence
            .keep(&input(text), &[], seen(day, Became::Admitted))
            .expect("kept");
    }
    let now = time("2026-11-05T08:00:00Z");
    let first = input("one").sha256();
    // 15 bytes; the oldest that may go are `two` and then `three`.
    let prune = |evidence: &mut Evidence, keep, bytes| {
        let is_first = |sha256: &[u8; 32], _: &dyn Fn() -> Option<Note>| *sha256 == first;
        evidence
            .prune(retention(keep, bytes), now, is_first)
            .expect("pruned");
        texts.map(|text| evidence.has(&input(text).sha256()))
    };
    assert_eq!(prune(&mut evidence, 30, 15), [true; 4]);
    assert_eq!(prune(&mut evidence, 30, 12), [true, false, true, true]);
    assert_eq!(evidence.removed_early, 1);
    assert_eq!(prune(&mut evidence, 1, 12), [true, false, false, true]);
    assert_eq!(prune(&mut evidence, 0, 0), [true, false, false, false]);
}

#[test]
fn refused_inputs_push_out_no_admitted_ones() {
    let (_directory, mut evidence) = evidence();
    evidence
        .keep(&input("admitted"), &[], seen(1, Became::Admitted))
        .expect("kept");
    let now = time("2026-11-20T08:00:00Z");
    for day in 2..10 {
        let refused = input(&format!("refused {day}"));
        evidence
            .keep(&refused, &[], seen(day, Became::Refused))
            .expect("kept");
        evidence
            .prune(retention(30, 100), now, |_, _| false)
            .expect("pruned");
    }
    assert!(evidence.has(&input("admitted").sha256()));
    // A quarter of 100 bytes has room for two of nine.
    assert_eq!(evidence.size(), (3, 8 + 2 * 9));
    assert!(evidence.has(&input("refused 9").sha256()));
}

#[test]
fn what_is_damaged_is_named_and_hides_nothing_else() {
    let (directory, mut evidence) = evidence();
    for text in ["one", "two"] {
        evidence
            .keep(&input(text), &[], seen(1, Became::Admitted))
            .expect("kept");
    }
    let damaged = note::path(&evidence.directory, &input("one").sha256());
    fs::write(&damaged, "{").expect("written");
    let mut again = Evidence::new(directory.path());
    let error = again.load().expect_err("damaged");
    assert!(error.to_string().contains(&damaged.display().to_string()));
    assert!(again.has(&input("two").sha256()));
}
