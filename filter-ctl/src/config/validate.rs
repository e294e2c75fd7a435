//! What the types of the settings alone cannot express.

mod hold;
mod perimeter;
mod pull;
mod push;

use std::{
    collections::{HashMap, HashSet},
    path::Path,
};

use filter_common::limits::{INTERFACES_MAX, rows_for_v4, rows_for_v6};
use ipnet::IpNet;

use super::{
    CapacityConfig, Config, SamplesConfig,
    evidence::{EVIDENCE_BYTES_MIN, KEEP_SECONDS_MAX},
};
use crate::order::{
    FeedName,
    trust::{SHORTEST_IPV4_FLOOR, SHORTEST_IPV6_FLOOR, UNTIL_DAYS_MAX},
};

/// Never-block prefixes per family that can be configured. The tables hold as many again for the
/// built-in ones and the operators' exceptions. A configuration with more is refused.
pub(super) const NEVER_BLOCK_CONFIGURED_MAX: usize = 16_384;

/// The longest path that fits the address of a Unix socket.
const SOCKET_PATH_MAX: usize = 107;

const _: () = {
    assert!(rows_for_v4(CapacityConfig::IPV4_MAX as usize) < 1 << 24);
    assert!(rows_for_v6(CapacityConfig::IPV6_MAX as usize) < 1 << 24);
};

/// Something about a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    /// Its place: keys and indexes, joined by dots.
    pub(super) path: String,
    /// What is wrong, and what is expected.
    pub(super) message: String,
}

/// All that was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Findings {
    /// What makes the configuration unusable.
    pub(super) problems: Vec<Finding>,
    /// What is allowed and probably not meant.
    pub(super) warnings: Vec<Finding>,
}

impl Findings {
    pub(super) fn problem(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.problems.push(Finding {
            path: path.into(),
            message: message.into(),
        });
    }

    pub(super) fn warning(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.warnings.push(Finding {
            path: path.into(),
            message: message.into(),
        });
    }
}

/// Looks at every setting.
pub(super) fn validate(config: &Config, findings: &mut Findings) {
    paths(config, findings);
    interfaces(config, findings);
    feeds(config, findings);
    never_block(config, findings);
    hold::validate(config, findings);
    perimeter::validate(config, findings);
    push::validate(config, findings);
    numbers(config, findings);
    names(config, findings);
}

fn paths(config: &Config, findings: &mut Findings) {
    let Config {
        state_dir,
        control_socket,
        pin_dir,
        trust_file,
        profile_dir,
        ..
    } = config;
    for (key, path) in [
        ("state_dir", state_dir),
        ("control_socket", control_socket),
        ("pin_dir", pin_dir),
        ("trust_file", trust_file),
        ("profile_dir", profile_dir),
    ] {
        absolute(key, path, findings);
    }
    if control_socket.as_os_str().len() > SOCKET_PATH_MAX {
        findings.problem(
            "control_socket",
            format!("the path of a socket has at most {SOCKET_PATH_MAX} bytes"),
        );
    }
}

fn absolute(key: &str, path: &Path, findings: &mut Findings) {
    if !path.is_absolute() {
        findings.problem(
            key,
            format!(
                "`{}` is not an absolute path: it has to begin with /",
                path.display()
            ),
        );
    }
}

fn interfaces(config: &Config, findings: &mut Findings) {
    if config.interfaces.is_empty() {
        findings.warning(
            "interface",
            "no [[interface]] is configured, so nothing is filtered",
        );
    }
    if config.interfaces.len() > INTERFACES_MAX {
        findings.problem(
            "interface",
            format!(
                "{} interfaces are configured; at most {INTERFACES_MAX} can be filtered",
                config.interfaces.len()
            ),
        );
    }
    let mut seen = HashSet::new();
    for (index, interface) in config.interfaces.iter().enumerate() {
        let name = interface.name.as_str();
        let path = format!("interface.{index}.name");
        let forbidden =
            |c: char| c == '/' || c == ':' || c == '\0' || c.is_whitespace() || c.is_control();
        if !(1..=15).contains(&name.len()) || name.contains(forbidden) || matches!(name, "." | "..")
        {
            findings.problem(
                path,
                format!(
                    "{name:?} is no interface name: expected 1 to 15 bytes without `/`, `:` or spaces"
                ),
            );
        } else if !seen.insert(name) {
            findings.problem(path, format!("interface {name} is configured twice"));
        }
    }
}

