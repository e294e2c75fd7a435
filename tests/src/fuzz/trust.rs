//! The trust file, and what may follow it, on any text.

use filter_ctl::order::trust::{
    TrustFile,
    succeed::{UntrustedTrust, succeed},
};

use super::{
    authority::{TRUST, now, signature},
    check_said,
};

/// Reads `data` as a trust file and as the successor of one, signed and not.
///
/// # Panics
///
/// Where something does not hold that must of any.
pub fn trust(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let read = TrustFile::parse(text);
    match &read {
        Ok(trust) => check(trust),
        Err(error) => check_said(&error.to_string()),
    }
    let follow = |current, signatures: &[&str]| {
        let new = UntrustedTrust {
            text: text.to_owned(),
            signatures: signatures.iter().map(|text| (*text).to_owned()).collect(),
        };
        succeed(current, &new, now())
    };
    let first = follow(None, &[]);
    assert_eq!(
        first.is_ok(),
        read.is_ok(),
        "the first file needs to be one"
    );
    let good = signature(data);
    for signatures in [&[][..], &[&*signature(b"other bytes")]] {
        let unsigned = follow(Some(&TRUST), signatures);
        let error = unsigned.expect_err("a root is not followed without its signature");
        check_said(&error.to_string());
    }
    // The same signature twice is one.
    match (
        follow(Some(&TRUST), &[&good]),
        follow(Some(&TRUST), &[&good, &good]),
    ) {
        (Ok(once), Ok(twice)) => {
            assert_eq!(once, twice);
            assert_eq!(once.signers, ["fuzz"]);
            let root = once.trust.root().expect("a root is never given up");
            assert_eq!(root.version, 2, "the next version");
            assert!(!once.trust.has_expired(now()));
        }
        (Err(once), Err(twice)) => {
            assert_eq!(once.code(), twice.code());
            check_said(&once.to_string());
        }
        (once, twice) => panic!("once {once:?}, twice {twice:?}"),
    }
}

fn check(trust: &TrustFile) {
    let keys = trust.keys();
    let distinct = |indices: &[usize], threshold: usize| {
        let mut sorted = indices.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), indices.len(), "a key counts once");
        assert!(indices.iter().all(|index| *index < keys.len()));
        assert!((1..=indices.len()).contains(&threshold));
    };
    for (number, key) in keys.iter().enumerate() {
        assert_eq!(trust.key_by_id(key.id), Some(number), "an id stands once");
    }
    if let Some(root) = trust.root() {
        distinct(&root.keys, root.threshold);
        assert_eq!(trust.version(), Some(root.version));
    }
    for feed in trust.feeds() {
        distinct(&feed.keys, feed.threshold);
        assert_eq!(trust.feed(&feed.name), Some(feed), "a feed stands once");
    }
}
