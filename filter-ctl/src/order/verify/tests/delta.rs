//! What deltas promise: the same state as the snapshot they stand for, on their exact base, or nothing.

use std::{collections::BTreeMap, fmt::Write as _};

use jiff::ToSpan as _;
use proptest::prelude::*;

use super::*;
use crate::order::{sign::difference, state};

/// What an authority publishes: lines by id.
type State = BTreeMap<u8, u8>;

fn line(op: &str, id: u8, host: u8) -> String {
    // One in eight is refused by the scope, and is part of the state all the same.
    let net = match host % 8 {
        0 => format!("198.51.{host}.0/20")
            .replace(&format!(".{host}."), &format!(".{}.", host & 0xf0)),
        _ => format!("203.0.113.{host}"),
    };
    // Some have an order of their own.
    let order = match host % 5 {
        0 => String::new(),
        number => format!(r#","order":{{"reference":"{number}","issuer":"VNCERT/CC"}}"#),
    };
    format!(r#"{{{op}"id":"e{id}","net":"{net}","until":"2026-12-10T00:00:00Z"{order}}}"#)
}

fn with_manifest(name: &str, seq: u64, kind: &str, lines: &[String]) -> Vec<u8> {
    let mut text = format!(
        "{{\"type\":\"levee-bundle\",\"version\":1,\"feed\":\"{name}\",\"epoch\":1,\"seq\":{seq},{kind},\
         \"issued_at\":\"2026-11-23T08:00:00Z\",\"expires_at\":\"2026-11-24T08:00:00Z\",\
         \"entries\":{},\"order\":{{\"reference\":\"298\",\"issuer\":\"VNCERT/CC\"}}}}\n",
        lines.len()
    );
    for line in lines {
        writeln!(text, "{line}").expect("text");
    }
    text.into_bytes()
}

fn snapshot(seq: u64, state: &State) -> Vec<u8> {
    let lines: Vec<_> = state
        .iter()
        .map(|(id, host)| line("", *id, *host))
        .collect();
    with_manifest("ncsc", seq, "\"kind\":\"snapshot\"", &lines)
}

fn kind(base_seq: u64, state: &State) -> String {
    let digest = state::digest([&snapshot(0, state)[..]]).expect("a state");
    format!(
        "\"kind\":\"delta\",\"base_seq\":{base_seq},\"state_digest\":\"{}\"",
        hex::encode(&digest)
    )
}

fn delta(seq: u64, before: &State, after: &State) -> Vec<u8> {
    let removed = before.keys().filter(|id| !after.contains_key(id));
    let mut lines: Vec<_> = removed
        .map(|id| format!(r#"{{"op":"remove","id":"e{id}"}}"#))
        .collect();
    let added = after
        .iter()
        .filter(|(id, host)| before.get(id) != Some(host));
    lines.extend(added.map(|(id, host)| line("\"op\":\"add\",", *id, *host)));
    with_manifest("ncsc", seq, &kind(seq - 1, after), &lines)
}

/// What a receiver has of the feed.
#[derive(Clone, Default)]
struct Receiver {
    mark: Option<Mark>,
    order: Option<Arc<VerifiedOrder>>,
    bundles: BTreeMap<[u8; 32], Vec<u8>>,
    since: Option<Vec<u8>>,
    /// Minutes, one for each bundle.
    age: i64,
}

impl Receiver {
    fn judge(&self, bundle: &[u8]) -> Result<Admission, AdmissionError> {
        self.judge_by("a", bundle)
    }

    fn judge_by(&self, key: &str, bundle: &[u8]) -> Result<Admission, AdmissionError> {
        let context = Context {
            mark: &|_| self.mark.clone(),
            previous: &|_| self.order.clone(),
            bundles: &|_, mark| {
                let bytes = mark
                    .bundles()
                    .map(|link| self.bundles[&link.sha256].clone().into());
                Ok(bytes.collect())
            },
            ..Context::new(now() + self.age.minutes(), &UTC)
        };
        admit(&signed(bundle.to_vec(), &[key]), &trust(), &context)
    }

    fn take(&mut self, bundle: &[u8]) -> Result<(), AdmissionError> {
        self.take_by("a", bundle)
    }

    fn take_by(&mut self, key: &str, bundle: &[u8]) -> Result<(), AdmissionError> {
        self.age += 1;
        let Admission::New(admitted) = self.judge_by(key, bundle)? else {
            panic!("expected something new");
        };
        let Admitted { order, mark } = *admitted;
        self.bundles.insert(mark.sha256, bundle.to_vec());
        if mark.chain.is_empty() {
            self.since = Some(encode_since(&order));
        }
        (self.mark, self.order) = (Some(mark), Some(order));
        Ok(())
    }

    fn restarted(&self) -> Arc<VerifiedOrder> {
        let mark = self.mark.clone().expect("a mark");
        let mut chain: Vec<Bytes> = mark
            .bundles()
            .map(|link| self.bundles[&link.sha256].clone().into())
            .collect();
        let bundle = chain.pop().expect("the marked bundle");
        let signatures = signed(bundle.to_vec(), &["a"]).signatures;
        let committed = Committed {
            feed: feed("ncsc"),
            mark,
            chain,
            bundle,
            signatures,
            since: self.since.clone(),
        };
        let Readmitted { order, alarms } = readmit(&committed, &trust(), &UTC).expect("readmitted");
        assert_eq!(alarms, []);
        order
    }

    /// What is admitted and refused, by id.
    fn state(&self) -> Vec<String> {
        let order = self.order.as_ref().expect("an order");
        let entries = order.entries().by_id();
        let entries =
            entries.map(|entry| format!("{} {} {}", entry.id, entry.net, entry.terms.until));
        let refused = order.refused().iter();
        let refused = refused.map(|entry| format!("{} {} {:?}", entry.id, entry.net, entry.reason));
        let mut state: Vec<_> = entries.chain(refused).collect();
        state.sort();
        state
    }
}

fn states() -> impl Strategy<Value = Vec<State>> {
    let state = prop::collection::btree_map(0..12_u8, 1..200_u8, 0..8);
    prop::collection::vec(state, 2..9)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn deltas_lead_where_the_snapshot_they_stand_for_leads_and_a_restart_puts_them_together(states in states()) {
        let mut by_delta = Receiver::default();
        by_delta.take(&snapshot(1, &states[0])).expect("a snapshot");
        for ((seq, before), after) in (2..).zip(&states).zip(&states[1..]) {
            by_delta.take(&delta(seq, before, after)).expect("a delta");
            let mut by_snapshot = Receiver::default();
            by_snapshot.take(&snapshot(seq, after)).expect("a snapshot");
            prop_assert_eq!(by_delta.state(), by_snapshot.state());
            prop_assert_eq!(Some(by_delta.restarted()), by_delta.order.clone());
        }
    }

    #[test]
    fn the_delta_made_from_two_snapshots_leads_from_one_to_the_other(states in states()) {
        let mut receiver = Receiver::default();
        receiver.take(&snapshot(1, &states[0])).expect("a snapshot");
        for ((seq, before), after) in (2..).zip(&states).zip(&states[1..]) {
            let (old, new) = (snapshot(seq - 1, before), snapshot(seq, after));
            let delta = difference(&old, &new).expect("a delta");
            prop_assert!(delta.len() <= new.len() + old.len() + 200);
            receiver.take(&delta).expect("a delta");
            let mut by_snapshot = Receiver::default();
            by_snapshot.take(&new).expect("a snapshot");
            prop_assert_eq!(receiver.state(), by_snapshot.state());
        }
    }

    #[test]
    fn a_delta_on_any_other_base_changes_nothing(states in states(), other in 0..5_u64) {
        let mut receiver = Receiver::default();
        receiver.take(&snapshot(7, &states[0])).expect("a snapshot");
        let before = receiver.state();
        let lines = [line("\"op\":\"add\",", 200, 77)];
        let mut after = states[0].clone();
        after.insert(200, 77);
        // Another base, or the right one and another result.
        let bundle = if other == 0 {
            with_manifest("ncsc", 8, &kind(7, &states[0]), &lines)
        } else {
            with_manifest("ncsc", 8, &kind(7 - other, &after), &lines)
        };
        let code = receiver.take(&bundle).expect_err("refused").code();
        prop_assert_eq!(code, if other == 0 { "state_mismatch" } else { "wrong_base" });
        prop_assert_eq!(receiver.state(), before);
        receiver.take(&with_manifest("ncsc", 8, &kind(7, &after), &lines)).expect("the right one");
    }
}

#[test]
fn a_delta_without_a_snapshot_or_across_epochs_is_refused() {
    let state = State::from([(1, 7)]);
    let first = with_manifest(
        "ncsc",
        2,
        &kind(1, &state),
        &[line("\"op\":\"add\",", 1, 7)],
    );
    assert_eq!(
        Receiver::default()
            .take(&first)
            .expect_err("refused")
            .code(),
        "wrong_base"
    );
    let mut receiver = Receiver::default();
    receiver.take(&snapshot(1, &state)).expect("a snapshot");
    let text = String::from_utf8(delta(2, &state, &State::new())).expect("text");
    let next = text.replace("\"epoch\":1", "\"epoch\":2");
    assert_eq!(
        receiver.take(next.as_bytes()).expect_err("refused").code(),
        "wrong_base"
    );
}

#[test]
fn what_is_not_there_cannot_be_removed() {
    let state = State::from([(1, 7)]);
    let mut receiver = Receiver::default();
    receiver.take(&snapshot(1, &state)).expect("a snapshot");
    for line in [
        r#"{"op":"remove","id":"e2"}"#,
        r#"{"op":"remove","id":"e1","net":"203.0.113.8"}"#,
    ] {
        let bundle = with_manifest("ncsc", 2, &kind(1, &State::new()), &[line.to_owned()]);
        let error = receiver.take(&bundle).expect_err(line);
        assert_eq!(error.code(), "unknown_entry", "{error}");
        assert!(error.to_string().starts_with("line 2: "), "{error}");
    }
    let twice = [
        line("\"op\":\"add\",", 1, 9),
        r#"{"op":"remove","id":"e1"}"#.to_owned(),
    ];
    let bundle = with_manifest("ncsc", 2, &kind(1, &State::new()), &twice);
    assert_eq!(
        receiver.take(&bundle).expect_err("twice").code(),
        "duplicate_id"
    );
}

#[test]
fn a_delta_without_entries_is_a_sign_of_life_and_nothing_builds_on_it() {
    let state = State::from([(1, 7), (2, 9)]);
    let mut receiver = Receiver::default();
    receiver.take(&snapshot(1, &state)).expect("a snapshot");
    let since = receiver.state();
    for seq in 2..40 {
        receiver
            .take(&delta(seq, &state, &state))
            .expect("a heartbeat");
        assert_eq!(receiver.mark.as_ref().map(|mark| mark.chain.len()), Some(1));
    }
    assert_eq!(receiver.state(), since);
    receiver
        .take(&delta(40, &state, &State::from([(1, 7)])))
        .expect("a delta");
    receiver
        .take(&delta(41, &State::from([(1, 7)]), &state))
        .expect("a delta");
    assert_eq!(receiver.mark.as_ref().map(|mark| mark.chain.len()), Some(2));
    assert_eq!(Some(receiver.restarted()), receiver.order);
}

#[test]
fn a_test_delta_is_judged_like_any_other_and_leaves_no_mark() {
    let state = State::from([(1, 7)]);
    let mut receiver = Receiver::default();
    receiver.take(&snapshot(1, &state)).expect("a snapshot");
    let bundle = String::from_utf8(delta(2, &state, &State::new())).expect("text");
    let test = bundle.replace("\"entries\"", "\"test\":true,\"entries\"");
    let judged = receiver.judge(test.as_bytes());
    assert!(matches!(judged, Ok(Admission::Test(_))), "{judged:?}");
    let digest = test.find("state_digest\":\"").expect("a digest") + 15;
    let wrong = format!(
        "{}{}{}",
        &test[..digest],
        "0".repeat(64),
        &test[digest + 64..]
    );
    let error = receiver.judge(wrong.as_bytes()).expect_err("refused");
    assert_eq!(error.code(), "state_mismatch");
}

#[test]
fn what_is_wrong_with_a_signer_or_a_scope_stays_wrong_under_deltas_by_others() {
    let (state, more) = (State::from([(1, 7)]), State::from([(1, 7), (2, 9)]));
    let mut receiver = Receiver::default();
    receiver.take_by("a", &snapshot(1, &state)).expect("taken");
    let trust = |key: &str, feed: &str| {
        let keys = ["a", "old"].map(|name| {
            let public = super::key(name).pk.to_base64();
            let rest = if name == "a" { key } else { "" };
            format!("[[key]]\nname = '{name}'\npublic_key = '{public}'\n{rest}\n")
        });
        let text = keys.concat() + "[[feed]]\nname = 'ncsc'\n" + feed;
        TrustFile::parse(&text).expect("a trust file")
    };
    let both = "keys = ['a', 'old']\n";
    let revoked = "revoked = '2026-11-23T08:00:00Z'\nrevoked_reason = 'stolen'";
    let changed = [
        ("key_revoked", trust(revoked, both)),
        ("key_not_trusted", trust("", "keys = ['old']\n")),
        (
            "scope_changed",
            trust("", &format!("{both}scope.shortest_ipv4 = 32\n")),
        ),
    ];
    let codes = |receiver: &Receiver, trust: &TrustFile| {
        let mark = receiver.mark.as_ref().expect("a mark");
        let alarms = authority_alarms(&feed("ncsc"), mark, trust);
        let codes = alarms.iter().map(ReadmitAlarm::code);
        codes.collect::<Vec<_>>()
    };
    for delta in [delta(2, &state, &state), delta(3, &state, &more)] {
        receiver.take_by("old", &delta).expect("taken");
        assert_eq!(codes(&receiver, &trust("", both)), [""; 0]);
        for (code, trust) in &changed {
            assert!(codes(&receiver, trust).contains(code), "{code}");
        }
    }
    receiver.take_by("old", &snapshot(4, &more)).expect("taken");
    for (code, trust) in &changed[..2] {
        assert!(!codes(&receiver, trust).contains(code), "{code}");
    }
}
