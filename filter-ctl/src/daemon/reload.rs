//! Reading the configuration and the trust file again, and ending.

use std::path::PathBuf;

use super::{
    engine::{Engine, actor_name, failed, invalid},
    handle::{Actor, Answer},
    offload,
    push::check_certificates,
    rules::choose,
};
use crate::{
    audit::{Event, STOP},
    config::{
        Config,
        load::{Loaded, load},
        pull::PullConfig,
    },
    http::wire::Changed,
    order::FeedName,
};

/// Alarms whose subject is a configured interface: they end with its configuration.
const INTERFACE_ALARMS: [&str; 2] = ["not_attached", offload::ALARM];

impl Engine {
    /// Reads the configuration and the trust file. All of it is valid and comes into force, or none.
    pub(super) fn reload(&mut self, actor: &Actor) -> Answer<Changed> {
        let Loaded { config, .. } =
            load(&self.config_path).map_err(|error| invalid("configuration", error.to_string()))?;
        self.check_unchanged(&config)?;
        check_certificates(&config)?;
        self.check_rule_conflicts(&config)?;
        let trust = self.judge_trust(&config)?;
        let before = (self.config.clone(), self.ledger.clone());
        self.config = config;
        let outcome = self.note_interfaces().and_then(|()| {
            let (sources, local) = (self.sources.clone(), self.local.clone());
            self.plan(&sources, &local)
        });
        let outcome = outcome.and_then(|plan| {
            if let Some(trust) = trust {
                self.keep_trust(trust, &actor_name(actor))?;
            }
            Ok(plan)
        });
        let plan = match outcome {
            Ok(plan) => plan,
            Err(refusal) => {
                (self.config, self.ledger) = before;
                return Err(refusal);
            }
        };
        let subject = self.config.trust_file.display().to_string();
        self.clear_alarm("trust_file", &subject);
        let configured: Vec<String> = self
            .config
            .interfaces
            .iter()
            .map(|interface| interface.name.clone())
            .collect();
        self.interface_errors
            .retain(|name, _| configured.contains(name));
        self.alarms.retain(|(code, subject), _| {
            !INTERFACE_ALARMS.contains(code) || configured.contains(subject)
        });
        self.forget_pulls();
        self.apply_sampling();
        self.record(Event::new(
            &actor_name(actor),
            "reload",
            self.config_path.display().to_string(),
        ));
        if !self.damaged.is_empty() {
            self.attach_all();
            let error = "the configuration was read, but what is in force is kept as it is while \
                         stored orders cannot be read; see the alarms of `filter-ctl status`";
            return Err(failed("state_damaged", error.to_owned()));
        }
        let generation = self.enforce_plan(plan)?;
        self.attach_all();
        Ok(Changed {
            message: "the configuration and the trust file were read again".to_owned(),
            generation: Some(generation),
        })
    }

    /// A rule of the file must not take the place of one that was added.
    fn check_rule_conflicts(&self, new: &Config) -> Answer<()> {
        let left_out = choose(new, &self.local, self.now()).left_out;
        match left_out.first() {
            None => Ok(()),
            Some(conflict) => {
                let error = format!(
                    "{conflict}; rules that were added stay in force, and nothing was changed: see \
                     `filter-ctl rule list`"
                );
                Err(invalid(conflict.code(), error))
            }
        }
    }

    /// Some settings hold for the life of a service.
    fn check_unchanged(&self, new: &Config) -> Answer<()> {
        let old = &self.config;
        let fixed = [
            ("state_dir", old.state_dir == new.state_dir),
            ("control_socket", old.control_socket == new.control_socket),
            ("pin_dir", old.pin_dir == new.pin_dir),
            ("metrics_listen", old.metrics_listen == new.metrics_listen),
            ("push.listen", old.push.listen == new.push.listen),
            ("timezone", old.timezone == new.timezone),
            ("capacity", old.capacity == new.capacity),
            ("log", old.log == new.log),
        ];
        let changed: Vec<&str> = fixed
            .iter()
            .filter(|(_, same)| !same)
            .map(|(name, _)| *name)
            .collect();
        if changed.is_empty() {
            return Ok(());
        }
        Err(invalid(
            "restart_needed",
            format!(
                "{} cannot change while the service runs; nothing was changed: restart it, filtering \
                 goes on meanwhile",
                changed.join(", ")
            ),
        ))
    }

    /// The directories to watch for bundles.
    pub(super) fn feed_directories(&self) -> Vec<(FeedName, PathBuf)> {
        let feeds = self.config.feeds.iter();
        feeds
            .filter_map(|feed| Some((feed.name.clone(), feed.directory.clone()?)))
            .collect()
    }

    /// The feeds to fetch.
    pub(super) fn feed_pulls(&self) -> Vec<(FeedName, PullConfig)> {
        let feeds = self.config.feeds.iter();
        feeds
            .filter_map(|feed| Some((feed.name.clone(), feed.pull()?)))
            .collect()
    }

    /// Ends in good order. What the kernel enforces stays.
    pub(super) fn stop(&mut self) {
        self.stop_sampling();
        self.read_counters();
        self.save_counters();
        self.record(Event::new("filter-ctl", STOP, env!("CARGO_PKG_VERSION")));
        self.seal_audit(true);
        tracing::info!("stopped; the kernel goes on filtering");
    }
}
