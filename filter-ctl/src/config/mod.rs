//! The configuration: one TOML file.
//!
//! Unknown keys are errors, so that a misspelt setting cannot silently keep its default.

use std::{net::SocketAddr, path::PathBuf};

use ipnet::IpNet;
use serde::Deserialize;

use crate::{kernel::attach::Mode, order::FeedName};

/// Everything that can be set.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where everything that must survive is kept.
    #[serde(default = "default_state_dir")]
    pub state_dir: PathBuf,
    /// The control API's socket.
    #[serde(default = "default_control_socket")]
    pub control_socket: PathBuf,
    /// Where maps and links are pinned; on a BPF file system.
    #[serde(default = "default_pin_dir")]
    pub pin_dir: PathBuf,
    /// Whose signatures are believed, and how far.
    #[serde(default = "default_trust_file")]
    pub trust_file: PathBuf,
    /// Where `/metrics`, `/healthz` and `/readyz` listen; empty for nowhere.
    #[serde(
        default = "default_metrics_listen",
        deserialize_with = "optional_address"
    )]
    pub metrics_listen: Option<SocketAddr>,
    /// The time zone of dates without a time, an IANA name.
    #[serde(default = "default_timezone")]
    pub timezone: String,
    /// What is never blocked, besides the built-in special-use space.
    #[serde(default)]
    pub never_block: Vec<NeverBlockSetting>,
    /// The interfaces to filter.
    #[serde(default, rename = "interface")]
    pub interfaces: Vec<InterfaceConfig>,
    /// The feeds to take bundles from.
    #[serde(default, rename = "feed")]
    pub feeds: Vec<FeedConfig>,
    /// The guard rails of operators' own orders.
    #[serde(default)]
    pub orders: OrdersConfig,
    /// How much fits into the kernel's tables.
    #[serde(default)]
    pub capacity: CapacityConfig,
    /// The log.
    #[serde(default)]
    pub log: LogConfig,
}

/// A prefix, or a prefix with a scope and a reason.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum NeverBlockSetting {
    /// Scope `lists`.
    Net(IpNet),
    /// With a scope and a reason.
    Full {
        /// The prefix.
        net: IpNet,
        /// How far it is protected.
        #[serde(default)]
        scope: ScopeSetting,
        /// Why.
        #[serde(default)]
        reason: String,
    },
}

/// How far a never-block entry protects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScopeSetting {
    /// From orders.
    #[default]
    Lists,
    /// From everything.
    All,
}

/// An interface to filter.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InterfaceConfig {
    /// Its name.
    pub name: String,
    /// Which side of the network it faces.
    pub role: RoleSetting,
    /// How the program is hooked in.
    #[serde(default = "default_mode")]
    pub mode: Mode,
    /// Whether matches drop.
    #[serde(default)]
    pub action: ActionSetting,
}

/// Which side of the network an interface faces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RoleSetting {
    /// Transit, peering, the Internet.
    Upstream,
    /// The operator's own customers.
    Customer,
}

/// Whether matches drop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ActionSetting {
    /// They do.
    #[default]
    Enforce,
    /// They are only counted.
    Monitor,
}

/// A feed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedConfig {
    /// Its name, as in the trust file.
    pub name: FeedName,
    /// A directory in which its bundles appear.
    pub directory: Option<PathBuf>,
    /// Whether its matches drop.
    #[serde(default)]
    pub mode: ActionSetting,
}

/// The guard rails of operators' own orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OrdersConfig {
    /// The shortest IPv4 prefix.
    pub shortest_ipv4: u8,
    /// The shortest IPv6 prefix.
    pub shortest_ipv6: u8,
    /// The furthest `until`, in days.
    pub until_max_days: u32,
}

/// How much fits into the kernel's tables, in prefixes of orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CapacityConfig {
    /// IPv4 prefixes that always fit.
    pub ipv4: u32,
    /// IPv6 prefixes that always fit.
    pub ipv6: u32,
}

/// The log.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// `error`, `warn`, `info`, `debug`, `trace`, or a tracing filter.
    pub level: String,
    /// How lines look.
    pub format: LogFormat,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON document per line.
    Json,
}

impl Default for OrdersConfig {
    fn default() -> Self {
        Self {
            shortest_ipv4: 24,
            shortest_ipv6: 48,
            until_max_days: 180,
        }
    }
}

impl Default for CapacityConfig {
    fn default() -> Self {
        Self {
            ipv4: 1 << 20,
            ipv6: 1 << 18,
        }
    }
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            level: "info".to_owned(),
            format: LogFormat::Text,
        }
    }
}

fn default_state_dir() -> PathBuf {
    "/var/lib/levee".into()
}

fn default_control_socket() -> PathBuf {
    "/run/levee/control.sock".into()
}

fn default_pin_dir() -> PathBuf {
    "/sys/fs/bpf/levee".into()
}

fn default_trust_file() -> PathBuf {
    "/etc/levee/trust.toml".into()
}

#[expect(clippy::unnecessary_wraps, reason = "the type of the setting")]
fn default_metrics_listen() -> Option<SocketAddr> {
    Some(SocketAddr::from(([127, 0, 0, 1], 9469)))
}

fn default_timezone() -> String {
    "UTC".to_owned()
}

const fn default_mode() -> Mode {
    Mode::Native
}

fn optional_address<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<SocketAddr>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| {
        serde::de::Error::custom(format!(
            "`{text}` is no address to listen on: expected one such as 127.0.0.1:9469, or nothing"
        ))
    })
}
