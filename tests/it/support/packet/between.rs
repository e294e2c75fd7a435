//! What can lie between the Ethernet header and IP: SNAP, PPPoE sessions, MPLS stacks.

use super::{Frame, length, link::ethertype};

/// One layer around what a frame carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Layer {
    /// IEEE 802.2 with SNAP and the organisation of EtherTypes (RFC 1042).
    Snap,
    /// A PPPoE session (RFC 2516).
    Pppoe(Pppoe),
    /// A stack of MPLS labels (RFC 3032).
    Mpls(Mpls),
}

/// A PPPoE session header and the PPP protocol field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pppoe {
    pub(crate) version_and_type: u8,
    pub(crate) code: u8,
    pub(crate) session: u16,
    /// Computed unless it is set.
    pub(crate) length: Option<u16>,
    /// What the payload is, unless that follows from it.
    pub(crate) protocol: Option<u16>,
    /// The protocol field is one byte (RFC 1661, 6.5).
    pub(crate) compressed: bool,
}

impl Pppoe {
    pub(crate) const SESSION: Self = Self {
        version_and_type: 0x11,
        code: 0,
        session: 0x0a0b,
        length: None,
        protocol: None,
        compressed: false,
    };
}

/// A stack of MPLS labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mpls {
    /// The outermost first.
    pub(crate) labels: Vec<u32>,
    /// An explicit null label of the payload's family comes below them.
    pub(crate) explicit_null: bool,
    /// None is marked as the bottom of the stack.
    pub(crate) bottomless: bool,
    /// Under the EtherType for multicast.
    pub(crate) multicast: bool,
}

impl Mpls {
    pub(crate) fn new(labels: impl Into<Vec<u32>>) -> Self {
        Self {
            labels: labels.into(),
            explicit_null: false,
            bottomless: false,
            multicast: false,
        }
    }

    /// With an explicit null label at the bottom.
    pub(crate) const fn null(mut self) -> Self {
        self.explicit_null = true;
        self
    }
}

impl Layer {
    pub(crate) const PPPOE: Self = Self::Pppoe(Pppoe::SESSION);

    pub(crate) fn mpls(labels: impl Into<Vec<u32>>) -> Self {
        Self::Mpls(Mpls::new(labels))
    }

    /// Its bytes.
    pub(crate) fn length(&self) -> usize {
        match self {
            Self::Snap => 8,
            Self::Pppoe(session) => 8 - usize::from(session.compressed),
            Self::Mpls(stack) => 4 * (stack.labels.len() + usize::from(stack.explicit_null)),
        }
    }

    /// This layer around `payload` of type `ethertype`, and the type that announces the whole.
    fn around(&self, ethertype: u16, payload: &[u8]) -> (u16, Vec<u8>) {
        match self {
            Self::Snap => {
                let mut bytes = vec![0xaa, 0xaa, 0x03, 0, 0, 0];
                bytes.extend(ethertype.to_be_bytes());
                bytes.extend(payload);
                (length(bytes.len()), bytes)
            }
            Self::Pppoe(session) => (
                ethertype::PPPOE_SESSION,
                session.bytes(session.protocol.unwrap_or(ppp(ethertype)), payload),
            ),
            Self::Mpls(stack) => {
                let announced = if stack.multicast {
                    ethertype::MPLS_MULTICAST
                } else {
                    ethertype::MPLS
                };
                (announced, stack.bytes(ethertype, payload))
            }
        }
    }
}

impl Pppoe {
    fn bytes(&self, protocol: u16, payload: &[u8]) -> Vec<u8> {
        let [high, low] = protocol.to_be_bytes();
        let field: &[u8] = if self.compressed {
            &[low]
        } else {
            &[high, low]
        };
        let computed = length(field.len() + payload.len());
        let mut bytes = vec![self.version_and_type, self.code];
        bytes.extend(self.session.to_be_bytes());
        bytes.extend(self.length.unwrap_or(computed).to_be_bytes());
        bytes.extend(field);
        bytes.extend(payload);
        bytes
    }
}

impl Mpls {
    fn bytes(&self, ethertype: u16, payload: &[u8]) -> Vec<u8> {
        let mut labels = self.labels.clone();
        if self.explicit_null {
            labels.push(if ethertype == ethertype::IPV6 { 2 } else { 0 });
        }
        let last = labels.len().wrapping_sub(1);
        let mut bytes = Vec::new();
        for (index, label) in labels.iter().enumerate() {
            let bottom = u32::from(index == last && !self.bottomless);
            bytes.extend((label << 12 | bottom << 8 | 64).to_be_bytes());
        }
        bytes.extend(payload);
        bytes
    }
}

/// The PPP number of what an EtherType announces.
fn ppp(ethertype: u16) -> u16 {
    match ethertype {
        ethertype::IPV4 => 0x0021,
        ethertype::IPV6 => 0x0057,
        ethertype::MPLS => 0x0281,
        ethertype::MPLS_MULTICAST => 0x0283,
        other => panic!("PPP has no number for {other:#06x}"),
    }
}

/// The untagged frame of a packet in these layers, the outermost first.
pub(crate) fn wrap(layers: &[Layer], ethertype: u16, packet: Vec<u8>) -> Frame {
    let inside_out = layers.iter().rev();
    let (ethertype, payload) = inside_out
        .fold((ethertype, packet), |(ethertype, payload), layer| {
            layer.around(ethertype, &payload)
        });
    Frame::new(ethertype, payload)
}
