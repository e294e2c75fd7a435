//! `check`: the configuration, the trust file and the machine, without changing anything.

use std::path::{Path, PathBuf};

use clap::Args;
use jiff::Timestamp;
use nix::{
    net::if_::if_nametoindex,
    sys::statfs::{BPF_FS_MAGIC, statfs},
};
use serde::Serialize;

use super::{
    Context,
    profile::{self, GroupShown},
    run::config_failure,
};
use crate::{
    cli::{
        failure::Failure,
        output::Outcome,
        text::{self, count, fields, number},
    },
    config::{
        Config, DEFAULT_PATH, FeedFormat,
        load::{Loaded, load},
    },
    daemon::{
        desired::{Sources, note_interfaces, plan},
        local::Local,
        start::{TrustFileError, capacity, read_trust},
    },
    http::push::tls::Identity,
    kernel::{
        object,
        offload::{strips_vlan_tags, vlan_advice},
    },
    observe::ledger::Ledger,
    order::trust::TrustFile,
    policy::RuleSet,
};

/// The arguments.
#[derive(Args, Clone, Debug)]
pub struct CheckArgs {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = DEFAULT_PATH)]
    config: PathBuf,
}

/// What is in the files, and what is odd about it.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Report {
    config: PathBuf,
    trust_file: PathBuf,
    interfaces: Vec<String>,
    host_groups: Vec<String>,
    profiles: Vec<GroupShown>,
    policies: Vec<String>,
    tunnels: Vec<&'static str>,
    nat64_prefixes: Vec<String>,
    feeds: Vec<String>,
    keys: usize,
    never_block: usize,
    capacity_ipv4: u32,
    capacity_ipv6: u32,
    state_dir: PathBuf,
    pin_dir: PathBuf,
    control_socket: PathBuf,
    metrics_listen: Option<String>,
    warnings: Vec<String>,
}

pub(super) fn run(context: &Context, args: &CheckArgs) -> Result<Outcome, Failure> {
    let Loaded { config, warnings } = load(&args.config).map_err(|error| config_failure(&error))?;
    object::embedded().map_err(|error| Failure::failed("no_object", error.to_string()))?;
    let mut warnings: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    let trust = trust(&config, &mut warnings)?;
    if config.push.listen.is_some() {
        Identity::load(&config.push)
            .map_err(|error| Failure::invalid("push_certificates", error.to_string()))?;
    }
    for interface in &config.interfaces {
        if if_nametoindex(interface.name.as_str()).is_err() {
            let name = &interface.name;
            warnings.push(format!(
                "interface {name} does not exist; it is filtered once it does"
            ));
        }
        if !interface.vlans.is_empty() && strips_vlan_tags(&interface.name) {
            warnings.push(vlan_advice(&interface.name));
        }
    }
    fits(&config)?;
    if !on_bpffs(&config.pin_dir) {
        warnings.push(format!(
            "{} is not on a BPF file system; unless the service can mount one, do so with \
             `mount -t bpf bpf /sys/fs/bpf`",
            config.pin_dir.display()
        ));
    }
    let report = report(&args.config, &config, &trust, warnings);
    context.document(&report, || report.text())
}

/// Whether what the configuration says by itself has room in the kernel, without any order.
fn fits(config: &Config) -> Result<(), Failure> {
    let invalid = |error: &dyn std::error::Error| Failure::invalid("capacity", error.to_string());
    let mut ledger = Ledger::new();
    note_interfaces(config, &mut ledger).map_err(|error| invalid(&error))?;
    let (sources, local, before) = (Sources::default(), Local::default(), RuleSet::default());
    let room = capacity(config.capacity);
    let now = Timestamp::now();
    plan(config, room, &ledger, &sources, &local, &before, now).map_err(|error| invalid(&error))?;
    Ok(())
}

/// Reads the trust file. Without any feed there need not be one.
fn trust(config: &Config, warnings: &mut Vec<String>) -> Result<TrustFile, Failure> {
    let trust = match read_trust(&config.trust_file) {
        Ok(trust) => trust,
        Err(error @ TrustFileError::Read { .. }) if config.feeds.is_empty() => {
            warnings.push(format!("{error}; no bundle can be admitted without it"));
            TrustFile::default()
        }
        Err(error) => return Err(Failure::invalid("trust_file", error.to_string())),
    };
    for feed in &config.feeds {
        let is_signed = feed.format == FeedFormat::Bundle;
        if is_signed && trust.feed(&feed.name).is_none() {
            warnings.push(format!(
                "feed {} is not in the trust file, so no bundle of it can be admitted",
                feed.name
            ));
        }
    }
    Ok(trust)
}

