//! What is refused, and says why, while what was enforced stays.

use jiff::{SignedDuration, Timestamp};

use super::{CONFIG, arrives, site};
use crate::support::{
    authority::{Authority, Bundle},
    layout::{BAD_4, GOOD_4, GOOD_6, Layout},
    skipped,
};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

#[test]
fn a_bad_bundle_is_refused_whole_by_name_and_what_was_enforced_stays() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, authority) = site(&layout, CONFIG);
    let _service = site.start();
    let stranger = Authority::new(&site, "stranger");
    let first = authority.sign(&site, "1.jsonl", &Bundle::new(5, &[BAD_4]));
    site.done(&["order", "apply", first.to_str().unwrap()]);
    let generation = site.json(&["status"])["generation"]["number"].clone();
    let now = Timestamp::now();

    let unblock = Bundle::new(6, &[GOOD_4]);
    let refused = |what: &str, code: &str| {
        let ended = site.cli(&["order", "apply", what, "-o", "json"]);
        assert_eq!(ended.code, Some(3), "{what}: {ended:?}");
        let refusal: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
        assert_eq!(refusal["code"], code, "{what}: {refusal}");
        assert!(!refusal["error"].as_str().unwrap().is_empty());
        assert!(!arrives(&layout, BAD_4), "{what}: the enforced order stays");
        assert_eq!(
            site.json(&["status"])["generation"]["number"],
            generation,
            "{what}"
        );
    };

    stranger.sign(&site, "wrong-key.jsonl", &unblock);
    refused("wrong-key.jsonl", "unknown_key");

    let path = authority.sign(&site, "changed-byte.jsonl", &unblock);
    let mut bytes = std::fs::read(&path).unwrap();
    let last = bytes.len() - 5;
    bytes[last] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    refused("changed-byte.jsonl", "bad_signature");

    authority.sign(&site, "old-seq.jsonl", &Bundle::new(4, &[GOOD_4]));
    refused("old-seq.jsonl", "rollback");

    authority.sign(&site, "other-bytes.jsonl", &Bundle::new(5, &[GOOD_4]));
    refused("other-bytes.jsonl", "equivocation");

    let expired = Bundle {
        issued_at: now - HOUR * 2,
        expires_at: now - HOUR,
        ..unblock.clone()
    };
    authority.sign(&site, "expired.jsonl", &expired);
    refused("expired.jsonl", "expired");

    let future = Bundle {
        issued_at: now + HOUR,
        ..unblock.clone()
    };
    authority.sign(&site, "future.jsonl", &future);
    refused("future.jsonl", "issued_in_future");

    let other_feed = Bundle {
        feed: "ncsc",
        ..unblock.clone()
    };
    authority.sign(&site, "other-feed.jsonl", &other_feed);
    refused("other-feed.jsonl", "unknown_feed");

    let mut broken = unblock;
    broken
        .entries
        .push("\"id\":\"x\",\"net\":\"203.0.113.1/24\"".to_owned());
    authority.sign(&site, "malformed.jsonl", &broken);
    refused("malformed.jsonl", "malformed");

    let repeated = site.json(&["order", "apply", first.to_str().unwrap()]);
    assert_eq!(
        repeated["status"], "repeat",
        "the same bytes again are no error"
    );
}

#[test]
fn entries_outside_the_scope_or_in_never_block_space_are_refused_one_by_one() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let config = format!("never_block = [\"203.0.113.8/32\", \"2001:db8:bad::/48\"]\n{CONFIG}");
    let (site, authority) = site(&layout, &config);
    let _service = site.start();
    let mut bundle = Bundle::new(
        1,
        &[
            BAD_4,
            "10.1.2.3",
            "203.0.0.0/16",
            "2001:db8:bad::8",
            "203.0.113.0/24",
        ],
    );
    bundle
        .entries
        .push("\"id\":\"endless\",\"net\":\"203.0.113.9\"".to_owned());
    bundle.block("203.0.113.10", SignedDuration::from_hours(24 * 200));
    bundle.entries.push(
        "\"id\":\"past\",\"net\":\"203.0.113.11\",\"until\":\"2026-01-01T00:00:00Z\"".to_owned(),
    );
    let path = authority.sign(&site, "1.jsonl", &bundle);
    let ended = site.cli(&["order", "apply", path.to_str().unwrap(), "-o", "json"]);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    let report: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(report["received"], 8);
    let mut withheld: Vec<(String, String, String)> = report["withheld"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            let text = |name: &str| entry[name].as_str().unwrap_or("").to_owned();
            (text("net"), text("status"), text("reason"))
        })
        .collect();
    withheld.sort();
    let expected = [
        ("10.1.2.3/32", "refused", "never_block"),
        ("2001:db8:bad::8/128", "refused", "never_block"),
        ("203.0.0.0/16", "refused", "prefix_too_short"),
        ("203.0.113.0/24", "partial", "never_block"),
        ("203.0.113.10/32", "refused", "until_too_far"),
        ("203.0.113.11/32", "refused", "expired"),
        ("203.0.113.9/32", "refused", "no_until"),
    ]
    .map(|(net, status, reason)| (net.to_owned(), status.to_owned(), reason.to_owned()));
    assert_eq!(withheld, expected);
    assert!(!arrives(&layout, BAD_4), "the good entries are enforced");
    assert!(
        arrives(&layout, GOOD_4) && arrives(&layout, GOOD_6),
        "never-block space is not"
    );
}

#[test]
fn a_set_that_does_not_fit_is_refused_and_the_previous_one_stays() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let config = format!("{CONFIG}[capacity]\nipv4 = 4\nipv6 = 4\n");
    let (site, authority) = site(&layout, &config);
    let _service = site.start();
    let first = authority.sign(&site, "1.jsonl", &Bundle::new(1, &[BAD_4]));
    site.done(&["order", "apply", first.to_str().unwrap()]);
    let nets: Vec<String> = (0..40)
        .map(|host| format!("203.0.113.{}", host * 2 + 100))
        .collect();
    let nets: Vec<&str> = nets.iter().map(String::as_str).collect();
    let large = authority.sign(&site, "2.jsonl", &Bundle::new(2, &nets));
    let ended = site.cli(&["order", "apply", large.to_str().unwrap(), "-o", "json"]);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.stdout.contains("\"capacity\""), "{ended:?}");
    assert!(!arrives(&layout, BAD_4));
    let feeds = site.json(&["feed", "show", "cert"]);
    assert_eq!(
        feeds["seq"], 1,
        "a refused bundle does not advance the mark"
    );
}
