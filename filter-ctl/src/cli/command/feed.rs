//! `feed`: where orders come from.

use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::Context;
use crate::{
    cli::{failure::Failure, output::Outcome, text},
    http::wire::{DecideUpdate, FeedRequest, PauseFeed},
    order::FeedName,
};

/// The verbs.
#[derive(Clone, Debug, Subcommand)]
pub enum FeedCommand {
    /// List the feeds; `operator` is that of the operators' own orders
    List,
    /// Show a feed
    Show(ShowArgs),
    /// End the pause of a feed, and fetch it now if it is fetched
    Sync(ShowArgs),
    /// Pause a feed where it is; what it sends is admitted and waits, withdrawals apply
    Pause(PauseArgs),
    /// Enforce the update of a list that is held
    Approve(DecideArgs),
    /// Never enforce it; the last good list stays
    Reject(DecideArgs),
}

/// The arguments of `show` and `sync`.
#[derive(Args, Clone, Debug)]
pub struct ShowArgs {
    /// The feed
    #[arg(value_parser = parse_feed)]
    name: FeedName,
}

/// The arguments of `pause`.
#[derive(Args, Clone, Debug)]
pub struct PauseArgs {
    /// The feed
    #[arg(value_parser = parse_feed)]
    name: FeedName,
    /// Why; it goes to the audit log
    #[arg(long)]
    reason: String,
}

/// The arguments of `approve` and `reject`.
#[derive(Args, Clone, Debug)]
pub struct DecideArgs {
    /// The feed
    #[arg(value_parser = parse_feed)]
    name: FeedName,
    /// The update that was looked at: the first 8 digits or more of its SHA-256, as `feed show` prints it; if another
    /// one is held by now, nothing is done
    #[arg(long, value_name = "SHA256")]
    update: Option<String>,
}

impl From<&DecideArgs> for DecideUpdate {
    fn from(DecideArgs { name, update }: &DecideArgs) -> Self {
        Self {
            feed: name.clone(),
            sha256: update.clone(),
        }
    }
}

/// Reads the name of a feed.
pub(super) fn parse_feed(text: &str) -> Result<FeedName, String> {
    FeedName::try_from(text.to_owned()).map_err(|error| error.to_string())
}

pub(super) fn run(context: &Context, command: &FeedCommand) -> Result<Outcome, Failure> {
    let service = &context.service;
    let request = |feed: &FeedName| FeedRequest { feed: feed.clone() };
    let changed = match command {
        FeedCommand::List => return list(context),
        FeedCommand::Show(ShowArgs { name }) => return show(context, name),
        FeedCommand::Sync(ShowArgs { name }) => {
            service.ask(async |client| client.sync_feed(&request(name)).await)
        }
        FeedCommand::Pause(PauseArgs { name, reason }) => {
            let request = PauseFeed {
                reason: reason.clone(),
            };
            service.ask(async |client| client.pause_feed(name, &request).await)
        }
        FeedCommand::Approve(args) => {
            service.ask(async |client| client.approve_update(&args.into()).await)
        }
        FeedCommand::Reject(args) => {
            service.ask(async |client| client.reject_update(&args.into()).await)
        }
    };
    context.changed(&changed?)
}

fn list(context: &Context) -> Result<Outcome, Failure> {
    let status = context.service.ask(async |client| client.status().await)?;
    context.document(&status.feeds, || match status.feeds.as_slice() {
        [] => "There are no feeds.\n".to_owned(),
        feeds => text::feed::table(feeds, Timestamp::now()),
    })
}

fn show(context: &Context, name: &FeedName) -> Result<Outcome, Failure> {
    let status = context.service.ask(async |client| client.status().await)?;
    let feed = status.feeds.iter().find(|feed| feed.feed == *name);
    let feed = feed.ok_or_else(|| {
        Failure::not_found(
            "no_such_feed",
            format!("there is no feed `{name}`; `filter-ctl feed list` names them all"),
        )
    })?;
    context.document(feed, || text::feed::text(feed, Timestamp::now()))
}
