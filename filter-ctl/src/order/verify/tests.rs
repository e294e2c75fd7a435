//! What admission promises.

use std::sync::LazyLock;

use ipnet::IpNet;
use minisign::KeyPair;
use proptest::prelude::*;

use super::*;
use crate::order::{
    Direction, OrderInfo, RefusalReason,
    parse::ParseErrorKind,
    sign::{BundleEntry, SIGNATURES_MAX, build_bundle, sign},
};

/// Keys `a`, `b`, `c`, and `old`, which expires on 2026-12-01; `stranger` is in no trust file.
static KEYS: LazyLock<[(&str, KeyPair); 5]> = LazyLock::new(|| {
    ["a", "b", "c", "old", "stranger"].map(|name| {
        let pair = KeyPair::generate_unencrypted_keypair().expect("a key");
        (name, pair)
    })
});

fn key(name: &str) -> &'static KeyPair {
    let known = KEYS.iter().find(|(known, _)| *known == name);
    &known.expect("a key").1
}

static UTC: TimeZone = TimeZone::UTC;

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn now() -> Timestamp {
    time("2026-11-23T09:00:00Z")
}

fn feed(name: &str) -> FeedName {
    FeedName::try_from(name.to_owned()).expect("a name")
}

/// `ncsc` by `a` or `old`; `pair` by two of `a`, `b`, `old`; `narrow` by `a`.
fn trust() -> TrustFile {
    let mut text = String::new();
    for (name, expires) in [
        ("a", ""),
        ("b", ""),
        ("c", ""),
        ("old", "expires = 2026-12-01T00:00:00Z"),
    ] {
        let expires = expires.replace("= ", "= '").replace('Z', "Z'");
        let public = key(name).pk.to_base64();
        let lines = [
            "[[key]]",
            &format!("name = '{name}'"),
            &format!("public_key = '{public}'"),
            &expires,
            "",
        ];
        text += &lines.join("\n");
    }
    text += "[[feed]]\nname = 'ncsc'\nkeys = ['a', 'old']\n\
             [[feed]]\nname = 'pair'\nkeys = ['a', 'b', 'old']\nthreshold = 2\n\
             [[feed]]\nname = 'narrow'\nkeys = ['a']\n[feed.scope]\nfamilies = ['ipv4']\n\
             entries_max = 3\naddresses_max = 300\nuntil_max_days = 30\n";
    TrustFile::parse(&text).expect("a trust file")
}

fn manifest(name: &str) -> Manifest {
    Manifest {
        feed: feed(name),
        epoch: 1,
        seq: 42,
        issued_at: time("2026-11-23T08:00:00Z"),
        expires_at: time("2026-11-24T08:00:00Z"),
        entries: 0,
        test: false,
        order: Some(OrderInfo {
            reference: "298".into(),
            issuer: "VNCERT/CC".into(),
            basis: "".into(),
            reason: "C2".into(),
        }),
    }
}

fn entry(id: &str, net: &str) -> BundleEntry {
    let net: IpNet = net.parse().expect("a prefix");
    BundleEntry::new(id, net, time("2026-12-10T00:00:00Z"))
}

fn order(manifest: &Manifest, entries: &[BundleEntry], keys: &[&str]) -> UntrustedOrder {
    let bundle = build_bundle(manifest, entries).expect("a bundle");
    signed(bundle, keys)
}

fn signed(bundle: Vec<u8>, keys: &[&str]) -> UntrustedOrder {
    let signature = |name: &&str| sign(&bundle, &key(name).sk, "a comment").expect("signed");
    let signatures = keys
        .iter()
        .map(|name| signature(name).into_bytes())
        .collect();
    UntrustedOrder {
        transport_feed: None,
        bundle,
        signatures,
    }
}

fn good() -> UntrustedOrder {
    order(&manifest("ncsc"), &[entry("e1", "203.0.113.7/32")], &["a"])
}

fn refused(untrusted: &UntrustedOrder) -> AdmissionError {
    admit(untrusted, &trust(), &Context::new(now(), &UTC)).expect_err("refused")
}

fn admitted(untrusted: &UntrustedOrder) -> Admitted {
    match admit(untrusted, &trust(), &Context::new(now(), &UTC)) {
        Ok(Admission::New(admitted)) => *admitted,
        other => panic!("expected a new order: {other:?}"),
    }
}

