//! Recorded frames, one at a time: classic pcap files of Ethernet, written on a little-endian machine.

use std::io::{self, Read};

use jiff::Timestamp;

/// Bytes of one frame; what claims more is no capture.
const FRAME_MAX: usize = 1 << 18;

/// What the frames of a capture are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkType {
    /// IEEE 802.3.
    Ethernet,
    /// RFC 1661, in a frame of RFC 1662.
    Ppp,
}

/// One frame.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Its number, from 1.
    pub number: u64,
    /// When it was captured.
    pub time: Option<Timestamp>,
    /// Its bytes, from the Ethernet header on, as far as they were captured.
    pub frame: &'a [u8],
    /// Bytes of the whole frame on the wire.
    pub length: usize,
    /// What it was captured on.
    pub link: LinkType,
}

/// A file that is no capture, or ends inside one.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// It cannot be read.
    #[error("cannot read the capture: {0}")]
    Read(#[from] io::Error),
    /// It is none.
    #[error("this is no capture")]
    Foreign,
    /// It ends too early.
    #[error("the capture ends inside record {0}")]
    Cut(u64),
}

/// Reads a capture.
pub struct Reader<R> {
    input: R,
    link: LinkType,
    number: u64,
    frame: Vec<u8>,
}

impl<R: Read> Reader<R> {
    /// Reads the file header.
    pub fn new(mut input: R) -> Result<Self, CaptureError> {
        let mut header = [0; 24];
        input
            .read_exact(&mut header)
            .map_err(|_| CaptureError::Foreign)?;
        if header[..4] != [0xd4, 0xc3, 0xb2, 0xa1] {
            return Err(CaptureError::Foreign);
        }
        let link = match header[20..24] {
            [1, 0, 0, 0] => LinkType::Ethernet,
            [9, 0, 0, 0] => LinkType::Ppp,
            _ => return Err(CaptureError::Foreign),
        };
        Ok(Self {
            input,
            link,
            number: 0,
            frame: Vec::new(),
        })
    }

    /// The next frame; `None` at the end.
    #[expect(
        clippy::should_implement_trait,
        reason = "a record borrows from the reader, which an iterator cannot say"
    )]
    pub fn next(&mut self) -> Result<Option<Record<'_>>, CaptureError> {
        let mut header = [0; 16];
        let mut read = 0;
        while read < header.len() {
            match self.input.read(&mut header[read..])? {
                0 if read == 0 => return Ok(None),
                0 => return Err(CaptureError::Cut(self.number + 1)),
                some => read += some,
            }
        }
        let word = |at: usize| {
            let bytes = [header[at], header[at + 1], header[at + 2], header[at + 3]];
            u32::from_le_bytes(bytes)
        };
        self.number += 1;
        let captured = word(8) as usize;
        if captured > FRAME_MAX {
            return Err(CaptureError::Cut(self.number));
        }
        self.frame.resize(captured, 0);
        self.input
            .read_exact(&mut self.frame)
            .map_err(|_| CaptureError::Cut(self.number))?;
        let mut length = word(12) as usize;
        if self.link == LinkType::Ppp && captured >= 4 {
            let ethertype = match self.frame[2..4] {
                [0x02, 0x81] => [0x88, 0x47],
                [0x00, 0x57] => [0x86, 0xdd],
                _ => [0x08, 0x00],
            };
            let head = [&[0; 12][..], &ethertype].concat();
            self.frame.splice(..4, head);
            length += 10;
        }
        let nanoseconds = i32::try_from(word(4)).unwrap_or(0).saturating_mul(1_000);
        Ok(Some(Record {
            number: self.number,
            time: Timestamp::new(word(0).into(), nanoseconds).ok(),
            frame: &self.frame,
            length,
            link: self.link,
        }))
    }
}
