//! `bundle`: the authority's side, without a service.

mod delta;
mod inspect;
mod sign;
mod verify;

use std::path::Path;

use clap::Subcommand;
use jiff::tz::TimeZone;

pub use self::{
    delta::{DeltaArgs, DigestArgs},
    inspect::InspectArgs,
    sign::{KeygenArgs, SignArgs},
    verify::VerifyArgs,
};
use super::{Context, read_file};
use crate::{
    cli::{failure::Failure, output::Outcome},
    order::{
        parse::{self, Manifest},
        sign::SignError,
    },
};

/// The verbs.
#[derive(Clone, Debug, Subcommand)]
pub enum BundleCommand {
    /// Make a pair of keys: NAME.key to sign with, NAME.pub for the trust files of those who enforce
    Keygen(KeygenArgs),
    /// Sign bundles: FILE.minisig beside each, in the form of minisign
    Sign(SignArgs),
    /// Verify the signatures and the form of a bundle
    Verify(VerifyArgs),
    /// Show what a bundle says, whoever signed it
    Inspect(InspectArgs),
    /// Make the delta that leads from one snapshot to another
    Delta(DeltaArgs),
    /// Print the `state_digest` of what a snapshot and the deltas after it amount to
    Digest(DigestArgs),
}

pub(super) fn run(context: &Context, command: BundleCommand) -> Result<Outcome, Failure> {
    match command {
        BundleCommand::Keygen(args) => sign::keygen(context, &args),
        BundleCommand::Sign(args) => sign::sign(context, &args),
        BundleCommand::Verify(args) => verify::verify(context, args),
        BundleCommand::Inspect(args) => inspect::inspect(context, &args),
        BundleCommand::Delta(args) => delta::delta(context, &args),
        BundleCommand::Digest(args) => delta::digest(context, &args),
    }
}

fn check_form(file: &Path, bundle: &[u8]) -> Result<Manifest, Failure> {
    parse::check(bundle, &TimeZone::UTC).map_err(|error| malformed(file, &error))
}

fn malformed(file: &Path, error: &parse::ParseError) -> Failure {
    Failure::invalid("malformed", format!("{}: {error}", file.display()))
}

fn sign_failure(error: &SignError) -> Failure {
    match error {
        SignError::BadSignature { .. }
        | SignError::UnknownKey { .. }
        | SignError::Unsigned(_)
        | SignError::Signature(_) => Failure::refused("bad_signature", error.to_string()),
        SignError::File(_) | SignError::Crypto { .. } => {
            Failure::failed("cannot_sign", error.to_string())
        }
        _ => Failure::invalid("cannot_sign", error.to_string()),
    }
}

#[cfg(test)]
mod tests;
