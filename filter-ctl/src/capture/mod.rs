//! Capture files: pcap and pcapng, read as a stream, one Ethernet frame after another; pcapng, written.
//!
//! - [`Reader`] reads either format; [`pcap`] and [`pcapng`] know how each is laid out;
//! - [`link`] says which link types there are, and makes an Ethernet frame of what is none;
//! - [`write`] writes pcapng;
//! - [`input`] counts the bytes, so that every [`CaptureError`] can say where in the file it arose.
//!
//! A file is outside input: it takes no more memory than the limits here allow, whatever lengths it
//! claims, and what it says wrongly is refused with the place, never guessed. The records before that
//! place have been handed out by then.

mod error;
mod input;
mod link;
mod options;
mod pcap;
mod pcapng;
#[cfg(test)]
mod tests;
pub mod write;

use std::io::Read;

use jiff::Timestamp;

use self::{error::Place, input::Input};

pub use self::{
    error::{CaptureError, CaptureErrorKind},
    link::LinkType,
};

/// Captured bytes of one record, as tcpdump's `MAXIMUM_SNAPLEN`; a longer record is refused.
pub const CAPTURED_BYTES_MAX: usize = 262_144;
/// Bytes of one pcapng block, as libpcap has it; a longer block is refused, also of a kind that is
/// only skipped.
pub const BLOCK_BYTES_MAX: usize = 16 << 20;
/// Interfaces that one pcapng section describes: as many as the obsolete packet block can number. A
/// section with more is refused.
pub const INTERFACES_MAX: usize = 65_536;
/// Options of one pcapng block that are walked; a block with more is refused.
pub const OPTIONS_MAX: usize = 1_024;

/// Reads a capture file from beginning to end.
#[derive(Debug)]
pub struct Reader<R> {
    input: Input<R>,
    format: Format,
    /// Room for a link header, then the bytes of the record or block at hand.
    buffer: Vec<u8>,
    /// The number of the record that was handed out last.
    number: u64,
    /// Whether there is nothing more to hand out.
    ended: bool,
}

#[derive(Debug)]
enum Format {
    Pcap(pcap::File),
    Pcapng(pcapng::Section),
}

/// One captured packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Counted from 1 over the whole file, packets only, as `tcpdump -#` and Wireshark count.
    pub number: u64,
    /// When it was captured, rounded down to the nanosecond; `None` for simple packet blocks, which
    /// do not say it.
    pub time: Option<Timestamp>,
    /// An Ethernet frame: as captured, or what its link type was mapped to.
    pub frame: &'a [u8],
    /// Bytes of the whole frame on the wire, mapped alike; more than [`Record::frame`] has when the
    /// snap length cut it.
    pub length: usize,
    /// The link type that it was captured with.
    pub link: LinkType,
}

/// A record as it lies in the buffer, before its FCS is cut off and its link type mapped.
struct Found {
    /// Where in the file the record or block begins.
    offset: u64,
    time: Option<Timestamp>,
    link: LinkType,
    /// Where in the buffer its bytes begin; at least [`link::HEADROOM`].
    start: usize,
    captured: usize,
    /// Bytes on the wire; at least `captured`.
    original: usize,
    /// How many bytes of those on the wire are the frame check sequence.
    fcs: usize,
}

impl<R: Read> Reader<R> {
    /// Reads and checks the file header.
    pub fn new(input: R) -> Result<Self, CaptureError> {
        let mut input = Input::new(input);
        let mut buffer = vec![0; link::HEADROOM];
        let at_header = |kind| CaptureError::new(Place::Header, 0, kind);
        let mut magic = [0; 4];
        let found = input.read(&mut magic).map_err(at_header)?;
        let magic = &magic[..found];
        let format = if let Some(variant) = pcap::Variant::of(magic) {
            Format::Pcap(pcap::File::open(&mut input, variant).map_err(at_header)?)
        } else if magic == pcapng::MAGIC {
            Format::Pcapng(pcapng::Section::open(&mut input, &mut buffer).map_err(at_header)?)
        } else {
            return Err(at_header(CaptureErrorKind::of_unknown(magic)));
        };
        Ok(Self {
            input,
            format,
            buffer,
            number: 0,
            ended: false,
        })
    }

    /// The next record; `None` at the end of the file, and once there was an error.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator cannot lend what it owns"
    )]
    pub fn next(&mut self) -> Result<Option<Record<'_>>, CaptureError> {
        if self.ended {
            return Ok(None);
        }
        let number = self.number + 1;
        // Until the record is there to be handed out.
        self.ended = true;
        let found = match &mut self.format {
            Format::Pcap(file) => file.next(&mut self.input, &mut self.buffer, number),
            Format::Pcapng(section) => section.next(&mut self.input, &mut self.buffer, number),
        };
        let Some(found) = found? else {
            return Ok(None);
        };
        let length = found.original.saturating_sub(found.fcs);
        let end = found.start + found.captured.min(length);
        let Some(mapping) = found.link.map(&self.buffer[found.start..end], length) else {
            let kind = CaptureErrorKind::Link(found.link);
            return Err(CaptureError::new(Place::Record(number), found.offset, kind));
        };
        let header = mapping.header();
        let start = found.start + mapping.strip - header.len();
        self.buffer[start..start + header.len()].copy_from_slice(header);
        self.number = number;
        self.ended = false;
        Ok(Some(Record {
            number,
            time: found.time,
            frame: &self.buffer[start..end],
            length: mapping.length,
            link: found.link,
        }))
    }
}
