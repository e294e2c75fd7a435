//! What can be wrong with a capture file, and where.

use std::{fmt, io};

use super::{
    BLOCK_BYTES_MAX, CAPTURED_BYTES_MAX, INTERFACES_MAX, LinkType, OPTIONS_MAX,
    pcapng::BLOCK_BYTES_MIN,
};

/// A capture file that cannot be read, or not any further.
#[derive(Debug, thiserror::Error)]
#[error("{place} at byte {offset} of the file: {kind}")]
pub struct CaptureError {
    place: Place,
    /// Where the header, record or block begins, counted from 0.
    pub offset: u64,
    /// What is wrong with it.
    pub kind: CaptureErrorKind,
}

/// What part of the file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Header,
    /// The record with this number.
    Record(u64),
    /// A block that is no record, before the one with this number.
    Block(u64),
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header => formatter.write_str("file header"),
            Self::Record(number) => write!(formatter, "record {number}"),
            Self::Block(number) => write!(formatter, "block before record {number}"),
        }
    }
}

impl CaptureError {
    pub(super) const fn new(place: Place, offset: u64, kind: CaptureErrorKind) -> Self {
        Self {
            place,
            offset,
            kind,
        }
    }

    /// The number of the record that cannot be read; `None` where it is no record.
    #[must_use]
    pub const fn record(&self) -> Option<u64> {
        match self.place {
            Place::Record(number) => Some(number),
            Place::Header | Place::Block(_) => None,
        }
    }
}

/// What is wrong with a file header, a record or a block.
#[derive(Debug, thiserror::Error)]
pub enum CaptureErrorKind {
    /// The file cannot be read.
    #[error("cannot read: {0}")]
    Read(#[source] io::Error),
    /// There is not one byte.
    #[error("the file is empty: expected a pcap or pcapng file")]
    Empty,
    /// It is some other file.
    #[error("the file begins with the bytes {0}: expected a pcap or pcapng file")]
    NoCapture(String),
    /// It is compressed.
    #[error(
        "the file is compressed by {program}: expected a pcap or pcapng file; decompress it first, e.g. `{reader} FILE | filter-ctl simulate -`"
    )]
    Compressed {
        /// What compressed it.
        program: &'static str,
        /// What writes it out decompressed.
        reader: &'static str,
    },
    /// The format has another version.
    #[error("version {major}.{minor}: expected {expected}")]
    Version {
        /// The major version.
        major: u16,
        /// The minor version.
        minor: u16,
        /// Which are read.
        expected: &'static str,
    },
    /// Bits of the link-type field are set that have no meaning.
    #[error("link-type field {0:#010x}: expected the bits 0x0bff0000 to be 0")]
    ReservedBits(u32),
    /// The file ends within it.
    #[error(
        "the file ends after {found} of {expected} bytes: {} are missing",
        expected - found
    )]
    Cut {
        /// How many are there.
        found: usize,
        /// How many are needed: as far as its lengths could be read, of all of it.
        expected: usize,
    },
    /// A record has too many bytes.
    #[error("captured length {0}: expected at most {CAPTURED_BYTES_MAX}")]
    CapturedLength(u32),
    /// A block's length is none.
    #[error(
        "block length {0}: expected a multiple of 4 from {BLOCK_BYTES_MIN} to {BLOCK_BYTES_MAX}"
    )]
    BlockLength(u32),
    /// The two lengths of a block differ.
    #[error("the block ends with the length {found}: expected {expected}, as it begins")]
    TrailingLength {
        /// The length at its end.
        found: u32,
        /// The length at its beginning.
        expected: u32,
    },
    /// A block is too short for what it must hold.
    #[error("block of {found} bytes: expected at least {expected} of this type")]
    BlockShort {
        /// Its length.
        found: usize,
        /// What its fields, and the packet in it, need.
        expected: usize,
    },
    /// A section header says no byte order.
    #[error("byte-order magic {0:#010x}: expected 0x1a2b3c4d in either order")]
    ByteOrderMagic(u32),
    /// A packet came from an interface that was not described.
    #[error("interface {found}: expected one of the {known} that the section has described so far")]
    Interface {
        /// Its number, counted from 0.
        found: u32,
        /// How many are known.
        known: usize,
    },
    /// There are too many interfaces.
    #[error("one more interface: expected at most {INTERFACES_MAX} in a section")]
    TooManyInterfaces,
    /// There are too many options.
    #[error("one more option: expected at most {OPTIONS_MAX} in a block")]
    TooManyOptions,
    /// An option does not end in its block.
    #[error("option {code} of {length} bytes: expected at most the {room} that the block has left")]
    OptionCut {
        /// Its code.
        code: u16,
        /// Its length.
        length: u16,
        /// What is left.
        room: usize,
    },
    /// An option has a length that it cannot have.
    #[error("option {name} of {found} bytes: expected {expected}")]
    OptionLength {
        /// Its name.
        name: &'static str,
        /// Its length.
        found: usize,
        /// The only length that it can have.
        expected: usize,
    },
    /// The frame check sequence has a length that is none.
    #[error("option if_fcslen {0}: expected up to 7, in bytes, or a multiple of 8, in bits")]
    FcsLength(u8),
    /// A time is out of range.
    #[error("time {0} seconds from 1970: expected a year from -9999 to 9999")]
    Time(i128),
    /// Frames of this type are not opened.
    #[error(
        "{0}: expected Ethernet (1), raw IP (12, 14, 101, 228, 229), BSD loopback (0, 108), PPP (9, 50, 51), Cisco HDLC (104) or Linux cooked (113, 276)"
    )]
    Link(LinkType),
}

impl CaptureErrorKind {
    pub(super) const fn cut(found: usize, expected: usize) -> Self {
        Self::Cut { found, expected }
    }

    /// Of a file that begins with `magic`, or consists of it where that is less than 4 bytes.
    pub(super) fn of_unknown(magic: &[u8]) -> Self {
        let (program, reader) = match magic {
            [] => return Self::Empty,
            [0x1f, 0x8b, ..] => ("gzip", "zcat"),
            [0x28, 0xb5, 0x2f, 0xfd] => ("zstd", "zstdcat"),
            [0xfd, b'7', b'z', b'X'] => ("xz", "xzcat"),
            [b'B', b'Z', b'h', ..] => ("bzip2", "bzcat"),
            [0x04, 0x22, 0x4d, 0x18] => ("lz4", "lz4cat"),
            other => {
                let bytes: Vec<String> = other.iter().map(|byte| format!("{byte:02x}")).collect();
                return Self::NoCapture(bytes.join(" "));
            }
        };
        Self::Compressed { program, reader }
    }
}
