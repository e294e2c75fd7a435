//! `bundle digest` and `bundle delta`: what a delta needs.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::{Context, check_form, read_file};
use crate::{
    cli::{failure::Failure, output::Outcome},
    durable,
    order::{
        hex,
        sign::{PUBLIC_KEY_MODE, difference},
        state,
    },
};

/// The arguments of `digest`.
#[derive(Args, Clone, Debug)]
pub struct DigestArgs {
    /// A snapshot
    snapshot: PathBuf,
    /// The deltas after it, in their order
    deltas: Vec<PathBuf>,
}

/// The arguments of `delta`.
#[derive(Args, Clone, Debug)]
pub struct DeltaArgs {
    /// The snapshot that receivers have
    old: PathBuf,
    /// The snapshot that they shall have; its manifest becomes the delta's
    new: PathBuf,
    /// The file to write
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
}

#[derive(Serialize)]
struct Digest {
    state_digest: String,
}

pub(super) fn digest(context: &Context, args: &DigestArgs) -> Result<Outcome, Failure> {
    let mut bundles = Vec::new();
    for file in [&args.snapshot].into_iter().chain(&args.deltas) {
        let bundle = read_file(file)?;
        check_form(file, &bundle)?;
        bundles.push(bundle);
    }
    let digest = state::digest(bundles.iter().map(|bundle| &**bundle))
        .map_err(|error| Failure::invalid("malformed", error.to_string()))?;
    let state_digest = hex::encode(&digest);
    context.document(
        &Digest {
            state_digest: state_digest.clone(),
        },
        || format!("{state_digest}\n"),
    )
}

#[derive(Serialize)]
struct Made {
    delta: PathBuf,
}

pub(super) fn delta(context: &Context, args: &DeltaArgs) -> Result<Outcome, Failure> {
    let (old, new) = (read_file(&args.old)?, read_file(&args.new)?);
    let delta =
        difference(&old, &new).map_err(|error| Failure::invalid("malformed", error.to_string()))?;
    durable::write_atomic_with_mode(&args.to, &delta, PUBLIC_KEY_MODE)
        .map_err(|error| Failure::failed("cannot_write", error.to_string()))?;
    let delta = args.to.clone();
    context.document(&Made { delta }, || format!("{}\n", args.to.display()))
}
