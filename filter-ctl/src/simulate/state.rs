//! The stored orders and decisions, read without locking, creating or changing anything: a running
//! service owns them.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use jiff::tz::TimeZone;

use crate::{
    config::Config,
    daemon::{
        LocalError,
        desired::Sources,
        local::Local,
        pinned::{Pinned, read_pinned},
        start::{TrustFileError, read_trust},
        stored::Stored,
    },
    order::{store::Store, trust::TrustFile},
};

/// What is stored.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// The admitted orders.
    pub(crate) sources: Sources,
    /// What operators have decided.
    pub(crate) local: Local,
    /// Where paused feeds stand.
    pub(crate) pinned: Pinned,
    /// What is missing or damaged, in a sentence each.
    pub(crate) warnings: Vec<String>,
}

/// State that is there and cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {}: {source}{}", .path.display(), privilege(.source))]
pub(crate) struct StateError {
    path: PathBuf,
    source: io::Error,
}

/// Reads what the service of this configuration has stored.
pub(crate) fn read(config: &Config, timezone: &TimeZone) -> Result<State, StateError> {
    let mut state = State::default();
    let directory = &config.state_dir;
    if !is_there(directory)? {
        state.warnings.push(format!(
            "{} does not exist, so no order is in force",
            directory.display()
        ));
        return Ok(state);
    }
    let store = Store::look(directory);
    for directory in store.directories() {
        is_there(directory)?;
    }
    let trust = trust(config, &mut state.warnings)?;
    let Stored {
        sources,
        alarms,
        damaged,
        ..
    } = Stored::read(&store, &trust, timezone);
    state.sources = sources;
    let alarms = alarms
        .iter()
        .map(|(feed, alarm)| format!("{feed}: {alarm}"));
    state.warnings.extend(alarms);
    let damaged = damaged.iter().map(|(subject, message)| {
        format!("{subject}: {message}; the simulation goes on without what cannot be read")
    });
    state.warnings.extend(damaged);
    let (local, unusable) = Local::load(directory);
    for (_, error) in unusable {
        match error {
            LocalError::Read { path, source } => return Err(StateError { path, source }),
            error => state.warnings.push(format!(
                "{error}; the simulation goes on without what it decides"
            )),
        }
    }
    let (pinned, damaged) = read_pinned(&local, &store, &trust, timezone);
    let damaged = damaged.iter().map(|(subject, message)| {
        format!("{subject}: {message}; the simulation goes on without what cannot be read")
    });
    state.warnings.extend(damaged);
    state.local = local;
    state.pinned = pinned;
    Ok(state)
}

/// The trust file. Without it no bundle can be verified again.
fn trust(config: &Config, warnings: &mut Vec<String>) -> Result<TrustFile, StateError> {
    match read_trust(&config.trust_file) {
        Ok(trust) => Ok(trust),
        Err(TrustFileError::Read { path, source })
            if source.kind() == io::ErrorKind::PermissionDenied =>
        {
            Err(StateError { path, source })
        }
        Err(error) => {
            warnings.push(format!("{error}; no bundle can be verified without it"));
            Ok(TrustFile::default())
        }
    }
}

/// Whether a directory exists; an error if it cannot be listed.
fn is_there(directory: &Path) -> Result<bool, StateError> {
    match fs::read_dir(directory) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(StateError {
            path: directory.to_owned(),
            source,
        }),
    }
}

fn privilege(error: &io::Error) -> &'static str {
    if error.kind() == io::ErrorKind::PermissionDenied {
        "; run this as root, or as the user that the service runs as"
    } else {
        ""
    }
}
