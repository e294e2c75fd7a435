//! `reload`: a changed configuration into force, or nothing of it.

use clap::Args;

use super::Context;
use crate::cli::{failure::Failure, output::Outcome};

/// The arguments: none.
#[derive(Args, Clone, Copy, Debug)]
pub struct ReloadArgs;

pub(super) fn run(context: &Context) -> Result<Outcome, Failure> {
    let changed = context.service.ask(async |client| client.reload().await)?;
    context.changed(&changed)
}
