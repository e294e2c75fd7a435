//! One word of a letter: an address, something that names a host in another way, or prose.

use std::borrow::Cow;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::order::field::{NetError, parse_net};

/// What a text names that a packet filter cannot enforce.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A host name. Its addresses change, and others may share them.
    Domain,
    /// A URL, also one with an address: the order is about a page, not about a host.
    Url,
    /// The digest of a file.
    Hash,
    /// A mail address.
    Email,
    /// Something else; the text has no address in it.
    Other,
}

impl Kind {
    /// Its name in documents.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Domain => "domain",
            Self::Url => "url",
            Self::Hash => "hash",
            Self::Email => "email",
            Self::Other => "other",
        }
    }
}

/// What a word is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// An address or prefix.
    Net(IpNet),
    /// Not enforceable by address.
    Named(Kind),
    /// It looks like an address or prefix, and is none. What was expected instead.
    Broken(String),
    /// Prose, a number, a bullet.
    Prose,
}

/// Undoes what keeps indicators in documents from being clickable.
pub(super) fn refang(text: &str) -> Cow<'_, str> {
    const FORMS: [(&str, &str); 17] = [
        ("[.]", "."),
        ("(.)", "."),
        ("{.}", "."),
        ("<.>", "."),
        ("[dot]", "."),
        ("(dot)", "."),
        ("{dot}", "."),
        ("[DOT]", "."),
        ("(DOT)", "."),
        ("\\.", "."),
        ("[::]", "::"),
        ("[:]", ":"),
        ("(:)", ":"),
        ("{:}", ":"),
        ("[://]", "://"),
        ("[/]", "/"),
        ("[@]", "@"),
    ];
    let mut text = Cow::Borrowed(text);
    for (form, plain) in FORMS {
        if text.contains(form) {
            text = Cow::Owned(text.replace(form, plain));
        }
    }
    text
}

/// Judges one word, refanged.
pub(super) fn classify(word: &str) -> Word {
    let word = trim(word);
    if word.is_empty() {
        return Word::Prose;
    }
    let error = match parse_net(word) {
        Ok(IpNet::V4(net)) if net.addr().octets()[0] == 255 => {
            return Word::Broken("a netmask: expected prefixes in CIDR form".to_owned());
        }
        Ok(net) => return Word::Net(net),
        Err(error) => error,
    };
    if is_url(word) {
        return Word::Named(Kind::Url);
    }
    if is_email(word) {
        return Word::Named(Kind::Email);
    }
    if is_hash(word) {
        return Word::Named(Kind::Hash);
    }
    if looks_like_address(word) {
        return Word::Broken(expected(word, &error));
    }
    if is_domain(word) {
        return Word::Named(Kind::Domain);
    }
    match labelled(word) {
        Some(address) => classify(address),
        None => Word::Prose,
    }
}

/// The address of `src:203.0.113.7`, `ip=203.0.113.7` and the like.
fn labelled(word: &str) -> Option<&str> {
    let (label, rest) = word.split_once(['=', ':'])?;
    let is_label = !label.is_empty() && !label.contains(|c: char| c.is_ascii_digit() || c == '.');
    let rest = trim(rest);
    (is_label && (looks_like_address(rest) || parse_net(rest).is_ok())).then_some(rest)
}

/// Without quotes, brackets and the punctuation of a sentence around it.
fn trim(word: &str) -> &str {
    const AROUND: &[char] = &[
        '"', '\'', '`', '(', ')', '[', ']', '{', '}', '<', '>', ',', ';', '!', '?', '*', '•', '·',
        '“', '”', '„', '‘', '’', '«', '»', '‹', '›', '…',
    ];
    let trimmed = word.trim_matches(AROUND);
    // A dot or colon ends a sentence or a label; `::` ends an address.
    let trimmed = trimmed.trim_end_matches('.');
    let trimmed = match trimmed.strip_suffix(':') {
        Some(label) if !label.ends_with(':') => label,
        _ => trimmed,
    };
    trimmed.trim_matches(AROUND)
}

fn is_url(word: &str) -> bool {
    let Some((scheme, rest)) = word.split_once("://") else {
        return false;
    };
    !scheme.is_empty() && !rest.is_empty() && scheme.chars().all(|c| c.is_ascii_alphanumeric())
}

