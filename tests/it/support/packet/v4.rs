//! IPv4 headers (RFC 791).

use std::net::Ipv4Addr;

use super::{checksum, length};

/// An IPv4 header; the fields that are `Option`s are computed unless they are set.
#[derive(Clone, Debug)]
pub(crate) struct V4 {
    pub(crate) source: Ipv4Addr,
    pub(crate) destination: Ipv4Addr,
    pub(crate) protocol: u8,
    pub(crate) version: u8,
    /// Header length in words of 4 bytes.
    pub(crate) ihl: Option<u8>,
    pub(crate) total_length: Option<u16>,
    pub(crate) id: u16,
    /// In units of 8 bytes.
    pub(crate) offset: u16,
    pub(crate) more: bool,
    pub(crate) dont: bool,
    pub(crate) ttl: u8,
    /// A multiple of 4 bytes, at most 40.
    pub(crate) options: Vec<u8>,
}

impl V4 {
    pub(crate) fn new(source: Ipv4Addr, destination: Ipv4Addr, protocol: u8) -> Self {
        Self {
            source,
            destination,
            protocol,
            version: 4,
            ihl: None,
            total_length: None,
            id: 0x1234,
            offset: 0,
            more: false,
            dont: false,
            ttl: 64,
            options: Vec::new(),
        }
    }

    /// Fills the header with "no operation" options up to `words` words.
    pub(crate) fn header_words(mut self, words: u8) -> Self {
        self.options = vec![1; usize::from(words - 5) * 4];
        self
    }

    pub(crate) fn fragment(mut self, offset: u16, more: bool) -> Self {
        self.offset = offset;
        self.more = more;
        self
    }

    /// The packet.
    pub(crate) fn packet(&self, payload: &[u8]) -> Vec<u8> {
        let header = 20 + self.options.len();
        let ihl = self.ihl.unwrap_or(u8::try_from(header / 4).unwrap());
        let total = self.total_length.unwrap_or(length(header + payload.len()));
        let flags = u16::from(self.dont) << 14 | u16::from(self.more) << 13 | self.offset;
        let mut bytes = vec![self.version << 4 | ihl, 0];
        bytes.extend(total.to_be_bytes());
        bytes.extend(self.id.to_be_bytes());
        bytes.extend(flags.to_be_bytes());
        bytes.extend([self.ttl, self.protocol, 0, 0]);
        bytes.extend(self.source.octets());
        bytes.extend(self.destination.octets());
        bytes.extend(&self.options);
        let sum = checksum(&[&bytes]).to_be_bytes();
        bytes[10..12].copy_from_slice(&sum);
        bytes.extend(payload);
        bytes
    }
}
