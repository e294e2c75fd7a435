//! What the stored state promises.

use std::{
    env,
    process::{Command, Stdio},
};

use jiff::{Timestamp, tz::TimeZone};
use minisign::KeyPair;
use tempfile::TempDir;

use super::*;
use crate::order::{
    OrderInfo,
    letter::{Letter, LetterEntry, LetterLimits, enter},
    parse::{Kind, Manifest},
    sign::{BundleEntry, build_bundle, sign},
    trust::TrustFile,
    verify::{Admission, Context, admit, readmit},
};

static UTC: TimeZone = TimeZone::UTC;

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn feed() -> FeedName {
    FeedName::try_from("ncsc".to_owned()).expect("a name")
}

fn info() -> OrderInfo {
    OrderInfo {
        reference: "298".into(),
        issuer: "VNCERT/CC".into(),
        basis: "".into(),
        reason: "".into(),
    }
}

/// An authority, and the operator who trusts it.
struct Authority {
    key: KeyPair,
    trust: TrustFile,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate_unencrypted_keypair().expect("a key");
        let public = key.pk.to_base64();
        let text = format!(
            "[[key]]\nname = 'a'\npublic_key = '{public}'\n[[feed]]\nname = 'ncsc'\nkeys = ['a']"
        );
        let trust = TrustFile::parse(&text).expect("a trust file");
        Self { key, trust }
    }

    fn order(&self, seq: u64, entries: usize) -> (UntrustedOrder, Admitted) {
        let manifest = Manifest {
            feed: feed(),
            epoch: 1,
            seq,
            kind: Kind::Snapshot,
            issued_at: time("2026-11-23T08:00:00Z"),
            expires_at: time("2026-11-24T08:00:00Z"),
            entries: 0,
            test: false,
            order: Some(info()),
        };
        let entry = |n: usize| {
            let net = "203.0.113.7/32".parse().expect("a prefix");
            BundleEntry::new(format!("e{n}"), net, time("2026-12-10T00:00:00Z"))
        };
        let entries: Vec<_> = (0..entries).map(entry).collect();
        let bundle = build_bundle(&manifest, &entries).expect("a bundle");
        let signature = sign(&bundle, &self.key.sk, "a comment").expect("signed");
        let untrusted = UntrustedOrder {
            transport_feed: None,
            bundle: bundle.into(),
            signatures: vec![signature.into_bytes()],
        };
        let context = Context::new(time("2026-11-23T09:00:00Z"), &UTC);
        match admit(&untrusted, &self.trust, &context) {
            Ok(Admission::New(admitted)) => (untrusted, *admitted),
            other => panic!("expected a new order: {other:?}"),
        }
    }

    fn commit(&self, store: &Store, seq: u64) -> Admitted {
        let (mut untrusted, admitted) = self.order(seq, 1);
        store.commit(&mut untrusted, &admitted).expect("committed");
        admitted
    }
}

fn store() -> (TempDir, Store) {
    let directory = tempfile::tempdir().expect("a directory");
    let store = Store::open(&directory.path().join("state")).expect("opened");
    (directory, store)
}

fn files(store: &Store) -> Vec<String> {
    let mut names: Vec<_> = list(&store.feed_directory(&feed())).expect("listed");
    names.sort();
    names.into_iter().map(|(_, name)| name).collect()
}

fn stored_number(store: &Store) -> Option<(u64, u64)> {
    store
        .mark(&feed())
        .expect("a mark")
        .map(|mark| mark.number())
}

#[test]
fn what_is_committed_comes_back_after_a_restart() {
    let (directory, store) = store();
    let authority = Authority::new();
    assert_eq!(store.load_feed(&feed()).expect("loaded"), None);
    authority.commit(&store, 41);
    let admitted = authority.commit(&store, 42);

    let store = Store::open(&directory.path().join("state")).expect("opened");
    let (feeds, damaged) = store.feeds().expect("listed");
    assert_eq!((feeds, damaged.len()), (vec![feed()], 0));
    let committed = store.load_feed(&feed()).expect("loaded").expect("stored");
    assert_eq!(committed.mark, admitted.mark);
    let readmitted = readmit(&committed, &authority.trust, &UTC).expect("readmitted");
    assert_eq!(
        (readmitted.order, readmitted.alarms),
        (admitted.order, vec![])
    );
}

#[test]
fn a_commit_never_goes_back_and_stores_only_what_was_admitted() {
    let (_directory, store) = store();
    let authority = Authority::new();
    authority.commit(&store, 42);
    for seq in [41, 42] {
        let (mut untrusted, admitted) = authority.order(seq, 2);
        let error = store.commit(&mut untrusted, &admitted).expect_err("stale");
        assert!(matches!(error, StoreError::Stale { .. }), "{error}");
    }
    let (_, admitted) = authority.order(43, 1);
    let (mut other, _) = authority.order(44, 1);
    let error = store
        .commit(&mut other, &admitted)
        .expect_err("other bytes");
    assert!(matches!(error, StoreError::OtherBytes(_)), "{error}");
    assert_eq!(stored_number(&store), Some((1, 42)));
}

