//! `feed`: where orders come from.

use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::Context;
use crate::{
    cli::{failure::Failure, output::Outcome, text},
    order::FeedName,
};

/// The verbs.
#[derive(Clone, Debug, Subcommand)]
pub enum FeedCommand {
    /// List the feeds; `operator` is that of the operators' own orders
    List,
    /// Show a feed
    Show(ShowArgs),
}

/// The arguments of `show`.
#[derive(Args, Clone, Debug)]
pub struct ShowArgs {
    /// The feed
    #[arg(value_parser = parse_feed)]
    name: FeedName,
}

/// Reads the name of a feed.
pub(super) fn parse_feed(text: &str) -> Result<FeedName, String> {
    FeedName::try_from(text.to_owned()).map_err(|error| error.to_string())
}

pub(super) fn run(context: &Context, command: &FeedCommand) -> Result<Outcome, Failure> {
    let status = context.service.ask(async |client| client.status().await)?;
    match command {
        FeedCommand::List => context.document(&status.feeds, || match status.feeds.as_slice() {
            [] => "There are no feeds.\n".to_owned(),
            feeds => text::feed::table(feeds),
        }),
        FeedCommand::Show(ShowArgs { name }) => {
            let feed = status.feeds.iter().find(|feed| feed.feed == *name);
            let feed = feed.ok_or_else(|| {
                Failure::not_found(
                    "no_such_feed",
                    format!("there is no feed `{name}`; `filter-ctl feed list` names them all"),
                )
            })?;
            context.document(feed, || text::feed::text(feed, Timestamp::now()))
        }
    }
}
