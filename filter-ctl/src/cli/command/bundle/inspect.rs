//! `inspect`: what a bundle says.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use clap::Args;
use ipnet::IpNet;
use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;

use super::{Context, check_form, malformed, read_file};
use crate::{
    cli::{
        failure::Failure,
        output::Outcome,
        text::{fields, number, time},
    },
    order::{
        FeedName, OrderInfo, hex,
        parse::{self, Kind, Manifest, ParsedLine},
    },
};

/// The arguments of `inspect`.
#[derive(Args, Clone, Debug)]
pub struct InspectArgs {
    /// The bundle
    pub(super) file: PathBuf,
}

pub(super) fn inspect(context: &Context, args: &InspectArgs) -> Result<Outcome, Failure> {
    let inspected = look_into(&args.file, &read_file(&args.file)?)?;
    let outcome = context.document(&inspected, || inspected.text())?;
    Ok(outcome.with_note("no signature was looked at; `filter-ctl bundle verify` does"))
}

/// What a bundle says.
#[derive(Serialize)]
pub(super) struct Inspected {
    feed: FeedName,
    epoch: u64,
    seq: u64,
    /// `snapshot` or `delta`.
    kind: &'static str,
    /// Of a delta.
    #[serde(skip_serializing_if = "Option::is_none")]
    base_seq: Option<u64>,
    /// Of a delta.
    #[serde(skip_serializing_if = "Option::is_none")]
    state_digest: Option<String>,
    /// Of a delta: entries that it removes, among `entries`.
    removed: u64,
    issued_at: Timestamp,
    expires_at: Timestamp,
    test: bool,
    order: Option<OrderInfo>,
    entries: u64,
    ipv4: u64,
    ipv6: u64,
    without_until: u64,
    last_until: Option<Timestamp>,
    /// Entries by length of their prefix, such as `ipv4/32`.
    prefix_lengths: BTreeMap<String, u64>,
}

pub(super) fn look_into(file: &Path, bundle: &[u8]) -> Result<Inspected, Failure> {
    let manifest = check_form(file, bundle)?;
    let (_, entries) = parse::open(bundle, &TimeZone::UTC).map_err(|e| malformed(file, &e))?;
    let Manifest {
        feed,
        epoch,
        seq,
        kind,
        issued_at,
        expires_at,
        entries: count,
        test,
        order,
    } = manifest;
    let (base_seq, state_digest) = match kind {
        Kind::Snapshot => (None, None),
        Kind::Delta {
            base_seq,
            state_digest,
        } => (Some(base_seq), Some(hex::encode(&state_digest))),
    };
    let mut inspected = Inspected {
        feed,
        epoch,
        seq,
        kind: kind.name(),
        base_seq,
        state_digest,
        removed: 0,
        issued_at,
        expires_at,
        test,
        order,
        entries: count,
        ipv4: 0,
        ipv6: 0,
        without_until: 0,
        last_until: None,
        prefix_lengths: BTreeMap::new(),
    };
    for line in entries {
        let entry = match line.map_err(|error| malformed(file, &error))? {
            ParsedLine::Add(entry) => entry,
            ParsedLine::Remove(_) => {
                inspected.removed += 1;
                continue;
            }
        };
        let family = match entry.net {
            IpNet::V4(_) => {
                inspected.ipv4 += 1;
                "ipv4"
            }
            IpNet::V6(_) => {
                inspected.ipv6 += 1;
                "ipv6"
            }
        };
        let length = format!("{family}/{}", entry.net.prefix_len());
        *inspected.prefix_lengths.entry(length).or_default() += 1;
        inspected.without_until += u64::from(entry.until.is_none());
        inspected.last_until = inspected.last_until.max(entry.until);
    }
    Ok(inspected)
}

impl Inspected {
    fn kind_text(&self) -> String {
        match (self.base_seq, &self.state_digest) {
            (Some(base), Some(digest)) => format!("{} on seq {base}, to {digest}", self.kind),
            _ => self.kind.to_owned(),
        }
    }

    pub(super) fn text(&self) -> String {
        let order = self.order.as_ref();
        let of_order = |value: fn(&OrderInfo) -> &str| {
            order.map_or_else(String::new, |order| value(order).to_owned())
        };
        let lengths = self.prefix_lengths.iter();
        let lengths: Vec<String> = lengths
            .map(|(length, count)| format!("{} of {length}", number(*count)))
            .collect();
        let without_until = match self.without_until {
            0 => String::new(),
            entries => format!("{} (they will be refused)", number(entries)),
        };
        let test = if self.test {
            "yes: it enforces nothing"
        } else {
            ""
        };
        fields(
            0,
            &[
                ("Feed", self.feed.to_string()),
                ("Epoch/seq", format!("{}/{}", self.epoch, self.seq)),
                ("Kind", self.kind_text()),
                ("Test", test.to_owned()),
                ("Issued", time(self.issued_at)),
                ("Expires", time(self.expires_at)),
                ("Order", of_order(|order| &order.reference)),
                ("Issuer", of_order(|order| &order.issuer)),
                ("Basis", of_order(|order| &order.basis)),
                ("Reason", of_order(|order| &order.reason)),
                (
                    "Entries",
                    format!(
                        "{}: {} IPv4, {} IPv6{}",
                        number(self.entries),
                        number(self.ipv4),
                        number(self.ipv6),
                        match self.removed {
                            0 => String::new(),
                            removed => format!(", {} removed", number(removed)),
                        }
                    ),
                ),
                ("Lengths", lengths.join(", ")),
                ("Last until", self.last_until.map_or_else(String::new, time)),
                ("Without until", without_until),
            ],
        )
    }
}
