//! The two ways to write a never-block entry: a prefix, or a table with a scope and a reason.

use std::{fmt, net::IpAddr};

use ipnet::IpNet;
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor, value::MapAccessDeserializer},
};

/// A prefix, or a prefix with a scope and a reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NeverBlockSetting {
    /// Scope `lists`.
    Net(IpNet),
    /// With a scope and a reason.
    Full {
        /// The prefix.
        net: IpNet,
        /// How far it is protected.
        scope: ScopeSetting,
        /// Why.
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

impl NeverBlockSetting {
    /// The prefix.
    #[must_use]
    pub const fn net(&self) -> IpNet {
        match self {
            Self::Net(net) | Self::Full { net, .. } => *net,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Full {
    #[serde(deserialize_with = "net")]
    net: IpNet,
    #[serde(default)]
    scope: ScopeSetting,
    #[serde(default)]
    reason: String,
}

impl<'de> Deserialize<'de> for NeverBlockSetting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Either)
    }
}

/// Tells the two ways apart by their type, so that an error is about the way that was meant.
struct Either;

impl<'de> Visitor<'de> for Either {
    type Value = NeverBlockSetting;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a prefix, or a table such as { net = \"192.0.2.0/24\", scope = \"all\" }")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        net_or_address(text).map(NeverBlockSetting::Net)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        let Full { net, scope, reason } = Full::deserialize(MapAccessDeserializer::new(map))?;
        Ok(NeverBlockSetting::Full { net, scope, reason })
    }
}

fn net<'de, D: Deserializer<'de>>(deserializer: D) -> Result<IpNet, D::Error> {
    net_or_address(&String::deserialize(deserializer)?)
}

/// Reads a prefix; an address alone is a prefix of its full length.
pub(super) fn net_or_address<E: Error>(text: &str) -> Result<IpNet, E> {
    text.parse()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| {
            E::custom(format!(
                "`{text}` is not a prefix: expected one such as 192.0.2.0/24 or 2001:db8::/32"
            ))
        })
}
