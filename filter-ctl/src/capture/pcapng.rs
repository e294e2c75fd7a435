//! The newer format: blocks, in sections with a byte order and interfaces of their own.

mod interface;

use std::io::Read;

use self::interface::Interface;
use super::{
    CAPTURED_BYTES_MAX, CaptureError, CaptureErrorKind, Found, INTERFACES_MAX,
    error::Place,
    input::{ByteOrder, Input},
    link,
    options::{self, padded},
};

/// The type of the section header block, which reads the same in both byte orders.
pub(super) const MAGIC: [u8; 4] = SECTION_HEADER.to_be_bytes();
/// Type and length twice; also named in an error.
pub(super) const BLOCK_BYTES_MIN: usize = BLOCK_HEAD + BLOCK_TAIL;
/// Bytes before the body of a block: type and length.
const BLOCK_HEAD: usize = 8;
/// Bytes behind it: the length again.
const BLOCK_TAIL: usize = 4;

pub(super) const SECTION_HEADER: u32 = 0x0a0d_0d0a;
pub(super) const INTERFACE_DESCRIPTION: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
pub(super) const ENHANCED_PACKET: u32 = 6;
pub(super) const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;

/// `epb_flags`, and `pack_flags` of the obsolete block.
const PACKET_FLAGS: u16 = 2;

/// The section at hand.
#[derive(Debug)]
pub(super) struct Section {
    order: ByteOrder,
    interfaces: Vec<Interface>,
}

/// A block's head and where it stands.
struct Block {
    offset: u64,
    kind: u32,
    /// Its bytes, with head and tail.
    length: u32,
}

impl Section {
    /// Reads the section header that the file begins with, behind its type.
    pub(super) fn open<R: Read>(
        input: &mut Input<R>,
        buffer: &mut Vec<u8>,
    ) -> Result<Self, CaptureErrorKind> {
        let mut section = Self {
            order: ByteOrder::Little,
            interfaces: Vec::new(),
        };
        let length = input.array(BLOCK_HEAD)?;
        section.begin(input, buffer, length)?;
        Ok(section)
    }

    /// Reads blocks up to and with the next packet, which gets this number, into `buffer`.
    ///
    /// The loop is as long as the file has other blocks; each takes at least 12 bytes of it.
    pub(super) fn next<R: Read>(
        &mut self,
        input: &mut Input<R>,
        buffer: &mut Vec<u8>,
        number: u64,
    ) -> Result<Option<Found>, CaptureError> {
        loop {
            let offset = input.offset();
            let at_block = |kind| CaptureError::new(Place::Block(number), offset, kind);
            let mut head = [0; BLOCK_HEAD];
            match input.read(&mut head).map_err(at_block)? {
                0 => return Ok(None),
                BLOCK_HEAD => {}
                found => return Err(at_block(CaptureErrorKind::cut(found, BLOCK_HEAD))),
            }
            let block = Block {
                offset,
                kind: self.order.u32(&head, 0),
                length: self.order.u32(&head, 4),
            };
            match block.kind {
                SECTION_HEADER => {
                    let [.., a, b, c, d] = head;
                    self.begin(input, buffer, [a, b, c, d]).map_err(at_block)?;
                }
                INTERFACE_DESCRIPTION => self
                    .read_body(input, buffer, block.length)
                    .and_then(|()| self.describe(&buffer[link::HEADROOM..]))
                    .map_err(at_block)?,
                ENHANCED_PACKET | OBSOLETE_PACKET | SIMPLE_PACKET => {
                    let at_record = |kind| CaptureError::new(Place::Record(number), offset, kind);
                    self.read_body(input, buffer, block.length)
                        .map_err(at_record)?;
                    let found = if block.kind == SIMPLE_PACKET {
                        self.simple(&block, &buffer[link::HEADROOM..])
                    } else {
                        self.packet(&block, &buffer[link::HEADROOM..])
                    };
                    return found.map(Some).map_err(at_record);
                }
                _ => self.skip(input, block.length).map_err(at_block)?,
            }
        }
    }