fn after(mark: &Mark, untrusted: &UntrustedOrder) -> Result<Admission, AdmissionError> {
    let context = Context {
        mark: &|_| Some(mark.clone()),
        ..Context::new(now(), &UTC)
    };
    admit(untrusted, &trust(), &context)
}

#[test]
fn a_signed_bundle_is_admitted() {
    let Admitted { order, mark } = admitted(&good());
    assert_eq!(order.feed().as_str(), "ncsc");
    assert_eq!(mark.number(), (1, 42));
    assert_eq!(
        (mark.admitted_at, &mark.signers[..]),
        (now(), &["a".to_owned()][..])
    );
    let entries = order.entries();
    assert_eq!(
        (entries.len(), &*entries[0].id, entries[0].since),
        (1, "e1", now())
    );
    assert_eq!(order.order_id(entries[0].order).to_string(), "ncsc:298");
    let Provenance::Bundle { sha256, test, .. } = order.provenance() else {
        panic!("expected a bundle");
    };
    assert_eq!((sha256, test), (&mark.sha256, &false));
}

#[test]
fn signatures_of_the_older_form_are_verified() {
    // Made by the stock tool in its older form (`minisign -S -l`), over the bytes themselves.
    let public_key = "RWQFyxzxhi234pSJx0fS3b0kDB0icAzTQRZIjPZeXXxBixWDO1qrYca9";
    let signature = "untrusted comment: signature from minisign secret key\n\
         RWQFyxzxhi234pnwBrVRBu2qZMSzI+xZtFJQvKukVxsUInGGybGtYL82AXmaae4j++MzEdWCmmHExDYuR1Cp194VgwD1zMrQrAM=\n\
         trusted comment: timestamp:0\n\
         rNXG2I4SHZSc/ZMFcEgYx64wSQGYHJBJVGL53s5XTNwgzNWGNZfvcUB/+JUL4Poj3r1lL+ff0vwSGegxLwewCw==";
    let (_, _, public_key) = crate::order::trust::read_public_key(public_key).expect("a key");
    let detached = Detached::decode(signature.as_bytes()).expect("a signature");
    assert!(detached.verifies(b"a levee bundle\n", &public_key));
    assert!(!detached.verifies(b"A levee bundle\n", &public_key));
}

#[test]
fn each_size_has_a_limit() {
    let context = Context {
        bundle_bytes_max: good().bundle.len() - 1,
        ..Context::new(now(), &UTC)
    };
    let error = admit(&good(), &trust(), &context).expect_err("too large");
    assert_eq!(error.code(), "bundle_too_large");
    let with = |signatures| UntrustedOrder {
        signatures,
        ..good()
    };
    assert_eq!(refused(&with(vec![])).code(), "unsigned");
    let many = vec![good().signatures.remove(0); SIGNATURES_MAX + 1];
    assert_eq!(refused(&with(many)).code(), "too_many_signatures");
    assert_eq!(
        refused(&with(vec![vec![b'x'; 20_000]])).code(),
        "signature_too_large"
    );
}

#[test]
fn what_is_no_signature_is_refused() {
    let text = String::from_utf8(good().signatures[0].clone()).expect("text");
    for broken in [
        String::new(),
        "x".to_owned(),
        text.lines().take(3).collect::<Vec<_>>().join("\n"),
        format!("{text}more\n"),
        text.replacen("untrusted comment: ", "comment: ", 1),
        text.replacen("\ntrusted comment: ", "\ncomment: ", 1),
    ] {
        let untrusted = UntrustedOrder {
            signatures: vec![broken.clone().into_bytes()],
            ..good()
        };
        assert_eq!(
            refused(&untrusted).code(),
            "signature_malformed",
            "{broken}"
        );
    }
    let untrusted = UntrustedOrder {
        signatures: vec![good().signatures[0].clone(), vec![0xff]],
        ..good()
    };
    assert_eq!(refused(&untrusted), AdmissionError::SignatureMalformed(2));
}