/// Whether the directory, or the nearest one above it that exists, is on a BPF file system.
fn on_bpffs(directory: &Path) -> bool {
    directory
        .ancestors()
        .find_map(|directory| statfs(directory).ok())
        .is_some_and(|file_system| file_system.filesystem_type() == BPF_FS_MAGIC)
}

fn report(path: &Path, config: &Config, trust: &TrustFile, warnings: Vec<String>) -> Report {
    let interfaces = config.interfaces.iter().map(|interface| {
        let (role, action) = (interface.role.name(), interface.action.name());
        let vlans = interface.vlans.iter().map(|vlan| {
            let role = vlan.role.unwrap_or(interface.role).name();
            let action = vlan.action.unwrap_or(interface.action).name();
            format!("; VLAN {}: {role}, {action}", vlan.id)
        });
        format!(
            "{} ({role}, {}, {action}{})",
            interface.name,
            interface.mode.name(),
            vlans.collect::<String>()
        )
    });
    let groups = config.host_groups.iter().map(|group| {
        let networks = count(group.networks.len() as u64, "network", "networks");
        let profile = group.profile.as_ref();
        let profile = profile.map_or_else(String::new, |name| format!(", profile {name}"));
        format!("{} ({networks}{profile})", group.name)
    });
    let feeds = config.feeds.iter().map(|feed| {
        let keys = trust.feed(&feed.name).map_or_else(
            || "no keys".to_owned(),
            |trusted| format!("{} of {} keys", trusted.threshold, trusted.keys.len()),
        );
        format!("{} ({}, {keys})", feed.name, feed.mode.name())
    });
    Report {
        config: path.to_owned(),
        trust_file: config.trust_file.clone(),
        interfaces: interfaces.collect(),
        host_groups: groups.collect(),
        profiles: profile::groups(config),
        policies: changed_policies(config),
        tunnels: config.tunnels.iter().map(|tunnel| tunnel.name()).collect(),
        nat64_prefixes: config
            .nat64_prefixes
            .iter()
            .map(ToString::to_string)
            .collect(),
        feeds: feeds.collect(),
        keys: trust.keys().len(),
        never_block: config.never_block.len(),
        capacity_ipv4: config.capacity.ipv4,
        capacity_ipv6: config.capacity.ipv6,
        state_dir: config.state_dir.clone(),
        pin_dir: config.pin_dir.clone(),
        control_socket: config.control_socket.clone(),
        metrics_listen: config.metrics_listen.map(|address| address.to_string()),
        warnings,
    }
}

/// What differs from the default, or from the role where a group says it.
fn changed_policies(config: &Config) -> Vec<String> {
    let mut changed = Vec::new();
    let roles = [
        ("upstream", &config.policies.upstream),
        ("customer", &config.policies.customer),
    ];
    for (role, actions) in roles {
        for (policy, action) in &actions.0 {
            if *action != policy.default_action() {
                changed.push(format!("{role} {}: {}", policy.name(), action.name()));
            }
        }
    }
    for group in &config.host_groups {
        for (policy, setting) in &group.in_force.policies {
            let (name, action) = (&group.name, setting.value());
            changed.push(format!("{name} {}: {}", policy.name(), action.name()));
        }
    }
    changed
}

