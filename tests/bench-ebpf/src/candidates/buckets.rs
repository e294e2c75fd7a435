//! A hash table of hosts in lines of 64 bytes: one cache line says whether an address is listed, a
//! second one has its value. Prefixes need another structure beside it.

/// Addresses of a line; an empty place is 0, so 0.0.0.0 cannot be listed.
pub(crate) const PLACES: usize = 16;
/// Lines that an address may be in: its own, and those behind it while they are full.
pub(crate) const PROBES: u32 = 4;

/// One cache line of addresses, or of the values in the same places.
pub(crate) type Line = [u32; PLACES];

/// Bounded reads of 2^[`Buckets::bits`] lines.
pub(crate) trait Buckets {
    /// The logarithm of the number of lines, at least 1.
    fn bits(&self) -> u32;
    /// The addresses of a line.
    fn keys(&self, line: u32) -> Option<&Line>;
    /// The value in a place of a line.
    fn value(&self, line: u32, place: usize) -> Option<u32>;
}

/// The line to look into first.
#[inline(always)]
pub(crate) fn home(address: u32, bits: u32) -> u32 {
    address.wrapping_mul(0x9e37_79b1) >> (32 - bits)
}

/// The value of the address; 0 where it is not listed.
#[inline(always)]
pub(crate) fn find<B: Buckets>(table: &B, address: u32) -> u32 {
    let bits = table.bits();
    let home = home(address, bits);
    for probe in 0..PROBES {
        let line = (home + probe) & ((1 << bits) - 1);
        let Some(keys) = table.keys(line) else {
            return 0;
        };
        for (place, key) in keys.iter().enumerate() {
            if *key == address {
                return table.value(line, place).unwrap_or(0);
            }
        }
        if keys[PLACES - 1] == 0 {
            return 0;
        }
    }
    0
}
