//! The lines of a bundle as JSON, borrowed from its bytes.

use std::{borrow::Cow, fmt};

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, de};

use super::ParseErrorKind;
use crate::order::{
    Direction, PortRange,
    field::{self, excerpt},
};

/// Characters of serde_json's message, in which there may be names from the line.
const MESSAGE_CHARS_MAX: usize = 300;

/// Reads one line. The message has the column, and not serde_json's line, which is always 1.
pub(super) fn from_json<'a, T: Deserialize<'a>>(line: &'a str) -> Result<T, ParseErrorKind> {
    serde_json::from_str(line).map_err(|error| {
        let text = error.to_string();
        let text = match text.rsplit_once(" at line ") {
            Some((message, _)) => {
                let message = field::beginning(message, MESSAGE_CHARS_MAX);
                format!("{message} at column {}", error.column())
            }
            None => field::beginning(&text, MESSAGE_CHARS_MAX),
        };
        ParseErrorKind::Json(text)
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawManifest<'a> {
    #[serde(borrow)]
    pub(super) r#type: Cow<'a, str>,
    pub(super) version: u64,
    #[serde(borrow)]
    pub(super) feed: Cow<'a, str>,
    pub(super) epoch: u64,
    pub(super) seq: u64,
    #[serde(borrow)]
    pub(super) kind: Cow<'a, str>,
    pub(super) issued_at: Timestamp,
    pub(super) expires_at: Timestamp,
    pub(super) entries: u64,
    #[serde(default)]
    pub(super) test: bool,
    #[serde(borrow)]
    pub(super) order: Option<RawOrder<'a>>,
    pub(super) base_seq: Option<u64>,
    #[serde(borrow)]
    pub(super) state_digest: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawEntry<'a> {
    pub(super) op: Option<Op>,
    #[serde(borrow)]
    pub(super) id: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) net: Option<Text<'a>>,
    pub(super) dir: Option<Direction>,
    pub(super) proto: Option<Protocol>,
    pub(super) ports: Option<Vec<PortRange>>,
    #[serde(borrow)]
    pub(super) until: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) reason: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) order: Option<RawOrder<'a>>,
}

/// What a line of a delta does.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Op {
    Add,
    Remove,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawOrder<'a> {
    #[serde(borrow)]
    pub(super) reference: Text<'a>,
    #[serde(borrow)]
    pub(super) issuer: Text<'a>,
    #[serde(borrow)]
    pub(super) basis: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) reason: Option<Text<'a>>,
}

/// Text that is borrowed where it has no escapes. A plain `Option<Cow<str>>` would never borrow.
#[derive(Default, Deserialize)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// A protocol by name or number.
pub(super) struct Protocol(pub(super) u8);

impl<'de> Deserialize<'de> for Protocol {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = Protocol;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a protocol's name, or its number from 0 to 255")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Protocol, E> {
                u8::try_from(number)
                    .map(Protocol)
                    .map_err(|_| E::invalid_value(de::Unexpected::Unsigned(number), &self))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Protocol, E> {
                field::parse_protocol(text)
                    .map(Protocol)
                    .ok_or_else(|| E::invalid_value(de::Unexpected::Str(&excerpt(text)), &self))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}
