//! What admission promises, and the authorities that the tests sign as.

mod checks;
mod delta;
mod entries;
mod lists;
mod refused;
mod restart;

use std::sync::LazyLock;

use ipnet::IpNet;
use minisign::KeyPair;

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
        kind: Kind::Snapshot,
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
        bundle: bundle.into(),
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

fn committed(untrusted: &UntrustedOrder, admitted: &Admitted) -> Committed {
    Committed {
        feed: admitted.order.feed().clone(),
        mark: admitted.mark.clone(),
        chain: Vec::new(),
        bundle: untrusted.bundle.bytes().to_vec().into(),
        signatures: untrusted.signatures.clone(),
        since: Some(encode_since(&admitted.order)),
    }
}
