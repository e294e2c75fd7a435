//! `verify`: whether signatures fit.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::{
    Context,
    inspect::{Inspected, look_into},
    read_file, sign_failure,
};
use crate::{
    cli::{failure::Failure, output::Outcome, text::fields},
    order::sign::{self, signatures_beside},
};

/// The arguments of `verify`.
#[derive(Args, Clone, Debug)]
pub struct VerifyArgs {
    /// The bundle
    pub(super) file: PathBuf,
    /// A public key
    #[arg(short = 'p', long = "public-key", value_name = "FILE", required = true)]
    pub(super) public_keys: Vec<PathBuf>,
    /// A signature; by default FILE.minisig, FILE.2.minisig and so on, as far as they exist
    #[arg(short = 'x', long = "signature", value_name = "FILE")]
    pub(super) signatures: Vec<PathBuf>,
}

#[derive(Serialize)]
struct Verified {
    signatures: Vec<VerifiedSignature>,
    bundle: Inspected,
}

#[derive(Serialize)]
struct VerifiedSignature {
    file: PathBuf,
    key_id: String,
    trusted_comment: String,
}

pub(super) fn verify(context: &Context, args: VerifyArgs) -> Result<Outcome, Failure> {
    let VerifyArgs {
        file,
        public_keys,
        mut signatures,
    } = args;
    if signatures.is_empty() {
        signatures = signatures_beside(&file);
    }
    let verified = sign::verify_files(&file, &signatures, &public_keys)
        .map_err(|error| sign_failure(&error))?;
    let document = Verified {
        signatures: verified
            .into_iter()
            .map(|signature| VerifiedSignature {
                file: signature.path,
                key_id: signature.key.to_string(),
                trusted_comment: signature.trusted_comment,
            })
            .collect(),
        bundle: look_into(&file, &read_file(&file)?)?,
    };
    context.document(&document, || {
        let mut text = String::new();
        for signature in &document.signatures {
            let VerifiedSignature {
                file,
                key_id,
                trusted_comment,
            } = signature;
            let comment = format!("key {key_id}, {trusted_comment}");
            text += &fields(
                0,
                &[
                    ("Good signature", file.display().to_string()),
                    ("", comment),
                ],
            );
        }
        text + "\n" + &document.bundle.text()
    })
}
