//! The command line.
//!
//! A command is a plain function from its arguments to an [`output::Outcome`] or a
//! [`failure::Failure`]; only [`main`] prints, and only `run` does not come back.
//!
//! - [`args`]: what can be typed;
//! - [`command`]: a file for each group of verbs;
//! - [`text`]: the documents as text for people;
//! - [`output`]: what a command leaves on standard output and standard error;
//! - [`failure`]: why it did not do what it was asked, and the exit code for it;
//! - [`offline`]: the pins, for when the service is dead;
//! - [`service`]: the service, for when it is not;
//! - [`sanitize`]: makes outside text safe to print.

#![expect(
    clippy::format_push_string,
    reason = "text for people is short, and reads best in the order in which it is printed"
)]

pub mod args;
pub mod command;
pub mod failure;
pub mod offline;
pub mod output;
pub mod sanitize;
pub mod service;
#[cfg(test)]
mod tests;
pub mod text;

use clap::Parser as _;

use self::args::Args;
use crate::exit::Exit;

/// Runs the command line of this process.
#[must_use]
pub fn main() -> Exit {
    // A usage error ends the process here, with exit code 2.
    let args = Args::parse();
    let format = args.global.output;
    let result = command::run(args);
    output::print(format, result)
}
