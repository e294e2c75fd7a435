//! The configuration: one TOML file.
//!
//! Unknown keys are errors, so that a misspelt setting cannot silently keep its default.
//!
//! - here: every setting and its default;
//! - [`document`]: from a text to settings, with every problem named by line and key;
//! - [`evidence`]: how long inputs are kept;
//! - [`hold`]: what waits for a person;
//! - [`load`]: from the file, and those that it names, to a [`Config`];
//! - [`never_block`]: the two ways to write a never-block entry;
//! - [`perimeter`]: policies, host groups, VLANs, tunnels;
//! - [`pull`]: what is fetched, and how a list is judged;
//! - [`profile`]: what a host group can say, under a name;
//! - [`push`]: who may push bundles, and where to;
//! - [`resolve`]: host groups with what their profiles say, and all rules;
//! - [`rule`]: rules of the file;
//! - [`samples`]: how many of the packets that are dropped are looked at;
//! - `validate`: what the types alone cannot express.

pub(crate) mod document;
pub mod evidence;
pub mod hold;
pub mod load;
pub mod never_block;
pub mod perimeter;
pub mod profile;
pub mod pull;
pub mod push;
mod resolve;
pub mod rule;
pub mod samples;
mod validate;

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use ipnet::IpNet;
use jiff::tz::TimeZone;
use reqwest::Url;
use serde::Deserialize;

pub use self::{
    evidence::EvidenceConfig,
    hold::{ApprovalConfig, HoldConfig},
    never_block::{NeverBlockSetting, ScopeSetting},
    perimeter::{HostGroupConfig, PoliciesConfig, TunnelSetting, VlanConfig},
    pull::{FeedFormat, Period, PullConfig},
    push::{Fingerprint, PushClientConfig, PushConfig},
    rule::{ConfiguredRule, RuleConfig},
    samples::SamplesConfig,
    validate::log_filter,
};
use crate::{
    kernel::attach::Mode,
    order::FeedName,
    policy::{hold::Guarded, perimeter::REFLECTORS},
};

/// Where the configuration is looked for unless the command line says otherwise.
pub const DEFAULT_PATH: &str = "/etc/levee/levee.toml";

/// Where the control socket is unless something says otherwise.
pub const DEFAULT_CONTROL_SOCKET: &str = "/run/levee/control.sock";

/// Everything that can be set.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where everything that must survive is kept.
    pub state_dir: PathBuf,
    /// The control API's socket.
    pub control_socket: PathBuf,
    /// Where maps and links are pinned; on a BPF file system.
    pub pin_dir: PathBuf,
    /// Whose signatures are believed, and how far.
    pub trust_file: PathBuf,
    /// Where `/metrics`, `/healthz` and `/readyz` listen; empty for nowhere.
    #[serde(deserialize_with = "optional_address")]
    pub metrics_listen: Option<SocketAddr>,
    /// The time zone of dates without a time, an IANA name.
    pub timezone: String,
    /// What is never blocked, besides the built-in special-use space.
    pub never_block: Vec<NeverBlockSetting>,
    /// The operator's own networks, and customers'.
    #[serde(deserialize_with = "perimeter::nets")]
    pub own_space: Vec<IpNet>,
    /// Files that list space which many share, such as clouds.
    pub shared_infrastructure: Vec<PathBuf>,
    /// The space of both, once it is read.
    #[serde(skip)]
    pub guarded: Arc<Guarded>,
    /// How many persons let through what waits.
    pub approval: ApprovalConfig,
    /// The prefixes of NAT64 translators: the IPv4 addresses inside are looked up as well.
    #[serde(deserialize_with = "perimeter::nets")]
    pub nat64_prefixes: Vec<IpNet>,
    /// The tunnels to look into.
    pub tunnels: Vec<TunnelSetting>,
    /// What is done about odd packets.
    pub policies: PoliciesConfig,
    /// Where profiles are looked for besides the built-in ones.
    pub profile_dir: PathBuf,
    /// Networks inside that are protected alike.
    #[serde(rename = "host_group")]
    pub host_groups: Vec<HostGroupConfig>,
    /// Source ports of UDP that count as those of reflectors.
    pub reflector_ports: Vec<u16>,
    /// What the file itself says is done about packets by what they are.
    #[serde(rename = "rule")]
    pub(super) written_rules: Vec<RuleConfig>,
    /// All that is done about packets by what they are, host groups included, once their profiles are found.
    #[serde(skip)]
    pub rules: Vec<ConfiguredRule>,
    /// The interfaces to filter.
    #[serde(rename = "interface")]
    pub interfaces: Vec<InterfaceConfig>,
    /// The feeds to take bundles from.
    #[serde(rename = "feed")]
    pub feeds: Vec<FeedConfig>,
    /// The listener for authorities that push.
    pub push: PushConfig,
    /// The guard rails of operators' own orders.
    pub orders: OrdersConfig,
    /// What is kept of what was received.
    pub evidence: EvidenceConfig,
    /// How much fits into the kernel's tables.
    pub capacity: CapacityConfig,
    /// Samples of what is dropped.
    pub samples: SamplesConfig,
    /// The log.
    pub log: LogConfig,
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
    /// The VLANs with settings of their own.
    #[serde(default, rename = "vlan")]
    pub vlans: Vec<VlanConfig>,
}

