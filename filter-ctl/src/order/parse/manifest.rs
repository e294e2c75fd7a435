//! The first line.

use jiff::Timestamp;

use super::{
    BUNDLE_TYPE, BUNDLE_VERSION, ParseErrorKind,
    line::order,
    raw::{self, RawManifest},
};
use crate::order::{FeedName, OrderInfo, field::excerpt, hex};

/// The first line of a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The feed it is for.
    pub feed: FeedName,
    /// Raised when sequence numbers begin anew.
    pub epoch: u64,
    /// Raised with each bundle.
    pub seq: u64,
    /// Whether its entries are all that there is, or change what was there before.
    pub kind: Kind,
    /// When it was made.
    pub issued_at: Timestamp,
    /// From when on it is no longer admitted, and the feed counts as stale.
    pub expires_at: Timestamp,
    /// How many entries follow.
    pub entries: u64,
    /// Whether it only exercises the path.
    pub test: bool,
    /// The order of all entries that name none of their own.
    pub order: Option<OrderInfo>,
}

/// What the entries of a bundle are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// All of the feed.
    Snapshot,
    /// Changes of what the feed amounted to before.
    Delta {
        /// The sequence number, in the same epoch, of the bundle that it changes.
        base_seq: u64,
        /// What [`state::digest`](super::state::digest) says of the result.
        state_digest: [u8; 32],
    },
}

impl Kind {
    /// The name in a manifest.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot",
            Self::Delta { .. } => "delta",
        }
    }
}

pub(super) fn manifest(line: &str) -> Result<Manifest, ParseErrorKind> {
    if line.is_empty() {
        return Err(ParseErrorKind::Blank("the manifest"));
    }
    let raw: RawManifest<'_> = raw::from_json(line)?;
    let unsupported = |field, found: String, expected: &str| {
        let expected = expected.to_owned();
        Err(ParseErrorKind::Unsupported {
            field,
            found,
            expected,
        })
    };
    if raw.r#type != BUNDLE_TYPE {
        return unsupported("type", excerpt(&raw.r#type), BUNDLE_TYPE);
    }
    if raw.version != BUNDLE_VERSION {
        return unsupported("version", raw.version.to_string(), "1");
    }
    let malformed = |problem: &str| ParseErrorKind::Json(problem.to_owned());
    let kind = match (&*raw.kind, raw.base_seq, raw.state_digest) {
        ("snapshot", None, None) => Kind::Snapshot,
        ("snapshot", ..) => {
            let problem = "`base_seq` and `state_digest` belong to a delta: expected none";
            return Err(malformed(problem));
        }
        ("delta", Some(base_seq), Some(digest)) if base_seq < raw.seq => Kind::Delta {
            base_seq,
            state_digest: hex::decode_digest(&digest.0).ok_or_else(|| {
                malformed("`state_digest` is no SHA-256: expected 64 hexadecimal digits")
            })?,
        },
        ("delta", ..) => {
            let problem =
                "a delta needs `base_seq`, lower than `seq`, and `state_digest`: expected both";
            return Err(malformed(problem));
        }
        (other, ..) => return unsupported("kind", excerpt(other), "snapshot` or `delta"),
    };
    let feed = FeedName::try_from(raw.feed.into_owned())
        .map_err(|error| ParseErrorKind::Json(format!("`feed`: {error}")))?;
    let order = raw.order.map(order).transpose()?;
    Ok(Manifest {
        feed,
        epoch: raw.epoch,
        seq: raw.seq,
        kind,
        issued_at: raw.issued_at,
        expires_at: raw.expires_at,
        entries: raw.entries,
        test: raw.test,
        order: order.map(|order| order.to_info()),
    })
}
