//! Link types, and how frames of other types become Ethernet frames.
//!
//! The numbers and names are those of the registry that libpcap keeps (`LINKTYPE_...`). A link header
//! is taken off and an Ethernet header with addresses of zeroes put in its place, of the EtherType that
//! says the same: the parser of the data path then opens what follows, and nothing else has to.

use std::fmt;

/// Room that a buffer needs before a frame: what the longest header put there takes.
pub(super) const HEADROOM: usize = ETHERNET + PPPOE;

const ETHERNET: usize = 14;
const PPPOE: usize = 6;
/// Both addresses: an Ethernet header that ends before the EtherType.
const ADDRESSES: usize = 12;

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const PPPOE_DISCOVERY: u16 = 0x8863;
const PPPOE_SESSION: u16 = 0x8864;
/// Reserved (RFC 1701): it stands for what has no EtherType, and nothing opens it.
const UNKNOWN: u16 = 0xffff;
/// From here on the field is an EtherType, up to the other a length (IEEE 802.3, 3.2.6).
const ETHERTYPE_MIN: u16 = 0x0600;
const LENGTH_MAX: u16 = 1_500;

/// Address and control of PPP in HDLC-like framing (RFC 1662).
const PPP_ADDRESS: [u8; 2] = [0xff, 0x03];
/// Addresses of Cisco HDLC: unicast and broadcast (RFC 1547, 4.3.1).
const CISCO_UNICAST: u8 = 0x0f;
const CISCO_BROADCAST: u8 = 0x8f;

/// Hardware types (`ARPHRD_...`) of Linux whose protocol field holds no EtherType.
const HARDWARE_FRAD: u16 = 770;
const HARDWARE_RADIOTAP: u16 = 803;
const HARDWARE_NETLINK: u16 = 824;

/// A link type, by its number in the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LinkType(u32);

/// What a frame that is opened begins with.
#[derive(Clone, Copy)]
enum Layout {
    Ethernet,
    Ip,
    Ipv4,
    Ipv6,
    Loopback,
    Ppp,
    PppOrCisco,
    Pppoe,
    Cisco,
    Cooked,
    Cooked2,
}

/// Those that are opened, and well-known ones that are not.
const KNOWN: &[(u32, &str, Option<Layout>)] = &[
    (0, "NULL", Some(Layout::Loopback)),
    (1, "ETHERNET", Some(Layout::Ethernet)),
    (3, "AX25", None),
    (6, "IEEE802_5", None),
    (7, "ARCNET_BSD", None),
    (8, "SLIP", None),
    (9, "PPP", Some(Layout::Ppp)),
    (10, "FDDI", None),
    (12, "DLT_RAW", Some(Layout::Ip)),
    (14, "DLT_RAW of OpenBSD", Some(Layout::Ip)),
    (50, "PPP_HDLC", Some(Layout::PppOrCisco)),
    (51, "PPP_ETHER", Some(Layout::Pppoe)),
    (100, "ATM_RFC1483", None),
    (101, "RAW", Some(Layout::Ip)),
    (104, "C_HDLC", Some(Layout::Cisco)),
    (105, "IEEE802_11", None),
    (107, "FRELAY", None),
    (108, "LOOP", Some(Layout::Loopback)),
    (113, "LINUX_SLL", Some(Layout::Cooked)),
    (114, "LTALK", None),
    (117, "PFLOG", None),
    (119, "IEEE802_11_PRISM", None),
    (122, "IP_OVER_FC", None),
    (123, "SUNATM", None),
    (127, "IEEE802_11_RADIOTAP", None),
    (138, "APPLE_IP_OVER_IEEE1394", None),
    (140, "MTP2", None),
    (141, "MTP3", None),
    (142, "SCCP", None),
    (143, "DOCSIS", None),
    (147, "USER0", None),
    (163, "IEEE802_11_AVS", None),
    (166, "PPP_PPPD", None),
    (177, "LINUX_LAPD", None),
    (187, "BLUETOOTH_HCI_H4", None),
    (189, "USB_LINUX", None),
    (192, "PPI", None),
    (195, "IEEE802_15_4_WITHFCS", None),
    (197, "ERF", None),
    (201, "BLUETOOTH_HCI_H4_WITH_PHDR", None),
    (204, "PPP_WITH_DIR", None),
    (205, "C_HDLC_WITH_DIR", None),
    (206, "FRELAY_WITH_DIR", None),
    (219, "MPLS", None),
    (220, "USB_LINUX_MMAPPED", None),
    (224, "FC_2", None),
    (226, "IPNET", None),
    (227, "CAN_SOCKETCAN", None),
    (228, "IPV4", Some(Layout::Ipv4)),
    (229, "IPV6", Some(Layout::Ipv6)),
    (230, "IEEE802_15_4_NOFCS", None),
    (231, "DBUS", None),
    (239, "NFLOG", None),
    (240, "NETANALYZER", None),
    (242, "IPOIB", None),
    (247, "INFINIBAND", None),
    (248, "SCTP", None),
    (249, "USBPCAP", None),
    (251, "BLUETOOTH_LE_LL", None),
    (252, "WIRESHARK_UPPER_PDU", None),
    (253, "NETLINK", None),
    (254, "BLUETOOTH_LINUX_MONITOR", None),
    (258, "PKTAP", None),
    (266, "USB_DARWIN", None),
    (271, "VSOCK", None),
    (274, "ETHERNET_MPACKET", None),
    (276, "LINUX_SLL2", Some(Layout::Cooked2)),
];

