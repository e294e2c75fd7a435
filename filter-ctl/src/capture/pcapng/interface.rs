//! The interfaces that a section describes.

use jiff::Timestamp;

use super::split;
use crate::capture::{CaptureErrorKind, LinkType, input::ByteOrder, options};

const IF_TSRESOL: u16 = 9;
const IF_FCSLEN: u16 = 13;
const IF_TSOFFSET: u16 = 14;
const NANOSECONDS_PER_SECOND: i128 = 1_000_000_000;

#[derive(Debug)]
pub(super) struct Interface {
    pub(super) link: LinkType,
    /// Bytes that are captured of a packet; 0 for all.
    pub(super) snap_length: u32,
    resolution: Resolution,
    /// Seconds that are added to each time.
    offset: i64,
    /// Bytes of the frame check sequence behind each packet.
    pub(super) fcs: usize,
}

/// How much of a second one unit of a time is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Resolution {
    /// This negative power of 10.
    Decimal(u32),
    /// This negative power of 2.
    Binary(u32),
}

impl Interface {
    /// From the body of an interface description block.
    pub(super) fn new(order: ByteOrder, body: &[u8]) -> Result<Self, CaptureErrorKind> {
        let (fields, rest) = split::<8>(body)?;
        let mut interface = Self {
            link: LinkType::new(u32::from(order.u16(fields, 0))),
            snap_length: order.u32(fields, 4),
            resolution: Resolution::Decimal(6),
            offset: 0,
            fcs: 0,
        };
        options::walk(order, rest, |code, value| {
            match code {
                IF_TSRESOL => {
                    let [field] = options::value("if_tsresol", value)?;
                    interface.resolution = Resolution::new(field);
                }
                IF_FCSLEN => {
                    let [field] = options::value("if_fcslen", value)?;
                    interface.fcs = fcs_length(field)?;
                }
                IF_TSOFFSET => {
                    interface.offset = order.i64(options::value("if_tsoffset", value)?);
                }
                _ => {}
            }
            Ok(())
        })?;
        Ok(interface)
    }

    /// The time that is this many units from the beginning.
    pub(super) fn time(&self, ticks: u64) -> Result<Timestamp, CaptureErrorKind> {
        let offset = i128::from(self.offset) * NANOSECONDS_PER_SECOND;
        let time = self.resolution.nanoseconds(ticks) + offset;
        Timestamp::from_nanosecond(time)
            .map_err(|_| CaptureErrorKind::Time(time.div_euclid(NANOSECONDS_PER_SECOND)))
    }
}

impl Resolution {
    /// From `if_tsresol`: its highest bit says which power, the others say how large.
    const fn new(field: u8) -> Self {
        let exponent = (field & 0x7f) as u32;
        if field & 0x80 == 0 {
            Self::Decimal(exponent)
        } else {
            Self::Binary(exponent)
        }
    }

    /// `ticks` in nanoseconds, rounded down.
    fn nanoseconds(self, ticks: u64) -> i128 {
        let ticks = i128::from(ticks);
        match self {
            Self::Decimal(exponent @ ..=9) => ticks * 10_i128.pow(9 - exponent),
            // What does not fit is more than any number of ticks.
            Self::Decimal(exponent) => match 10_i128.checked_pow(exponent - 9) {
                Some(divisor) => ticks / divisor,
                None => 0,
            },
            // Less than 2^94 before the shift, which is by less than 128.
            Self::Binary(exponent) => (ticks * NANOSECONDS_PER_SECOND) >> exponent,
        }
    }
}

/// The bytes of a frame check sequence.
///
/// The specification says bits in its text and 4 in its example, and writers follow one or the other.
fn fcs_length(field: u8) -> Result<usize, CaptureErrorKind> {
    match field {
        0..8 => Ok(field.into()),
        _ if field.is_multiple_of(8) => Ok(usize::from(field) / 8),
        _ => Err(CaptureErrorKind::FcsLength(field)),
    }
}
