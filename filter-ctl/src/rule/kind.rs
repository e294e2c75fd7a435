//! The kinds of components, by the numbers of RFC 8955 and RFC 8956.

/// A kind of component.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// Destination prefix.
    Destination = 1,
    /// Source prefix.
    Source = 2,
    /// Protocol.
    Protocol = 3,
    /// Source or destination port.
    Port = 4,
    /// Destination port.
    DestinationPort = 5,
    /// Source port.
    SourcePort = 6,
    /// ICMP type.
    IcmpType = 7,
    /// ICMP code.
    IcmpCode = 8,
    /// TCP flags.
    TcpFlags = 9,
    /// Packet length.
    Length = 10,
    /// DSCP.
    Dscp = 11,
    /// Fragment.
    Fragment = 12,
    /// Flow label.
    Label = 13,
}

impl Kind {
    /// All of them, in their order.
    pub const ALL: [Self; 13] = [
        Self::Destination,
        Self::Source,
        Self::Protocol,
        Self::Port,
        Self::DestinationPort,
        Self::SourcePort,
        Self::IcmpType,
        Self::IcmpCode,
        Self::TcpFlags,
        Self::Length,
        Self::Dscp,
        Self::Fragment,
        Self::Label,
    ];

    /// Its name in text: the first is the one that is printed.
    #[must_use]
    pub const fn names(self) -> &'static [&'static str] {
        match self {
            Self::Destination => &["dst", "destination"],
            Self::Source => &["src", "source"],
            Self::Protocol => &["proto", "protocol", "next header", "next-header"],
            Self::Port => &["port"],
            Self::DestinationPort => &["dport", "destination-port"],
            Self::SourcePort => &["sport", "source-port"],
            Self::IcmpType => &["icmp type", "icmp-type"],
            Self::IcmpCode => &["icmp code", "icmp-code"],
            Self::TcpFlags => &["tcp flags", "tcp-flags"],
            Self::Length => &["length", "packet-length"],
            Self::Dscp => &["dscp"],
            Self::Fragment => &["fragment"],
            Self::Label => &["label", "flow-label"],
        }
    }

    /// The name that is printed.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.names()[0]
    }
}
