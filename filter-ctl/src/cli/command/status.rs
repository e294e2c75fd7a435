//! `status`: from the service, or from the pins of a dead one.

use clap::Args;
use jiff::Timestamp;

use super::Context;
use crate::cli::{
    failure::Failure,
    offline::{OfflineArgs, is_dead},
    output::Outcome,
    text,
};

/// The arguments.
#[derive(Args, Clone, Debug)]
pub struct StatusArgs {
    #[command(flatten)]
    offline: OfflineArgs,
}

pub(super) fn run(context: &Context, args: &StatusArgs) -> Result<Outcome, Failure> {
    let now = Timestamp::now();
    match context.service.ask(async |client| client.status().await) {
        Ok(status) => context.document(&status, || text::status::text(&status, now)),
        Err(error) if is_dead(&error) => {
            let status = args.offline.find().status(&error)?;
            context.on_pins(status, |status| text::status::text(status, now))
        }
        Err(error) => Err(error.into()),
    }
}
