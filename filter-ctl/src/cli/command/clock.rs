//! `clock`: an operator's word on this machine's clock.

use clap::{Args, Subcommand};

use super::Context;
use crate::{
    cli::{failure::Failure, output::Outcome},
    http::wire::AcceptClock,
};

/// The verbs.
#[derive(Clone, Debug, Subcommand)]
pub enum ClockCommand {
    /// Take the clock for right, though it is behind or not synchronised. Compare it with another one first
    Accept(AcceptArgs),
}

/// The arguments of `accept`.
#[derive(Args, Clone, Debug)]
pub struct AcceptArgs {
    /// Why; it goes to the audit log
    #[arg(long, default_value = "", hide_default_value = true)]
    reason: String,
}

pub(super) fn run(context: &Context, command: ClockCommand) -> Result<Outcome, Failure> {
    let ClockCommand::Accept(AcceptArgs { reason }) = command;
    let request = AcceptClock { reason };
    let changed = context
        .service
        .ask(async |client| client.accept_clock(&request).await)?;
    context.changed(&changed)
}
