//! From a new key to a bundle that is verified.

use std::fs;

use super::{sign::password, *};
use crate::{
    cli::{output::Format, service::Service},
    exit::Exit,
    http::samples,
    order::{
        OrderInfo,
        parse::Kind,
        sign::{BundleEntry, build_bundle},
    },
};

fn context() -> Context {
    Context {
        format: Format::Text,
        service: Service::new(Path::new("/nonexistent")),
    }
}

fn bundle() -> Vec<u8> {
    let until = samples::time("2026-12-30T00:00:00Z");
    let manifest = Manifest {
        feed: samples::feed(),
        epoch: 1,
        seq: 42,
        kind: Kind::Snapshot,
        issued_at: samples::time("2026-11-23T08:00:00Z"),
        expires_at: samples::time("2026-11-24T08:00:00Z"),
        entries: 0,
        test: false,
        order: Some(OrderInfo {
            reference: "298/VNCERT-DPUC".into(),
            issuer: "VNCERT/CC".into(),
            basis: "".into(),
            reason: "botnet C2".into(),
        }),
    };
    let entries = [
        BundleEntry::new("e1", "203.0.113.7/32".parse().unwrap(), until),
        BundleEntry::new("e2", "2001:db8:7::/48".parse().unwrap(), until),
    ];
    build_bundle(&manifest, &entries).unwrap()
}

const INSPECTED: &str = "\
Feed        ncsc
Epoch/seq   1/42
Kind        snapshot
Issued      2026-11-23 08:00:00Z
Expires     2026-11-24 08:00:00Z
Order       298/VNCERT-DPUC
Issuer      VNCERT/CC
Reason      botnet C2
Entries     2: 1 IPv4, 1 IPv6
Lengths     1 of ipv4/32, 1 of ipv6/48
Last until  2026-12-30 00:00:00Z
";

#[test]
fn keys_are_made_and_bundles_signed_and_verified() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let file = at("ncsc-42.jsonl");
    fs::write(&file, bundle()).unwrap();

    let keygen = KeygenArgs {
        name: at("key"),
        password_file: None,
        no_password: false,
        force: false,
    };
    let made = run(&context(), BundleCommand::Keygen(keygen.clone())).unwrap();
    assert_eq!(made.notes.len(), 1, "{made:?}");
    let again = run(&context(), BundleCommand::Keygen(keygen)).unwrap_err();
    assert_eq!(again.exit, Exit::Usage);

    let verify = || {
        let args = VerifyArgs {
            file: file.clone(),
            public_keys: vec![at("key.pub")],
            signatures: Vec::new(),
        };
        run(&context(), BundleCommand::Verify(args))
    };
    assert_eq!(verify().unwrap_err().exit, Exit::Refused);

    let sign = || {
        let args = SignArgs {
            files: vec![file.clone()],
            key: at("key.key"),
            password_file: None,
            number: 1,
        };
        run(&context(), BundleCommand::Sign(args))
    };
    let signed = sign().unwrap();
    assert_eq!(signed.stdout, format!("{}.minisig\n", file.display()));
    let verified = verify().unwrap().stdout;
    assert!(verified.starts_with("Good signature  "), "{verified}");
    assert!(
        verified.ends_with(&format!("\n\n{INSPECTED}")),
        "{verified}"
    );

    fs::write(&file, [bundle(), b" \n".to_vec()].concat()).unwrap();
    assert_eq!(verify().unwrap_err().exit, Exit::Refused);
    fs::write(&file, "{}\n").unwrap();
    assert_eq!(sign().unwrap_err().exit, Exit::Usage);
}

#[test]
fn inspection_tells_what_a_bundle_says() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ncsc-42.jsonl");
    fs::write(&file, bundle()).unwrap();
    let args = InspectArgs { file: file.clone() };
    let inspected = run(&context(), BundleCommand::Inspect(args.clone())).unwrap();
    assert_eq!(inspected.stdout, INSPECTED);
    assert!(inspected.notes[0].starts_with("no signature was looked at"));

    let json = Context {
        format: Format::Json,
        ..context()
    };
    let inspected = run(&json, BundleCommand::Inspect(args)).unwrap();
    let document: serde_json::Value = serde_json::from_str(&inspected.stdout).unwrap();
    assert_eq!(document["prefix_lengths"]["ipv6/48"], 1);
    assert_eq!(document["order"]["reference"], "298/VNCERT-DPUC");
}

#[test]
fn a_password_is_the_first_line_of_its_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("password");
    fs::write(&file, "secret\nnot this\n").unwrap();
    assert_eq!(password(Some(&file)).unwrap().as_deref(), Some("secret"));
    fs::write(&file, "\n").unwrap();
    assert_eq!(password(Some(&file)).unwrap_err().exit, Exit::Usage);
    assert_eq!(password(None).unwrap(), None);
}
