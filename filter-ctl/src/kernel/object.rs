//! The eBPF object inside this binary.

use thiserror::Error;

/// Bytes at an address that a parser of ELF files may read words from.
#[repr(C, align(32))]
struct Aligned<Bytes: ?Sized>(Bytes);

/// What the build script found; empty if it found nothing.
static OBJECT: &Aligned<[u8]> = &Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/filter-ebpf")));

/// This binary was built without the eBPF object.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error(
    "this filter-ctl was built without its eBPF object: run `cargo xtask ebpf`, then build \
     filter-ctl again"
)]
pub struct MissingObject;

/// The eBPF object that this binary carries.
pub fn embedded() -> Result<&'static [u8], MissingObject> {
    let Aligned(bytes) = OBJECT;
    if bytes.is_empty() {
        Err(MissingObject)
    } else {
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_object_is_an_aligned_elf_file_or_said_to_be_missing() {
        match embedded() {
            Ok(bytes) => {
                assert!(bytes.starts_with(b"\x7fELF"));
                assert_eq!(bytes.as_ptr().align_offset(32), 0);
            }
            Err(error) => assert!(error.to_string().contains("`cargo xtask ebpf`"), "{error}"),
        }
    }
}
