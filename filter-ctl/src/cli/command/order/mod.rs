//! `order`: blocking orders.
//!
//! - here: looking, withdrawing, reinstating, rolling a feed back;
//! - [`add`]: a letter that an operator types in;
//! - [`apply`]: a bundle that an authority signed;
//! - [`hold`]: entries that wait for a person.

pub mod add;
pub mod apply;
pub mod hold;

use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::{Context, feed::parse_feed};
use crate::{
    cli::{failure::Failure, output::Outcome, text},
    exit::Exit,
    http::wire::{ApplyReport, RollBack, Withdraw},
    order::{FeedName, OrderId},
};

/// The verbs.
#[derive(Clone, Debug, Subcommand)]
pub enum OrderCommand {
    /// List the orders
    List(ListArgs),
    /// Show an order with its entries
    Show(ShowArgs),
    /// Enter an order from a letter
    Add(add::AddArgs),
    /// Apply signed bundles, one after the other
    Apply(apply::ApplyArgs),
    /// List the entries that wait for a person
    Holds,
    /// Let entries through that wait; some take two users other than root
    Approve(hold::DecideArgs),
    /// Keep entries out that wait
    Reject(hold::DecideArgs),
    /// Stop enforcing an order or one of its entries; never waits for an approval
    Withdraw(WithdrawArgs),
    /// Enforce again what was withdrawn
    Reinstate(WithdrawArgs),
    /// Take a feed back to an earlier state and pause it there; `feed sync` ends it
    Rollback(RollbackArgs),
}

/// The arguments of `list`.
#[derive(Args, Clone, Debug)]
pub struct ListArgs {
    /// List the entries that wait for a person instead, as `holds` does
    #[arg(long)]
    held: bool,
}

/// The arguments of `rollback`.
#[derive(Args, Clone, Debug)]
pub struct RollbackArgs {
    /// The feed
    #[arg(value_parser = parse_feed)]
    feed: FeedName,
    /// The state: SEQ or EPOCH/SEQ, or the first digits of a list's SHA-256; without it the last before
    #[arg(long, value_name = "SEQ")]
    to: Option<String>,
    /// Why; it goes to the audit log
    #[arg(long)]
    reason: String,
}

/// The arguments of `show`.
#[derive(Args, Clone, Debug)]
pub struct ShowArgs {
    /// The order: FEED:REFERENCE
    #[arg(value_parser = order_id)]
    id: OrderId,
}

/// The arguments of `withdraw` and `reinstate`.
#[derive(Args, Clone, Debug)]
pub struct WithdrawArgs {
    /// The order: FEED:REFERENCE
    #[arg(value_parser = order_id)]
    id: OrderId,
    /// One entry of it only
    #[arg(long)]
    entry: Option<String>,
    /// Why; it goes to the audit log
    #[arg(long, default_value = "", hide_default_value = true)]
    reason: String,
}

fn order_id(text: &str) -> Result<OrderId, String> {
    OrderId::try_from(text.to_owned()).map_err(|error| error.to_string())
}

pub(super) fn run(context: &Context, command: OrderCommand) -> Result<Outcome, Failure> {
    let service = &context.service;
    match command {
        OrderCommand::List(ListArgs { held: false }) => {
            let orders = service.ask(async |client| client.orders().await)?;
            context.document(&orders, || text::order::list(&orders))
        }
        OrderCommand::Show(ShowArgs { id }) => {
            let order = service.ask(async |client| client.order(&id).await)?;
            context.document(&order, || text::order::show(&order, Timestamp::now()))
        }
        OrderCommand::Add(args) => add::run(context, args),
        OrderCommand::Apply(args) => apply::run(context, &args),
        OrderCommand::Holds | OrderCommand::List(ListArgs { held: true }) => hold::holds(context),
        OrderCommand::Approve(args) => hold::approve(context, args),
        OrderCommand::Reject(args) => hold::reject(context, args),
        OrderCommand::Withdraw(args) => {
            let request = args.into();
            let changed = service.ask(async |client| client.withdraw(&request).await)?;
            context.changed(&changed)
        }
        OrderCommand::Rollback(RollbackArgs { feed, to, reason }) => {
            let request = RollBack { to, reason };
            let changed = service.ask(async |client| client.roll_back(&feed, &request).await)?;
            context.changed(&changed)
        }
        OrderCommand::Reinstate(args) => {
            let request = args.into();
            let changed = service.ask(async |client| client.reinstate(&request).await)?;
            context.changed(&changed)
        }
    }
}

impl From<WithdrawArgs> for Withdraw {
    fn from(args: WithdrawArgs) -> Self {
        let WithdrawArgs { id, entry, reason } = args;
        Self { id, entry, reason }
    }
}

/// The exit code for what became of entries: what an operator withdrew or what has ended is no refusal.
fn exit_of(report: &ApplyReport) -> Exit {
    let refused = |status: &str| matches!(status, "refused" | "held" | "partial");
    let listed = report.withheld.iter().any(|entry| refused(&entry.status));
    // What waits for the end of a pause is not refused.
    let unlisted = !report.paused && report.withheld_total > report.withheld.len() as u64;
    if listed || unlisted {
        Exit::Refused
    } else {
        Exit::Done
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::samples;

    #[test]
    fn refused_entries_decide_the_exit_code() {
        let mut report = samples::apply_report();
        assert_eq!(exit_of(&report), Exit::Refused);
        report.withheld[0].status = "partial".to_owned();
        assert_eq!(exit_of(&report), Exit::Refused);
        report.withheld[0].status = "withdrawn".to_owned();
        assert_eq!(exit_of(&report), Exit::Done);
        report.withheld_total = 2;
        assert_eq!(exit_of(&report), Exit::Refused);
    }
}
