//! Temporary.
use filter_common::{address::Family, settings::Role};
use ipnet::IpNet;
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Numeric(pub Vec<(u32, u32)>);
impl Numeric {
    pub fn ranges(&self) -> Vec<(u32, u32)> {
        self.0.clone()
    }
    pub fn accepts(&self, value: u32) -> bool {
        self.0.iter().any(|(a, b)| (*a..=*b).contains(&value))
    }
}
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bitmask(pub Vec<u16>);
impl Bitmask {
    pub fn accepts(&self, value: u16) -> bool {
        self.0.contains(&value)
    }
}
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Matching {
    pub family: Option<Family>,
    pub role: Option<Role>,
    pub destination: Option<IpNet>,
    pub source: Option<IpNet>,
    pub protocol: Option<Numeric>,
    pub port: Option<Numeric>,
    pub destination_port: Option<Numeric>,
    pub source_port: Option<Numeric>,
    pub icmp_type: Option<Numeric>,
    pub icmp_code: Option<Numeric>,
    pub tcp_flags: Option<Bitmask>,
    pub length: Option<Numeric>,
    pub dscp: Option<Numeric>,
    pub fragment: Option<Bitmask>,
    pub label: Option<Numeric>,
}
