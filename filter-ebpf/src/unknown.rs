//! Numbers that the verifier is made to forget.

use core::arch::asm;

/// The same number, of which neither the compiler nor the verifier knows anything.
#[inline(always)]
pub(crate) fn unknown(number: usize) -> usize {
    let mut number = number;
    // Brings the number into the byte order that it has. The verifier takes the result for any number.
    // SAFETY: changes no register but the one given.
    #[cfg(target_endian = "little")]
    unsafe {
        asm!("{0} = le64 {0}", inout(reg) number, options(pure, nomem, nostack));
    }
    // SAFETY: as above.
    #[cfg(target_endian = "big")]
    unsafe {
        asm!("{0} = be64 {0}", inout(reg) number, options(pure, nomem, nostack));
    }
    number
}