#[test]
fn only_a_key_with_that_authority_is_obeyed() {
    let entries = [entry("e1", "203.0.113.7/32")];
    let order = |feed: &str, keys: &[&str]| order(&manifest(feed), &entries, keys);
    assert_eq!(refused(&order("ncsc", &["stranger"])).code(), "unknown_key");
    assert_eq!(refused(&order("ncsc", &["c"])).code(), "key_not_allowed");
    assert_eq!(refused(&order("other", &["a"])).code(), "unknown_feed");
    let other = UntrustedOrder {
        transport_feed: Some(feed("pair")),
        ..good()
    };
    assert_eq!(refused(&other).code(), "wrong_feed");
    let own = UntrustedOrder {
        transport_feed: Some(feed("ncsc")),
        ..good()
    };
    admitted(&own);
    // A key that is not known yet signs along without harm; one that is known must fit.
    admitted(&order("ncsc", &["stranger", "a", "c"]));
    let mut mixed = order("ncsc", &["a"]);
    mixed
        .signatures
        .push(signed(b"other".to_vec(), &["c"]).signatures.remove(0));
    assert_eq!(
        refused(&mixed),
        AdmissionError::BadSignature("c".to_owned())
    );
}

#[test]
fn a_threshold_counts_distinct_keys() {
    let order = |keys: &[&str]| order(&manifest("pair"), &[], keys);
    for keys in [&["a"][..], &["a", "a"], &["a", "c"], &["a", "stranger"]] {
        let error = refused(&order(keys));
        assert_eq!(error.code(), "threshold_not_met", "{keys:?}: {error}");
    }
    assert_eq!(admitted(&order(&["b", "a", "a"])).mark.signers, ["b", "a"]);
}

#[test]
fn an_expired_key_admits_nothing_and_does_not_count() {
    let expired = |feed: &str, keys: &[&str], now| {
        let manifest = Manifest {
            expires_at: time("2027-01-01T00:00:00Z"),
            ..manifest(feed)
        };
        let order = order(&manifest, &[], keys);
        let context = Context::new(now, &UTC);
        admit(&order, &trust(), &context).map_err(|error| error.code())
    };
    let (before, after) = (time("2026-11-30T23:59:59Z"), time("2026-12-01T00:00:00Z"));
    assert!(expired("ncsc", &["old"], before).is_ok());
    assert_eq!(expired("ncsc", &["old"], after), Err("key_expired"));
    assert_eq!(expired("pair", &["a", "old"], after), Err("key_expired"));
    match expired("pair", &["a", "old", "b"], after) {
        Ok(Admission::New(admitted)) => assert_eq!(admitted.mark.signers, ["a", "b"]),
        other => panic!("expected a new order: {other:?}"),
    }
}

#[test]
fn nothing_is_rolled_back_and_nothing_said_twice_in_two_ways() {
    let Admitted { mark, .. } = admitted(&good());
    let at = |epoch, seq| {
        let manifest = Manifest {
            epoch,
            seq,
            ..manifest("ncsc")
        };
        after(&mark, &order(&manifest, &[], &["a"])).map_err(|error| error.code())
    };
    assert_eq!(at(1, 41), Err("rollback"));
    assert_eq!(at(0, u64::MAX), Err("rollback"));
    assert_eq!(at(1, 42), Err("equivocation"));
    assert!(matches!(at(1, 43), Ok(Admission::New(_))));
    assert!(matches!(at(2, 0), Ok(Admission::New(_))));

    let repeat = after(&mark, &good()).expect("a repeat");
    let expected = Admission::Repeat {
        feed: feed("ncsc"),
        mark: mark.clone(),
    };
    assert_eq!(repeat, expected);
    // A repeat is one also when the bundle has expired since.
    let context = Context {
        mark: &|_| Some(mark.clone()),
        ..Context::new(time("2027-06-01T00:00:00Z"), &UTC)
    };
    assert_eq!(admit(&good(), &trust(), &context), Ok(expected));
}

#[test]
fn dates_judge_admission() {
    let with = |issued_at: &str, expires_at: &str| {
        let manifest = Manifest {
            issued_at: time(issued_at),
            expires_at: time(expires_at),
            ..manifest("ncsc")
        };
        let context = Context::new(now(), &UTC);
        let admission = admit(&order(&manifest, &[], &["a"]), &trust(), &context);
        admission.map_err(|error| error.code()).map(drop)
    };
    assert_eq!(
        with("2026-11-23T08:00:00Z", "2026-11-23T09:00:00Z"),
        Err("expired")
    );
    assert_eq!(with("2026-11-23T08:00:00Z", "2026-11-23T09:00:01Z"), Ok(()));
    assert_eq!(with("2026-11-23T09:05:00Z", "2026-11-24T09:00:00Z"), Ok(()));
    assert_eq!(
        with("2026-11-23T09:05:01Z", "2026-11-24T09:00:00Z"),
        Err("issued_in_future")
    );
}

