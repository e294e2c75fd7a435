//! `completions` and `man`: from the definitions of the command line themselves.

use std::path::PathBuf;

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::cli::{args::Args, failure::Failure, output::Outcome};

/// The arguments of `completions`.
#[derive(clap::Args, Clone, Copy, Debug)]
pub struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// The arguments of `man`.
#[derive(clap::Args, Clone, Debug)]
pub struct ManArgs {
    /// Write the pages of all commands there instead
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(super) fn completions(args: CompletionsArgs) -> Outcome {
    let mut command = Args::command();
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "filter-ctl", &mut script);
    Outcome::raw(String::from_utf8_lossy(&script).into_owned())
}

pub(super) fn man(args: &ManArgs) -> Result<Outcome, Failure> {
    let command = Args::command();
    if let Some(dir) = &args.dir {
        clap_mangen::generate_to(command, dir).map_err(|error| {
            Failure::failed(
                "cannot_write",
                format!("cannot write manual pages to {}: {error}", dir.display()),
            )
        })?;
        return Ok(Outcome::raw(String::new()));
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command)
        .render(&mut page)
        .map_err(|error| Failure::failed("cannot_write", error.to_string()))?;
    Ok(Outcome::raw(String::from_utf8_lossy(&page).into_owned()))
}
