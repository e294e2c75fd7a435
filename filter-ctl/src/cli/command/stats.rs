//! `stats`: from the service, or from the pins of a dead one.

use clap::Args;

use super::Context;
use crate::cli::{
    failure::Failure,
    offline::{OfflineArgs, is_dead},
    output::Outcome,
    text,
};

/// The arguments.
#[derive(Args, Clone, Debug)]
pub struct StatsArgs {
    #[command(flatten)]
    offline: OfflineArgs,
}

pub(super) fn run(context: &Context, args: &StatsArgs) -> Result<Outcome, Failure> {
    match context.service.ask(async |client| client.stats().await) {
        Ok(stats) => context.document(&stats, || text::stats::text(&stats)),
        Err(error) if is_dead(&error) => {
            let stats = args.offline.find().stats(&error)?;
            context.on_pins(stats, |stats| {
                let text = text::stats::text(stats);
                format!("The service is NOT RUNNING; this was read from the pins.\n{text}")
            })
        }
        Err(error) => Err(error.into()),
    }
}
