//! temp

/// x
#[derive(Debug, thiserror::Error)]
#[error("no")]
pub struct MissingObject;
/// x
pub fn embedded() -> Result<&'static [u8], MissingObject> {
    Ok(aya::include_bytes_aligned!(
        "../../../target/ebpf/filter-ebpf"
    ))
}
