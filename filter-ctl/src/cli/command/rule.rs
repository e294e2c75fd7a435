//! `rule`: what is done about packets by what they are.

use clap::{Args, Subcommand};

use super::Context;
use crate::{
    cli::{failure::Failure, output::Outcome, text},
    http::wire::AddRule,
    rule::{RuleId, RuleName, text::parse},
};

/// The verbs.
#[derive(Clone, Debug, Subcommand)]
pub enum RuleCommand {
    /// List the rules in force, in the order in which they are asked
    List,
    /// Put a rule into force
    Add(AddArgs),
    /// Remove a rule that was added
    Remove(RemoveArgs),
}

/// The arguments of `add`.
#[derive(Args, Clone, Debug)]
pub struct AddArgs {
    /// Match and action, such as 'dst 192.0.2.0/24 proto = udp sport = 123 length >= 468 then drop'
    #[arg(value_name = "TEXT", value_parser = rule)]
    text: String,
    /// How long it holds, such as 2h, or until when: a time, or a date (the end of that day)
    #[arg(long, alias = "until")]
    ttl: Option<String>,
    /// Why; it goes to the audit log
    #[arg(long, default_value = "")]
    reason: String,
    /// Its name; without one it gets a number
    #[arg(long, value_name = "NAME", value_parser = name)]
    id: Option<RuleName>,
}

/// The arguments of `remove`.
#[derive(Args, Clone, Debug)]
pub struct RemoveArgs {
    /// The name of the rule
    #[arg(value_name = "ID", value_parser = id)]
    id: RuleId,
}

fn rule(text: &str) -> Result<String, String> {
    let read = parse(text).map(|_| text.to_owned());
    read.map_err(|error| error.to_string())
}

fn name(text: &str) -> Result<RuleName, String> {
    RuleName::try_from(text.to_owned()).map_err(|error| error.to_string())
}

fn id(text: &str) -> Result<RuleId, String> {
    RuleId::try_from(text.to_owned()).map_err(|error| error.to_string())
}

pub(super) fn run(context: &Context, command: RuleCommand) -> Result<Outcome, Failure> {
    let service = &context.service;
    match command {
        RuleCommand::List => {
            let rules = service.ask(async |client| client.rules().await)?;
            context.document(&rules, || text::rule::list(&rules))
        }
        RuleCommand::Add(AddArgs {
            text,
            ttl,
            reason,
            id,
        }) => {
            let request = AddRule {
                text,
                id,
                until: ttl,
                reason,
            };
            let added = service.ask(async |client| client.add_rule(&request).await)?;
            context.document(&added, || text::changed(&added.changed))
        }
        RuleCommand::Remove(RemoveArgs { id }) => {
            let changed = service.ask(async |client| client.remove_rule(&id).await)?;
            context.changed(&changed)
        }
    }
}