impl RoleSetting {
    /// The name in configuration and output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Upstream => "upstream",
            Self::Customer => "customer",
        }
    }
}

impl ActionSetting {
    /// The name in configuration and output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Monitor => "monitor",
        }
    }
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
    /// Where it is fetched from.
    #[serde(default, deserialize_with = "pull::optional_url")]
    pub url: Option<Url>,
    /// What is there.
    #[serde(default)]
    pub format: FeedFormat,
    /// The time between two fetches.
    pub refresh: Option<Period>,
    /// The proxy to go through.
    #[serde(default, deserialize_with = "pull::optional_url")]
    pub proxy: Option<Url>,
    /// Certificates to believe instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// How long an entry of a list holds after the list was last seen.
    #[serde(default = "pull::default_ttl")]
    pub ttl: Period,
    /// Whether a list is good that has no entries and does not say so.
    #[serde(default)]
    pub can_be_empty: bool,
    /// The shortest IPv4 prefix of a list.
    #[serde(default = "pull::default_shortest_ipv4")]
    pub shortest_ipv4: u8,
    /// The shortest IPv6 prefix of a list.
    #[serde(default = "pull::default_shortest_ipv6")]
    pub shortest_ipv6: u8,
    /// The most entries of a list.
    #[serde(default = "pull::default_entries_max")]
    pub entries_max: u32,
    /// The reference of a list's order.
    pub reference: Option<String>,
    /// Its issuer.
    pub issuer: Option<String>,
    /// How much of a list may be added at once, in percent.
    #[serde(default = "pull::default_add_max_percent")]
    pub add_max_percent: u32,
    /// How much of a list may be removed at once, in percent.
    #[serde(default = "pull::default_remove_max_percent")]
    pub remove_max_percent: u32,
    /// What waits for a person.
    #[serde(default)]
    pub hold: HoldConfig,
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
    /// What waits for a person.
    pub hold: HoldConfig,
}

impl CapacityConfig {
    /// The most IPv4 prefixes that can be asked for.
    pub const IPV4_MAX: u32 = 4_000_000;
    /// The most IPv6 prefixes that can be asked for.
    pub const IPV6_MAX: u32 = 4_000_000;
    /// The most addresses with buckets of their own.
    pub const LIMIT_ADDRESSES_MAX: u32 = 1 << 21;
}

/// How much fits into the kernel's tables, in prefixes of orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CapacityConfig {
    /// IPv4 prefixes that always fit.
    pub ipv4: u32,
    /// IPv6 prefixes that always fit.
    pub ipv6: u32,
    /// Addresses that have buckets of their own for the limits of their host groups.
    pub limit_addresses: u32,
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

impl Config {
    /// The time zone in which dates without a time end. UTC needs no time zone data on the machine.
    pub fn time_zone(&self) -> Result<TimeZone, jiff::Error> {
        if self.timezone == "UTC" {
            return Ok(TimeZone::UTC);
        }
        TimeZone::get(&self.timezone)
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            state_dir: "/var/lib/levee".into(),
            control_socket: DEFAULT_CONTROL_SOCKET.into(),
            pin_dir: "/sys/fs/bpf/levee".into(),
            trust_file: "/etc/levee/trust.toml".into(),
            metrics_listen: Some(SocketAddr::from(([127, 0, 0, 1], 9469))),
            timezone: "UTC".to_owned(),
            never_block: Vec::new(),
            own_space: Vec::new(),
            shared_infrastructure: Vec::new(),
            guarded: Arc::default(),
            approval: ApprovalConfig::default(),
            nat64_prefixes: Vec::new(),
            tunnels: Vec::new(),
            policies: PoliciesConfig::default(),
            profile_dir: "/etc/levee/profiles".into(),
            host_groups: Vec::new(),
            reflector_ports: REFLECTORS.to_vec(),
            written_rules: Vec::new(),
            rules: Vec::new(),
            interfaces: Vec::new(),
            feeds: Vec::new(),
            push: PushConfig::default(),
            orders: OrdersConfig::default(),
            evidence: EvidenceConfig::default(),
            capacity: CapacityConfig::default(),
            samples: SamplesConfig::default(),
            log: LogConfig::default(),
        }
    }
}

impl Default for OrdersConfig {
    fn default() -> Self {
        Self {
            shortest_ipv4: 24,
            shortest_ipv6: 48,
            until_max_days: 180,
            hold: HoldConfig::default(),
        }
    }
}

impl Default for CapacityConfig {
    fn default() -> Self {
        Self {
            ipv4: 1 << 20,
            ipv6: 1 << 18,
            limit_addresses: 1 << 16,
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
