//! Bits of words, without branches: the kernel's verifier would follow each.

/// The number of the lowest bit that is set; 0 where none is.
#[inline(always)]
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "a number below 64")]
pub const fn lowest_number(bits: u64) -> u32 {
    const fn some(bits: u64) -> u64 {
        (bits | bits.wrapping_neg()) >> 63
    }
    let bit = bits & bits.wrapping_neg();
    let number = some(bit & 0xffff_ffff_0000_0000) << 5
        | some(bit & 0xffff_0000_ffff_0000) << 4
        | some(bit & 0xff00_ff00_ff00_ff00) << 3
        | some(bit & 0xf0f0_f0f0_f0f0_f0f0) << 2
        | some(bit & 0xcccc_cccc_cccc_cccc) << 1
        | some(bit & 0xaaaa_aaaa_aaaa_aaaa);
    number as u32
}

/// Those without the lowest that is set.
#[inline(always)]
#[must_use]
pub const fn without_lowest(bits: u64) -> u64 {
    bits & bits.wrapping_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_bit_is_the_one_that_the_machine_counts() {
        for number in 0..64 {
            let bits = u64::MAX << number;
            assert_eq!(lowest_number(bits), bits.trailing_zeros());
            assert_eq!(without_lowest(bits), bits & !(1 << number));
        }
        assert_eq!((lowest_number(0), without_lowest(0)), (0, 0));
    }
}