impl LinkType {
    /// Ethernet.
    pub const ETHERNET: Self = Self(1);

    /// From its number.
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// Its name, without `LINKTYPE_`, if it is a well-known one.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        self.known().map(|(_, name, _)| *name)
    }

    /// Whether frames of it are opened.
    #[must_use]
    pub fn is_opened(self) -> bool {
        self.layout().is_some()
    }

    fn known(self) -> Option<&'static (u32, &'static str, Option<Layout>)> {
        KNOWN.iter().find(|(number, ..)| *number == self.0)
    }

    fn layout(self) -> Option<Layout> {
        self.known().and_then(|(.., layout)| *layout)
    }

    /// How a frame of this type, of which `captured` was kept and which had `length` bytes on the wire,
    /// becomes an Ethernet frame; `None` if the type is not opened.
    pub(super) fn map(self, captured: &[u8], length: usize) -> Option<Mapping> {
        let frame = Captured {
            bytes: captured,
            length,
        };
        Some(match self.layout()? {
            Layout::Ethernet => frame.unchanged(),
            Layout::Ip => frame.behind(0, frame.byte(0).map(ip_version)),
            Layout::Ipv4 => frame.behind(0, Some(IPV4)),
            Layout::Ipv6 => frame.behind(0, Some(IPV6)),
            Layout::Loopback => frame.behind(4, frame.array(0).map(address_family)),
            Layout::Ppp => frame.ppp(),
            Layout::PppOrCisco => match frame.byte(0) {
                Some(CISCO_UNICAST | CISCO_BROADCAST) => frame.behind(4, frame.cisco()),
                _ => frame.ppp(),
            },
            Layout::Pppoe => frame.behind(0, frame.byte(1).map(pppoe_code)),
            Layout::Cisco => frame.behind(4, frame.cisco()),
            Layout::Cooked => frame.behind(16, frame.cooked(16, 14, 2)),
            Layout::Cooked2 => frame.behind(20, frame.cooked(20, 0, 8)),
        })
    }
}

impl fmt::Display for LinkType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "link type {}", self.0)?;
        match self.name() {
            Some(name) => write!(formatter, " ({name})"),
            None => Ok(()),
        }
    }
}

/// What is taken off a frame and what is put there instead.
pub(super) struct Mapping {
    /// Bytes that are taken off its beginning.
    pub(super) strip: usize,
    header: [u8; HEADROOM],
    header_length: usize,
    /// Bytes of the frame on the wire, with the new header.
    pub(super) length: usize,
}

impl Mapping {
    /// What is put before the frame.
    pub(super) fn header(&self) -> &[u8] {
        &self.header[..self.header_length]
    }
}

/// A frame as it was captured.
struct Captured<'a> {
    bytes: &'a [u8],
    /// On the wire.
    length: usize,
}

