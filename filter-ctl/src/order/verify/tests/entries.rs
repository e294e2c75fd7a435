//! What becomes of the entries.

use super::*;

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
            .by_id()
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
    let orders: Vec<_> = admitted
        .entries()
        .by_id()
        .map(|entry| entry.terms.order)
        .collect();
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
        .by_id()
        .map(|entry| entry.terms.since)
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

#[test]
fn signed_garbage_is_refused_by_name() {
    let code = |bundle: Vec<u8>| refused(&signed(bundle, &["a"])).code();
    assert_eq!(code(b"x".to_vec()), "malformed");
    assert_eq!(code(Vec::new()), "malformed");
    let bundle = String::from_utf8(good().bundle.bytes().to_vec()).expect("text");
    let delta = bundle.replace("\"snapshot\"", "\"delta\",\"base_seq\":41");
    assert_eq!(code(delta.into_bytes()), "malformed");
    let version = bundle.replace("\"version\":1", "\"version\":2");
    assert_eq!(code(version.into_bytes()), "unsupported_version");
    assert_eq!(code((bundle.clone() + "{}").into_bytes()), "wrong_count");
    assert_eq!(
        code((bundle + &" ".repeat(70_000)).into_bytes()),
        "line_too_long"
    );
}

#[test]
fn a_bundle_of_too_many_orders_is_refused_whole() {
    let entries: Vec<_> = (0..=BUNDLE_ORDERS_MAX)
        .map(|number| BundleEntry {
            order: Some(OrderInfo {
                reference: number.to_string().into(),
                issuer: "Court".into(),
                basis: "".into(),
                reason: "".into(),
            }),
            ..entry(&number.to_string(), "203.0.113.7/32")
        })
        .collect();
    let without = Manifest {
        order: None,
        ..manifest("ncsc")
    };
    assert_eq!(
        refused(&order(&without, &entries, &["a"])).code(),
        "too_many_orders"
    );
    admitted(&order(&without, &entries[1..], &["a"]));
}
