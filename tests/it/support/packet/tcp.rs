//! TCP segments (RFC 9293).

use super::{Flow, transport::seal};

pub(crate) const FIN: u8 = 1;
pub(crate) const SYN: u8 = 2;
pub(crate) const RST: u8 = 4;
pub(crate) const PSH: u8 = 8;
pub(crate) const ACK: u8 = 16;
pub(crate) const URG: u8 = 32;
pub(crate) const ECE: u8 = 64;
pub(crate) const CWR: u8 = 128;

/// What Linux sends with a SYN: maximum segment size, SACK permitted, time stamps, window scale.
pub(crate) const SYN_OPTIONS: [u8; 20] = [
    2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7,
];
/// A fast open cookie (RFC 7413), padded.
pub(crate) const FAST_OPEN: [u8; 12] = [34, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1];

/// A TCP header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tcp {
    pub(crate) flags: u8,
    /// A multiple of 4 bytes, at most 40.
    pub(crate) options: Vec<u8>,
    /// Its length in words of 4 bytes; computed unless it is set.
    pub(crate) words: Option<u8>,
}

impl Tcp {
    pub(crate) const fn new(flags: u8) -> Self {
        Self {
            flags,
            options: Vec::new(),
            words: None,
        }
    }

    pub(crate) fn options(mut self, options: &[u8]) -> Self {
        self.options = options.to_vec();
        self
    }

    pub(crate) const fn words(mut self, words: u8) -> Self {
        self.words = Some(words);
        self
    }

    /// The segment of a flow.
    pub(crate) fn segment(&self, flow: &Flow, payload: &[u8]) -> Vec<u8> {
        let [source, destination] = flow.ports.map(u16::to_be_bytes);
        let words = u8::try_from(5 + self.options.len() / 4).unwrap();
        let mut bytes = [source, destination].concat();
        bytes.extend(1_000_u32.to_be_bytes());
        bytes.extend(0_u32.to_be_bytes());
        bytes.extend([self.words.unwrap_or(words) << 4, self.flags]);
        bytes.extend(8_192_u16.to_be_bytes());
        bytes.extend([0, 0, 0, 0]);
        bytes.extend(&self.options);
        bytes.extend(payload);
        seal(flow, &mut bytes, 16);
        bytes
    }
}
