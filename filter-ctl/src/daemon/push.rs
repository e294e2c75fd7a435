//! The listener for authorities, as far as the engine has to do with it: its alarm, and the certificates that a
//! reload must find good before it changes anything.

use super::{
    engine::{Engine, invalid},
    handle::Answer,
};
use crate::{
    config::{Config, PushConfig},
    http::push::tls::Identity,
};

const ALARM: &str = "push_certificates";

impl Engine {
    /// Raises what the listener has found wrong with its files, or ends that alarm.
    pub(super) fn check_push(&mut self) {
        match self.push.trouble() {
            Some(message) => self.raise(ALARM, "push", message),
            None => self.clear_alarm(ALARM, "push"),
        }
    }

    /// What the listener is to go by.
    pub(super) fn push_config(&self) -> PushConfig {
        self.config.push.clone()
    }
}

/// Whether the certificates of a configuration can be used.
pub(super) fn check_certificates(config: &Config) -> Answer<()> {
    if config.push.listen.is_none() {
        return Ok(());
    }
    Identity::load(&config.push)
        .map(drop)
        .map_err(|error| invalid("push_certificates", error.to_string()))
}
