//! The network of a provider in small: upstream, router, customer.
//!
//! ```text
//!  upstream            router                  customer
//!  the Internet        up0          cust0      eth0
//!  eth0 .2 ---------- .1              .1 ---- .2
//!       198.51.100.0/24                 192.0.2.0/24
//!       2001:db8:100::/64               2001:db8:200::/64
//! ```
//!
//! Behind upstream lie 203.0.113.0/24 and 2001:db8:bad::/48, whose every address is the upstream host.
//! Neighbours are static, so that no packet is on the wires that the test has not sent.

use std::net::IpAddr;

use super::{
    netns::Namespace,
    packet::{Flow, Frame},
    tap::Tap,
};

pub(crate) const UPSTREAM_4: &str = "198.51.100.2";
pub(crate) const UPSTREAM_6: &str = "2001:db8:100::2";
pub(crate) const CUSTOMER_4: &str = "192.0.2.2";
pub(crate) const CUSTOMER_6: &str = "2001:db8:200::2";
/// Far away, behind upstream.
pub(crate) const BAD_4: &str = "203.0.113.7";
pub(crate) const BAD_6: &str = "2001:db8:bad::7";
/// Its neighbour, whom nobody has ordered to block.
pub(crate) const GOOD_4: &str = "203.0.113.8";
pub(crate) const GOOD_6: &str = "2001:db8:bad::8";

/// The router's interface towards the Internet.
pub(crate) const UP: &str = "up0";
/// The router's interface towards the customer.
pub(crate) const DOWN: &str = "cust0";
/// The only interface of the two others.
pub(crate) const ETH: &str = "eth0";

const MAC_UPSTREAM: [u8; 6] = [2, 0, 0, 0, 1, 2];
const MAC_UP: [u8; 6] = [2, 0, 0, 0, 1, 1];
const MAC_DOWN: [u8; 6] = [2, 0, 0, 0, 2, 1];
const MAC_CUSTOMER: [u8; 6] = [2, 0, 0, 0, 2, 2];

/// Three hosts and two cables.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) upstream: Namespace,
    pub(crate) router: Namespace,
    pub(crate) customer: Namespace,
}

impl Layout {
    pub(crate) fn new() -> Self {
        let layout = Self {
            upstream: Namespace::new("upstream"),
            router: Namespace::new("router"),
            customer: Namespace::new("customer"),
        };
        // Any address of the far prefixes may be bound to.
        for family in ["ipv4", "ipv6"] {
            let path = format!("net/{family}/ip_nonlocal_bind");
            layout.upstream.sysctl(&path, "1");
        }
        layout.router.forward();
        layout.connect_upstream();
        layout.connect_customer();
        layout
    }

    /// Lays the cable between upstream and router; again, if it was taken away.
    pub(crate) fn connect_upstream(&self) {
        let [far, near] = [MAC_UPSTREAM, MAC_UP].map(text);
        self.router.cable(UP, &near, &self.upstream, ETH, &far);
        self.router.address_v6("2001:db8:100::1", 64, UP);
        self.upstream.address_v6(UPSTREAM_6, 64, ETH);
        self.router.ip(&format!(
            "address add 198.51.100.1/24 dev {UP}\n\
             neighbor add {UPSTREAM_4} lladdr {far} dev {UP} nud permanent\n\
             neighbor add {UPSTREAM_6} lladdr {far} dev {UP} nud permanent\n\
             route add 203.0.113.0/24 via {UPSTREAM_4}\n\
             route add 2001:db8:bad::/48 via {UPSTREAM_6}\n"
        ));
        self.upstream.ip(&format!(
            "address add {UPSTREAM_4}/24 dev {ETH}\n\
             neighbor add 198.51.100.1 lladdr {near} dev {ETH} nud permanent\n\
             neighbor add 2001:db8:100::1 lladdr {near} dev {ETH} nud permanent\n\
             route add default via 198.51.100.1\n\
             route add default via 2001:db8:100::1\n\
             route replace local 203.0.113.0/24 dev lo\n\
             route replace local 2001:db8:bad::/48 dev lo\n"
        ));
    }

    fn connect_customer(&self) {
        let [near, far] = [MAC_DOWN, MAC_CUSTOMER].map(text);
        self.router.cable(DOWN, &near, &self.customer, ETH, &far);
        self.router.address_v6("2001:db8:200::1", 64, DOWN);
        self.customer.address_v6(CUSTOMER_6, 64, ETH);
        self.router.ip(&format!(
            "address add 192.0.2.1/24 dev {DOWN}\n\
             neighbor add {CUSTOMER_4} lladdr {far} dev {DOWN} nud permanent\n\
             neighbor add {CUSTOMER_6} lladdr {far} dev {DOWN} nud permanent\n"
        ));
        self.customer.ip(&format!(
            "address add {CUSTOMER_4}/24 dev {ETH}\n\
             neighbor add 192.0.2.1 lladdr {near} dev {ETH} nud permanent\n\
             neighbor add 2001:db8:200::1 lladdr {near} dev {ETH} nud permanent\n\
             route add default via 192.0.2.1\n\
             route add default via 2001:db8:200::1\n"
        ));
    }

    /// The customer's address of the same family.
    pub(crate) fn customer_like(address: IpAddr) -> IpAddr {
        let text = if address.is_ipv4() {
            CUSTOMER_4
        } else {
            CUSTOMER_6
        };
        text.parse().unwrap()
    }

    /// A raw socket on the cable to the router, at upstream's end.
    pub(crate) fn tap_upstream(&self) -> Tap {
        Tap::open(&self.upstream, ETH)
    }

    /// A raw socket on the cable to the router, at the customer's end.
    pub(crate) fn tap_customer(&self) -> Tap {
        Tap::open(&self.customer, ETH)
    }

    /// A raw socket on the router's interface towards the Internet.
    pub(crate) fn router_tap(&self) -> Tap {
        Tap::open(&self.router, UP)
    }

    /// A raw socket on the router's interface towards the customer.
    pub(crate) fn router_tap_down(&self) -> Tap {
        Tap::open(&self.router, DOWN)
    }

    /// Lets frames of 9,000 bytes over both cables.
    pub(crate) fn jumbo(&self) {
        self.router.ip(&format!(
            "link set {UP} mtu 9000\nlink set {DOWN} mtu 9000\n"
        ));
        for host in [&self.upstream, &self.customer] {
            host.ip(&format!("link set {ETH} mtu 9000\n"));
        }
    }

    /// A frame from upstream to the router.
    pub(crate) fn inbound(flow: &Flow, payload: &[u8]) -> Frame {
        Self::from_upstream(flow.frame(payload))
    }

    /// The frame, from upstream to the router.
    pub(crate) fn from_upstream(frame: Frame) -> Frame {
        frame.to(MAC_UP).from(MAC_UPSTREAM)
    }

    /// The frame, from the customer to the router.
    pub(crate) fn from_customer(frame: Frame) -> Frame {
        frame.to(MAC_DOWN).from(MAC_CUSTOMER)
    }
}

fn text(mac: [u8; 6]) -> String {
    mac.map(|byte| format!("{byte:02x}")).join(":")
}
