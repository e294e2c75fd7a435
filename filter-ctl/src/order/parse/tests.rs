//! What the bundle reader promises.

use std::borrow::Cow;

use proptest::prelude::*;

use super::*;
use crate::order::Direction;

const MANIFEST: &str = r#"{"type":"levee-bundle","version":1,"feed":"ncsc","epoch":1,"seq":42,"kind":"snapshot","issued_at":"2026-11-23T08:00:00Z","expires_at":"2026-11-24T08:00:00Z","entries":ENTRIES,"order":{"reference":"298/VNCERT-DPUC","issuer":"VNCERT/CC","basis":"...","reason":"botnet C2"}}"#;

fn bundle(lines: &[&str]) -> String {
    let mut text = MANIFEST.replace("ENTRIES", &lines.len().to_string());
    for line in lines {
        text.push('\n');
        text.push_str(line);
    }
    text + "\n"
}

fn read(text: &str) -> Result<(Manifest, Vec<ParsedEntry<'_>>), ParseError> {
    let (manifest, entries) = open(text.as_bytes(), &TimeZone::UTC)?;
    let entries = entries.map(|line| match line? {
        ParsedLine::Add(entry) => Ok(entry),
        ParsedLine::Remove(removal) => panic!("a removal in a snapshot: {removal:?}"),
    });
    let entries: Result<Vec<_>, _> = entries.collect();
    Ok((manifest, entries?))
}

fn entry_error(line: &str) -> String {
    let text = bundle(&[line]);
    let error = read(&text).expect_err(line);
    assert_eq!(error.line, 2, "{line}: {error}");
    error.to_string()
}

#[test]
fn the_documented_bundle_is_read() {
    let text = bundle(&[
        r#"{"id":"e1","net":"203.0.113.7/32","dir":"both","until":"2026-12-30T00:00:00Z","reason":"C2"}"#,
        r#"{"id":"e2","net":"2001:db8:7::/48","dir":"to","proto":"tcp","ports":[443],"until":"2026-12-30T00:00:00Z"}"#,
        r#"{"id":"e3","net":"203.0.113.9","proto":17,"ports":["8000-8010",53,"8011"],"until":"2026-12-30","order":{"reference":"299/X","issuer":"Court"}}"#,
        r#"{"id":"e\u0034","net":"203.0.113.10","until":null}"#,
    ]);
    let (manifest, entries) = read(&text).expect("a bundle");
    assert_eq!((manifest.epoch, manifest.seq, manifest.entries), (1, 42, 4));
    assert_eq!(manifest.feed.as_str(), "ncsc");
    assert!(!manifest.test);
    let order = manifest.order.expect("an order");
    assert_eq!(
        (&*order.reference, &*order.issuer),
        ("298/VNCERT-DPUC", "VNCERT/CC")
    );

    assert_eq!(entries[0].line, 2);
    assert_eq!(entries[0].direction, Direction::Both);
    assert_eq!(entries[0].reason.as_deref(), Some("C2"));
    assert!(
        matches!(entries[0].id, Cow::Borrowed("e1")),
        "borrowed, not copied"
    );
    assert!(
        matches!(entries[0].reason, Some(Cow::Borrowed(_))),
        "borrowed, not copied"
    );
    assert_eq!(entries[1].direction, Direction::To);
    assert_eq!((entries[1].protocol, entries[1].ports.len()), (Some(6), 1));
    assert_eq!(entries[2].net.to_string(), "203.0.113.9/32");
    let ports: Vec<_> = entries[2].ports.iter().map(ToString::to_string).collect();
    assert_eq!(ports, ["53", "8000-8011"]);
    assert_eq!(entries[2].until, "2026-12-31T00:00:00Z".parse().ok());
    assert_eq!(
        entries[2].order.as_ref().map(|order| &*order.issuer),
        Some("Court")
    );
    assert_eq!((&*entries[3].id, entries[3].until), ("e4", None));
}