    /// Begins a section: reads its header behind the first length, whose byte order is not known yet.
    fn begin<R: Read>(
        &mut self,
        input: &mut Input<R>,
        buffer: &mut Vec<u8>,
        length: [u8; 4],
    ) -> Result<(), CaptureErrorKind> {
        const MAGIC_END: usize = BLOCK_HEAD + 4;
        let magic = input.array::<4>(MAGIC_END)?;
        self.order = if ByteOrder::Little.u32(&magic, 0) == BYTE_ORDER_MAGIC {
            ByteOrder::Little
        } else if ByteOrder::Big.u32(&magic, 0) == BYTE_ORDER_MAGIC {
            ByteOrder::Big
        } else {
            return Err(CaptureErrorKind::ByteOrderMagic(u32::from_be_bytes(magic)));
        };
        self.interfaces.clear();
        let length = self.order.u32(&length, 0);
        let total = check_length(length)?;
        buffer.truncate(link::HEADROOM);
        // The magic number is body as well; with less than it, the block is too short in any case.
        input.append(buffer, total.saturating_sub(MAGIC_END), total)?;
        let body = self.check_tail(buffer, length)?;
        // Versions and the length of the section, which says nothing that the blocks do not.
        let fields = body.first_chunk::<12>();
        let fields = fields.ok_or(CaptureErrorKind::BlockShort {
            found: total,
            expected: MAGIC_END + 12 + BLOCK_TAIL,
        })?;
        let (major, minor) = (self.order.u16(fields, 0), self.order.u16(fields, 2));
        // Some writers wrote 1.2 for what is 1.0.
        if major != 1 || !matches!(minor, 0 | 2) {
            return Err(CaptureErrorKind::Version {
                major,
                minor,
                expected: "1.0 or 1.2",
            });
        }
        Ok(())
    }

    /// Reads the rest of a block into `buffer` and leaves its body there.
    fn read_body<R: Read>(
        &self,
        input: &mut Input<R>,
        buffer: &mut Vec<u8>,
        length: u32,
    ) -> Result<(), CaptureErrorKind> {
        let total = check_length(length)?;
        buffer.truncate(link::HEADROOM);
        input.append(buffer, total - BLOCK_HEAD, total)?;
        self.check_tail(buffer, length)?;
        buffer.truncate(buffer.len() - BLOCK_TAIL);
        Ok(())
    }

