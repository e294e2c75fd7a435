//! From the file to a [`Config`]: its text, and the files that it names.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

pub use super::document::Problem;
use super::{
    Config,
    document::{listed, read},
    hold::{SharedError, read_shared},
    profile::Shelf,
    resolve::resolve,
    validate::{Findings, validate},
};
use crate::policy::hold::Guarded;

/// A configuration that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What is allowed and probably not meant.
    pub warnings: Vec<Problem>,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {}: {source}; name another with --config", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What it says cannot be used.
    #[error("the configuration {} cannot be used{}", .path.display(), listed(.problems))]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Everything that is wrong with it.
        problems: Vec<Problem>,
    },
    /// A file that it names cannot be used.
    #[error(transparent)]
    Shared(#[from] SharedError),
}

/// Reads and checks the file, and those of profiles and of shared infrastructure that it names.
pub fn load(path: &Path) -> Result<Loaded, ConfigError> {
    let text = fs::read_to_string(path).map_err(|source| ConfigError::Read {
        path: path.to_owned(),
        source,
    })?;
    let shelf = |config: &Config| Shelf::with(&config.profile_dir);
    let mut loaded = parse_with(&text, shelf).map_err(|problems| ConfigError::Invalid {
        path: path.to_owned(),
        problems,
    })?;
    let config = &mut loaded.config;
    let shared = read_shared(&config.shared_infrastructure)?;
    config.guarded = Arc::new(Guarded::new(&config.own_space, &shared));
    Ok(loaded)
}

/// Checks the text of a file, for which there are no profiles but the built-in ones.
pub fn parse(text: &str) -> Result<Loaded, Vec<Problem>> {
    parse_with(text, |_| Shelf::built_in())
}

fn parse_with(text: &str, shelf: impl FnOnce(&Config) -> Shelf) -> Result<Loaded, Vec<Problem>> {
    let (config, warnings) = read(text, |config: &mut Config| {
        let mut findings = Findings::default();
        let shelf = shelf(config);
        resolve(config, &shelf, &mut findings);
        validate(config, &mut findings);
        findings
    })?;
    Ok(Loaded { config, warnings })
}

#[cfg(test)]
mod tests;