fn feeds(config: &Config, findings: &mut Findings) {
    let mut seen = HashSet::new();
    let mut directories = HashMap::new();
    for (index, feed) in config.feeds.iter().enumerate() {
        let name = feed.name.as_str();
        let path = format!("feed.{index}.name");
        if name == FeedName::OPERATOR {
            findings.problem(
                path,
                "the feed `operator` holds the operators' own orders and cannot be configured; \
                 choose another name",
            );
        } else if !seen.insert(name) {
            findings.problem(path, format!("feed {name} is configured twice"));
        }
        pull::validate(index, feed, findings);
        let Some(directory) = &feed.directory else {
            continue;
        };
        let path = format!("feed.{index}.directory");
        absolute(&path, directory, findings);
        // Components, so that a trailing slash or a doubled one makes no difference.
        let components: Vec<_> = directory.components().collect();
        if let Some(other) = directories.insert(components, name) {
            findings.problem(
                path,
                format!(
                    "{} is the directory of feed {other} already; each feed needs its own",
                    directory.display()
                ),
            );
        }
    }
}

fn never_block(config: &Config, findings: &mut Findings) {
    let (mut v4, mut v6) = (0, 0);
    for (index, setting) in config.never_block.iter().enumerate() {
        let net = setting.net();
        let path = format!("never_block.{index}");
        host_bits(&path, net, findings);
        let widest = match net {
            IpNet::V4(_) => {
                v4 += 1;
                8
            }
            IpNet::V6(_) => {
                v6 += 1;
                16
            }
        };
        if net.prefix_len() < widest {
            findings.warning(
                path,
                format!("{net} is so wide that no order inside it will take effect"),
            );
        }
    }
    for (family, count) in [("IPv4", v4), ("IPv6", v6)] {
        if count > NEVER_BLOCK_CONFIGURED_MAX {
            findings.problem(
                "never_block",
                format!(
                    "{count} {family} prefixes are listed; at most {NEVER_BLOCK_CONFIGURED_MAX} fit"
                ),
            );
        }
    }
}

/// Complains about a prefix that is not the one it seems to be.
fn host_bits(path: &str, net: IpNet, findings: &mut Findings) {
    if net != net.trunc() {
        findings.problem(
            path,
            format!(
                "{net} has bits set past its length: did you mean {} or {}?",
                net.trunc(),
                IpNet::from(net.addr())
            ),
        );
    }
}

fn numbers(config: &Config, findings: &mut Findings) {
    let Config {
        orders,
        capacity,
        evidence,
        samples,
        ..
    } = config;
    if evidence.max_bytes < EVIDENCE_BYTES_MIN {
        let found = evidence.max_bytes;
        let problem = format!("{found} is too few: expected at least {EVIDENCE_BYTES_MIN}");
        findings.problem("evidence.max_bytes", problem);
    }
    for (key, value, least, most) in [
        (
            "orders.shortest_ipv4",
            orders.shortest_ipv4.into(),
            SHORTEST_IPV4_FLOOR.into(),
            32,
        ),
        (
            "orders.shortest_ipv6",
            orders.shortest_ipv6.into(),
            SHORTEST_IPV6_FLOOR.into(),
            128,
        ),
        (
            "orders.until_max_days",
            orders.until_max_days,
            1,
            UNTIL_DAYS_MAX.into(),
        ),
        ("evidence.keep", evidence.keep.0, 86_400, KEEP_SECONDS_MAX),
        ("capacity.ipv4", capacity.ipv4, 1, CapacityConfig::IPV4_MAX),
        ("capacity.ipv6", capacity.ipv6, 1, CapacityConfig::IPV6_MAX),
        (
            "capacity.limit_addresses",
            capacity.limit_addresses,
            0,
            CapacityConfig::LIMIT_ADDRESSES_MAX,
        ),
        (
            "samples.per_second",
            samples.per_second,
            0,
            SamplesConfig::PER_SECOND_MAX,
        ),
    ] {
        if !(least..=most).contains(&value) {
            findings.problem(key, format!("{value} is not between {least} and {most}"));
        }
    }
}

fn names(config: &Config, findings: &mut Findings) {
    if config.time_zone().is_err() {
        findings.problem(
            "timezone",
            format!(
                "`{}` is not a time zone that this machine knows: expected an IANA name such as \
                 UTC or Europe/Berlin, from the system's time zone data",
                config.timezone
            ),
        );
    }
    if let Err(part) = log_filter(&config.log.level) {
        findings.problem(
            "log.level",
            format!(
                "`{part}` is not a log level: expected error, warn, info, debug or trace, or a \
                 list such as info,filter_ctl::http=debug"
            ),
        );
    }
}

/// Checks a log filter, and names the part of it that is none.
///
/// The filter's own parser takes any word for a module's name, and a misspelt level would silence
/// the log.
pub fn log_filter(filter: &str) -> Result<(), String> {
    let is_level = |text: &str| {
        ["off", "error", "warn", "info", "debug", "trace"]
            .iter()
            .any(|level| text.eq_ignore_ascii_case(level))
    };
    for part in filter.split(',') {
        let level = part.rsplit_once('=').map_or(part, |(_, level)| level);
        if !is_level(level.trim()) {
            return Err(part.to_owned());
        }
    }
    Ok(())
}