impl Captured<'_> {
    fn byte(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    fn array<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.bytes.get(at..)?.first_chunk().copied()
    }

    fn number(&self, at: usize) -> Option<u16> {
        self.array(at).map(u16::from_be_bytes)
    }

    fn unchanged(&self) -> Mapping {
        Mapping {
            strip: 0,
            header: [0; HEADROOM],
            header_length: 0,
            length: self.length,
        }
    }

    /// An Ethernet header of this type in place of a header of `strip` bytes.
    ///
    /// Without the type, because too little was captured, it ends where the type would begin: so it is
    /// a cut frame, or where that is all there ever was, one that is too short.
    fn behind(&self, strip: usize, ethertype: Option<u16>) -> Mapping {
        let mut header = [0; HEADROOM];
        let whole = ETHERNET + self.length.saturating_sub(strip);
        match ethertype {
            Some(ethertype) if self.bytes.len() >= strip => {
                header[ADDRESSES..ETHERNET].copy_from_slice(&ethertype.to_be_bytes());
                Mapping {
                    strip,
                    header,
                    header_length: ETHERNET,
                    length: whole,
                }
            }
            _ => Mapping {
                strip: self.bytes.len(),
                header,
                header_length: ADDRESSES,
                length: if self.bytes.len() < self.length {
                    whole
                } else {
                    ADDRESSES
                },
            },
        }
    }

    /// A PPPoE session before a PPP frame, so that the same code opens both.
    fn ppp(&self) -> Mapping {
        let strip = if self.bytes.starts_with(&PPP_ADDRESS) {
            PPP_ADDRESS.len()
        } else {
            0
        };
        let mut mapping = self.behind(strip, Some(PPPOE_SESSION));
        // A longer frame than the field can say exists only on a link without Ethernet's limits.
        let length = u16::try_from(self.length - strip).unwrap_or(u16::MAX);
        let [high, low] = length.to_be_bytes();
        // Version 1, type 1, code 0, session 0.
        mapping.header[ETHERNET..].copy_from_slice(&[0x11, 0, 0, 0, high, low]);
        mapping.header_length += PPPOE;
        mapping.length += PPPOE;
        mapping
    }

    /// The protocol of a Cisco HDLC frame. Its numbers are EtherTypes, as far as they are any.
    fn cisco(&self) -> Option<u16> {
        let protocol = self.number(2)?;
        Some(if protocol < ETHERTYPE_MIN {
            UNKNOWN
        } else {
            protocol
        })
    }

    /// What a Linux cooked header of `header` bytes says, with its protocol and its hardware type at
    /// these places.
    fn cooked(&self, header: usize, protocol: usize, hardware: usize) -> Option<u16> {
        let (protocol, hardware) = (self.number(protocol)?, self.number(hardware)?);
        Some(match (protocol, hardware) {
            (_, HARDWARE_FRAD | HARDWARE_RADIOTAP | HARDWARE_NETLINK) => UNKNOWN,
            (ETHERTYPE_MIN.., _) => protocol,
            // A number of Linux's own for frames with an LLC header, or near to it.
            _ => u16::try_from(self.length.saturating_sub(header))
                .map_or(LENGTH_MAX, |length| length.min(LENGTH_MAX)),
        })
    }
}

/// The EtherType of an IP packet that begins with this byte.
const fn ip_version(first: u8) -> u16 {
    match first >> 4 {
        4 => IPV4,
        6 => IPV6,
        _ => UNKNOWN,
    }
}

/// The EtherType of an address family. The field is in the byte order of the machine that wrote it,
/// and no family has a number that is one in both.
fn address_family(field: [u8; 4]) -> u16 {
    match u32::from_be_bytes(field).min(u32::from_le_bytes(field)) {
        2 => IPV4,
        // Linux; NetBSD and OpenBSD; FreeBSD; macOS.
        10 | 24 | 28 | 30 => IPV6,
        _ => UNKNOWN,
    }
}

/// The EtherType of PPPoE with this code.
const fn pppoe_code(code: u8) -> u16 {
    if code == 0 {
        PPPOE_SESSION
    } else {
        PPPOE_DISCOVERY
    }
}
