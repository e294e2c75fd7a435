//! The Ethernet header, tags, padding, and frames that are not IP.

use super::length;

/// A MAC address.
pub(crate) type Mac = [u8; 6];

/// EtherTypes.
pub(crate) mod ethertype {
    pub(crate) const IPV4: u16 = 0x0800;
    pub(crate) const ARP: u16 = 0x0806;
    pub(crate) const IPV6: u16 = 0x86dd;
    pub(crate) const SLOW_PROTOCOLS: u16 = 0x8809;
    pub(crate) const PPPOE_DISCOVERY: u16 = 0x8863;
    pub(crate) const PPPOE_SESSION: u16 = 0x8864;
    pub(crate) const MPLS: u16 = 0x8847;
    pub(crate) const MPLS_MULTICAST: u16 = 0x8848;
    pub(crate) const LLDP: u16 = 0x88cc;
}

/// The smallest frame on the wire, without its frame check sequence.
const SHORTEST: usize = 60;

/// A VLAN tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tag {
    /// What announces it.
    pub(crate) tpid: u16,
    /// The VLAN, with priority and drop bit above it.
    pub(crate) tci: u16,
}

impl Tag {
    /// IEEE 802.1Q.
    pub(crate) const fn q(vlan: u16) -> Self {
        Self {
            tpid: 0x8100,
            tci: vlan,
        }
    }

    /// IEEE 802.1ad.
    pub(crate) const fn ad(vlan: u16) -> Self {
        Self {
            tpid: 0x88a8,
            tci: vlan,
        }
    }

    /// The outer tag of QinQ before it had a standard.
    pub(crate) const fn old(vlan: u16) -> Self {
        Self {
            tpid: 0x9100,
            tci: vlan,
        }
    }
}

impl Tag {
    /// As it stands in a frame.
    pub(crate) fn bytes(self) -> [u8; 4] {
        let [[a, b], [c, d]] = [self.tpid, self.tci].map(u16::to_be_bytes);
        [a, b, c, d]
    }
}

/// A frame before it is bytes.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    to: Mac,
    from: Mac,
    tags: Vec<Tag>,
    ethertype: u16,
    payload: Vec<u8>,
}

impl Frame {
    pub(crate) fn new(ethertype: u16, payload: impl Into<Vec<u8>>) -> Self {
        Self {
            to: [0x02, 0, 0, 0, 0, 1],
            from: [0x02, 0, 0, 0, 0, 2],
            tags: Vec::new(),
            ethertype,
            payload: payload.into(),
        }
    }

    /// An IEEE 802.2 LLC frame: the field says how long it is.
    pub(crate) fn llc(payload: impl Into<Vec<u8>>) -> Self {
        let payload = payload.into();
        Self::new(length(payload.len()), payload)
    }

    pub(crate) fn to(mut self, mac: Mac) -> Self {
        self.to = mac;
        self
    }

    pub(crate) fn from(mut self, mac: Mac) -> Self {
        self.from = mac;
        self
    }

    /// Sets the tags, the outermost first.
    pub(crate) fn tagged(mut self, tags: &[Tag]) -> Self {
        self.tags = tags.to_vec();
        self
    }

    /// The frame without padding.
    pub(crate) fn unpadded(&self) -> Vec<u8> {
        let mut bytes = [self.to, self.from].concat();
        for tag in &self.tags {
            bytes.extend(tag.bytes());
        }
        bytes.extend(self.ethertype.to_be_bytes());
        bytes.extend(&self.payload);
        bytes
    }

    /// The frame as it goes over the wire.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.unpadded();
        if bytes.len() < SHORTEST {
            bytes.resize(SHORTEST, 0);
        }
        bytes
    }
}

/// ARP (RFC 826): who has `target`, says `sender`.
pub(crate) fn arp_request(mac: Mac, sender: [u8; 4], target: [u8; 4]) -> Frame {
    let mut payload = vec![0, 1, 8, 0, 6, 4, 0, 1];
    payload.extend(mac);
    payload.extend(sender);
    payload.extend([0; 6]);
    payload.extend(target);
    Frame::new(ethertype::ARP, payload).to([0xff; 6]).from(mac)
}

/// LLDP (IEEE 802.1AB) with chassis, port and time to live.
pub(crate) fn lldp(management: [u8; 4]) -> Frame {
    let mut payload = vec![2, 7, 4, 2, 0, 0, 0, 0, 2];
    payload.extend([4, 5, 5, b'e', b't', b'h', b'0']);
    payload.extend([6, 2, 0, 120]);
    // Management address: length, subtype IPv4, address, interface numbering, no object identifier.
    payload.extend([16, 12, 5, 1]);
    payload.extend(management);
    payload.extend([2, 0, 0, 0, 1, 0]);
    payload.extend([0, 0]);
    Frame::new(ethertype::LLDP, payload).to([0x01, 0x80, 0xc2, 0, 0, 0x0e])
}

/// LACP (IEEE 802.1AX): version 1, actor and partner with nothing in them.
pub(crate) fn lacp() -> Frame {
    let mut payload = vec![1, 1, 1, 20];
    payload.resize(22, 0);
    payload.extend([2, 20]);
    payload.resize(110, 0);
    Frame::new(ethertype::SLOW_PROTOCOLS, payload).to([0x01, 0x80, 0xc2, 0, 0, 2])
}

/// The beginning of an IS-IS hello between level 1 routers (ISO 10589).
pub(crate) fn isis_hello() -> Frame {
    let mut payload = vec![0xfe, 0xfe, 0x03, 0x83, 27, 1, 0, 15, 1, 0, 0];
    payload.resize(60, 0);
    Frame::llc(payload).to([0x01, 0x80, 0xc2, 0, 0, 0x14])
}

/// A configuration message of the spanning tree (IEEE 802.1D).
pub(crate) fn stp() -> Frame {
    let mut payload = vec![0x42, 0x42, 0x03, 0, 0, 0, 0];
    payload.resize(38, 0);
    Frame::llc(payload).to([0x01, 0x80, 0xc2, 0, 0, 0])
}

/// A PPPoE active discovery initiation (RFC 2516).
pub(crate) fn pppoe_discovery() -> Frame {
    let payload = [0x11, 0x09, 0, 0, 0, 4, 0x01, 0x01, 0, 0];
    Frame::new(ethertype::PPPOE_DISCOVERY, payload).to([0xff; 6])
}
