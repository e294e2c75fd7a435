//! Every kind of bundle that must not get in, by its code, and what is left of each after random changes.

use proptest::prelude::*;

use super::*;

/// The trust file of the other tests with these lines at the top, or after the name of key `a`.
fn changed_trust(top: &str, of_a: &str) -> TrustFile {
    let public = key("a").pk.to_base64();
    let other = key("b").pk.to_base64();
    let text = format!(
        "{top}\n[[key]]\nname = 'a'\npublic_key = '{public}'\n{of_a}\n\
         [[key]]\nname = 'b'\npublic_key = '{other}'\n\
         [[feed]]\nname = 'ncsc'\nkeys = ['a', 'b']\n\
         [[feed]]\nname = 'pair'\nkeys = ['a', 'b']\nthreshold = 2\n"
    );
    TrustFile::parse(&text).expect("a trust file")
}

fn code_by(trust: &TrustFile, untrusted: &UntrustedOrder) -> Option<&'static str> {
    let result = admit(untrusted, trust, &Context::new(now(), &UTC));
    result.err().map(|error| error.code())
}

#[test]
fn a_revoked_key_admits_nothing_and_counts_towards_no_threshold() {
    let revoked = changed_trust(
        "",
        "revoked = '2026-11-23T09:00:00Z'\nrevoked_reason = 'stolen'",
    );
    let order = |name: &str, keys: &[&str]| order(&manifest(name), &[], keys);
    assert_eq!(
        code_by(&revoked, &order("ncsc", &["a"])),
        Some("key_revoked")
    );
    assert_eq!(
        code_by(&revoked, &order("pair", &["a", "b"])),
        Some("key_revoked")
    );
    assert_eq!(code_by(&revoked, &order("ncsc", &["a", "b"])), None);
    let later = changed_trust("", "revoked = '2026-11-23T09:00:01Z'");
    assert_eq!(code_by(&later, &order("ncsc", &["a"])), None);
    let both = admit(
        &order("ncsc", &["a", "b"]),
        &revoked,
        &Context::new(now(), &UTC),
    );
    let Ok(Admission::New(admitted)) = both else {
        panic!("expected a new order: {both:?}")
    };
    assert_eq!(admitted.mark.signers, ["b"]);
}

#[test]
fn an_expired_trust_file_admits_nothing_more() {
    let order = order(&manifest("ncsc"), &[], &["a"]);
    let expired = changed_trust("expires = '2026-11-23T09:00:00Z'", "");
    assert_eq!(code_by(&expired, &order), Some("trust_expired"));
    let holds = changed_trust("expires = '2026-11-23T09:00:01Z'", "");
    assert_eq!(code_by(&holds, &order), None);
}

#[test]
fn what_a_revoked_key_had_ordered_stays_with_an_alarm() {
    let order = order(&manifest("ncsc"), &[entry("e1", "203.0.113.7/32")], &["a"]);
    let Admitted { mark, .. } = admitted(&order);
    let committed = Committed {
        feed: feed("ncsc"),
        mark,
        chain: Vec::new(),
        bundle: order.bundle.bytes().to_vec().into(),
        signatures: order.signatures,
        since: None,
    };
    let revoked = changed_trust("", "revoked = '2026-11-24T00:00:00Z'");
    let Readmitted { order, alarms } = readmit(&committed, &revoked, &UTC).expect("it stays");
    assert_eq!(order.entries().len(), 1);
    assert!(
        alarms.iter().any(|alarm| alarm.code() == "key_revoked"),
        "{alarms:?}"
    );
}

/// Every kind of bundle that is refused, with its code.
fn refusals() -> Vec<(&'static str, UntrustedOrder)> {
    let base = || manifest("narrow");
    let entries = |count: u8| -> Vec<BundleEntry> {
        let entry = |n| entry(&format!("e{n}"), &format!("203.0.113.{n}/32"));
        (0..count).map(entry).collect()
    };
    let order = |manifest: Manifest, entries: &[BundleEntry]| order(&manifest, entries, &["a"]);
    let mut forged = order(base(), &entries(1));
    forged.bundle = order(Manifest { seq: 43, ..base() }, &entries(1)).bundle;
    vec![
        ("bad_signature", forged),
        (
            "unknown_key",
            super::order(&base(), &entries(1), &["stranger"]),
        ),
        (
            "rollback",
            order(Manifest { seq: 41, ..base() }, &entries(1)),
        ),
        (
            "epoch_too_far",
            order(
                Manifest {
                    epoch: 1 << 53,
                    ..base()
                },
                &entries(1),
            ),
        ),
        ("equivocation", order(base(), &entries(2))),
        (
            "too_many_entries",
            order(Manifest { seq: 43, ..base() }, &entries(4)),
        ),
        (
            "too_many_addresses",
            order(
                Manifest { seq: 43, ..base() },
                &[
                    entry("n1", "203.0.113.0/24"),
                    entry("n2", "198.51.100.0/24"),
                ],
            ),
        ),
        (
            "expired",
            order(
                Manifest {
                    seq: 43,
                    expires_at: now(),
                    ..base()
                },
                &entries(1),
            ),
        ),
        (
            "key_not_allowed",
            super::order(&base(), &entries(1), &["b"]),
        ),
        (
            "threshold_not_met",
            super::order(&manifest("pair"), &entries(1), &["a"]),
        ),
    ]
}

/// What stands before: the order of one entry with this number.
fn mark() -> Mark {
    let first = order(
        &manifest("narrow"),
        &[entry("e0", "203.0.113.9/32")],
        &["a"],
    );
    admitted(&first).mark
}

#[test]
fn each_is_refused_by_its_code() {
    for (code, untrusted) in refusals() {
        let error = after(&mark(), &untrusted).expect_err(code);
        assert_eq!(error.code(), code, "{error}");
    }
}

proptest! {
    #[test]
    fn none_is_accepted_after_random_changes(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        in_signature in any::<bool>(),
    ) {
        let mut all = refusals();
        let (code, mut untrusted) = all.swap_remove(which.index(all.len()));
        let mut bytes = if in_signature { untrusted.signatures[0].clone() } else { untrusted.bundle.bytes().to_vec() };
        for (at, with) in changes {
            let at = at.index(bytes.len());
            bytes[at] = with;
        }
        if in_signature { untrusted.signatures[0] = bytes } else { untrusted.bundle = bytes.into() }
        prop_assert!(after(&mark(), &untrusted).is_err(), "{}", code);
    }

    #[test]
    fn a_good_bundle_with_a_changed_byte_is_never_accepted(
        at in any::<prop::sample::Index>(), by in 1_u8..,
    ) {
        let mut untrusted = order(&manifest("ncsc"), &[entry("e1", "203.0.113.7/32")], &["a"]);
        let mut bytes = untrusted.bundle.bytes().to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= by;
        untrusted.bundle = bytes.into();
        prop_assert_eq!(refused(&untrusted).code(), "bad_signature");
    }
}
