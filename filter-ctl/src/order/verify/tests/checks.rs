//! Who is obeyed, and in which order that is found out.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::order::signature::Detached;

#[test]
fn a_signed_bundle_is_admitted() {
    let Admitted { order, mark } = admitted(&good());
    assert_eq!(order.feed().as_str(), "ncsc");
    assert_eq!(mark.number(), (1, 42));
    assert_eq!(
        (mark.admitted_at, &mark.signers[..]),
        (now(), &["a".to_owned()][..])
    );
    let entries: Vec<_> = order.entries().by_id().collect();
    assert_eq!(
        (entries.len(), entries[0].id, entries[0].terms.since),
        (1, "e1", now())
    );
    assert_eq!(
        order.order_id(entries[0].terms.order).to_string(),
        "ncsc:298"
    );
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
        bundle_bytes_max: good().bundle.bytes().len() - 1,
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
    // Whoever has stolen a key cannot use up the numbers of the feed.
    assert_eq!(at(u64::MAX, 1), Err("epoch_too_far"));
    assert_eq!(at(mark.epoch + EPOCH_STEP_MAX + 1, 1), Err("epoch_too_far"));
    let furthest = at(mark.epoch + EPOCH_STEP_MAX, u64::MAX);
    assert!(matches!(furthest, Ok(Admission::New(_))));

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
        let mut bytes = if in_signature { signature } else { untrusted.bundle.bytes().to_vec() };
        let at = at.index(bytes.len());
        if in_signature && comment.contains(&at) {
            return Ok(());
        }
        bytes[at] ^= change;
        if in_signature { untrusted.signatures[0] = bytes } else { untrusted.bundle = bytes.into() }
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
            let untrusted = UntrustedOrder { transport_feed: None, bundle: bundle.clone().into(), signatures };
            let _ = admit(&untrusted, &trust(), &context);
        }
        let _ = admit(&signed(text.into_bytes(), &["a"]), &trust(), &context);
    }
}
