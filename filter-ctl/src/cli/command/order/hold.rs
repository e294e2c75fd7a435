//! `order holds|approve|reject`: entries that wait for a person.

use clap::Args;

use super::{Context, order_id};
use crate::{
    cli::{failure::Failure, output::Outcome, text},
    http::wire::DecideHold,
    order::OrderId,
};

/// The arguments of `approve` and `reject`.
#[derive(Args, Clone, Debug)]
pub struct DecideArgs {
    /// The order: FEED:REFERENCE
    #[arg(value_parser = order_id)]
    id: OrderId,
    /// One entry of it only; otherwise all that wait
    #[arg(long)]
    entry: Option<String>,
    /// What `order holds` said as SEEN, of the entry or of the order; if something else waits by now, nothing is done
    #[arg(long)]
    seen: Option<String>,
    /// Why; it goes to the audit log
    #[arg(long)]
    reason: String,
}

impl From<DecideArgs> for DecideHold {
    fn from(args: DecideArgs) -> Self {
        let DecideArgs {
            id,
            entry,
            seen,
            reason,
        } = args;
        Self {
            id,
            entry,
            seen,
            reason,
        }
    }
}

pub(super) fn holds(context: &Context) -> Result<Outcome, Failure> {
    let holds = context.service.ask(async |client| client.holds().await)?;
    context.document(&holds, || text::hold::list(&holds))
}

pub(super) fn approve(context: &Context, args: DecideArgs) -> Result<Outcome, Failure> {
    let request = args.into();
    let service = &context.service;
    let changed = service.ask(async |client| client.approve(&request).await)?;
    context.changed(&changed)
}

pub(super) fn reject(context: &Context, args: DecideArgs) -> Result<Outcome, Failure> {
    let request = args.into();
    let service = &context.service;
    let changed = service.ask(async |client| client.reject(&request).await)?;
    context.changed(&changed)
}
