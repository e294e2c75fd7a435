//! Capture files made here, byte by byte, and what is read of them.

mod damage;
mod links;
mod pcap;
mod pcapng;
mod recorded;

use jiff::Timestamp;

use super::{LinkType, Reader, input::ByteOrder};

/// A record with a frame of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owned {
    pub(super) number: u64,
    pub(super) time: Option<Timestamp>,
    pub(super) frame: Vec<u8>,
    pub(super) length: usize,
    pub(super) link: LinkType,
}

/// All records, and the error that ended them.
pub(super) fn read(file: &[u8]) -> (Vec<Owned>, Option<String>) {
    let mut records = Vec::new();
    let mut reader = match Reader::new(file) {
        Ok(reader) => reader,
        Err(error) => return (records, Some(error.to_string())),
    };
    loop {
        match reader.next() {
            Ok(Some(record)) => records.push(Owned {
                number: record.number,
                time: record.time,
                frame: record.frame.to_vec(),
                length: record.length,
                link: record.link,
            }),
            Ok(None) => return (records, None),
            Err(error) => {
                let error = error.to_string();
                assert!(matches!(reader.next(), Ok(None)), "after: {error}");
                return (records, Some(error));
            }
        }
    }
}

/// The records of a file that is sound.
pub(super) fn sound(file: &[u8]) -> Vec<Owned> {
    let (records, error) = read(file);
    assert_eq!(error, None);
    records
}

/// How many records there are before the error, and what that says.
pub(super) fn broken(file: &[u8]) -> (usize, String) {
    let (records, error) = read(file);
    (records.len(), error.expect("the file is broken"))
}

/// A file as it grows: numbers in one byte order.
#[derive(Clone)]
pub(super) struct Bytes {
    pub(super) order: ByteOrder,
    pub(super) bytes: Vec<u8>,
}

impl Bytes {
    pub(super) fn new(order: ByteOrder) -> Self {
        Self {
            order,
            bytes: Vec::new(),
        }
    }

    pub(super) fn u16(mut self, number: u16) -> Self {
        self.bytes.extend(match self.order {
            ByteOrder::Little => number.to_le_bytes(),
            ByteOrder::Big => number.to_be_bytes(),
        });
        self
    }

    pub(super) fn u32(mut self, number: u32) -> Self {
        self.bytes.extend(match self.order {
            ByteOrder::Little => number.to_le_bytes(),
            ByteOrder::Big => number.to_be_bytes(),
        });
        self
    }

    pub(super) fn u64(mut self, number: u64) -> Self {
        self.bytes.extend(match self.order {
            ByteOrder::Little => number.to_le_bytes(),
            ByteOrder::Big => number.to_be_bytes(),
        });
        self
    }

    pub(super) fn raw(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    fn pad(mut self) -> Self {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        self
    }

    /// The header of a pcap file.
    pub(super) fn pcap(order: ByteOrder, magic: u32, minor: u16, link: u32) -> Self {
        let header = Self::new(order).u32(magic).u16(2).u16(minor);
        header.u64(0).u32(65_535).u32(link)
    }

    /// A pcap record.
    pub(super) fn record(self, time: [u32; 2], frame: &[u8], original: u32) -> Self {
        let captured = u32::try_from(frame.len()).unwrap();
        let head = self.u32(time[0]).u32(time[1]);
        head.u32(captured).u32(original).raw(frame)
    }

    /// A pcapng block with this body.
    pub(super) fn block(self, kind: u32, body: &[u8]) -> Self {
        let length = u32::try_from(12 + body.len().next_multiple_of(4)).unwrap();
        self.u32(kind).u32(length).raw(body).pad().u32(length)
    }

    /// A section header, in this byte order from here on.
    pub(super) fn section(mut self, order: ByteOrder) -> Self {
        self.order = order;
        let body = Self::new(order).u32(0x1a2b_3c4d).u16(1).u16(0);
        let body = body.u64(u64::MAX);
        self.block(0x0a0d_0d0a, &body.bytes)
    }

    /// An interface description with these options.
    pub(super) fn interface(self, link: u16, snap_length: u32, options: &[(u16, &[u8])]) -> Self {
        let body = Self::new(self.order).u16(link).u16(0).u32(snap_length);
        let body = body.options(options);
        self.block(1, &body.bytes)
    }

    pub(super) fn options(mut self, options: &[(u16, &[u8])]) -> Self {
        for (code, value) in options {
            let length = u16::try_from(value.len()).unwrap();
            self = self.u16(*code).u16(length).raw(value).pad();
        }
        self
    }

    /// An enhanced packet.
    pub(super) fn packet(self, interface: u32, time: u64, frame: &[u8], original: u32) -> Self {
        self.packet_with(interface, time, frame, original, &[])
    }

    pub(super) fn packet_with(
        self,
        interface: u32,
        time: u64,
        frame: &[u8],
        original: u32,
        options: &[(u16, &[u8])],
    ) -> Self {
        let [high, low] = halves(time);
        let captured = u32::try_from(frame.len()).unwrap();
        let body = Self::new(self.order).u32(interface).u32(high).u32(low);
        let body = body.u32(captured).u32(original).raw(frame).pad();
        let body = body.options(options);
        self.block(6, &body.bytes)
    }

    /// A simple packet.
    pub(super) fn simple(self, captured: &[u8], original: u32) -> Self {
        let body = Self::new(self.order).u32(original).raw(captured);
        self.block(3, &body.bytes)
    }
}

pub(super) fn halves(number: u64) -> [u32; 2] {
    [
        u32::try_from(number >> 32).unwrap(),
        u32::try_from(number & 0xffff_ffff).unwrap(),
    ]
}

pub(super) fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A frame of `length` bytes that no other number has.
pub(super) fn frame(number: u8, length: usize) -> Vec<u8> {
    let mut frame: Vec<u8> = (0..=255).cycle().skip(number.into()).take(length).collect();
    if let Some(field) = frame.get_mut(12..14) {
        field.copy_from_slice(&[0x08, 0]);
    }
    frame
}

pub(super) const ORDERS: [ByteOrder; 2] = [ByteOrder::Little, ByteOrder::Big];
pub(super) const MICROSECONDS: u32 = 0xa1b2_c3d4;
pub(super) const NANOSECONDS: u32 = 0xa1b2_3c4d;
