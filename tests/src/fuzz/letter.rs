//! The list of a letter, pasted or as a table, on any text.

use std::fmt::Write as _;

use filter_ctl::order::letter::{Format, ParsedList, parse_list};

use super::check_said;

/// Reads `data` as a letter's list in each of the forms that it may have.
///
/// # Panics
///
/// Where something does not hold that must of any.
pub fn letter(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let lines = text.lines().count() as u64;
    for (format, column) in [
        (Format::Auto, None),
        (Format::Text, None),
        (Format::Csv, None),
        (Format::Csv, Some("Address")),
    ] {
        match parse_list(text, format, column) {
            Ok(list) => check(&list, lines),
            Err(error) => {
                assert!(!error.code().is_empty());
                check_said(&error.to_string());
            }
        }
    }
}

fn check(list: &ParsedList, lines: u64) {
    let places = list.entries.iter().map(|entry| entry.line);
    let refused = list.not_enforceable.iter().map(|item| item.line);
    for line in places.chain(refused) {
        assert!((1..=lines).contains(&line), "line {line} of {lines}");
    }
    for item in &list.not_enforceable {
        check_said(&item.text);
    }
    let mut defanged = String::new();
    for entry in &list.entries {
        assert_eq!(entry.net, entry.net.trunc());
        let net = entry.net.to_string().replace('.', "[.]");
        writeln!(defanged, "- {net}").expect("text");
    }
    let again = parse_list(&defanged, Format::Text, None).expect("a list");
    let nets = |list: &ParsedList| list.entries.iter().map(|e| e.net).collect::<Vec<_>>();
    assert_eq!(nets(&again), nets(list), "what was read can be written");
    assert!(again.not_enforceable.is_empty());
}
