//! What may follow a trust file, and what may not.

use std::fmt::Write as _;

use std::sync::LazyLock;

use minisign::KeyPair;
use proptest::prelude::*;

use super::super::{
    TrustFile,
    succeed::{SuccessionError, Successor, UntrustedTrust, succeed},
};
use crate::order::sign::sign;

/// Keys `a`, `b`, `c` and `d`.
static KEYS: LazyLock<Vec<(&str, KeyPair)>> = LazyLock::new(|| {
    let pair = |name| {
        let pair = KeyPair::generate_unencrypted_keypair().expect("a key");
        (name, pair)
    };
    ["a", "b", "c", "d"].map(pair).into()
});

fn key(name: &str) -> &'static KeyPair {
    &KEYS
        .iter()
        .find(|(known, _)| *known == name)
        .expect("known")
        .1
}

/// A trust file with all four keys; `extra` is added to the key that it begins with, as in `a: line`.
fn file(version: u64, root: &[&str], threshold: usize, extra: &str) -> String {
    let mut text = format!(
        "version = {version}\nexpires = '2027-01-01T00:00:00Z'\n[root]\nkeys = {root:?}\n\
         threshold = {threshold}\n"
    );
    for (name, pair) in KEYS.iter() {
        let public = pair.pk.to_base64();
        writeln!(text, "[[key]]\nname = '{name}'\npublic_key = '{public}'").expect("text");
        if let Some(line) = extra.strip_prefix(&format!("{name}: ")) {
            writeln!(text, "{line}").expect("text");
        }
    }
    text
}

fn signed(text: String, by: &[&str]) -> UntrustedTrust {
    let signature = |name: &&str| sign(text.as_bytes(), &key(name).sk, "trust").expect("signed");
    let signatures = by.iter().map(signature).collect();
    UntrustedTrust { text, signatures }
}

fn judge(current: &str, new: &UntrustedTrust) -> Result<Successor, SuccessionError> {
    let current = TrustFile::parse(current).expect("a trust file");
    let now = "2026-11-25T00:00:00Z".parse().expect("a time");
    succeed(Some(&current), new, now)
}

fn code(current: &str, new: &UntrustedTrust) -> &'static str {
    judge(current, new).expect_err("refused").code()
}

#[test]
fn a_successor_needs_the_next_version_and_enough_keys_of_both_roots() {
    let old = file(4, &["a", "b", "c"], 2, "");
    let new = || file(5, &["b", "c", "d"], 2, "");
    let successor = judge(&old, &signed(new(), &["b", "c"])).expect("accepted");
    assert_eq!(successor.signers, ["b", "c"]);
    judge(&old, &signed(new(), &["a", "b", "d"])).expect("accepted");
    for (by, expected) in [
        (&[][..], "trust_signed_by_too_few_old"),
        (&["b"], "trust_signed_by_too_few_old"),
        (&["b", "b"], "trust_signed_by_too_few_old"),
        (&["b", "d"], "trust_signed_by_too_few_old"),
        (&["a", "b"], "trust_signed_by_too_few_new"),
    ] {
        assert_eq!(code(&old, &signed(new(), by)), expected, "{by:?}");
    }
    for version in [1, 3, 4, 6, u64::MAX >> 1] {
        let new = file(version, &["b", "c"], 1, "");
        assert_eq!(code(&old, &signed(new, &["a", "b", "c"])), "trust_version");
    }
    let expired = new().replace("2027", "2025");
    assert_eq!(code(&old, &signed(expired, &["b", "c"])), "trust_expired");
    let rootless = new().replace("[root]\nkeys = [\"b\", \"c\", \"d\"]\nthreshold = 2\n", "");
    assert_eq!(
        code(&old, &signed(rootless, &["b", "c"])),
        "trust_root_removed"
    );
    assert_eq!(
        code(&old, &signed("[".to_owned(), &["b", "c"])),
        "trust_malformed"
    );
}

