//! What counts as a list, and what mirrors have served in place of one.

use proptest::prelude::*;

use super::*;

fn expected(format: ListFormat) -> Expected {
    Expected {
        format,
        entries_max: 1_000,
        can_be_empty: false,
    }
}

fn plain(text: &str) -> Result<Vec<IpNet>, ListError> {
    parse(text.as_bytes(), &expected(ListFormat::Plain))
}

fn drop_json(text: &str) -> Result<Vec<IpNet>, ListError> {
    parse(text.as_bytes(), &expected(ListFormat::DropJson))
}

fn code<T>(result: Result<T, ListError>) -> &'static str {
    result.err().map_or("accepted", |error| error.code())
}

/// A list as Spamhaus publishes it.
fn published(nets: &[String]) -> String {
    let lines = nets
        .iter()
        .map(|net| format!("{{\"cidr\":\"{net}\",\"sblid\":\"SBL1\",\"rir\":\"apnic\"}}\n"));
    let body: String = lines.collect();
    let (size, records) = (body.len(), nets.len());
    format!(
        "{body}{{\"type\":\"metadata\",\"timestamp\":1,\"size\":{size},\"records\":{records},\
         \"copyright\":\"c\",\"terms\":\"t\"}}\n"
    )
}

#[test]
fn what_mirrors_have_served_in_place_of_a_list_is_refused() {
    for (text, reason) in [
        ("Could not connect: ", "list_line"),
        ("", "list_empty"),
        ("<!DOCTYPE html>\n<html>\n", "list_html"),
        ("; Spamhaus DROP List\n", "list_empty"),
        ("203.0.113.0/24\n203.0.113.0/2", "list_line"),
        ("203.0.113.0/24\n198.51.100.1", "list_truncated"),
        ("203.0.113.1/24\n", "list_line"),
        ("203.0.113.0/24 ; AE | name\n", "list_line"),
        (
            "# Entries : 2 subnets, 512 unique IPs\n203.0.113.0/24\n",
            "list_count",
        ),
        (
            "# Entries : 1 subnets, 255 unique IPs\n203.0.113.0/24\n",
            "list_count",
        ),
        ("# Entries : many\n203.0.113.0/24\n", "list_line"),
    ] {
        assert_eq!(code(plain(text)), reason, "{text:?}");
    }
    for (text, reason) in [
        ("Could not connect: ", "list_line"),
        ("", "list_truncated"),
        ("<html>", "list_html"),
        ("{\"cidr\":\"203.0.113.0/24\"}\n", "list_truncated"),
        ("{\"cidr\":\"203.0.113.0/24\"}\n{\"ci", "list_truncated"),
        (
            "{\"type\":\"metadata\",\"size\":0,\"records\":1}\n",
            "list_count",
        ),
        (
            "{\"type\":\"metadata\",\"size\":1,\"records\":0}\n",
            "list_count",
        ),
        ("{\"asn\":932,\"rir\":\"arin\"}\n", "list_line"),
    ] {
        assert_eq!(code(drop_json(text)), reason, "{text:?}");
    }
}

#[test]
fn a_wrong_line_is_named() {
    let error = plain("# x\n203.0.113.0/24\nnonsense\n").unwrap_err();
    assert!(
        error.to_string().starts_with("line 3: found `nonsense`"),
        "{error}"
    );
}

#[test]
fn an_empty_list_takes_evidence_or_the_operators_word() {
    assert_eq!(plain("# Entries : 0 unique IPs\n"), Ok(vec![]));
    assert_eq!(drop_json(&published(&[])), Ok(vec![]));
    let allowed = Expected {
        can_be_empty: true,
        ..expected(ListFormat::Plain)
    };
    assert_eq!(parse(b"# nothing today\n", &allowed), Ok(vec![]));
    assert_eq!(code(parse(b"Could not connect: ", &allowed)), "list_line");
}

#[test]
fn netsets_and_the_legacy_text_are_read() {
    let text = "# drop\n#\n# Entries            : 2 subnets, 257 unique IPs\n#\n\
                203.0.113.0/24\n198.51.100.7\n";
    let read = plain(text).unwrap();
    assert_eq!(
        read.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["198.51.100.7/32", "203.0.113.0/24"]
    );
    let text = "; Spamhaus DROP List 2024/02/27 - (c) 2024\n203.0.113.0/24 ; SBL256894\r\n";
    assert_eq!(plain(text).unwrap().len(), 1);
}

proptest! {
    #[test]
    fn no_part_of_a_drop_list_is_taken_for_the_whole(
        nets in proptest::collection::vec(any::<[u8; 3]>(), 1..40),
        cut in any::<prop::sample::Index>(),
    ) {
        let nets: Vec<String> =
            nets.iter().map(|[a, b, c]| format!("{a}.{b}.{c}.0/24")).collect();
        let whole = published(&nets);
        prop_assert!(drop_json(&whole).is_ok());
        // The end of line after the metadata may be missing.
        let part = &whole[..cut.index(whole.len() - 1)];
        prop_assert!(drop_json(part).is_err(), "{}", part);
    }

    #[test]
    fn no_part_of_a_netset_with_a_header_is_taken_for_the_whole(
        nets in proptest::collection::btree_set(any::<[u8; 3]>(), 1..40),
        cut in any::<prop::sample::Index>(),
    ) {
        let lines = nets.iter().map(|[a, b, c]| format!("{a}.{b}.{c}.0/24\n"));
        let body: String = lines.collect();
        let header = format!("# Entries : {} subnets, {} unique IPs\n", nets.len(), nets.len() * 256);
        let part = &body[..cut.index(body.len())];
        prop_assert!(plain(&[&*header, &*body].concat()).is_ok());
        prop_assert!(plain(&[&*header, part].concat()).is_err());
    }

    #[test]
    fn any_bytes_are_judged_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        for format in [ListFormat::Plain, ListFormat::DropJson] {
            let _judged = parse(&bytes, &expected(format));
        }
    }
}