fn is_email(word: &str) -> bool {
    let Some((user, host)) = word.rsplit_once('@') else {
        return false;
    };
    !user.is_empty() && (is_domain(host) || parse_net(host).is_ok())
}

/// MD5, SHA-1, SHA-256, SHA-384 or SHA-512 in hexadecimal.
fn is_hash(word: &str) -> bool {
    matches!(word.len(), 32 | 40 | 64 | 96 | 128)
        && word.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_domain(word: &str) -> bool {
    let name = word.split_once(['/', ':']).map_or(word, |(name, _)| name);
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .chars()
                .all(|c| c.is_alphanumeric() || matches!(c, '-' | '_'))
    };
    let Some((_, top)) = name.rsplit_once('.') else {
        return false;
    };
    let top_is_text = top.chars().count() >= 2 && !top.starts_with(|c: char| c.is_ascii_digit());
    top_is_text && name.len() <= 253 && name.split('.').all(label)
}

/// Whether a reader would take it for an address or prefix. Dates (`30.12.2026`), telephone numbers
/// (`024.3640.4421`), numbers of two parts, times (`12:30:00`) and hardware addresses are none.
fn looks_like_address(word: &str) -> bool {
    looks_like_ipv4(word) || looks_like_ipv6(word) || is_pattern(word)
}

/// `203.0.113.x` and the like: a prefix to people.
fn is_pattern(word: &str) -> bool {
    let parts: Vec<&str> = word.split('.').collect();
    let known = parts.iter().take_while(|part| part.parse::<u8>().is_ok());
    let known = known.count();
    let is_open = |part: &&str| {
        !part.is_empty()
            && part
                .chars()
                .all(|c| matches!(c, 'x' | 'X' | '*' | '#' | 'n' | 'N'))
    };
    parts.len() == 4 && (2..4).contains(&known) && parts[known..].iter().all(is_open)
}

fn looks_like_ipv4(word: &str) -> bool {
    // The leading part that can be of an address, whatever follows: a port, a range, a path.
    let head = word
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .map_or(word, |end| &word[..end]);
    let follows = &word[head.len()..];
    let parts: Vec<_> = head.split('.').collect();
    let numbers = parts.iter().filter(|part| !part.is_empty()).count();
    // A date (`30.12.2026`) or a telephone number; no part of an address has four digits.
    let is_other_number = parts.len() == 3 && parts.iter().any(|part| part.len() > 3);
    // `1.2.3.example.net` is a name.
    let goes_on_as_name = follows.starts_with(|c: char| c.is_alphabetic() || c == '_')
        || (follows.starts_with('-') && is_domain(word));
    let few = parts.len() < 3 && !(parts.len() == 2 && is_short_prefix(follows));
    numbers >= 2 && !few && !is_other_number && !goes_on_as_name
}

/// `/8` and so on, as in `10.0/8`.
fn is_short_prefix(follows: &str) -> bool {
    let length = follows.strip_prefix('/').unwrap_or_default();
    !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit())
}

fn looks_like_ipv6(word: &str) -> bool {
    let (head, _) = word.split_once(['/', '%', ']']).unwrap_or((word, ""));
    let digits = |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
    let parts: Vec<_> = head.split(':').collect();
    let is_time = parts.len() <= 3
        && !head.contains("::")
        && parts.iter().all(|part| {
            (1..=2).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
        });
    let is_hardware = parts.len() == 6 && parts.iter().all(|part| part.len() == 2);
    parts.len() >= 3 && head.bytes().all(digits) && !is_time && !is_hardware
}

fn expected(word: &str, error: &NetError) -> String {
    let address = |text: &str| parse_net(text).is_ok();
    let before = |separator: char| {
        word.split_once(separator)
            .is_some_and(|(head, _)| address(head))
    };
    if is_pattern(word) {
        "a pattern: expected prefixes in CIDR form".to_owned()
    } else if word.contains('-') && before('-') {
        "a range: expected prefixes in CIDR form".to_owned()
    } else if before(':') {
        "an address with a port: expected the address alone, and its ports given apart".to_owned()
    } else {
        error.to_string()
    }
}