#[test]
fn a_key_that_either_file_revokes_counts_for_neither_root() {
    let revoked = "b: revoked = '2026-11-24T00:00:00Z'\nrevoked_reason = 'lost'";
    let later = "b: revoked = '2026-11-26T00:00:00Z'";
    let expired = "b: expires = '2026-11-24T00:00:00Z'";
    let root = ["a", "b", "c"];
    for (old, new, expected) in [
        (revoked, "", Some("trust_signed_by_too_few_old")),
        ("", revoked, Some("trust_signed_by_too_few_old")),
        (expired, "", Some("trust_signed_by_too_few_old")),
        ("", expired, Some("trust_signed_by_too_few_new")),
        (later, later, None),
    ] {
        let (old, new) = (file(1, &root, 2, old), file(2, &root, 2, new));
        let result = judge(&old, &signed(new, &["a", "b"]));
        assert_eq!(result.err().map(|error| error.code()), expected);
    }
    let error = judge(
        &file(1, &root, 2, ""),
        &signed(file(2, &root, 2, revoked), &["a", "b"]),
    );
    let text = error.expect_err("refused").to_string();
    assert!(
        text.contains("1 keys") && text.ends_with("not counted: b"),
        "{text}"
    );
}

#[test]
fn without_a_root_any_file_follows_and_the_first_is_trusted_as_installed() {
    let rootless = "version = 9\n";
    for new in [
        file(1, &["a"], 1, ""),
        String::new(),
        "version = 2".to_owned(),
    ] {
        let new = signed(new, &[]);
        assert_eq!(judge(rootless, &new).expect("accepted").signers, [""; 0]);
        let now = "2026-11-25T00:00:00Z".parse().expect("a time");
        succeed(None, &new, now).expect("accepted");
    }
}

#[test]
fn a_root_without_a_version_or_with_an_impossible_threshold_is_an_error() {
    for (text, part) in [
        (file(1, &["a"], 2, ""), "root: `threshold` is 2 with 1 keys"),
        (file(1, &["a", "a"], 1, ""), "root: key `a` is listed twice"),
        (file(1, &["x"], 1, ""), "root: key `x` is not in the file"),
        (
            file(1, &["a"], 1, "").replace("version = 1\n", ""),
            "no `version`",
        ),
        (file(0, &["a"], 1, ""), "`version` is 0"),
        (
            file(1, &["a"], 1, "a: revoked_reason = 'x'"),
            "without `revoked`",
        ),
    ] {
        let error = TrustFile::parse(&text).expect_err("refused").to_string();
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn too_many_or_malformed_signatures_are_refused_by_name() {
    let old = file(1, &["a"], 1, "");
    let mut new = signed(file(2, &["a"], 1, ""), &["a"]);
    new.signatures.push("no signature".to_owned());
    assert_eq!(code(&old, &new), "trust_signature_malformed");
    new.signatures = vec![new.signatures[0].clone(); 17];
    assert_eq!(code(&old, &new), "trust_too_many_signatures");
}

proptest! {
    /// Whatever bytes of a signed file are changed, it does not follow any more.
    #[test]
    fn a_changed_byte_is_never_accepted(at in any::<prop::sample::Index>(), with in 0_u8..128) {
        let old = file(1, &["a", "b"], 2, "");
        let good = signed(file(2, &["a", "b"], 2, ""), &["a", "b"]);
        prop_assert!(judge(&old, &good).is_ok());
        let mut bytes = good.text.clone().into_bytes();
        let at = at.index(bytes.len());
        prop_assume!(bytes[at] != with);
        bytes[at] = with;
        let text = String::from_utf8(bytes).expect("ASCII");
        let changed = UntrustedTrust { text, ..good };
        prop_assert!(judge(&old, &changed).is_err());
    }

    /// Whoever signs: it follows exactly if enough of both roots have.
    #[test]
    fn it_follows_exactly_if_enough_of_both_roots_have_signed(
        by in prop::sample::subsequence(vec!["a", "b", "c", "d"], 0..=4),
        thresholds in (1_usize..=3, 1_usize..=3),
    ) {
        let (old_root, new_root) = (["a", "b", "c"], ["b", "c", "d"]);
        let old = file(1, &old_root, thresholds.0, "");
        let new = signed(file(2, &new_root, thresholds.1, ""), &by);
        let of = |root: &[&str]| by.iter().filter(|name| root.contains(name)).count();
        let expected = if of(&old_root) < thresholds.0 {
            Some("trust_signed_by_too_few_old")
        } else if of(&new_root) < thresholds.1 {
            Some("trust_signed_by_too_few_new")
        } else {
            None
        };
        prop_assert_eq!(judge(&old, &new).err().map(|error| error.code()), expected);
    }
}