#[test]
fn entries_outside_the_scope_are_refused_one_by_one() {
    use RefusalReason::{Expired, FamilyOutOfScope, NoUntil, PrefixTooShort, UntilTooFar};
    let until = |id: &str, until: Option<&str>| BundleEntry {
        until: until.map(time),
        ..entry(id, "203.0.113.7/32")
    };
    let judged = |name: &str, entries: &[BundleEntry]| {
        let Admitted { order, .. } = admitted(&order(&manifest(name), entries, &["a"]));
        let refused = order
            .refused()
            .iter()
            .map(|refused| refused.reason)
            .collect();
        let kept: Vec<_> = order
            .entries()
            .iter()
            .map(|entry| entry.id.to_string())
            .collect();
        (kept, refused)
    };
    let (kept, refused): (_, Vec<_>) = judged(
        "ncsc",
        &[
            until("f", None),
            until("e", Some("2026-11-23T09:00:00Z")),
            until("d", Some("2027-05-22T09:00:01Z")),
            until("c", Some("2027-05-22T09:00:00Z")),
            entry("b2", "203.0.112.0/23"),
            entry("b1", "2001:db8::/47"),
            entry("a", "2001:db8::/48"),
        ],
    );
    assert_eq!(kept, ["a", "c"], "sorted by id");
    assert_eq!(
        refused,
        [
            PrefixTooShort,
            PrefixTooShort,
            UntilTooFar,
            Expired,
            NoUntil
        ]
    );
    let (kept, refused): (_, Vec<_>) = judged(
        "narrow",
        &[
            entry("a", "2001:db8::/48"),
            until("b", Some("2026-12-24T00:00:00Z")),
            entry("c", "203.0.113.0/24"),
        ],
    );
    assert_eq!(kept, ["c"]);
    assert_eq!(refused, [FamilyOutOfScope, UntilTooFar]);
}

