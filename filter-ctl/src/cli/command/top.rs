//! `top`: what comes for protected destinations.

use clap::Args;

use super::Context;
use crate::{
    cli::{failure::Failure, output::Outcome, text},
    http::wire::{DESTINATIONS_LISTED_MAX, METER_SECONDS_MAX},
};

/// The arguments.
#[derive(Args, Clone, Debug)]
pub struct TopArgs {
    /// Measure for so many seconds
    #[arg(long, value_name = "NUMBER", default_value_t = 1,
        value_parser = clap::value_parser!(u32).range(1..=i64::from(METER_SECONDS_MAX)))]
    seconds: u32,
    /// Only destinations of this host group
    #[arg(long, value_name = "NAME")]
    group: Option<String>,
    /// List so many destinations
    #[arg(long, value_name = "NUMBER", default_value_t = 20,
        value_parser = clap::value_parser!(u16).range(1..=i64::from(DESTINATIONS_LISTED_MAX)))]
    limit: u16,
}

pub(super) fn run(context: &Context, args: &TopArgs) -> Result<Outcome, Failure> {
    let (group, limit) = (args.group.as_deref(), usize::from(args.limit));
    let meters = context
        .service
        .ask(async |client| client.meters(args.seconds, group, limit).await)?;
    context.document(&meters, || text::top::text(&meters))
}