#[test]
fn what_was_stored_but_not_known_to_be_durable_is_stored_once_more() {
    let (_directory, store) = store();
    let authority = Authority::new();
    authority.commit(&store, 41);
    authority.commit(&store, 42);
    let once = files(&store);
    let again = authority.commit(&store, 42);
    assert_eq!(files(&store), once);
    assert_eq!(store.mark(&feed()).expect("a mark"), Some(again.mark));
}

#[test]
fn a_kill_between_bundle_and_mark_leaves_the_old_mark() {
    let (directory, store) = store();
    let authority = Authority::new();
    let admitted = authority.commit(&store, 42);
    let mark = store.feed_directory(&feed()).join(MARK);
    let old = fs::read(&mark).expect("read");
    authority.commit(&store, 43);
    // Everything of the second is there but its mark; a third was being written.
    fs::write(&mark, old).expect("written");
    let torn = store.feed_directory(&feed()).join(".mark.json.1-1.tmp");
    fs::write(&torn, b"{").expect("written");

    let committed = store.load_feed(&feed()).expect("loaded").expect("stored");
    assert_eq!(
        committed.mark, admitted.mark,
        "a temporary file changes nothing"
    );
    let store = Store::open(&directory.path().join("state")).expect("opened");
    assert!(!torn.exists(), "swept");
    assert_eq!(stored_number(&store), Some((1, 42)));
    // The same bundle comes again, and is committed.
    authority.commit(&store, 43);
    assert_eq!(stored_number(&store), Some((1, 43)));
}

#[test]
fn old_bundles_are_evidence_up_to_a_number_and_the_marked_one_stays() {
    let (_directory, store) = store();
    let authority = Authority::new();
    assert_eq!(store.prune(&feed(), None).expect("pruned"), 0);
    for seq in 1..=11 {
        authority.commit(&store, seq);
    }
    assert_eq!(store.prune(&feed(), None).expect("pruned"), 3);
    let names = files(&store);
    // Bundle, signature and first dates of each, the marks of all but the last, and its own.
    assert_eq!(names.len(), STATES_MAX * 4, "{names:?}");
    assert!(
        names.iter().any(|name| name.starts_with("1-4-")),
        "{names:?}"
    );
    assert!(
        !names.iter().any(|name| name.starts_with("1-3-")),
        "{names:?}"
    );

    // Bundles that were written and never marked do not push the marked one out.
    let bundle = store
        .feed_directory(&feed())
        .join("9-1-0011223344556677.jsonl");
    for seq in 1..=9 {
        let path = bundle.with_file_name(format!("9-{seq}-0011223344556677.jsonl"));
        fs::write(path, b"x").expect("written");
    }
    fs::write(bundle.with_file_name("notes.txt"), b"x").expect("written");
    store.prune(&feed(), None).expect("pruned");
    assert!(store.load_feed(&feed()).expect("loaded").is_some());
    assert!(
        files(&store).contains(&"notes.txt".to_owned()),
        "foreign files are left alone"
    );
}

#[test]
fn a_state_that_a_paused_feed_stands_at_is_kept_and_comes_back() {
    let (_directory, store) = store();
    let authority = Authority::new();
    let pinned = authority.commit(&store, 1);
    for seq in 2..=20 {
        authority.commit(&store, seq);
        store.prune(&feed(), Some(&pinned.mark)).expect("pruned");
    }
    let past = store.past_marks(&feed()).expect("listed");
    let past: Vec<u64> = past.iter().map(|mark| mark.seq).collect();
    assert_eq!(past, [19, 18, 17, 16, 15, 14, 13, 1], "the newest first");
    let state = store.load_state(&feed(), pinned.mark.clone());
    let readmitted = readmit(&state.expect("kept"), &authority.trust, &UTC).expect("readmitted");
    assert_eq!(readmitted.order, pinned.order);

    store.prune(&feed(), None).expect("pruned");
    let gone = store.load_state(&feed(), pinned.mark);
    assert!(gone.expect_err("gone").to_string().contains("missing"));
}

#[test]
fn what_was_never_committed_is_no_state_to_go_back_to() {
    let (_directory, store) = store();
    let authority = Authority::new();
    authority.commit(&store, 1);
    let mark = store.feed_directory(&feed()).join(MARK);
    let old = fs::read(&mark).expect("read");
    authority.commit(&store, 2);
    // As a crash before the mark leaves it; the next that comes is another.
    fs::write(&mark, old).expect("written");
    authority.commit(&store, 3);
    let past = store.past_marks(&feed()).expect("listed");
    assert_eq!(past.iter().map(|mark| mark.seq).collect::<Vec<_>>(), [1]);
}

