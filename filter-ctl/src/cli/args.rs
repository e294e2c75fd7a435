//! What can be typed. The arguments of each verb stand beside its code.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use super::{
    command::{
        audit, bundle, capture, check, clock, events, exception, explain, feed, generate,
        interface, kill_switch, order, profile, receipt, reload, report, rule, run, simulate,
        stats, status, top, trust,
    },
    output::Format,
};
use crate::config::DEFAULT_CONTROL_SOCKET;

/// Levee: a network perimeter filter for ISPs
///
/// Drops attack traffic and blocklisted hosts at line rate, on orders that authorities sign.
#[derive(Debug, Parser)]
#[command(
    name = "filter-ctl",
    version,
    after_help = "Exit codes: 0 done, 1 failed, 2 usage or invalid input, 3 refused by policy or \
                  held, 4 the service is not reachable."
)]
pub struct Args {
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would print it")]
    pub global: Global,
    #[command(subcommand)]
    #[expect(missing_docs, reason = "clap would print it")]
    pub command: Command,
}

/// What every command takes.
#[derive(Clone, Debug, clap::Args)]
pub struct Global {
    /// The control socket of the service
    #[arg(
        long,
        global = true,
        value_name = "PATH",
        help_heading = "Global options",
        env = "LEVEE_SOCKET",
        default_value = DEFAULT_CONTROL_SOCKET
    )]
    pub socket: PathBuf,
    /// How results are printed
    #[arg(
        short,
        long,
        global = true,
        value_enum,
        default_value_t,
        help_heading = "Global options"
    )]
    pub output: Format,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the service
    Run(run::RunArgs),
    /// Check the configuration and the trust file, and change nothing
    Check(check::CheckArgs),
    /// Show what is in force, and alarms
    Status(status::StatusArgs),
    /// Show what was dropped and passed, and why
    Stats(stats::StatsArgs),
    /// Say whether, and on whose order, an address is blocked
    Explain(explain::ExplainArgs),
    /// Show some of the packets that were dropped, and why
    Events(events::EventsArgs),
    /// Write samples of dropped packets to a file that Wireshark opens
    Capture(capture::CaptureArgs),
    /// Show what comes for protected destinations, the busiest first
    Top(top::TopArgs),
    /// Judge the packets of a capture, and change nothing. Needs no service
    Simulate(simulate::SimulateArgs),
    /// Blocking orders
    #[command(subcommand)]
    Order(order::OrderCommand),
    /// Prefixes that are never blocked
    #[command(subcommand)]
    Exception(exception::ExceptionCommand),
    /// What is done about packets by what they are
    #[command(subcommand)]
    Rule(rule::RuleCommand),
    /// Ready sets of policies, limits and rules for host groups. Needs no service
    #[command(subcommand)]
    Profile(profile::ProfileCommand),
    /// Where orders come from
    #[command(subcommand)]
    Feed(feed::FeedCommand),
    /// What became of each signed bundle, signed by the appliance
    #[command(subcommand)]
    Receipt(receipt::ReceiptCommand),
    /// Make keys; sign, verify and look into bundles. Needs no service
    #[command(subcommand)]
    Bundle(bundle::BundleCommand),
    /// Print what became of an order, for the authority that asked
    Report(report::ReportArgs),
    /// Read and verify the audit log. Needs no service
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Who is trusted, and what the trust file may become
    #[command(subcommand)]
    Trust(trust::TrustCommand),
    /// This machine's clock
    #[command(subcommand)]
    Clock(clock::ClockCommand),
    /// Put the program on an interface of the configuration
    Attach(interface::AttachArgs),
    /// Take the program off interfaces: they are no longer filtered
    Detach(interface::DetachArgs),
    /// Switch all filtering off, or on again
    Panic(kill_switch::PanicArgs),
    /// Put a changed configuration into force, or nothing of it
    Reload(reload::ReloadArgs),
    /// Print a shell's completions
    Completions(generate::CompletionsArgs),
    /// Print the manual page, or write those of all commands
    Man(generate::ManArgs),
}