#[test]
fn line_ends_of_either_kind_and_blank_lines_at_the_end_are_read() {
    let text = bundle(&[r#"{"id":"e1","net":"203.0.113.7"}"#]);
    for text in [
        text.trim_end().to_owned(),
        text.clone() + "\n\r\n",
        text.replace('\n', "\r\n"),
    ] {
        assert_eq!(read(&text).expect("a bundle").1.len(), 1);
    }
    let (manifest, entries) = read(MANIFEST.replace("ENTRIES", "0").leak()).expect("a bundle");
    assert_eq!((manifest.entries, entries.len()), (0, 0));
}

#[test]
fn a_blank_line_between_entries_is_malformed() {
    let text = bundle(&[
        r#"{"id":"e1","net":"203.0.113.7"}"#,
        "",
        r#"{"id":"e2","net":"203.0.113.8"}"#,
    ]);
    let error = read(&text).expect_err("malformed");
    assert_eq!((error.line, error.kind.code()), (3, "malformed"));
}

#[test]
fn a_malformed_line_is_named_with_what_was_expected() {
    let net = r#""id":"e","net":"203.0.113.7""#;
    for (line, expected) in [
        (r#"{"net":"203.0.113.7"}"#.to_owned(), "missing field `id`"),
        (r#"{"id":"e"}"#.to_owned(), "missing field `net`"),
        (
            format!("{{{net},\"op\":\"add\"}}"),
            "`op` belongs to a delta",
        ),
        (format!("{{{net},\"id\":\"f\"}}"), "duplicate field `id`"),
        (format!("{{{net}}} x"), "trailing characters at column"),
        (
            r#"{"id":"","net":"203.0.113.7"}"#.to_owned(),
            "`id` is empty",
        ),
        (
            format!("{{\"id\":\"{}\",\"net\":\"203.0.113.7\"}}", "x".repeat(129)),
            "at most 128",
        ),
        (
            format!("{{{net},\"reason\":\"{}\"}}", "x".repeat(1025)),
            "`reason` has 1025 bytes",
        ),
        (
            r#"{"id":"e","net":"203.0.113.7/24"}"#.to_owned(),
            "expected 203.0.113.0/24",
        ),
        (
            r#"{"id":"e","net":"203.0.113.0/33"}"#.to_owned(),
            "expected a prefix length",
        ),
        (
            r#"{"id":"e","net":"example.net"}"#.to_owned(),
            "`net` is `example.net`: expected an IPv4",
        ),
        (
            format!("{{{net},\"dir\":\"in\"}}"),
            "unknown variant `in`, expected one of `from`, `to`, `both`",
        ),
        (
            format!("{{{net},\"proto\":\"http\"}}"),
            "expected a protocol's name",
        ),
        (
            format!("{{{net},\"proto\":256}}"),
            "expected a protocol's name, or its number from 0 to 255",
        ),
        (format!("{{{net},\"ports\":[80]}}"), "expected tcp, udp"),
        (
            format!("{{{net},\"proto\":\"icmp\",\"ports\":[80]}}"),
            "expected tcp, udp",
        ),
        (
            format!("{{{net},\"proto\":\"tcp\",\"ports\":[]}}"),
            "an empty list of ports",
        ),
        (
            format!("{{{net},\"proto\":\"tcp\",\"ports\":[0]}}"),
            "expected a port from 1 to 65535",
        ),
        (
            format!("{{{net},\"proto\":\"tcp\",\"ports\":[65536]}}"),
            "expected a port from 1",
        ),
        (
            format!("{{{net},\"proto\":\"tcp\",\"ports\":[\"5-1\"]}}"),
            "`5-1` is no port",
        ),
        (
            format!("{{{net},\"until\":\"soon\"}}"),
            "`until`: `soon` is no time",
        ),
        (
            format!("{{{net},\"order\":{{\"reference\":\"\",\"issuer\":\"i\"}}}}"),
            "`reference` is empty",
        ),
        (
            format!("{{{net},\"order\":{{\"reference\":\"r\",\"issuer\":\" \"}}}}"),
            "`issuer` is empty",
        ),
        (
            format!("{{{net},\"order\":{{\"reference\":\"r\"}}}}"),
            "missing field `issuer`",
        ),
        ("[]".to_owned(), "at column"),
        ("null".to_owned(), "at column"),
    ] {
        let error = entry_error(&line);
        assert!(error.contains(expected), "{line}: {error}");
        assert!(error.starts_with("line 2: "), "{error}");
        assert!(!error.contains("at line 1"), "{error}");
    }
    let ports: Vec<_> = (0..33).map(|n| (n * 2 + 1).to_string()).collect();
    let line = format!(
        "{{{net},\"proto\":\"tcp\",\"ports\":[{}]}}",
        ports.join(",")
    );
    assert!(entry_error(&line).contains("33 port ranges after merging: expected at most 32"));
}

#[test]
fn a_line_without_any_order_is_malformed() {
    let text = bundle(&[
        r#"{"id":"e1","net":"203.0.113.7","order":{"reference":"1","issuer":"i"}}"#,
        r#"{"id":"e2","net":"203.0.113.8"}"#,
    ]);
    let start = text
        .find(",\"order\":{\"reference\":\"298")
        .expect("an order");
    let end = text.find('\n').expect("a line") - 1;
    let text = format!("{}{}", &text[..start], &text[end..]);
    let error = read(&text).expect_err("no order");
    assert_eq!((error.line, error.kind), (3, ParseErrorKind::NoOrder));
}

#[test]
fn the_count_must_be_the_announced_one() {
    let line = r#"{"id":"e1","net":"203.0.113.7"}"#;
    let announce = |count: &str| format!("{}\n{line}\n", MANIFEST.replace("ENTRIES", count));
    for count in ["0", "2", "18446744073709551615"] {
        let error = read(announce(count).leak()).expect_err("wrong count");
        assert_eq!(error.kind.code(), "wrong_count", "{error}");
    }
}

#[test]
fn another_type_version_or_kind_is_refused_by_name() {
    let manifest = MANIFEST.replace("ENTRIES", "0");
    for (from, to, code) in [
        (
            "\"snapshot\"",
            "\"delta\",\"base_seq\":41,\"state_digest\":\"00\"",
            "malformed",
        ),
        ("\"snapshot\"", "\"patch\"", "unsupported_version"),
        ("\"version\":1", "\"version\":2", "unsupported_version"),
        ("levee-bundle", "bundle", "unsupported_version"),
        ("\"snapshot\"", "\"snapshot\",\"base_seq\":41", "malformed"),
        ("\"ncsc\"", "\"NCSC\"", "malformed"),
        ("\"ncsc\"", "\"../x\"", "malformed"),
        ("\"epoch\":1", "\"epoch\":-1", "malformed"),
        ("\"epoch\":1,", "", "malformed"),
        ("2026-11-24T08:00:00Z", "2026-11-24", "malformed"),
        ("\"type\"", "\"color\":1,\"type\"", "malformed"),
    ] {
        let error = read(manifest.replace(from, to).leak()).expect_err(to);
        assert_eq!((error.line, error.kind.code()), (1, code), "{to}: {error}");
    }
    for text in ["", "\n", "x", "\u{feff}{}"] {
        let error = read(text).expect_err(text);
        assert_eq!((error.line, error.kind.code()), (1, "malformed"), "{error}");
    }
}

#[test]
fn bytes_that_are_no_text_are_named_by_their_line() {
    let mut bytes = bundle(&[r#"{"id":"e1","net":"203.0.113.7"}"#, "{"]).into_bytes();
    let at = bytes.len() - 2;
    bytes[at] = 0xff;
    let (_, mut entries) = open(&bytes, &TimeZone::UTC).expect("a manifest");
    assert!(matches!(entries.next(), Some(Ok(_))));
    let error = entries.next().expect("an error").expect_err("no text");
    assert_eq!((error.line, error.kind), (3, ParseErrorKind::NotText));
    assert_eq!(entries.next(), None);
    let error = open(&[0xff], &TimeZone::UTC).err().expect("no text");
    assert_eq!((error.line, error.kind), (1, ParseErrorKind::NotText));
}

#[test]
fn a_line_past_its_limit_is_refused_unread() {
    let long = format!(
        "{{\"id\":\"e\",\"net\":\"{}\"}}",
        "1".repeat(LINE_BYTES_MAX)
    );
    let text = bundle(&[&long]);
    let error = read(&text).expect_err("too long");
    assert_eq!((error.line, error.kind.code()), (2, "line_too_long"));
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        line in "\\PC{0,80}",
        at in any::<prop::sample::Index>(),
    ) {
        let read = |bytes: &[u8]| {
            if let Ok((_, entries)) = open(bytes, &TimeZone::UTC) {
                entries.for_each(drop);
            }
        };
        read(&bytes);
        let whole = bundle(&[&line, r#"{"id":"e","net":"203.0.113.7","proto":"tcp","ports":[1,"2-3"]}"#]);
        read(whole.as_bytes());
        let mut broken = whole.into_bytes();
        let at = at.index(broken.len());
        broken.splice(at..at, bytes);
        read(&broken);
    }
}
