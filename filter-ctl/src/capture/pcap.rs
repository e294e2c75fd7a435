//! The classic format: one header, then records, all of one link type.

use std::io::Read;

use jiff::Timestamp;

use super::{
    CAPTURED_BYTES_MAX, CaptureError, CaptureErrorKind, Found, LinkType,
    error::Place,
    input::{ByteOrder, Input},
    link,
};

/// Bytes of the file header, the magic number among them.
const HEADER: usize = 24;
const MAGIC: usize = 4;
/// Bytes before the packet of a record.
const RECORD_HEADER: usize = 16;
const MAJOR: u16 = 2;
/// From this minor version on, the captured length comes first for certain.
const LENGTHS_IN_ORDER: u16 = 4;
/// The minor version of which both orders are in the field.
const LENGTHS_IN_DOUBT: u16 = 3;
/// Bits of the link-type field: the type, whether the length of the FCS is known, and that length.
const LINK_TYPE: u32 = 0x0000_ffff;
const FCS_PRESENT: u32 = 0x0400_0000;
const FCS_SHIFT: u32 = 28;
const RESERVED: u32 = 0x0bff_0000;

const NANOSECONDS_PER_SECOND: i128 = 1_000_000_000;

/// What the magic number says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Variant {
    order: ByteOrder,
    /// Nanoseconds for which one unit of a record's second time field stands.
    unit: i128,
}

impl Variant {
    pub(super) const fn of(magic: &[u8]) -> Option<Self> {
        let (order, unit) = match magic {
            [0xd4, 0xc3, 0xb2, 0xa1] => (ByteOrder::Little, 1_000),
            [0xa1, 0xb2, 0xc3, 0xd4] => (ByteOrder::Big, 1_000),
            [0x4d, 0x3c, 0xb2, 0xa1] => (ByteOrder::Little, 1),
            [0xa1, 0xb2, 0x3c, 0x4d] => (ByteOrder::Big, 1),
            _ => return None,
        };
        Some(Self { order, unit })
    }
}

/// What the file header says of all records.
#[derive(Debug)]
pub(super) struct File {
    variant: Variant,
    minor: u16,
    link: LinkType,
    fcs: usize,
}

impl File {
    /// Reads the header behind the magic number.
    pub(super) fn open<R: Read>(
        input: &mut Input<R>,
        variant: Variant,
    ) -> Result<Self, CaptureErrorKind> {
        let order = variant.order;
        let header = input.array::<{ HEADER - MAGIC }>(HEADER)?;
        let (major, minor) = (order.u16(&header, 0), order.u16(&header, 2));
        if major != MAJOR {
            return Err(CaptureErrorKind::Version {
                major,
                minor,
                expected: "2.x",
            });
        }
        let field = order.u32(&header, 16);
        if field & RESERVED != 0 {
            return Err(CaptureErrorKind::ReservedBits(field));
        }
        let link = LinkType::new(field & LINK_TYPE);
        if !link.is_opened() {
            return Err(CaptureErrorKind::Link(link));
        }
        let fcs = if field & FCS_PRESENT == 0 {
            0
        } else {
            // Counted in words of 16 bits.
            (field >> FCS_SHIFT) as usize * 2
        };
        Ok(Self {
            variant,
            minor,
            link,
            fcs,
        })
    }

    /// Reads the record with this number into `buffer`.
    pub(super) fn next<R: Read>(
        &self,
        input: &mut Input<R>,
        buffer: &mut Vec<u8>,
        number: u64,
    ) -> Result<Option<Found>, CaptureError> {
        let offset = input.offset();
        let at_record = |kind| CaptureError::new(Place::Record(number), offset, kind);
        let mut header = [0; RECORD_HEADER];
        match input.read(&mut header).map_err(at_record)? {
            0 => return Ok(None),
            RECORD_HEADER => {}
            found => return Err(at_record(CaptureErrorKind::cut(found, RECORD_HEADER))),
        }
        let Variant { order, unit } = self.variant;
        let time = i128::from(order.u32(&header, 0)) * NANOSECONDS_PER_SECOND
            + i128::from(order.u32(&header, 4)) * unit;
        let time = Timestamp::from_nanosecond(time)
            .map_err(|_| at_record(CaptureErrorKind::Time(time / NANOSECONDS_PER_SECOND)))?;
        let (captured, original) = self.lengths(order.u32(&header, 8), order.u32(&header, 12));
        if captured as usize > CAPTURED_BYTES_MAX {
            return Err(at_record(CaptureErrorKind::CapturedLength(captured)));
        }
        let captured = captured as usize;
        buffer.truncate(link::HEADROOM);
        input
            .append(buffer, captured, RECORD_HEADER + captured)
            .map_err(at_record)?;
        Ok(Some(Found {
            offset,
            time: Some(time),
            link: self.link,
            start: link::HEADROOM,
            captured,
            // Some writers leave the second length at 0, or at that of a packet before it was changed.
            original: captured.max(original as usize),
            fcs: self.fcs,
        }))
    }

    /// The captured and the original length: before version 2.3 the latter came first, and that
    /// version was written both ways.
    const fn lengths(&self, first: u32, second: u32) -> (u32, u32) {
        let swapped = match self.minor {
            LENGTHS_IN_ORDER.. => false,
            LENGTHS_IN_DOUBT => first > second,
            _ => true,
        };
        if swapped {
            (second, first)
        } else {
            (first, second)
        }
    }
}
