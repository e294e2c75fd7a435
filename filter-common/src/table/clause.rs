//! The conditions under which a listed address is blocked.

/// Which end of a packet the listed address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// The packet comes from it.
    Source,
    /// The packet goes to it.
    Destination,
}

/// The bits of [`Clause::flags`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClauseFlags;

impl ClauseFlags {
    /// Packets from the address match.
    pub const FROM: u8 = 1;
    /// Packets to the address match.
    pub const TO: u8 = 2;
    /// A match is counted as `would_drop` and the evaluation goes on.
    pub const MONITOR: u8 = 4;
    /// Only packets of [`Clause::protocol`] match.
    pub const PROTOCOL: u8 = 8;
    /// Only packets whose port at the listed end is in [`Clause::ports`] match.
    pub const PORTS: u8 = 16;
    /// No further clause of this address follows.
    pub const LAST: u8 = 32;
}

/// One condition. An address is blocked if any clause of its run matches; the first that does is the
/// one charged, so the most specific comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct Clause {
    /// The set of orders that is charged.
    pub slot: u32,
    /// Seconds of CLOCK_BOOTTIME from which the clause no longer matches.
    pub deadline: u32,
    /// The first and the last port, host byte order.
    pub ports: [u16; 2],
    /// The IP protocol number.
    pub protocol: u8,
    /// See [`ClauseFlags`].
    pub flags: u8,
    /// Zero.
    pub reserved: u16,
}

impl Clause {
    /// Whether the clause speaks of such a packet, its deadline aside.
    ///
    /// `protocol` and `port` are those of the listed end. What is unknown, such as the port of a
    /// fragment other than the first, matches no clause that asks for it.
    #[inline(always)]
    #[must_use]
    pub const fn matches(&self, end: End, protocol: Option<u8>, port: Option<u16>) -> bool {
        let direction = match end {
            End::Source => ClauseFlags::FROM,
            End::Destination => ClauseFlags::TO,
        };
        if self.flags & direction == 0 {
            return false;
        }
        if self.flags & ClauseFlags::PROTOCOL != 0 {
            match protocol {
                Some(protocol) if protocol == self.protocol => {}
                _ => return false,
            }
        }
        if self.flags & ClauseFlags::PORTS != 0 {
            let [first, last] = self.ports;
            match port {
                Some(port) if first <= port && port <= last => {}
                _ => return false,
            }
        }
        true
    }
}

const _: () = assert!(size_of::<Clause>() == 16);
