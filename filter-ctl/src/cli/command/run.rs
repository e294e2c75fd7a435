//! `run`: the service itself.

use std::{
    env,
    io::{self, IsTerminal as _},
    path::PathBuf,
};

use clap::Args;
use tracing_subscriber::EnvFilter;

use crate::{
    cli::{failure::Failure, output::Outcome},
    config::{
        DEFAULT_PATH, LogConfig, LogFormat,
        load::{ConfigError, Loaded, load},
        log_filter,
    },
    daemon,
};

/// Takes precedence over the configured log level.
const LOG_VARIABLE: &str = "LEVEE_LOG";

/// The arguments.
#[derive(Args, Clone, Debug)]
pub struct RunArgs {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = DEFAULT_PATH)]
    config: PathBuf,
}

pub(super) fn run(args: &RunArgs) -> Result<Outcome, Failure> {
    let Loaded { config, warnings } = load(&args.config).map_err(|error| config_failure(&error))?;
    start_log(&config.log)?;
    for warning in warnings {
        tracing::warn!(file = %args.config.display(), "{warning}");
    }
    daemon::run(config, args.config.clone())
        .map_err(|error| Failure::failed("service", error.to_string()))?;
    Ok(Outcome::raw(String::new()))
}

/// A configuration that cannot be used is invalid input.
pub(super) fn config_failure(error: &ConfigError) -> Failure {
    Failure::invalid("configuration", error.to_string())
}

fn start_log(config: &LogConfig) -> Result<(), Failure> {
    let filter = match env::var(LOG_VARIABLE) {
        Ok(filter) if !filter.is_empty() => {
            log_filter(&filter).map_err(|part| {
                Failure::invalid(
                    "log_level",
                    format!(
                        "{LOG_VARIABLE}: `{part}` is not a log level: expected error, warn, info, \
                         debug or trace, or a list such as info,filter_ctl::http=debug"
                    ),
                )
            })?;
            filter
        }
        _ => config.level.clone(),
    };
    let filter = EnvFilter::try_new(filter)
        .map_err(|error| Failure::invalid("log_level", error.to_string()))?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal());
    match config.format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
    Ok(())
}
