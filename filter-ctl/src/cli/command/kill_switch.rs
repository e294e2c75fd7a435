//! `panic`: the kill switch, with the service or without it.

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::Context;
use crate::{
    cli::{
        failure::Failure,
        offline::{OfflineArgs, OnPins, is_dead},
        output::Outcome,
    },
    http::wire::{Changed, PanicRequest},
    order::FeedName,
};

/// The arguments.
#[derive(Args, Clone, Debug)]
pub struct PanicArgs {
    /// What becomes of filtering
    #[arg(value_enum)]
    filtering: Filtering,
    /// Of one feed only, which then only counts
    #[arg(long, value_parser = super::feed::parse_feed)]
    feed: Option<FeedName>,
    /// Why; it goes to the audit log
    #[arg(long, default_value = "", hide_default_value = true)]
    reason: String,
    #[command(flatten)]
    offline: OfflineArgs,
}

/// What becomes of filtering.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
pub enum Filtering {
    /// Off: every packet passes and is counted
    Off,
    /// On again
    On,
}

pub(super) fn run(context: &Context, args: PanicArgs) -> Result<Outcome, Failure> {
    let PanicArgs {
        filtering,
        feed,
        reason,
        offline,
    } = args;
    let off = filtering == Filtering::Off;
    let request = PanicRequest { off, feed, reason };
    match context
        .service
        .ask(async |client| client.panic(&request).await)
    {
        Ok(changed) => context.changed(&changed),
        Err(error) if is_dead(&error) && request.feed.is_none() => {
            let offline = offline.find();
            let OnPins { result: (), notes } = offline.panic(&error, off, &request.reason)?;
            let message = if off {
                "filtering is off: every packet passes"
            } else {
                "filtering is on"
            };
            let changed = Changed {
                message: message.to_owned(),
                generation: None,
            };
            let mut outcome = context.changed(&changed)?;
            outcome.notes = notes;
            Ok(outcome)
        }
        Err(error) => Err(error.into()),
    }
}
