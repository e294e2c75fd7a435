//! `exception`: prefixes that are never blocked.

use clap::{Args, Subcommand, ValueEnum};
use ipnet::IpNet;

use super::Context;
use crate::{
    cli::{failure::Failure, output::Outcome, text},
    http::wire::{AddException, RemoveException},
    order::field::parse_net,
};

/// The verbs.
#[derive(Clone, Debug, Subcommand)]
pub enum ExceptionCommand {
    /// List what is never blocked: built in, configured, or entered
    List,
    /// Never block a prefix, from now on
    Add(AddArgs),
    /// Drop an exception that was entered
    Remove(RemoveArgs),
}

/// The arguments of `add`.
#[derive(Args, Clone, Debug)]
pub struct AddArgs {
    /// An address or a prefix
    #[arg(value_name = "PREFIX", value_parser = prefix)]
    net: IpNet,
    /// Why; it goes to the audit log
    #[arg(long)]
    reason: String,
    /// From what it is protected
    #[arg(long, value_enum, default_value_t)]
    scope: ScopeArg,
    /// Until when: a time, a date (the end of that day), or from now, such as 30d
    #[arg(long)]
    until: Option<String>,
}

/// From what a prefix is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ScopeArg {
    /// Orders
    #[default]
    Lists,
    /// Everything: its packets pass unfiltered
    All,
}

/// The arguments of `remove`.
#[derive(Args, Clone, Debug)]
pub struct RemoveArgs {
    /// The prefix
    #[arg(value_name = "PREFIX", value_parser = prefix)]
    net: IpNet,
}

fn prefix(text: &str) -> Result<IpNet, String> {
    parse_net(text).map_err(|error| error.to_string())
}

pub(super) fn run(context: &Context, command: ExceptionCommand) -> Result<Outcome, Failure> {
    let service = &context.service;
    match command {
        ExceptionCommand::List => {
            let entries = service.ask(async |client| client.exceptions().await)?;
            context.document(&entries, || text::exception::list(&entries))
        }
        ExceptionCommand::Add(AddArgs {
            net,
            reason,
            scope,
            until,
        }) => {
            let scope = match scope {
                ScopeArg::Lists => "lists",
                ScopeArg::All => "all",
            };
            let request = AddException {
                net,
                scope: scope.to_owned(),
                reason,
                until,
            };
            let changed = service.ask(async |client| client.add_exception(&request).await)?;
            context.changed(&changed)
        }
        ExceptionCommand::Remove(RemoveArgs { net }) => {
            let request = RemoveException { net };
            let changed = service.ask(async |client| client.remove_exception(&request).await)?;
            context.changed(&changed)
        }
    }
}
