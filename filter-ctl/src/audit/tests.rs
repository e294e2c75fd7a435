//! What is found, and what is survived.

use std::{fs, path::Path};

use jiff::Timestamp;
use minisign_verify::PublicKey;

use super::{
    checkpoint::{self, CHECKPOINT_EVERY, CHECKPOINT_TIME, Sealer, public_key},
    verify::{Verification, Verified, verify, verify_against},
    *,
};
use crate::appliance::Appliance;

/// A log of five records, with a checkpoint over the fourth.
fn log() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let mut sealer = Sealer::open(directory.path()).unwrap();
    for number in 1..=5 {
        let mut audit = Audit::open(directory.path()).unwrap();
        let event = Event::new("root", "withdraw", format!("order {number}"));
        audit.append(event.detail("reason", "none")).unwrap();
        if number == 4 {
            sealer.seal(&audit, Timestamp::now()).unwrap();
        }
    }
    directory
}

fn key(state_dir: &Path) -> PublicKey {
    public_key(&Appliance::public_path(state_dir)).unwrap()
}

fn verified(state_dir: &Path) -> Verified {
    verify(state_dir, &key(state_dir)).unwrap()
}

fn lines(state_dir: &Path) -> Vec<String> {
    let text = fs::read_to_string(state_dir.join(FILE)).unwrap();
    text.lines().map(|line| format!("{line}\n")).collect()
}

#[test]
fn an_untouched_log_verifies() {
    let directory = log();
    let found = verified(directory.path());
    assert!(found.intact, "{found:?}");
    assert_eq!((found.records, found.checkpoints, found.sealed), (5, 1, 4));
}

#[test]
fn any_changed_byte_of_a_sealed_or_linked_record_is_found_by_verify_and_its_line_named() {
    let directory = log();
    let path = directory.path().join(FILE);
    let good = fs::read(&path).unwrap();
    let last = lines(directory.path())[4].len();
    for position in 0..good.len() - last {
        let mut bad = good.clone();
        bad[position] ^= 1;
        fs::write(&path, &bad).unwrap();
        let found = verified(directory.path());
        assert!(!found.intact, "byte {position} was changed unnoticed");
        let lines = good[..position].split(|byte| *byte == b'\n');
        let line = lines.count() as u64;
        let named = found.damages[0].line;
        assert!(named == line || named == line + 1, "{line}: {found:?}");
    }
}

#[test]
fn removed_doubled_and_swapped_records_are_found() {
    let directory = log();
    let good = lines(directory.path());
    let mut cases = Vec::new();
    for at in 0..4 {
        let mut removed = good.clone();
        removed.remove(at);
        let mut doubled = good.clone();
        doubled.insert(at, good[at].clone());
        let mut swapped = good.clone();
        swapped.swap(at, at + 1);
        cases.extend([removed, doubled, swapped]);
    }
    for case in cases {
        fs::write(directory.path().join(FILE), case.concat()).unwrap();
        assert!(!verified(directory.path()).intact, "{case:?}");
    }
}

#[test]
fn a_log_cut_off_behind_its_checkpoint_is_found_by_verify_and_at_the_start() {
    let directory = log();
    let good = lines(directory.path());
    for keep in 0..4 {
        fs::write(directory.path().join(FILE), good[..keep].concat()).unwrap();
        let found = verified(directory.path());
        assert!(!found.intact);
        assert_eq!(found.damages[0].line, keep as u64 + 1);
        let opened = Audit::open(directory.path());
        assert!(
            matches!(opened, Err(AuditError::Damaged { .. })),
            "{opened:?}"
        );
    }
    fs::remove_file(directory.path().join(FILE)).unwrap();
    assert!(!verified(directory.path()).intact);
    assert!(Audit::open(directory.path()).is_err());
}

#[test]
fn a_log_that_was_rewritten_with_all_its_hashes_is_found() {
    let directory = log();
    let path = directory.path();
    let kept = fs::read(path.join(checkpoint::FILE)).unwrap();
    fs::remove_file(path.join(FILE)).unwrap();
    fs::remove_file(path.join(checkpoint::FILE)).unwrap();
    let mut audit = Audit::open(path).unwrap();
    for number in 1..=5 {
        let event = Event::new("root", "withdraw", format!("order {}", number + 1));
        audit.append(event.detail("reason", "none")).unwrap();
    }
    let found = verified(path);
    assert_eq!(found.records, 5, "the chain alone does not tell: {found:?}");
    assert!(
        found
            .damages
            .iter()
            .all(|damage| damage.what.contains("covered"))
    );
    fs::write(path.join(checkpoint::FILE), kept).unwrap();
    assert!(!verified(path).intact);
    assert!(Audit::open(path).is_err());
}

