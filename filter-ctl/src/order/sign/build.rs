//! The making of a bundle's bytes.

use ipnet::IpNet;
use jiff::{Timestamp, tz::TimeZone};
use serde::{Serialize, Serializer};

use crate::order::{
    Direction, FeedName, OrderInfo, PortRange, field,
    parse::{self, BUNDLE_TYPE, BUNDLE_VERSION, Manifest, ParseError, ParseErrorKind},
};

/// One entry of a bundle in the making.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BundleEntry {
    /// The issuer's name for it, unique in the bundle.
    pub id: String,
    /// The prefix, without host bits.
    pub net: IpNet,
    /// Which packets.
    #[serde(rename = "dir")]
    pub direction: Direction,
    /// An IP protocol number; `None` for all.
    #[serde(
        rename = "proto",
        skip_serializing_if = "Option::is_none",
        serialize_with = "protocol"
    )]
    pub protocol: Option<u8>,
    /// Empty for all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<PortRange>,
    /// From when on it is no longer meant. An entry without is refused by who enforces it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Why, if not for the order's reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Its own order, if not the manifest's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<OrderInfo>,
}

impl BundleEntry {
    /// An entry for all packets from and to a prefix.
    #[must_use]
    pub fn new(id: impl Into<String>, net: IpNet, until: Timestamp) -> Self {
        Self {
            id: id.into(),
            net,
            direction: Direction::Both,
            protocol: None,
            ports: Vec::new(),
            until: Some(until),
            reason: None,
            order: None,
        }
    }
}

#[derive(Serialize)]
struct ManifestLine<'a> {
    r#type: &'static str,
    version: u64,
    feed: &'a FeedName,
    epoch: u64,
    seq: u64,
    kind: &'static str,
    issued_at: Timestamp,
    expires_at: Timestamp,
    entries: usize,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    test: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<&'a OrderInfo>,
}

/// The bytes of a snapshot with that manifest, whose number of entries is set to that of `entries`. They
/// are read back before they are returned, so that what cannot be admitted is not signed either.
pub fn build_bundle(manifest: &Manifest, entries: &[BundleEntry]) -> Result<Vec<u8>, ParseError> {
    let Manifest {
        feed,
        epoch,
        seq,
        kind: _,
        issued_at,
        expires_at,
        entries: _,
        test,
        order,
    } = manifest;
    let mut bundle = Vec::new();
    let line = ManifestLine {
        r#type: BUNDLE_TYPE,
        version: BUNDLE_VERSION,
        feed,
        epoch: *epoch,
        seq: *seq,
        kind: "snapshot",
        issued_at: *issued_at,
        expires_at: *expires_at,
        entries: entries.len(),
        test: *test,
        order: order.as_ref(),
    };
    push_line(&mut bundle, 1, &line)?;
    for (line, entry) in (2..).zip(entries) {
        push_line(&mut bundle, line, entry)?;
    }
    parse::check(&bundle, &TimeZone::UTC)?;
    Ok(bundle)
}

fn push_line(bundle: &mut Vec<u8>, line: u64, value: &impl Serialize) -> Result<(), ParseError> {
    serde_json::to_writer(&mut *bundle, value).map_err(|error| ParseError {
        line,
        kind: ParseErrorKind::Json(error.to_string()),
    })?;
    bundle.push(b'\n');
    Ok(())
}

#[expect(
    clippy::ref_option,
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks for this signature"
)]
fn protocol<S: Serializer>(protocol: &Option<u8>, serializer: S) -> Result<S::Ok, S::Error> {
    match (*protocol, protocol.and_then(field::protocol_name)) {
        (_, Some(name)) => serializer.serialize_str(name),
        (Some(number), None) => serializer.serialize_u8(number),
        (None, None) => serializer.serialize_none(),
    }
}
