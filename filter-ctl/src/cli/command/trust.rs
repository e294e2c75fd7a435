//! `trust`: who is trusted, and whether a new trust file would be accepted.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde::Serialize;

use super::Context;
use crate::{
    cli::{failure::Failure, output::Outcome, text},
    daemon::trust::{describe, read_untrusted},
    http::wire::TrustStatus,
    order::trust::{
        TrustFile,
        succeed::{Successor, UntrustedTrust, succeed},
    },
};

/// The verbs.
#[derive(Clone, Debug, Subcommand)]
pub enum TrustCommand {
    /// Show the trust file in force
    Show,
    /// Say whether a trust file would be accepted. Needs no service, and changes nothing
    Verify(VerifyArgs),
}

/// The arguments of `verify`.
#[derive(Args, Clone, Debug)]
pub struct VerifyArgs {
    /// The new trust file; its signatures lie beside it as FILE.minisig, FILE.2.minisig and so on
    new: PathBuf,
    /// The trust file that it is to follow; without it, the new one is judged as a first file
    #[arg(long, value_name = "OLD")]
    current: Option<PathBuf>,
}

#[derive(Serialize)]
struct Judgement {
    accepted: bool,
    signers: Vec<String>,
    trust: TrustStatus,
}

pub(super) fn run(context: &Context, command: &TrustCommand) -> Result<Outcome, Failure> {
    match command {
        TrustCommand::Show => {
            let trust = context.service.ask(async |client| client.trust().await)?;
            context.document(&trust, || text::trust::text(&trust, Timestamp::now()))
        }
        TrustCommand::Verify(args) => verify(context, args),
    }
}

fn verify(context: &Context, args: &VerifyArgs) -> Result<Outcome, Failure> {
    let VerifyArgs { new, current } = args;
    let current = match current {
        Some(path) => {
            let found = read(path)?;
            let parsed = TrustFile::parse(&found.text);
            Some(parsed.map_err(|error| {
                Failure::invalid("trust_malformed", format!("{}: {error}", path.display()))
            })?)
        }
        None => None,
    };
    let now = Timestamp::now();
    let Successor { trust, signers } = succeed(current.as_ref(), &read(new)?, now)
        .map_err(|error| Failure::refused(error.code(), format!("{}: {error}", new.display())))?;
    let document = Judgement {
        accepted: true,
        signers,
        trust: describe(&trust),
    };
    context.document(&document, || {
        let by = match document.signers.as_slice() {
            [] => "no signature is needed".to_owned(),
            signers => format!("signed by {}", signers.join(", ")),
        };
        let text = text::trust::text(&document.trust, now);
        format!("{} would be accepted: {by}\n\n{text}", new.display())
    })
}

fn read(path: &Path) -> Result<UntrustedTrust, Failure> {
    read_untrusted(path).map_err(|error| Failure::invalid("cannot_read", error.to_string()))
}