#[test]
fn any_changed_byte_of_a_checkpoint_is_found() {
    let directory = log();
    let path = directory.path().join(checkpoint::FILE);
    let good = fs::read(&path).unwrap();
    let text = String::from_utf8(good.clone()).unwrap();
    // The untrusted comment is signed by nobody, as its name says.
    let free = text.find("untrusted comment").unwrap();
    let free = free..free + text[free..].find("\\n").unwrap();
    for position in (0..good.len()).filter(|position| !free.contains(position)) {
        let mut bad = good.clone();
        bad[position] ^= 1;
        fs::write(&path, &bad).unwrap();
        let found = verified(directory.path());
        let noticed = !found.intact || found.checkpoints == 0;
        // The key's id is a hint for people.
        let hint = text.find("\"key\"").unwrap();
        let hint = hint..hint + 24;
        assert!(noticed || hint.contains(&position), "byte {position}");
    }
}

#[test]
fn another_key_makes_no_checkpoint() {
    let (directory, other) = (log(), log());
    let found = verify(directory.path(), &key(other.path())).unwrap();
    assert!(!found.intact);
    assert_eq!(found.damages[0].file, checkpoint::FILE);
}

#[test]
fn a_torn_end_is_cut_and_recorded() {
    let directory = log();
    let path = directory.path().join(FILE);
    let good = fs::read(&path).unwrap();
    fs::write(&path, &good[..good.len() - 7]).unwrap();
    assert!(!verified(directory.path()).intact);
    Audit::open(directory.path()).unwrap();
    let found = verified(directory.path());
    assert!(found.intact, "{found:?}");
    assert_eq!(found.records, 5);
    assert!(lines(directory.path())[4].contains("audit_repaired"));
}

#[test]
fn a_torn_checkpoint_is_cut_at_the_next_opening() {
    let directory = log();
    let path = directory.path().join(checkpoint::FILE);
    let good = fs::read(&path).unwrap();
    fs::write(&path, [&good[..], b"{\"n\":5"].concat()).unwrap();
    let mut sealer = Sealer::open(directory.path()).unwrap();
    let audit = Audit::open(directory.path()).unwrap();
    sealer.seal(&audit, Timestamp::now()).unwrap();
    let found = verified(directory.path());
    assert!(found.intact, "{found:?}");
    assert_eq!(found.sealed, 5);
}

#[test]
fn a_checkpoint_is_due_after_enough_records_or_enough_time() {
    let directory = tempfile::tempdir().unwrap();
    let mut sealer = Sealer::open(directory.path()).unwrap();
    let mut audit = Audit::open(directory.path()).unwrap();
    let now = Timestamp::now();
    assert!(!sealer.is_due(&audit, now), "there is nothing to sign");
    audit.append(Event::new("root", "start", "x")).unwrap();
    sealer.seal(&audit, now).unwrap();
    audit.append(Event::new("root", "stop", "x")).unwrap();
    assert!(!sealer.is_due(&audit, now));
    assert!(sealer.is_due(&audit, now + CHECKPOINT_TIME));
    for _ in 1..CHECKPOINT_EVERY {
        audit.append(Event::new("root", "stop", "x")).unwrap();
    }
    assert!(sealer.is_due(&audit, now));
}

#[test]
fn a_long_text_is_cut_and_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let mut audit = Audit::open(directory.path()).unwrap();
    let long = "é".repeat(100_000);
    let event = Event::new(&long, "start", long.clone()).detail("reason", &long);
    audit.append(event).unwrap();
    let line = &lines(directory.path())[0];
    assert!(line.len() < 16_000);
    assert_eq!(line.matches(" [cut]").count(), 3);
}

/// The damage that says which record no checkpoint covers.
fn uncovered(state_dir: &Path) -> Option<u64> {
    let found = verified(state_dir);
    let mut damages = found.damages.iter();
    let damage = damages.find(|damage| damage.what.contains("should be covered"))?;
    assert_eq!(damage.file, FILE);
    Some(damage.line)
}

#[test]
fn a_log_without_checkpoints_is_not_intact_unless_it_has_one_record_only() {
    let directory = log();
    fs::remove_file(directory.path().join(checkpoint::FILE)).unwrap();
    assert_eq!(uncovered(directory.path()), Some(1));
    let first = lines(directory.path())[0].clone();
    fs::write(directory.path().join(FILE), first).unwrap();
    assert!(
        verified(directory.path()).intact,
        "a log that has just begun"
    );
    fs::remove_file(directory.path().join(FILE)).unwrap();
    assert!(verified(directory.path()).intact, "no log yet");
}

