//! What the authority's side promises.

use std::{
    os::unix::fs::PermissionsExt as _,
    process::{Command, Stdio},
    slice::from_ref,
};

use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;
use crate::order::{
    Direction, FeedName, OrderInfo, PortRange, field,
    parse::{self, Kind, Manifest, ParsedLine},
};

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn manifest() -> Manifest {
    Manifest {
        feed: FeedName::try_from("ncsc".to_owned()).expect("a name"),
        epoch: 1,
        seq: 42,
        kind: Kind::Snapshot,
        issued_at: time("2026-11-23T08:00:00Z"),
        expires_at: time("2026-11-24T08:00:00Z"),
        entries: 0,
        test: false,
        order: Some(OrderInfo {
            reference: "298/VNCERT-DPUC".into(),
            issuer: "VNCERT/CC".into(),
            basis: "".into(),
            reason: "botnet \"C2\"".into(),
        }),
    }
}

fn demo_bundle() -> Vec<u8> {
    let net = "203.0.113.7/32".parse().expect("a prefix");
    let until = time("2026-12-30T00:00:00Z");
    build_bundle(&manifest(), &[BundleEntry::new("e1", net, until)]).expect("a bundle")
}

#[test]
fn a_new_key_signs_what_its_public_key_verifies() {
    let directory = tempfile::tempdir().expect("a directory");
    let keys = keygen(&directory.path().join("ncsc.2026"), None, false).expect("keys");
    assert!(keys.secret.ends_with("ncsc.2026.key") && keys.public.ends_with("ncsc.2026.pub"));
    let mode = fs::metadata(&keys.secret)
        .expect("metadata")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, SECRET_KEY_MODE);

    let bundle = directory.path().join("b.jsonl");
    fs::write(&bundle, demo_bundle()).expect("written");
    let now = time("2026-11-23T08:00:00Z");
    for number in [1, 2] {
        sign_file(&bundle, &keys.secret, None, number, now).expect("signed");
    }
    let signatures = signatures_beside(&bundle);
    assert!(
        signatures[1].ends_with("b.jsonl.2.minisig"),
        "{signatures:?}"
    );
    let public = [keys.public.clone()];
    let verified = verify_files(&bundle, &signatures, &public).expect("verified");
    assert_eq!((verified.len(), verified[0].key), (2, keys.key));
    assert_eq!(
        verified[0].trusted_comment,
        "timestamp:1795420800\tfile:b.jsonl\thashed"
    );

    fs::write(&bundle, b"other").expect("written");
    let error = verify_files(&bundle, &signatures, &public).expect_err("refused");
    assert!(matches!(error, SignError::BadSignature { .. }), "{error}");
    let other = keygen(&directory.path().join("other"), None, false).expect("keys");
    let error = verify_files(&bundle, &signatures, &[other.public]).expect_err("refused");
    assert!(matches!(error, SignError::UnknownKey { .. }), "{error}");
    let error = verify_files(&bundle, &[], &public).expect_err("refused");
    assert!(matches!(error, SignError::Unsigned(_)), "{error}");
    let error = sign_file(&bundle, &keys.public, None, 1, now).expect_err("refused");
    assert!(matches!(error, SignError::SecretKey(_)), "{error}");
    let error = sign_file(&bundle, &keys.secret, None, 17, now).expect_err("refused");
    assert!(matches!(error, SignError::Number(17)), "{error}");
}

#[test]
fn a_key_is_never_overwritten_without_force() {
    let directory = tempfile::tempdir().expect("a directory");
    let name = directory.path().join("key");
    let first = keygen(&name, None, false).expect("keys");
    let error = keygen(&name, None, false).expect_err("exists");
    assert!(
        matches!(&error, SignError::Exists(path) if *path == first.secret),
        "{error}"
    );
    fs::remove_file(&first.secret).expect("removed");
    keygen(&name, None, false).expect_err("the public key is in the way");
    assert!(!first.secret.exists());
    let second = keygen(&name, None, true).expect("forced");
    assert_ne!(second.key, first.key);
}

#[test]
fn an_encrypted_key_asks_for_its_password() {
    let directory = tempfile::tempdir().expect("a directory");
    let keys = keygen(&directory.path().join("key"), Some("correct"), false).expect("keys");
    let error = read_secret_key(&keys.secret, None).expect_err("encrypted");
    assert!(matches!(error, SignError::PasswordNeeded(_)), "{error}");
    let error = read_secret_key(&keys.secret, Some("wrong")).expect_err("wrong");
    assert!(matches!(error, SignError::WrongPassword(_)), "{error}");
    let key = read_secret_key(&keys.secret, Some("correct")).expect("a key");
    let signature = sign(b"text", &key, "comment").expect("signed");
    let detached = Detached::decode(signature.as_bytes()).expect("a signature");
    let (_, _, public) = read_public_key(&keys.public_key).expect("a key");
    assert_eq!(detached.key, keys.key);
    assert!(detached.verifies(b"text", &public));
}

