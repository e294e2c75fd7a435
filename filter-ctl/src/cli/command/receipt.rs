//! `receipt`: what the appliance has stated of a bundle.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::{Context, feed::parse_feed};
use crate::{
    cli::{failure::Failure, output::Outcome, text},
    durable,
    http::wire::SignedReceipt,
    order::FeedName,
    receipt::{Receipt, store::ReceiptId},
};

/// The verbs.
#[derive(Clone, Debug, Subcommand)]
pub enum ReceiptCommand {
    /// Show a receipt, and save it with its signature if asked to
    Show(ShowArgs),
}

/// The arguments of `show`.
#[derive(Args, Clone, Debug)]
pub struct ShowArgs {
    /// The feed
    #[arg(value_parser = parse_feed)]
    feed: FeedName,
    /// SHA-256 of the bundle, as `sha256sum BUNDLE` prints it
    #[arg(value_parser = parse_id)]
    sha256: ReceiptId,
    /// Write SHA256.json and SHA256.json.minisig there, for `minisign -Vm`
    #[arg(long, value_name = "DIRECTORY")]
    save: Option<PathBuf>,
}

fn parse_id(text: &str) -> Result<ReceiptId, String> {
    ReceiptId::parse(text).ok_or_else(|| "expected 64 lower-case hexadecimal digits".to_owned())
}

pub(super) fn run(context: &Context, command: &ReceiptCommand) -> Result<Outcome, Failure> {
    let ReceiptCommand::Show(ShowArgs { feed, sha256, save }) = command;
    let signed = context
        .service
        .ask(async |client| client.receipt(feed, sha256).await)?;
    let receipt: Receipt = serde_json::from_str(&signed.document)
        .map_err(|error| Failure::failed("receipt_damaged", error.to_string()))?;
    let outcome = context.document(&receipt, || text::receipt::text(&receipt))?;
    match save {
        None => Ok(outcome),
        Some(directory) => Ok(outcome.with_note(saved(directory, sha256, &signed)?)),
    }
}

/// Writes both files; says so.
fn saved(directory: &Path, id: &ReceiptId, signed: &SignedReceipt) -> Result<String, Failure> {
    let path = directory.join(format!("{}.json", id.as_str()));
    let signature = directory.join(format!("{}.json.minisig", id.as_str()));
    for (path, text) in [(&signature, &signed.signature), (&path, &signed.document)] {
        durable::write_atomic(path, text.as_bytes())
            .map_err(|error| Failure::failed("cannot_write", error.to_string()))?;
    }
    Ok(format!(
        "saved; `minisign -Vm {} -p appliance.pub` verifies it",
        path.display()
    ))
}