#[test]
fn more_records_behind_the_last_checkpoint_than_ever_are_without_one_are_found() {
    let directory = log();
    let mut audit = Audit::open(directory.path()).unwrap();
    for _ in 1..CHECKPOINT_EVERY {
        audit.append(Event::new("root", "reload", "x")).unwrap();
    }
    assert!(verified(directory.path()).intact);
    audit.append(Event::new("root", "reload", "x")).unwrap();
    assert_eq!(uncovered(directory.path()), Some(4 + CHECKPOINT_EVERY));
    let mut sealer = Sealer::open(directory.path()).unwrap();
    sealer.seal(&audit, Timestamp::now()).unwrap();
    assert!(verified(directory.path()).intact);
}

#[test]
fn records_behind_the_last_checkpoint_that_were_long_enough_there_to_be_signed_are_found() {
    let directory = log();
    let mut text = lines(directory.path()).concat();
    let last = text.lines().last().unwrap();
    let late = Timestamp::now() + 3 * CHECKPOINT_TIME;
    let prev = record::hash(last.as_bytes());
    let record = Record::new(Event::new("root", "reload", "x"), 6, late, &prev);
    text += &(serde_json::to_string(&record).unwrap() + "\n");
    fs::write(directory.path().join(FILE), text).unwrap();
    assert_eq!(uncovered(directory.path()), Some(5));
}

#[test]
fn a_stop_that_is_not_signed_is_found() {
    let directory = log();
    let mut audit = Audit::open(directory.path()).unwrap();
    audit.append(Event::new("filter-ctl", STOP, "x")).unwrap();
    assert_eq!(uncovered(directory.path()), Some(6));
    audit
        .append(Event::new("filter-ctl", "start", "x"))
        .unwrap();
    assert_eq!(
        uncovered(directory.path()),
        None,
        "a crash while it stopped"
    );
}

#[test]
fn who_has_the_log_open_finds_that_its_end_or_its_checkpoints_were_cut_off() {
    let directory = log();
    let path = directory.path();
    let audit = Audit::open(path).unwrap();
    let mut sealer = Sealer::open(path).unwrap();
    let [log_path, checkpoints] = [FILE, checkpoint::FILE].map(|name| path.join(name));
    let again = |audit: &Audit, sealer: &Sealer| {
        let opened = Verification::of_open(path, audit, sealer).unwrap();
        let mut read = 0;
        let found = opened.run(|bytes| read += bytes).unwrap();
        assert_eq!(
            read,
            fs::metadata(path.join(FILE)).map_or(0, |file| file.len())
        );
        found
    };
    assert!(again(&audit, &sealer).intact);

    let good = fs::read(&log_path).unwrap();
    fs::write(&log_path, lines(path)[..4].concat()).unwrap();
    assert!(verified(path).intact, "what the files alone cannot tell");
    let found = again(&audit, &sealer);
    assert_eq!((found.intact, found.damages[0].line), (false, 4));
    fs::remove_file(&log_path).unwrap();
    assert!(!again(&audit, &sealer).intact);
    fs::write(&log_path, good).unwrap();

    let before = fs::read(&checkpoints).unwrap();
    sealer.seal(&audit, Timestamp::now()).unwrap();
    assert!(again(&audit, &sealer).intact);
    fs::write(&checkpoints, before).unwrap();
    let found = again(&audit, &sealer);
    assert!(!found.intact);
    assert_eq!(found.damages[0].file, checkpoint::FILE);
}

#[test]
fn an_older_copy_of_the_checkpoints_verifies_the_log_that_went_on_and_finds_one_that_was_made_anew()
{
    let directory = log();
    let elsewhere = tempfile::tempdir().unwrap();
    let kept = elsewhere.path().join("kept");
    fs::copy(directory.path().join(checkpoint::FILE), &kept).unwrap();
    let mut audit = Audit::open(directory.path()).unwrap();
    let mut sealer = Sealer::open(directory.path()).unwrap();
    for _ in 0..2 * CHECKPOINT_EVERY {
        audit.append(Event::new("root", "reload", "x")).unwrap();
    }
    sealer.seal(&audit, Timestamp::now()).unwrap();
    let against = |kept: &Path| {
        verify_against(directory.path(), kept, key(directory.path()))
            .unwrap()
            .intact
    };
    assert!(against(&kept));
    // Whoever has the key can sign a log that was made anew, and not take back what was copied.
    fs::remove_file(directory.path().join(FILE)).unwrap();
    fs::remove_file(directory.path().join(checkpoint::FILE)).unwrap();
    let mut audit = Audit::open(directory.path()).unwrap();
    let mut sealer = Sealer::open(directory.path()).unwrap();
    for _ in 0..2 * CHECKPOINT_EVERY {
        audit.append(Event::new("root", "reload", "y")).unwrap();
    }
    sealer.seal(&audit, Timestamp::now()).unwrap();
    assert!(verified(directory.path()).damages.is_empty());
    assert!(!against(&kept));
    fs::remove_file(&kept).unwrap();
    let gone = verify_against(directory.path(), &kept, key(directory.path()));
    assert!(matches!(gone, Err(AuditError::Io { .. })), "{gone:?}");
}