#[test]
fn what_cannot_be_admitted_is_not_built() {
    let net = "203.0.113.7/32".parse().expect("a prefix");
    let until = time("2026-12-30T00:00:00Z");
    let entry = BundleEntry::new("e1", net, until);
    let error = build_bundle(&manifest(), &[entry.clone(), entry]).expect_err("twice");
    assert_eq!((error.line, error.kind.code()), (3, "duplicate_id"));
    let error = build_bundle(&manifest(), &[BundleEntry::new("", net, until)]).expect_err("no id");
    assert_eq!(error.line, 2);
}

/// Runs the stock tool, if it is there.
fn stock_minisign(arguments: &[&Path]) -> Option<bool> {
    let status = Command::new("minisign")
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.ok().map(|status| status.success())
}

#[test]
fn the_stock_tool_and_this_one_read_each_other() {
    let directory = tempfile::tempdir().expect("a directory");
    let at = |name: &str| directory.path().join(name);
    let flag = Path::new;
    if stock_minisign(&[flag("-v")]).is_none() {
        eprintln!(
            "SKIPPED: the_stock_tool_and_this_one_read_each_other: minisign is not installed"
        );
        return;
    }
    let bundle = at("b.jsonl");
    fs::write(&bundle, demo_bundle()).expect("written");
    let now = time("2026-11-23T08:00:00Z");

    // Its keys, its signatures in both forms, verified here.
    let (secret, public) = (at("stock.key"), at("stock.pub"));
    let made = stock_minisign(&[
        flag("-G"),
        flag("-W"),
        flag("-p"),
        &public,
        flag("-s"),
        &secret,
    ]);
    assert_eq!(made, Some(true));
    let signature = at("stock.minisig");
    for form in ["-H", "-l"] {
        let arguments = [
            flag("-S"),
            flag(form),
            flag("-s"),
            &secret,
            flag("-m"),
            &bundle,
            flag("-x"),
            &signature,
        ];
        assert_eq!(stock_minisign(&arguments), Some(true), "{form}");
        let verified = verify_files(&bundle, from_ref(&signature), from_ref(&public));
        assert_eq!(verified.expect(form).len(), 1);
    }

    // Its key, our signature; our key, its signature and ours: all verified by it.
    let ours = keygen(&at("ours"), None, false).expect("keys");
    for (secret, public) in [(&secret, &public), (&ours.secret, &ours.public)] {
        let signature = sign_file(&bundle, secret, None, 1, now).expect("signed");
        let arguments = [
            flag("-V"),
            flag("-p"),
            public,
            flag("-m"),
            &bundle,
            flag("-x"),
            &signature,
        ];
        assert_eq!(stock_minisign(&arguments), Some(true));
    }
    let arguments = [
        flag("-S"),
        flag("-s"),
        &ours.secret,
        flag("-m"),
        &bundle,
        flag("-x"),
        &signature,
    ];
    assert_eq!(stock_minisign(&arguments), Some(true));
    verify_files(&bundle, &[signature], &[ours.public]).expect("verified");
}

fn entries() -> impl Strategy<Value = Vec<BundleEntry>> {
    let ports = prop::collection::vec((1_u16.., any::<u16>()), 0..4);
    let entry = (
        any::<[u8; 4]>(),
        0..=32_u8,
        any::<Option<u8>>(),
        ports,
        "\\PC{0,9}",
    );
    prop::collection::vec(entry, 0..20).prop_map(|entries| {
        let entry = |(number, (address, length, protocol, ports, reason)): (usize, _)| {
            let net = ipnet::IpNet::new(std::net::IpAddr::from(address), length).expect("a prefix");
            let ports: Vec<_> = Vec::into_iter(ports)
                .map(|(first, more): (u16, u16)| PortRange {
                    first,
                    last: first.saturating_add(more),
                })
                .collect();
            let until = Timestamp::from_second(i64::from(length) << 26).expect("a time");
            BundleEntry {
                direction: [Direction::From, Direction::To, Direction::Both][number % 3],
                protocol,
                ports: if protocol.is_some_and(field::has_ports) {
                    ports
                } else {
                    Vec::new()
                },
                reason: Some(reason),
                ..BundleEntry::new(format!("{number} {length}"), net.trunc(), until)
            }
        };
        entries.into_iter().enumerate().map(entry).collect()
    })
}

proptest! {
    #[test]
    fn what_is_built_is_what_is_read(entries in entries()) {
        let bundle = build_bundle(&manifest(), &entries).expect("a bundle");
        let (manifest, read) = parse::open(&bundle, &TimeZone::UTC).expect("a manifest");
        prop_assert_eq!(manifest.entries, entries.len() as u64);
        let read: Result<Vec<_>, _> = read.collect();
        for (built, read) in entries.iter().zip(read.expect("entries")) {
            let ParsedLine::Add(read) = read else {
                panic!("a removal in a snapshot: {read:?}");
            };
            prop_assert_eq!(&built.id, &read.id);
            prop_assert_eq!((built.net, built.direction, built.protocol), (read.net, read.direction, read.protocol));
            prop_assert_eq!(built.until, read.until);
            prop_assert_eq!(built.reason.as_deref(), read.reason.as_deref());
            let ports = match built.ports.clone() {
                ports if ports.is_empty() => Box::default(),
                ports => field::merge_ports(ports).expect("ports"),
            };
            prop_assert_eq!(ports, read.ports);
        }
    }
}
