//! The options of pcapng blocks.

use super::{CaptureErrorKind, OPTIONS_MAX, input::ByteOrder};

const END: u16 = 0;
/// Bytes of code and length.
const HEAD: usize = 4;

/// Hands each option of `bytes`, its code and value, to `each`.
pub(super) fn walk(
    order: ByteOrder,
    mut bytes: &[u8],
    mut each: impl FnMut(u16, &[u8]) -> Result<(), CaptureErrorKind>,
) -> Result<(), CaptureErrorKind> {
    let mut count = 0;
    // Many writers leave the option away that ends the list where the block ends as well.
    while let Some((head, rest)) = bytes.split_first_chunk::<HEAD>() {
        let (code, length) = (order.u16(head, 0), order.u16(head, 2));
        if code == END {
            break;
        }
        if count == OPTIONS_MAX {
            return Err(CaptureErrorKind::TooManyOptions);
        }
        count += 1;
        let Some(value) = rest.get(..length as usize) else {
            return Err(CaptureErrorKind::OptionCut {
                code,
                length,
                room: rest.len(),
            });
        };
        each(code, value)?;
        // Values are padded to 4 bytes, as whole blocks are, so that there is room for the padding.
        bytes = rest.get(padded(value.len())..).unwrap_or_default();
    }
    Ok(())
}

/// With the padding to a multiple of 4.
pub(super) const fn padded(length: usize) -> usize {
    length.next_multiple_of(4)
}

/// The value of an option that has `N` bytes.
pub(super) fn value<const N: usize>(
    name: &'static str,
    value: &[u8],
) -> Result<[u8; N], CaptureErrorKind> {
    value
        .try_into()
        .map_err(|_| CaptureErrorKind::OptionLength {
            name,
            found: value.len(),
            expected: N,
        })
}