#[test]
fn a_bundle_past_its_totals_is_refused_whole() {
    let judged = |entries: &[BundleEntry]| refused(&order(&manifest("narrow"), entries, &["a"]));
    let hosts: Vec<_> = (1..=4)
        .map(|n| entry(&format!("e{n}"), &format!("203.0.113.{n}/32")))
        .collect();
    assert_eq!(judged(&hosts).code(), "too_many_entries");
    let nets = [entry("a", "203.0.113.0/24"), entry("b", "198.51.100.0/24")];
    let error = judged(&nets);
    assert!(
        matches!(
            error,
            AdmissionError::TooManyAddresses {
                line: 3,
                max: 300,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn an_id_used_twice_is_malformed_wherever_it_stands() {
    let line = |id: &str, net: &str| {
        format!("{{\"id\":\"{id}\",\"net\":\"{net}\",\"until\":\"2026-12-10\"}}\n")
    };
    let good = |id: &str| line(id, "203.0.113.7");
    let short = |id: &str| line(id, "203.0.0.0/16");
    for (lines, expected) in [
        ([good("x"), good("a"), good("x")], (4, 2)),
        ([short("x"), good("a"), good("x")], (4, 2)),
        ([good("a"), short("x"), short("x")], (4, 3)),
    ] {
        let head = build_bundle(&manifest("ncsc"), &[]).expect("a bundle");
        let head = String::from_utf8(head)
            .expect("text")
            .replace("\"entries\":0", "\"entries\":3");
        let error = refused(&signed((head + &lines.concat()).into_bytes(), &["a"]));
        assert_eq!(error.code(), "duplicate_id");
        let AdmissionError::Malformed(error) = error else {
            panic!("expected a malformed line: {error}");
        };
        let kind = ParseErrorKind::DuplicateId {
            id: "x".to_owned(),
            first: expected.1,
        };
        assert_eq!((error.line, error.kind), (expected.0, kind));
    }
}

#[test]
fn entries_name_their_orders_and_an_order_has_one_description() {
    let of = |id: &str, reference: &str, issuer: &str| BundleEntry {
        order: Some(OrderInfo {
            reference: reference.into(),
            issuer: issuer.into(),
            basis: "".into(),
            reason: if reference == "298" { "C2" } else { "" }.into(),
        }),
        ..entry(id, "203.0.113.7/32")
    };
    let entries = [
        entry("a", "203.0.113.8/32"),
        of("b", "299", "Court"),
        of("c", "298", "VNCERT/CC"),
        of("d", "299", "Court"),
    ];
    let Admitted {
        order: admitted, ..
    } = admitted(&order(&manifest("ncsc"), &entries, &["a"]));
    let orders: Vec<_> = admitted.entries().iter().map(|entry| entry.order).collect();
    assert_eq!(
        (admitted.orders().len(), &orders[..]),
        (2, &[0, 1, 0, 1][..])
    );

    let entries = [of("a", "299", "Court"), of("b", "299", "Another")];
    let error = refused(&order(&manifest("ncsc"), &entries, &["a"]));
    assert_eq!(error.code(), "order_conflict");
    assert!(error.to_string().starts_with("line 3: "), "{error}");
}

#[test]
fn a_test_has_no_mark_to_store() {
    let manifest = Manifest {
        test: true,
        ..manifest("ncsc")
    };
    let order = order(&manifest, &[entry("e1", "203.0.113.7/32")], &["a"]);
    let context = Context::new(now(), &UTC);
    let Ok(Admission::Test(order)) = admit(&order, &trust(), &context) else {
        panic!("expected a test");
    };
    assert!(matches!(
        order.provenance(),
        Provenance::Bundle { test: true, .. }
    ));
}

#[test]
fn an_entry_that_stays_keeps_its_first_date() {
    let later = time("2026-11-23T20:00:00Z");
    let first = admitted(&order(
        &manifest("ncsc"),
        &[
            entry("a", "203.0.113.7/32"),
            entry("b", "203.0.113.8/32"),
            entry("c", "203.0.113.9/32"),
        ],
        &["a"],
    ));
    let previous = Arc::new(first.order);
    let moved = BundleEntry {
        direction: Direction::To,
        ..entry("b", "203.0.113.8/32")
    };
    let renewed = BundleEntry {
        until: Some(time("2027-01-10T00:00:00Z")),
        ..entry("c", "203.0.113.9/32")
    };
    let next = Manifest {
        seq: 43,
        ..manifest("ncsc")
    };
    let untrusted = order(
        &next,
        &[
            entry("0", "203.0.113.6/32"),
            moved,
            renewed,
            entry("d", "203.0.113.10/32"),
        ],
        &["a"],
    );
    let context = Context {
        previous: &|_| Some(Arc::clone(&previous)),
        ..Context::new(later, &UTC)
    };
    let Ok(Admission::New(admitted)) = admit(&untrusted, &trust(), &context) else {
        panic!("expected a new order");
    };
    let since: Vec<_> = admitted
        .order
        .entries()
        .iter()
        .map(|entry| entry.since)
        .collect();
    assert_eq!(since, [later, later, now(), later]);

    // And through a restart.
    let committed = committed(&untrusted, &admitted);
    let readmitted = readmit(&committed, &trust(), &UTC).expect("readmitted");
    assert_eq!(
        (readmitted.order, readmitted.alarms),
        (admitted.order, vec![])
    );
}

/// A bundle that is wrong in every way at once; each row puts one thing right, and the next is reported.
#[test]
fn the_first_check_that_fails_is_the_one_reported() {
    let wrong = Manifest {
        seq: 41,
        issued_at: time("2027-11-23T08:00:00Z"),
        expires_at: time("2026-11-23T08:00:00Z"),
        ..manifest("pair")
    };
    let after_keys = time("2026-12-02T00:00:00Z");
    let good_mark = admitted(&order(&manifest("pair"), &[], &["a", "b"])).mark;
    let mut bundle = build_bundle(&wrong, &[]).expect("a bundle");
    let report = |untrusted: &UntrustedOrder, mark: bool, bytes: usize| {
        let mark = Some(good_mark.clone()).filter(|_| mark);
        let context = Context {
            bundle_bytes_max: bytes,
            mark: &|_| mark.clone(),
            ..Context::new(after_keys, &UTC)
        };
        admit(untrusted, &trust(), &context)
            .map_err(|error| error.code())
            .map(drop)
    };
    bundle.extend(b"garbage");
    let mut untrusted = signed(bundle.clone(), &["stranger"]);
    untrusted.transport_feed = Some(feed("narrow"));
    assert_eq!(report(&untrusted, true, 10), Err("bundle_too_large"));
    assert_eq!(report(&untrusted, true, 10_000), Err("unknown_key"));
    untrusted.signatures = signed(b"other".to_vec(), &["c"]).signatures;
    assert_eq!(report(&untrusted, true, 10_000), Err("bad_signature"));
    untrusted.signatures = signed(bundle.clone(), &["c"]).signatures;
    assert_eq!(report(&untrusted, true, 10_000), Err("key_not_allowed"));
    untrusted.signatures = signed(bundle.clone(), &["old"]).signatures;
    assert_eq!(report(&untrusted, true, 10_000), Err("wrong_feed"));
    untrusted.transport_feed = None;
    assert_eq!(report(&untrusted, true, 10_000), Err("threshold_not_met"));
    untrusted.signatures = signed(bundle, &["old", "a"]).signatures;
    assert_eq!(report(&untrusted, true, 10_000), Err("rollback"));
    assert_eq!(report(&untrusted, false, 10_000), Err("expired"));
    let resign = |manifest: &Manifest, keys: &[&str]| {
        let mut bundle = build_bundle(manifest, &[]).expect("a bundle");
        bundle.extend(b"garbage");
        signed(bundle, keys)
    };
    let fresh = Manifest {
        expires_at: time("2028-11-23T08:00:00Z"),
        ..wrong
    };
    assert_eq!(
        report(&resign(&fresh, &["old", "a"]), false, 10_000),
        Err("issued_in_future")
    );
    let fresh = Manifest {
        issued_at: time("2026-11-23T08:00:00Z"),
        ..fresh
    };
    assert_eq!(
        report(&resign(&fresh, &["old", "a"]), false, 10_000),
        Err("key_expired")
    );
    assert_eq!(
        report(&resign(&fresh, &["b", "a"]), false, 10_000),
        Err("wrong_count")
    );
}

fn committed(untrusted: &UntrustedOrder, admitted: &Admitted) -> Committed {
    Committed {
        feed: admitted.order.feed().clone(),
        mark: admitted.mark.clone(),
        bundle: untrusted.bundle.clone(),
        signatures: untrusted.signatures.clone(),
        since: Some(encode_since(&admitted.order)),
    }
}

#[test]
fn a_restart_changes_nothing_and_asks_no_date() {
    let entries = [
        entry("a", "203.0.113.7/32"),
        BundleEntry {
            until: Some(time("2026-11-23T08:30:00Z")),
            ..entry("b", "203.0.113.8/32")
        },
        entry("c", "203.0.0.0/16"),
        BundleEntry {
            until: Some(time("2026-11-23T09:30:00Z")),
            ..entry("d", "203.0.113.9/32")
        },
    ];
    let untrusted = order(&manifest("ncsc"), &entries, &["a"]);
    let admitted = admitted(&untrusted);
    let readmitted = readmit(&committed(&untrusted, &admitted), &trust(), &UTC);
    let readmitted = readmitted.expect("readmitted");
    assert_eq!(
        (readmitted.order, readmitted.alarms),
        (admitted.order, vec![])
    );
}

#[test]
fn a_vanished_key_alarms_and_takes_nothing_away() {
    let untrusted = good();
    let admitted = admitted(&untrusted);
    let committed = committed(&untrusted, &admitted);
    let again = |committed: &Committed, trust: &str| {
        let trust = TrustFile::parse(trust).expect("a trust file");
        let readmitted = readmit(committed, &trust, &UTC).expect("readmitted");
        assert_eq!(readmitted.order, admitted.order);
        let codes = readmitted.alarms.iter().map(|alarm| {
            assert!(alarm.to_string().contains("`ncsc`"), "{alarm}");
            alarm.code()
        });
        codes.collect::<Vec<_>>()
    };
    let key_of = |name: &str| {
        format!(
            "[[key]]\nname = '{name}'\npublic_key = '{}'\n",
            key(name).pk.to_base64()
        )
    };
    let feed_of = |name: &str| format!("[[feed]]\nname = 'ncsc'\nkeys = ['{name}']\n");
    assert_eq!(again(&committed, ""), ["unknown_feed"]);
    let trust = key_of("b") + &feed_of("b");
    assert_eq!(
        again(&committed, &trust),
        ["key_not_trusted", "threshold_not_met"]
    );
    let trust = key_of("a") + &feed_of("a") + "scope.shortest_ipv4 = 32\n";
    assert_eq!(again(&committed, &trust), ["scope_changed"]);

    let trust = key_of("a") + &feed_of("a");
    let mut broken = committed.clone();
    broken.signatures = vec![b"x".to_vec()];
    assert_eq!(
        again(&broken, &trust),
        ["bad_signature", "key_not_trusted", "threshold_not_met"]
    );
    broken.signatures = signed(b"other".to_vec(), &["a"]).signatures;
    assert_eq!(
        again(&broken, &trust),
        ["bad_signature", "key_not_trusted", "threshold_not_met"]
    );
    for since in [None, Some(b"{".to_vec())] {
        let broken = Committed {
            since,
            ..committed.clone()
        };
        assert_eq!(again(&broken, &trust), ["since_lost"]);
    }
}

#[test]
fn only_the_bytes_of_the_mark_come_back() {
    let untrusted = good();
    let good = committed(&untrusted, &admitted(&untrusted));
    let refused = |committed: &Committed| {
        let error = readmit(committed, &trust(), &UTC).expect_err("refused");
        assert!(error.to_string().contains('`'), "{error}");
        error.code()
    };
    let mut broken = good.clone();
    broken.bundle.push(b'\n');
    assert_eq!(refused(&broken), "digest_mismatch");
    let mut broken = good.clone();
    broken.mark.seq += 1;
    assert_eq!(refused(&broken), "wrong_bundle");
    let mut broken = good.clone();
    broken.feed = feed("pair");
    assert_eq!(refused(&broken), "wrong_bundle");
    let mut broken = good.clone();
    broken.bundle = b"x".to_vec();
    broken.mark.sha256 = Sha256::digest(b"x").into();
    assert_eq!(refused(&broken), "malformed");
    let mut broken = good;
    broken.mark.scope.addresses_max = Some(0);
    assert_eq!(refused(&broken), "out_of_scope");
}

#[test]
fn a_mark_survives_its_record() {
    let Admitted { mark, .. } = admitted(&good());
    let text = serde_json::to_string(&mark).expect("text");
    assert_eq!(serde_json::from_str::<Mark>(&text).expect("a mark"), mark);
    serde_json::from_str::<Mark>(&text.replace("\"seq\"", "\"sequence\""))
        .expect_err("unknown field");
}

proptest! {
    #[test]
    fn any_changed_byte_of_bundle_or_signature_is_refused(
        at in any::<prop::sample::Index>(),
        change in 1..=255_u8,
        in_signature in any::<bool>(),
    ) {
        static GOOD: LazyLock<(UntrustedOrder, TrustFile)> = LazyLock::new(|| (good(), trust()));
        let (good, trust) = &*GOOD;
        let mut untrusted = good.clone();
        let signature = untrusted.signatures[0].clone();
        // The text of the untrusted comment is signed by nobody and read by nobody.
        let comment = signature.iter().position(|byte| *byte == b'\n').expect("a line");
        let comment = "untrusted comment: ".len()..comment;
        let bytes = if in_signature { &mut untrusted.signatures[0] } else { &mut untrusted.bundle };
        let at = at.index(bytes.len());
        if in_signature && comment.contains(&at) {
            return Ok(());
        }
        bytes[at] ^= change;
        let context = Context::new(now(), &UTC);
        let error = admit(&untrusted, trust, &context).expect_err("refused");
        let expected = ["bad_signature", "signature_malformed", "unknown_key"];
        prop_assert!(expected.contains(&error.code()), "{}", error);
    }

    #[test]
    fn no_bytes_make_admission_panic(
        bundle in prop::collection::vec(any::<u8>(), 0..200),
        signature in prop::collection::vec(any::<u8>(), 0..200),
        text in "\\PC{0,100}",
    ) {
        let context = Context::new(now(), &UTC);
        for signatures in [vec![signature], vec![text.clone().into_bytes()], signed(bundle.clone(), &["a"]).signatures] {
            let untrusted = UntrustedOrder { transport_feed: None, bundle: bundle.clone(), signatures };
            let _ = admit(&untrusted, &trust(), &context);
        }
        let _ = admit(&signed(text.into_bytes(), &["a"]), &trust(), &context);
    }
}
