//! The load: our own frames, sent by the kernel as fast as one processor can make them.

use std::os::fd::AsFd as _;

use anyhow::{Context as _, Result};

use crate::{
    lists::Source,
    names::IP_OFFSET,
    object::Object,
    sys,
    wire::{MACS, SENDING_PROCESSOR, Wire},
};

/// Bytes of a frame without its checksum: the smallest that Ethernet allows.
const FRAME: usize = 60;
/// Frames that are made at a time: as many as a driver takes from a ring.
const BATCH: u32 = 64;
/// The same where they are sent evenly.
const PACED_BATCH: u32 = 8;

/// The IP version of a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    V4,
    V6,
}

/// The number of [`Port::Other`].
pub(crate) const OTHER_PORT: u16 = 30_000;

/// The port that a load comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Port {
    /// One that no host sends from. Levee can be told to drop what does, after all its lookups: so what is
    /// not listed ends there, and the way through the network stack is not measured with it.
    Zero,
    /// One like any other.
    Usual,
    /// Another, which a rule can ask for.
    Other,
}

/// Sources, and the program that sends from them in turn.
pub(crate) struct Load {
    object: Object,
    frame: Vec<u8>,
    paced: bool,
}

impl Load {
    /// A load as fast as one processor makes it.
    pub(crate) fn new(
        wire: &Wire,
        version: Version,
        port: Port,
        sources: &[Source],
    ) -> Result<Self> {
        Self::paced(wire, (version, port), sources, 0)
    }

    /// A load with a frame every so many nanoseconds; 0 for as fast as it goes.
    pub(crate) fn paced(
        wire: &Wire,
        (version, port): (Version, Port),
        sources: &[Source],
        period: u32,
    ) -> Result<Self> {
        let mut object = Object::load(
            &[("SOURCES", u32::try_from(sources.len())?)],
            &[("PERIOD", period), ("SEND_TO", wire.sender_index()?)],
        )?;
        object.set_sources(sources)?;
        object.verify("generate")?;
        Ok(Self {
            object,
            frame: frame(version, port),
            paced: period != 0,
        })
    }

    /// Sends so many frames, and returns when the last is on its way. Those for which the receiver has
    /// no room are lost.
    pub(crate) fn send(&mut self, wire: &Wire, frames: u32) -> Result<()> {
        let Self {
            object,
            frame,
            paced,
        } = self;
        let program = object.program("generate")?;
        wire.sender.run(|| -> Result<()> {
            sys::pin(0, SENDING_PROCESSOR).context("cannot bind the load")?;
            // A paced load leaves its processor to others between batches.
            let batch = if *paced {
                PACED_BATCH
            } else {
                sys::prefer(0).context("cannot prefer the load")?;
                BATCH
            };
            sys::send_frames(program.fd()?.as_fd(), frame, frames, batch).context("cannot send")
        })
    }
}

/// A small UDP packet: the program writes the source, the last bits of the destination, and the checksum.
pub(crate) fn frame(version: Version, port: Port) -> Vec<u8> {
    let [sender, receiver] = MACS;
    let mut frame = [receiver, sender].concat();
    let payload = match version {
        Version::V4 => {
            let length = u16::try_from(FRAME - IP_OFFSET).unwrap_or_default();
            frame.extend([0x08, 0x00, 0x45, 0]);
            frame.extend(length.to_be_bytes());
            // Identification, no fragment, TTL 64, UDP, checksum and source to come, 198.41.0.0/20.
            frame.extend([0, 0, 0, 0, 64, 17, 0, 0, 0, 0, 0, 0, 198, 41, 0, 1]);
            FRAME - IP_OFFSET - 20
        }
        Version::V6 => {
            // UDP with a header and two bytes; hop limit 64.
            frame.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, 10, 17, 64]);
            frame.extend([0; 16]);
            frame.extend([0x2a, 0x03, 0x0d, 0x28, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
            10
        }
    };
    let length = u16::try_from(payload).unwrap_or_default();
    let source = match port {
        Port::Zero => 0_u16,
        Port::Usual => 40_000,
        Port::Other => OTHER_PORT,
    };
    frame.extend(source.to_be_bytes());
    // Port 53, length, no checksum.
    frame.extend([0, 53]);
    frame.extend(length.to_be_bytes());
    frame.extend([0, 0]);
    frame.resize(frame.len() + payload - 8, 0x5a);
    frame
}
