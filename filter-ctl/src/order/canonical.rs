//! Lines of a bundle in the canonical form of RFC 8785: members sorted by name, no blanks, strings with the
//! fewest escapes.
//!
//! Takes lines that the parser has accepted, so all names are ASCII, which sort the same as bytes and as
//! UTF-16, all numbers are integers, and nothing is doubled. What is copied as it stands costs no memory.

use std::borrow::Cow;

/// The value of a line's top-level member, as it stands in the line; `None` if there is none, or the line is
/// no JSON object.
pub(super) fn member<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let members = members(line)?;
    let mut members = members.into_iter();
    members
        .find(|(known, _)| known == name)
        .map(|(_, value)| value)
}

/// The text of a JSON string as it stands in a line.
pub(super) fn text(string: &str) -> Option<Cow<'_, str>> {
    let plain = string.strip_prefix('"')?.strip_suffix('"')?;
    if plain.contains('\\') {
        serde_json::from_str(string).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(plain))
    }
}

/// Appends a line in its canonical form, without the top-level member `without`. `None` if the line is no
/// JSON object; what was appended then is of no use.
pub(super) fn append(line: &str, without: &str, out: &mut Vec<u8>) -> Option<()> {
    let mut members = members(line)?;
    members.retain(|(name, _)| name != without);
    append_members(members, out)
}

fn append_members(mut members: Vec<(Cow<'_, str>, &str)>, out: &mut Vec<u8>) -> Option<()> {
    members.sort_unstable();
    out.push(b'{');
    for (index, (name, value)) in members.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.push(b'"');
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":");
        append_value(value, out)?;
    }
    out.push(b'}');
    Some(())
}

fn append_value(value: &str, out: &mut Vec<u8>) -> Option<()> {
    match value.as_bytes().first()? {
        b'{' => append_members(members(value)?, out),
        b'[' => {
            let mut rest = value.get(1..)?.trim_start();
            out.push(b'[');
            let mut is_first = true;
            while !rest.starts_with(']') {
                if !is_first {
                    rest = rest.strip_prefix(',')?.trim_start();
                    out.push(b',');
                }
                is_first = false;
                let (element, after) = split_value(rest)?;
                append_value(element, out)?;
                rest = after.trim_start();
            }
            out.push(b']');
            Some(())
        }
        // serde_json writes strings as RFC 8785 asks for.
        b'"' if value.contains('\\') => {
            let text: String = serde_json::from_str(value).ok()?;
            serde_json::to_writer(out, &text).ok()
        }
        _ => {
            out.extend_from_slice(value.as_bytes());
            Some(())
        }
    }
}

/// The members of an object, names as text, values as they stand.
fn members(object: &str) -> Option<Vec<(Cow<'_, str>, &str)>> {
    let mut members = Vec::with_capacity(8);
    let mut rest = object.trim_start().strip_prefix('{')?.trim_start();
    while !rest.starts_with('}') {
        if !members.is_empty() {
            rest = rest.strip_prefix(',')?.trim_start();
        }
        let (name, after) = split_value(rest)?;
        let name = text(name)?;
        let after = after.trim_start().strip_prefix(':')?.trim_start();
        let (value, after) = split_value(after)?;
        members.push((name, value));
        rest = after.trim_start();
    }
    Some(members)
}

/// The value at the beginning, and what follows it.
fn split_value(text: &str) -> Option<(&str, &str)> {
    let bytes = text.as_bytes();
    let (mut depth, mut position) = (0_usize, 0);
    loop {
        match bytes.get(position)? {
            b'"' => {
                position += 1;
                loop {
                    match bytes.get(position)? {
                        b'"' => break,
                        b'\\' => position += 2,
                        _ => position += 1,
                    }
                }
                position += 1;
            }
            b'{' | b'[' => {
                depth += 1;
                position += 1;
            }
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                position += 1;
            }
            _ if depth > 0 => position += 1,
            _ => {
                let is_end = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\r');
                position = bytes.iter().position(is_end)?;
                if position == 0 {
                    return None;
                }
            }
        }
        if depth == 0 {
            return text.split_at_checked(position);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn canonical(line: &str) -> Option<String> {
        let mut out = Vec::new();
        append(line, "op", &mut out)?;
        String::from_utf8(out).ok()
    }

    #[test]
    fn members_are_sorted_and_nothing_else_changes() {
        let line = r#" { "op":"add", "net" : "203.0.113.7/32","id":"e\u0031\n","ports":[ 443 , "8000-8010"],"order":{"reference":"1","issuer":"Ü \"C\""}} "#;
        let expected = r#"{"id":"e1\n","net":"203.0.113.7/32","order":{"issuer":"Ü \"C\"","reference":"1"},"ports":[443,"8000-8010"]}"#;
        assert_eq!(canonical(line).as_deref(), Some(expected));
        assert_eq!(member(line, "id").and_then(text).as_deref(), Some("e1\n"));
        assert_eq!(member(line, "none"), None);
    }

    #[test]
    fn what_is_no_object_is_refused_and_nothing_panics() {
        for line in [
            "",
            "{",
            "[1]",
            "{\"a\"",
            "{\"a\":}",
            "{\"a\":1",
            "{\"a\":\"\\",
            "{]",
            "{\"a\":1]",
            "{1:2}",
        ] {
            assert_eq!(canonical(line), None, "{line}");
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<u16>().prop_map(Value::from),
            any::<bool>().prop_map(Value::from),
            "\\PC{0,12}".prop_map(Value::from),
            "[\\x00-\\x7f]{0,12}".prop_map(Value::from),
            Just(Value::Null),
        ];
        leaf.prop_recursive(2, 16, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-z_]{1,6}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn it_is_what_a_whole_json_library_says(
            members in prop::collection::btree_map("[a-z]{1,6}", value(), 0..6),
            pretty in any::<bool>(),
        ) {
            let object = Value::Object(members.into_iter().filter(|(name, _)| name != "op").collect());
            // serde_json sorts members by name.
            let expected = object.to_string();
            let line = if pretty {
                serde_json::to_string_pretty(&object).expect("text").replace('\n', " ")
            } else {
                expected.clone()
            };
            prop_assert_eq!(canonical(&line), Some(expected));
        }

        #[test]
        fn random_text_never_panics(line in "\\PC{0,40}|[\\[\\]{}\":,\\\\a1 ]{0,40}") {
            canonical(&line);
        }
    }
}
