//! Records as bytes: those of the info map, and samples.

use filter_common::{
    abi::{INFO_RECORD, InfoHeader, InfoInterface},
    sample::Sample,
};

/// The start of the info map, the same in every version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) abi: u32,
    pub(super) state: u32,
    /// The number that tells this set of maps from any other.
    pub(super) nonce: u64,
}

/// Reads it from the first record of any version; `None` if that is too short to be one.
pub(super) fn decode_identity(record: &[u8]) -> Option<Identity> {
    let mut fields = Fields(record.get(..16)?);
    Some(Identity {
        abi: u32::from_ne_bytes(fields.take()),
        state: u32::from_ne_bytes(fields.take()),
        nonce: u64::from_ne_bytes(fields.take()),
    })
}

/// The first record of the info map.
pub(super) fn encode_header(header: &InfoHeader) -> [u8; INFO_RECORD] {
    let InfoHeader {
        abi,
        state,
        instance,
        v4_prefixes,
        v6_prefixes,
        digests,
        published,
        clocks,
        limit_lines,
        reserved,
    } = header;
    let mut bytes = Vec::with_capacity(INFO_RECORD);
    bytes.extend(abi.to_ne_bytes());
    bytes.extend(state.to_ne_bytes());
    bytes.extend(instance.to_ne_bytes());
    bytes.extend(v4_prefixes.to_ne_bytes());
    bytes.extend(v6_prefixes.to_ne_bytes());
    bytes.extend(digests.iter().flatten());
    bytes.extend(published.iter().flat_map(|time| time.to_ne_bytes()));
    bytes.extend(clocks.iter().flat_map(|clock| clock.to_ne_bytes()));
    bytes.extend(limit_lines.to_ne_bytes());
    bytes.extend(reserved);
    Fields(&bytes).take()
}

/// See [`encode_header`].
pub(super) fn decode_header(record: &[u8; INFO_RECORD]) -> InfoHeader {
    let mut fields = Fields(record);
    InfoHeader {
        abi: u32::from_ne_bytes(fields.take()),
        state: u32::from_ne_bytes(fields.take()),
        instance: u64::from_ne_bytes(fields.take()),
        v4_prefixes: u32::from_ne_bytes(fields.take()),
        v6_prefixes: u32::from_ne_bytes(fields.take()),
        digests: [fields.take(), fields.take()],
        published: [
            i64::from_ne_bytes(fields.take()),
            i64::from_ne_bytes(fields.take()),
        ],
        clocks: [
            i64::from_ne_bytes(fields.take()),
            i64::from_ne_bytes(fields.take()),
        ],
        limit_lines: u32::from_ne_bytes(fields.take()),
        reserved: fields.take(),
    }
}

/// The record of an interface in the info map.
pub(super) fn encode_interface(interface: &InfoInterface) -> [u8; INFO_RECORD] {
    let InfoInterface {
        name,
        mode,
        attached,
        object,
        program,
        reserved,
    } = interface;
    let mut bytes = Vec::with_capacity(INFO_RECORD);
    bytes.extend(name);
    bytes.extend(mode.to_ne_bytes());
    bytes.extend(attached.to_ne_bytes());
    bytes.extend(object);
    bytes.extend(program.to_ne_bytes());
    bytes.extend(reserved);
    Fields(&bytes).take()
}

/// See [`encode_interface`].
pub(super) fn decode_interface(record: &[u8; INFO_RECORD]) -> InfoInterface {
    let mut fields = Fields(record);
    InfoInterface {
        name: fields.take(),
        mode: u32::from_ne_bytes(fields.take()),
        attached: u32::from_ne_bytes(fields.take()),
        object: fields.take(),
        program: u32::from_ne_bytes(fields.take()),
        reserved: fields.take(),
    }
}

/// The name at the start of an interface's record, in any version; empty if nobody had this number.
pub(super) fn decode_name(record: &[u8]) -> String {
    let name = record.get(..16).unwrap_or_default();
    let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(name).into_owned()
}

/// A sample from the ring; `None` if it has another size.
pub(super) fn decode_sample(record: &[u8]) -> Option<Sample> {
    let record: &[u8; size_of::<Sample>()] = record.try_into().ok()?;
    let mut fields = Fields(record);
    Some(Sample {
        time: u64::from_ne_bytes(fields.take()),
        generation: u64::from_ne_bytes(fields.take()),
        interface: u32::from_ne_bytes(fields.take()),
        reason: u32::from_ne_bytes(fields.take()),
        slot: u32::from_ne_bytes(fields.take()),
        flags: u32::from_ne_bytes(fields.take()),
        frame_length: u32::from_ne_bytes(fields.take()),
        vlan: u16::from_ne_bytes(fields.take()),
        link_length: u16::from_ne_bytes(fields.take()),
        ip_length: u16::from_ne_bytes(fields.take()),
        transport_length: u16::from_ne_bytes(fields.take()),
        protocol: u16::from_ne_bytes(fields.take()),
        reserved: u16::from_ne_bytes(fields.take()),
        link: fields.take(),
        ip: fields.take(),
        transport: fields.take(),
        padding: fields.take(),
    })
}

/// A cursor over a record's bytes; the fields lie in declared order without padding.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (field, rest) = self.0.split_at(N);
        self.0 = rest;
        let mut bytes = [0; N];
        bytes.copy_from_slice(field);
        bytes
    }
}