    /// Compares the length at the end of what was read with the first one; returns the body.
    fn check_tail<'a>(&self, buffer: &'a [u8], length: u32) -> Result<&'a [u8], CaptureErrorKind> {
        // A section header of 12 bytes has no tail left behind the magic number: that is in its place.
        let Some((body, tail)) = buffer[link::HEADROOM..].split_last_chunk::<BLOCK_TAIL>() else {
            return Ok(&[]);
        };
        let found = self.order.u32(tail, 0);
        if found != length {
            return Err(CaptureErrorKind::TrailingLength {
                found,
                expected: length,
            });
        }
        Ok(body)
    }

    fn skip<R: Read>(&self, input: &mut Input<R>, length: u32) -> Result<(), CaptureErrorKind> {
        let total = check_length(length)?;
        input.skip(total - BLOCK_BYTES_MIN, BLOCK_TAIL, total)?;
        let found = self.order.u32(&input.array::<BLOCK_TAIL>(total)?, 0);
        if found != length {
            return Err(CaptureErrorKind::TrailingLength {
                found,
                expected: length,
            });
        }
        Ok(())
    }

    /// Takes an interface description to those of the section.
    fn describe(&mut self, body: &[u8]) -> Result<(), CaptureErrorKind> {
        let interface = Interface::new(self.order, body)?;
        if self.interfaces.len() == INTERFACES_MAX {
            return Err(CaptureErrorKind::TooManyInterfaces);
        }
        self.interfaces.push(interface);
        Ok(())
    }

    /// An enhanced packet, or the obsolete one, which differs only in the width of the interface.
    fn packet(&self, block: &Block, body: &[u8]) -> Result<Found, CaptureErrorKind> {
        const FIELDS: usize = 20;
        let order = self.order;
        let (fields, rest) = split::<FIELDS>(body)?;
        let number = if block.kind == OBSOLETE_PACKET {
            u32::from(order.u16(fields, 0))
        } else {
            order.u32(fields, 0)
        };
        let interface = self.interface(number)?;
        let ticks = u64::from(order.u32(fields, 4)) << 32 | u64::from(order.u32(fields, 8));
        let captured = check_captured(order.u32(fields, 12))?;
        let original = order.u32(fields, 16) as usize;
        let Some(behind) = rest.get(padded(captured)..) else {
            return Err(CaptureErrorKind::BlockShort {
                found: block.length as usize,
                expected: BLOCK_BYTES_MIN + FIELDS + padded(captured),
            });
        };
        let mut fcs = interface.fcs;
        options::walk(order, behind, |code, value| {
            if code == PACKET_FLAGS {
                let flags = order.u32(&options::value::<4>("epb_flags", value)?, 0);
                // Bits 5 to 8: the length of this packet's FCS in bytes, or 0 for not known.
                match flags >> 5 & 15 {
                    0 => {}
                    length => fcs = length as usize,
                }
            }
            Ok(())
        })?;
        Ok(Found {
            offset: block.offset,
            time: Some(interface.time(ticks)?),
            link: interface.link,
            start: link::HEADROOM + FIELDS,
            captured,
            original: captured.max(original),
            fcs,
        })
    }

    /// A simple packet: of the first interface, without a time, cut where that interface cuts.
    fn simple(&self, block: &Block, body: &[u8]) -> Result<Found, CaptureErrorKind> {
        const FIELDS: usize = 4;
        let interface = self.interface(0)?;
        let (fields, rest) = split::<FIELDS>(body)?;
        let original = self.order.u32(fields, 0);
        let captured = match interface.snap_length {
            0 => original,
            snap_length => original.min(snap_length),
        };
        let captured = check_captured(captured)?;
        if captured > rest.len() {
            return Err(CaptureErrorKind::BlockShort {
                found: block.length as usize,
                expected: BLOCK_BYTES_MIN + FIELDS + padded(captured),
            });
        }
        Ok(Found {
            offset: block.offset,
            time: None,
            link: interface.link,
            start: link::HEADROOM + FIELDS,
            captured,
            original: original as usize,
            fcs: interface.fcs,
        })
    }

    fn interface(&self, number: u32) -> Result<&Interface, CaptureErrorKind> {
        let known = self.interfaces.len();
        self.interfaces
            .get(number as usize)
            .ok_or(CaptureErrorKind::Interface {
                found: number,
                known,
            })
    }
}

/// The length of a block, if it can be one.
fn check_length(length: u32) -> Result<usize, CaptureErrorKind> {
    let total = length as usize;
    if !(BLOCK_BYTES_MIN..=super::BLOCK_BYTES_MAX).contains(&total) || !total.is_multiple_of(4) {
        return Err(CaptureErrorKind::BlockLength(length));
    }
    Ok(total)
}

fn check_captured(captured: u32) -> Result<usize, CaptureErrorKind> {
    if captured as usize > CAPTURED_BYTES_MAX {
        return Err(CaptureErrorKind::CapturedLength(captured));
    }
    Ok(captured as usize)
}

/// The fields that a body begins with, and what follows them.
fn split<const N: usize>(body: &[u8]) -> Result<(&[u8; N], &[u8]), CaptureErrorKind> {
    body.split_first_chunk()
        .ok_or(CaptureErrorKind::BlockShort {
            found: BLOCK_BYTES_MIN + body.len(),
            expected: BLOCK_BYTES_MIN + N,
        })
}
