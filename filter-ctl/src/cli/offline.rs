//! The pins, for when the service is dead: the kernel goes on without it, and an engineer has to see
//! what it does and be able to stop it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::Args;
use jiff::tz::TimeZone;
use nix::unistd::{User, getuid};
use serde::Deserialize;

use super::failure::Failure;
use crate::{
    audit::AuditError,
    config::{Config, DEFAULT_PATH},
    http::{
        client::ClientError,
        wire::{Stats, Status},
    },
    observe::offline::{self, Detached, OfflineError},
};

/// Where the pins and the state are.
#[derive(Args, Clone, Debug)]
pub struct OfflineArgs {
    /// The configuration that says where pins and state are, if the service is not running
    #[arg(long, value_name = "FILE", default_value = DEFAULT_PATH)]
    config: PathBuf,
    /// Where maps and links are pinned; overrides the configuration
    #[arg(long, value_name = "DIR")]
    pin_dir: Option<PathBuf>,
    /// Where the service keeps its state; overrides the configuration
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
}

/// The settings that matter here. Others may be wrong, which may be why the service is dead.
#[derive(Deserialize, Default)]
struct Settings {
    pin_dir: Option<PathBuf>,
    state_dir: Option<PathBuf>,
    profile_dir: Option<PathBuf>,
    timezone: Option<String>,
}

impl Settings {
    fn read(config: &Path) -> Self {
        let text = fs::read_to_string(config).unwrap_or_default();
        toml::from_str(&text).unwrap_or_default()
    }
}

/// The pins and the state of a dead service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offline {
    pin_dir: PathBuf,
    state_dir: PathBuf,
}

impl OfflineArgs {
    /// Finds pins and state.
    #[must_use]
    pub fn find(&self) -> Offline {
        let settings = Settings::read(&self.config);
        let Config {
            pin_dir, state_dir, ..
        } = Config::default();
        let choose = |given: &Option<PathBuf>, set: Option<PathBuf>, default| {
            given.clone().or(set).unwrap_or(default)
        };
        Offline {
            pin_dir: choose(&self.pin_dir, settings.pin_dir, pin_dir),
            state_dir: choose(&self.state_dir, settings.state_dir, state_dir),
        }
    }
}

/// What was done on the pins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnPins<T> {
    /// Its result.
    pub result: T,
    /// What is to be said with it.
    pub notes: Vec<String>,
}

/// The state directory that a configuration names, or the default; the rest of the file may be wrong.
#[must_use]
pub fn state_dir(config: &Path) -> PathBuf {
    let set = Settings::read(config).state_dir;
    set.unwrap_or_else(|| Config::default().state_dir)
}

/// The time zone that a configuration names, or the default.
pub fn time_zone(config: &Path) -> Result<TimeZone, jiff::Error> {
    let mut zoned = Config::default();
    if let Some(timezone) = Settings::read(config).timezone {
        zoned.timezone = timezone;
    }
    zoned.time_zone()
}

/// The directory of profiles that a configuration names, or the default.
#[must_use]
pub fn profile_dir(config: &Path) -> PathBuf {
    let set = Settings::read(config).profile_dir;
    set.unwrap_or_else(|| Config::default().profile_dir)
}

impl Offline {
    /// The directory of the pins.
    #[must_use]
    pub fn pin_dir(&self) -> &Path {
        &self.pin_dir
    }

    /// What is attached and in force.
    pub fn status(&self, why: &ClientError) -> Result<OnPins<Status>, Failure> {
        self.noted(
            why,
            offline::status(&self.pin_dir).map(|status| (status, None)),
        )
    }

    /// All counters.
    pub fn stats(&self, why: &ClientError) -> Result<OnPins<Stats>, Failure> {
        let stats = offline::stats(&self.pin_dir, &self.state_dir);
        self.noted(why, stats.map(|stats| (stats, None)))
    }

    /// Sets the kill switch; true switches filtering off.
    pub fn panic(&self, why: &ClientError, off: bool, reason: &str) -> Result<OnPins<()>, Failure> {
        let set = offline::panic(&self.pin_dir, &self.state_dir, off, &actor(), reason);
        self.noted(why, set.map(|unrecorded| ((), unrecorded)))
    }

    /// Takes the program off interfaces, all of them where none is named.
    pub fn detach(
        &self,
        why: &ClientError,
        names: &[String],
    ) -> Result<OnPins<Vec<String>>, Failure> {
        let detached = offline::detach(&self.pin_dir, &self.state_dir, names, &actor());
        let OnPins { result, mut notes } = self.noted(why, detached)?;
        let Detached { names, kept } = result;
        if let Some(error) = kept {
            notes.push(format!(
                "nothing is filtered any more, but the maps stay, with what they counted: {error}"
            ));
        }
        Ok(OnPins {
            result: names,
            notes,
        })
    }

    fn noted<T>(
        &self,
        why: &ClientError,
        done: Result<(T, Option<AuditError>), OfflineError>,
    ) -> Result<OnPins<T>, Failure> {
        let (result, unrecorded) = done.map_err(|error| {
            Failure::unreachable(format!("{why}. Its pins cannot be used either: {error}"))
        })?;
        let mut notes = vec![format!(
            "the service does not answer ({why}); this is about its pins in {}",
            self.pin_dir.display()
        )];
        if let Some(error) = unrecorded {
            notes.push(format!(
                "it was done, but the audit log does not say so: {error}"
            ));
        }
        Ok(OnPins { result, notes })
    }
}

/// Whether the service gave no sign of life, so that the pins may be looked at in its stead.
#[must_use]
pub const fn is_dead(error: &ClientError) -> bool {
    matches!(
        error,
        ClientError::Unreachable { .. } | ClientError::Silent { .. } | ClientError::Broken { .. }
    )
}

/// The user, as the audit log names it.
fn actor() -> String {
    let uid = getuid();
    let user = User::from_uid(uid).ok().flatten();
    let name = user.map_or_else(|| "unknown".to_owned(), |user| user.name);
    format!("{name} (uid {uid})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_come_from_the_command_line_then_the_file_then_the_defaults() {
        let directory = tempfile::tempdir().unwrap();
        let config = directory.path().join("levee.toml");
        // The rest of the file may be broken.
        fs::write(&config, "pin_dir = \"/pins\"\nintreface = 1\n").unwrap();
        let args = |config: &Path, state_dir: Option<&str>| OfflineArgs {
            config: config.to_owned(),
            pin_dir: None,
            state_dir: state_dir.map(PathBuf::from),
        };
        let offline = |pin_dir: &str, state_dir: &str| Offline {
            pin_dir: pin_dir.into(),
            state_dir: state_dir.into(),
        };
        assert_eq!(args(&config, Some("/s")).find(), offline("/pins", "/s"));
        assert_eq!(
            args(&config, None).find(),
            offline("/pins", "/var/lib/levee")
        );
        assert_eq!(
            args(Path::new("/nonexistent"), None).find(),
            offline("/sys/fs/bpf/levee", "/var/lib/levee")
        );
    }
}