#[test]
fn a_damaged_file_is_named_and_the_rest_is_loaded() {
    let (_directory, store) = store();
    let authority = Authority::new();
    let Admitted { mark, .. } = authority.commit(&store, 42);
    let directory = store.feed_directory(&feed());
    let bundle = directory.join(BundleName::of(&mark).to_string());
    let named = |error: StoreError, path: &Path| {
        let text = error.to_string();
        assert!(text.contains(&path.display().to_string()), "{text}");
        assert!(text.contains("damaged"), "{text}");
    };

    fs::remove_file(&bundle).expect("removed");
    named(store.load_feed(&feed()).expect_err("damaged"), &bundle);
    fs::write(directory.join(MARK), b"{\"epoch\":1").expect("written");
    named(
        store.load_feed(&feed()).expect_err("damaged"),
        &directory.join(MARK),
    );
    // Nothing is stored over a mark that nobody can read.
    let (mut untrusted, admitted) = authority.order(43, 1);
    named(
        store
            .commit(&mut untrusted, &admitted)
            .expect_err("damaged"),
        &directory.join(MARK),
    );

    let stray = store.feeds.join("Not A Feed");
    fs::create_dir(&stray).expect("created");
    let (feeds, mut damaged) = store.feeds().expect("listed");
    assert_eq!(feeds, [feed()]);
    named(damaged.remove(0), &stray);
}

fn letter(reference: &str) -> OperatorOrder {
    let net = "203.0.113.7/32".parse().expect("a prefix");
    let letter = Letter {
        info: OrderInfo {
            reference: reference.into(),
            ..info()
        },
        uid: 1000,
        user: "an".to_owned(),
        entered_at: time("2026-11-23T09:00:00Z"),
        deadline: None,
        date: None,
        not_enforceable: Vec::new(),
        entries: vec![LetterEntry::new(net, Some(time("2026-12-10T00:00:00Z")))],
    };
    enter(None, &letter, &LetterLimits::default())
        .expect("entered")
        .order
}

#[test]
fn operators_orders_are_one_file_each_and_a_damaged_one_spares_the_others() {
    let (_directory, store) = store();
    for reference in ["b/../..", "a", "c"] {
        store.save_operator(&letter(reference)).expect("saved");
    }
    store.save_operator(&letter("a")).expect("saved again");
    let (orders, damaged) = store.load_operators().expect("loaded");
    let references: Vec<_> = orders.iter().map(|order| &*order.info.reference).collect();
    assert_eq!((references, damaged.len()), (vec!["a", "b/../..", "c"], 0));
    assert_eq!(store.load_operator("a").expect("loaded"), Some(letter("a")));
    assert_eq!(store.load_operator("d").expect("loaded"), None);

    fs::write(store.operator_path("a"), b"torn").expect("written");
    fs::rename(store.operator_path("c"), store.operator_path("d")).expect("renamed");
    let (orders, damaged) = store.load_operators().expect("loaded");
    assert_eq!((orders.len(), damaged.len()), (1, 2));
    assert!(
        damaged
            .iter()
            .all(|error| error.to_string().contains("damaged"))
    );
    store.load_operator("a").expect_err("damaged");
    store.load_operator("d").expect_err("another's");

    store.remove_operator("b/../..").expect("removed");
    store
        .remove_operator("b/../..")
        .expect("nothing to remove is no error");
    assert_eq!(store.load_operator("b/../..").expect("loaded"), None);
}

const CHILD_STATE: &str = "LEVEE_TEST_STATE_DIR";

/// A file that cannot grow stands for a full disk. The limit is the process's, so a child has it.
#[test]
fn a_full_disk_leaves_the_old_state() {
    let (directory, store) = store();
    let state = directory.path().join("state");
    Authority::new().commit(&store, 42);
    let before = files(&store);
    let script = "trap '' XFSZ; ulimit -f 4; exec \"$0\" \"$@\"";
    let test = "order::store::tests::in_a_child_whose_disk_is_full";
    let status = Command::new("sh")
        .args(["-c", script])
        .arg(env::current_exe().expect("a path"))
        .args(["--exact", test, "--include-ignored"])
        .env(CHILD_STATE, &state)
        .stdout(Stdio::piped())
        .output()
        .expect("run");
    let output = String::from_utf8_lossy(&status.stdout);
    assert!(status.status.success(), "{output}");
    assert!(output.contains("1 passed"), "{output}");
    assert_eq!(stored_number(&store), Some((1, 42)));
    assert!(store.load_feed(&feed()).expect("loaded").is_some());
    // A signature may have found room before the bundle did not.
    let rest: Vec<_> = files(&store)
        .into_iter()
        .filter(|name| !before.contains(name))
        .collect();
    assert!(
        rest.iter()
            .all(|name| name.starts_with("1-43-") || name.ends_with(".jsonl.mark")),
        "{rest:?}"
    );
}

#[test]
#[ignore = "run by a_full_disk_leaves_the_old_state, as its child"]
fn in_a_child_whose_disk_is_full() {
    let Some(state) = env::var_os(CHILD_STATE) else {
        return;
    };
    let store = Store::open(Path::new(&state)).expect("opened");
    let (mut untrusted, admitted) = Authority::new().order(43, 1000);
    let error = store
        .commit(&mut untrusted, &admitted)
        .expect_err("full")
        .to_string();
    assert!(
        error.starts_with("cannot write ") && error.contains("feeds/ncsc/1-43-"),
        "{error}"
    );
    let mut big = letter("big");
    big.user = "x".repeat(100_000);
    let error = store.save_operator(&big).expect_err("full").to_string();
    assert!(error.contains("operator/"), "{error}");
}
