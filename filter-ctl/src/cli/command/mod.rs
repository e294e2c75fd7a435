//! The commands, a file for each group of verbs.
//!
//! - [`run`]: the service itself;
//! - [`check`]: the configuration, without changing anything;
//! - [`status`], [`stats`], [`explain`], [`feed`]: looking;
//! - [`events`], [`capture`], [`top`]: what is dropped and what comes, while it happens;
//! - [`receipt`]: what was stated of a bundle;
//! - [`order`], [`exception`], [`rule`]: what is blocked and what never is;
//! - [`interface`], [`kill_switch`], [`reload`]: operating;
//! - [`trust`], [`clock`]: whose signatures are believed, and whether the time is;
//! - [`bundle`]: the authority's side, without a service;
//! - [`profile`]: ready sets of policies, limits and rules, without a service;
//! - [`report`]: what became of an order, for the authority;
//! - [`audit`]: who did what, without a service;
//! - [`simulate`]: what would become of recorded packets, without a service;
//! - [`generate`]: completions and manual pages.

pub mod audit;
pub mod bundle;
pub mod capture;
pub mod check;
pub mod clock;
pub mod events;
pub mod exception;
pub mod explain;
pub mod feed;
pub mod generate;
pub mod interface;
pub mod kill_switch;
pub mod order;
pub mod profile;
pub mod receipt;
pub mod reload;
pub mod report;
pub mod rule;
pub mod run;
pub mod simulate;
pub mod stats;
pub mod status;
pub mod top;
pub mod trust;

use std::{fs, path::Path};

use serde::Serialize;

use super::{
    args::{Args, Command, Global},
    failure::Failure,
    offline::OnPins,
    output::{Format, Outcome},
    service::Service,
    text,
};
use crate::http::wire::Changed;

/// What every command has.
#[derive(Clone, Debug)]
pub struct Context {
    format: Format,
    service: Service,
}

/// Runs a command.
pub fn run(args: Args) -> Result<Outcome, Failure> {
    let Args {
        global: Global { socket, output },
        command,
    } = args;
    let context = Context {
        format: output,
        service: Service::new(&socket),
    };
    match command {
        Command::Run(args) => run::run(&args),
        Command::Check(args) => check::run(&context, &args),
        Command::Status(args) => status::run(&context, &args),
        Command::Stats(args) => stats::run(&context, &args),
        Command::Explain(args) => explain::run(&context, &args),
        Command::Events(args) => events::run(&context, &args),
        Command::Capture(args) => capture::run(&context, &args),
        Command::Top(args) => top::run(&context, &args),
        Command::Simulate(args) => simulate::run(&context, &args),
        Command::Order(command) => order::run(&context, command),
        Command::Exception(command) => exception::run(&context, command),
        Command::Rule(command) => rule::run(&context, command),
        Command::Profile(command) => profile::run(&context, &command),
        Command::Feed(command) => feed::run(&context, &command),
        Command::Receipt(command) => receipt::run(&context, &command),
        Command::Bundle(command) => bundle::run(&context, command),
        Command::Report(args) => report::run(&context, &args),
        Command::Audit(command) => audit::run(&context, command),
        Command::Attach(args) => interface::attach(&context, &args),
        Command::Detach(args) => interface::detach(&context, &args),
        Command::Panic(args) => kill_switch::run(&context, args),
        Command::Reload(reload::ReloadArgs) => reload::run(&context),
        Command::Trust(command) => trust::run(&context, &command),
        Command::Clock(command) => clock::run(&context, command),
        Command::Completions(args) => Ok(generate::completions(args)),
        Command::Man(args) => generate::man(&args),
    }
}

impl Context {
    fn document(
        &self,
        document: &impl Serialize,
        text: impl FnOnce() -> String,
    ) -> Result<Outcome, Failure> {
        Outcome::document(self.format, document, text)
    }

    /// The answer to a change.
    fn changed(&self, changed: &Changed) -> Result<Outcome, Failure> {
        self.document(changed, || text::changed(changed))
    }

    /// What was read from, or done to, the pins: the text begins with that, a document does not.
    fn on_pins<T: Serialize>(
        &self,
        on_pins: OnPins<T>,
        text: impl FnOnce(&T) -> String,
    ) -> Result<Outcome, Failure> {
        let OnPins { result, notes } = on_pins;
        let mut outcome = self.document(&result, || text(&result))?;
        outcome.notes = notes;
        Ok(outcome)
    }
}

/// Reads a file that the command line names.
fn read_file(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| {
        Failure::invalid(
            "cannot_read",
            format!("cannot read {}: {error}", path.display()),
        )
    })
}
