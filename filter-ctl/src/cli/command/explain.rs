//! `explain`: whether, and on whose order, an address is blocked.

use std::net::IpAddr;

use clap::Args;
use jiff::Timestamp;

use super::Context;
use crate::cli::{failure::Failure, output::Outcome, text};

/// The arguments.
#[derive(Args, Clone, Debug)]
pub struct ExplainArgs {
    /// An IPv4 or IPv6 address
    address: IpAddr,
}

pub(super) fn run(context: &Context, args: &ExplainArgs) -> Result<Outcome, Failure> {
    let explanation = context
        .service
        .ask(async |client| client.explain(args.address).await)?;
    context.document(&explanation, || {
        text::explain::text(&explanation, Timestamp::now())
    })
}