impl Report {
    fn text(&self) -> String {
        let or_none = |list: &[String]| match list {
            [] => "none".to_owned(),
            some => some.join(", "),
        };
        let metrics = self.metrics_listen.clone();
        let mut text = format!("{} is valid.\n", self.config.display());
        let mut rows = vec![("interfaces", or_none(&self.interfaces))];
        // What few networks need is shown where it is used.
        if !self.host_groups.is_empty() {
            rows.push(("host groups", self.host_groups.join(", ")));
        }
        rows.push(match self.policies.as_slice() {
            [] => ("policies", "defaults".to_owned()),
            changed => ("policies", changed.join(", ")),
        });
        if !self.tunnels.is_empty() {
            rows.push(("tunnels", self.tunnels.join(", ")));
        }
        if !self.nat64_prefixes.is_empty() {
            rows.push(("NAT64", self.nat64_prefixes.join(", ")));
        }
        rows.extend([
            ("feeds", or_none(&self.feeds)),
            (
                "trust",
                format!(
                    "{} in {}",
                    count(self.keys as u64, "key", "keys"),
                    self.trust_file.display()
                ),
            ),
            (
                "never-block",
                format!(
                    "{} besides the built-in space",
                    count(self.never_block as u64, "prefix", "prefixes")
                ),
            ),
            (
                "capacity",
                format!(
                    "{} IPv4 and {} IPv6 prefixes",
                    number(self.capacity_ipv4.into()),
                    number(self.capacity_ipv6.into())
                ),
            ),
            ("state", self.state_dir.display().to_string()),
            ("pins", self.pin_dir.display().to_string()),
            ("socket", self.control_socket.display().to_string()),
            ("metrics", metrics.unwrap_or_else(|| "off".to_owned())),
        ]);
        text += &fields(2, &rows);
        for group in &self.profiles {
            text.push('\n');
            text += &text::profile::group(group);
        }
        if !self.warnings.is_empty() {
            let count = count(self.warnings.len() as u64, "warning", "warnings");
            text += &format!("\n{count}:\n");
            for warning in &self.warnings {
                text += &format!("  {warning}\n");
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load::parse;

    const TRUST_EXAMPLE: &str = include_str!("../../../../etc/trust.toml.example");

    /// The example with its commented tables in force.
    fn uncommented() -> String {
        let setting = |line: &str| {
            line.starts_with("[[") || line.starts_with("[feed") || {
                let key = line.split(" = ").next().unwrap_or_default();
                line.contains(" = ")
                    && key
                        .bytes()
                        .all(|b| b.is_ascii_lowercase() || b == b'_' || b.is_ascii_digit())
            }
        };
        let lines = TRUST_EXAMPLE
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(rest) if setting(rest) => format!("{rest}\n"),
                _ => format!("{line}\n"),
            });
        lines.collect()
    }

    #[test]
    fn the_example_of_a_trust_file_trusts_nobody_until_it_is_filled_in() {
        let trust = TrustFile::parse(TRUST_EXAMPLE).unwrap();
        assert_eq!((trust.keys().len(), trust.feeds().len()), (0, 0));
        let trust = TrustFile::parse(&uncommented()).unwrap();
        assert_eq!((trust.keys().len(), trust.feeds().len()), (1, 1));
        // What the example gives for the scope is the default.
        let scope = crate::order::trust::Scope::default();
        assert_eq!(trust.feeds()[0].scope, scope);
    }

    #[test]
    fn the_summary() {
        let config = parse(
            "[[interface]]\nname = \"eth0\"\nrole = \"upstream\"\n[[feed]]\nname = \"ncsc\"\n",
        )
        .unwrap()
        .config;
        let warning = "interface eth0 does not exist; it is filtered once it does".to_owned();
        let path = Path::new("/etc/levee/levee.toml");
        let report = report(path, &config, &TrustFile::default(), vec![warning]);
        assert_eq!(
            report.text(),
            "\
/etc/levee/levee.toml is valid.
  interfaces   eth0 (upstream, native, enforce)
  policies     defaults
  feeds        ncsc (enforce, no keys)
  trust        0 keys in /etc/levee/trust.toml
  never-block  0 prefixes besides the built-in space
  capacity     1,048,576 IPv4 and 262,144 IPv6 prefixes
  state        /var/lib/levee
  pins         /sys/fs/bpf/levee
  socket       /run/levee/control.sock
  metrics      127.0.0.1:9469

1 warning:
  interface eth0 does not exist; it is filtered once it does
"
        );
    }

    #[test]
    fn what_differs_from_the_defaults_is_shown() {
        let config = parse(
            r#"
            tunnels = ["gre", "6in4"]
            nat64_prefixes = ["64:ff9b::/96"]
            [policies]
            upstream = { land = "drop", port_zero = "monitor" }
            [[interface]]
            name = "eth0"
            role = "upstream"
            [[interface.vlan]]
            id = 7
            role = "customer"
            [[host_group]]
            name = "dns"
            networks = ["192.0.2.0/28"]
            policies = { land = "drop" }
            "#,
        )
        .unwrap()
        .config;
        let path = Path::new("/etc/levee/levee.toml");
        let text = report(path, &config, &TrustFile::default(), Vec::new()).text();
        let shown: Vec<&str> = text.lines().skip(1).take(5).collect();
        assert_eq!(
            shown,
            [
                "  interfaces   eth0 (upstream, native, enforce; VLAN 7: customer, enforce)",
                "  host groups  dns (1 network)",
                "  policies     upstream port_zero: monitor, dns land: drop",
                "  tunnels      gre, 6in4",
                "  NAT64        64:ff9b::/96",
            ]
        );
    }

    #[test]
    fn feeds_need_a_trust_file() {
        let mut config = Config {
            trust_file: "/nonexistent/trust.toml".into(),
            ..Config::default()
        };
        let mut warnings = Vec::new();
        assert_eq!(trust(&config, &mut warnings).unwrap(), TrustFile::default());
        assert_eq!(warnings.len(), 1);
        config.feeds = parse("[[feed]]\nname = \"ncsc\"\n").unwrap().config.feeds;
        let failure = trust(&config, &mut warnings).unwrap_err();
        assert_eq!(failure.exit.code(), 2);
    }
}
