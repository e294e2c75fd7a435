//! What a restart keeps.

use sha2::{Digest as _, Sha256};

use super::*;

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
    broken.bundle = [&broken.bundle[..], b"\n"].concat().into();
    assert_eq!(refused(&broken), "digest_mismatch");
    let mut broken = good.clone();
    broken.mark.seq += 1;
    assert_eq!(refused(&broken), "wrong_bundle");
    let mut broken = good.clone();
    broken.feed = feed("pair");
    assert_eq!(refused(&broken), "wrong_bundle");
    let mut broken = good.clone();
    broken.bundle = b"x".to_vec().into();
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
