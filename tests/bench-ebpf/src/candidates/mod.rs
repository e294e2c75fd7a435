//! Lookup structures, as plain code over bounded reads: the kernel and the builder on the host compile
//! the same files.

pub(crate) mod buckets;
pub(crate) mod rows;
