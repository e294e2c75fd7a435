//! Makes outside text safe to print.
//!
//! Reasons, references and names come from authorities, lists and whoever else; a terminal would obey
//! escape sequences in them, and a bidirectional override could make one line look like another.

use std::borrow::Cow;

/// Whether a character is printed as it is.
fn is_harmless(c: char) -> bool {
    !(c.is_control()
        || matches!(c,
            // Direction marks, embeddings, overrides and isolates.
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            // Line and paragraph separators.
            | '\u{2028}' | '\u{2029}'
            // Invisible: soft hyphen, zero width space, joiners of words, annotations, tags.
            | '\u{ad}' | '\u{200b}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'))
}

/// The text on one line, with everything that is not to be printed spelt out: `\u{1b}`.
#[must_use]
pub fn line(text: &str) -> Cow<'_, str> {
    escaped(text, is_harmless, |c, out| out.extend(c.escape_unicode()))
}

/// The text with its lines kept, and everything else spelt out that is not to be printed.
#[must_use]
pub fn lines(text: &str) -> Cow<'_, str> {
    escaped(
        text,
        |c| c == '\n' || is_harmless(c),
        |c, out| out.extend(c.escape_unicode()),
    )
}

/// A JSON document that means the same and can be printed: what is not harmless stands in strings
/// only, where it may be escaped.
#[must_use]
pub fn json(document: &str) -> Cow<'_, str> {
    escaped(
        document,
        |c| c == '\n' || is_harmless(c),
        |c, out| {
            for unit in c.encode_utf16(&mut [0; 2]) {
                *out += &format!("\\u{unit:04x}");
            }
        },
    )
}

fn escaped(
    text: &str,
    keep: impl Fn(char) -> bool,
    escape: impl Fn(char, &mut String),
) -> Cow<'_, str> {
    if text.chars().all(&keep) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if keep(c) {
            out.push(c);
        } else {
            escape(c, &mut out);
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_of_any_script_is_kept() {
        for text in [
            "botnet C2",
            "Quyết định số 298",
            "Указ № 5",
            "قرار",
            "決定",
            "می‌خواهم",
        ] {
            assert!(
                matches!(line(text), Cow::Borrowed(same) if same == text),
                "{text}"
            );
        }
    }

    #[test]
    fn terminals_and_readers_are_not_deceived() {
        for (text, expected) in [
            ("\x1b[2Jgone", "\\u{1b}[2Jgone"),
            ("a\nb\tc\r", "a\\u{a}b\\u{9}c\\u{d}"),
            // The one-byte form of an escape sequence's beginning.
            ("\u{9b}31m", "\\u{9b}31m"),
            ("\x7f\0", "\\u{7f}\\u{0}"),
            ("10.0.0.1\u{202e}1.2.3.4", "10.0.0.1\\u{202e}1.2.3.4"),
            ("\u{2066}x\u{2069}", "\\u{2066}x\\u{2069}"),
            ("a\u{200b}b\u{feff}", "a\\u{200b}b\\u{feff}"),
            ("x\u{2028}y", "x\\u{2028}y"),
            ("\u{e0041}", "\\u{e0041}"),
        ] {
            assert_eq!(line(text), expected);
        }
        assert_eq!(lines("a\n\x1b\n"), "a\n\\u{1b}\n");
    }

    #[test]
    fn json_keeps_its_meaning() {
        let value = serde_json::json!({"reason": "\u{9b}31m\u{202e}\u{e0041}\x7fé\n"});
        let document = serde_json::to_string_pretty(&value).unwrap();
        let safe = json(&document);
        assert!(safe.chars().all(|c| c == '\n' || is_harmless(c)), "{safe}");
        assert!(safe.contains("\\udb40\\udc41"), "{safe}");
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&safe).unwrap(),
            value
        );
    }
}
