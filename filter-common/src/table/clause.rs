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

/// What a clause is asked about: one end of a packet.
///
/// The unknown is a number that no clause can name, so that asking takes no case of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject {
    direction: u32,
    protocol: u32,
    port: i32,
}

impl Subject {
    const UNKNOWN_PROTOCOL: u32 = 1 << 8;
    const UNKNOWN_PORT: i32 = -1;

    /// One end, with the packet's protocol and the port at that end where they are known.
    #[inline(always)]
    #[must_use]
    pub const fn new(end: End, protocol: Option<u8>, port: Option<u16>) -> Self {
        Self {
            direction: match end {
                End::Source => ClauseFlags::FROM as u32,
                End::Destination => ClauseFlags::TO as u32,
            },
            protocol: match protocol {
                Some(protocol) => protocol as u32,
                None => Self::UNKNOWN_PROTOCOL,
            },
            port: match port {
                Some(port) => port as i32,
                None => Self::UNKNOWN_PORT,
            },
        }
    }
}

impl Clause {
    /// Whether the clause speaks of such a packet, its deadline aside.
    ///
    /// What is unknown, such as the port of a fragment other than the first, matches no clause that
    /// asks for it. Computed without a branch but the last: the verifier follows each branch of each
    /// step of a walk.
    #[inline(always)]
    #[must_use]
    #[expect(clippy::cast_sign_loss, reason = "sign bits are what is looked at")]
    pub const fn matches(&self, subject: Subject) -> bool {
        let flags = self.flags as u32;
        let direction = flags & subject.direction ^ subject.direction;
        let protocol =
            (self.protocol as u32 ^ subject.protocol) & mask(flags, ClauseFlags::PROTOCOL);
        let [first, last] = self.ports;
        let below = (subject.port - first as i32) as u32;
        let above = (last as i32 - subject.port) as u32;
        let ports = (below | above) >> 31 & mask(flags, ClauseFlags::PORTS);
        direction | protocol | ports == 0
    }
}

/// All ones where `flags` has the `flag`, else 0.
#[inline(always)]
const fn mask(flags: u32, flag: u8) -> u32 {
    0_u32.wrapping_sub(flags >> flag.trailing_zeros() & 1)
}

const _: () = assert!(size_of::<Clause>() == 16);
