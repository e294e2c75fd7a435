//! Writes pcapng: one section, little-endian, with nanoseconds (draft-ietf-opsawg-pcapng).
//!
//! Everything goes to memory, block by block; whoever asks for a block sends it on.

use jiff::Timestamp;

use super::{
    options::padded,
    pcapng::{BYTE_ORDER_MAGIC, ENHANCED_PACKET, INTERFACE_DESCRIPTION, SECTION_HEADER},
};

/// Bytes of a comment; of a longer one the rest is left out, at a character.
pub const COMMENT_BYTES_MAX: usize = 4_096;

const INTERFACE_STATISTICS: u32 = 5;
const LINKTYPE_ETHERNET: u16 = 1;

const COMMENT: u16 = 1;
const SHB_USERAPPL: u16 = 4;
const IF_NAME: u16 = 2;
const IF_TSRESOL: u16 = 9;
const ISB_IFDROP: u16 = 5;
/// Times in units of 10 to the power of minus this, in seconds.
const NANOSECONDS: u8 = 9;

/// A file in the making.
#[derive(Clone, Debug, Default)]
pub struct Writer {
    /// The interfaces that are described, by number.
    interfaces: Vec<String>,
}

/// A packet for the file.
#[derive(Clone, Copy, Debug)]
pub struct Written<'a> {
    /// The interface that it came in on.
    pub interface: &'a str,
    /// When.
    pub time: Timestamp,
    /// An Ethernet frame, as much of it as there is.
    pub frame: &'a [u8],
    /// Bytes of the whole frame on the wire.
    pub length: u32,
    /// What is said about it.
    pub comment: &'a str,
}

impl Writer {
    /// The beginning of a file by this application.
    #[must_use]
    pub fn begin(application: &str) -> (Self, Vec<u8>) {
        let mut body = Vec::new();
        body.extend(BYTE_ORDER_MAGIC.to_le_bytes());
        body.extend(1_u16.to_le_bytes());
        body.extend(0_u16.to_le_bytes());
        // The length of the section is not known.
        body.extend(u64::MAX.to_le_bytes());
        option(&mut body, SHB_USERAPPL, application.as_bytes());
        end_options(&mut body);
        let mut file = Vec::new();
        block(&mut file, SECTION_HEADER, &body);
        (Self::default(), file)
    }

    /// The blocks of a packet: its interface first, if that is new.
    #[must_use]
    pub fn packet(&mut self, packet: &Written<'_>) -> Vec<u8> {
        let mut file = Vec::new();
        let interface = self.interface(packet.interface, &mut file);
        let mut body = Vec::new();
        body.extend(interface.to_le_bytes());
        body.extend(time(packet.time));
        body.extend(length(packet.frame.len()).to_le_bytes());
        body.extend(packet.length.max(length(packet.frame.len())).to_le_bytes());
        body.extend(packet.frame);
        pad(&mut body);
        option(&mut body, COMMENT, cut(packet.comment).as_bytes());
        end_options(&mut body);
        block(&mut file, ENHANCED_PACKET, &body);
        file
    }

    /// The end of a file that misses so many packets.
    #[must_use]
    pub fn missing(&mut self, packets: u64, now: Timestamp) -> Vec<u8> {
        let mut file = Vec::new();
        let interface = if self.interfaces.is_empty() {
            self.interface("unknown", &mut file)
        } else {
            0
        };
        let mut body = Vec::new();
        body.extend(interface.to_le_bytes());
        body.extend(time(now));
        let comment = format!("{packets} samples of all interfaces were lost: the reader was slow");
        option(&mut body, COMMENT, comment.as_bytes());
        option(&mut body, ISB_IFDROP, &packets.to_le_bytes());
        end_options(&mut body);
        block(&mut file, INTERFACE_STATISTICS, &body);
        file
    }

    /// The number of an interface; describes it if it is new.
    fn interface(&mut self, name: &str, file: &mut Vec<u8>) -> u32 {
        let known = self.interfaces.iter().position(|known| known == name);
        let number = known.unwrap_or_else(|| {
            let mut body = Vec::new();
            body.extend(LINKTYPE_ETHERNET.to_le_bytes());
            body.extend(0_u16.to_le_bytes());
            // No limit on the bytes of a packet.
            body.extend(0_u32.to_le_bytes());
            option(&mut body, IF_NAME, name.as_bytes());
            option(&mut body, IF_TSRESOL, &[NANOSECONDS]);
            end_options(&mut body);
            block(file, INTERFACE_DESCRIPTION, &body);
            self.interfaces.push(name.to_owned());
            self.interfaces.len() - 1
        });
        length(number)
    }
}

/// A time in the two halves of the format, the upper one first; none is before 1970.
fn time(time: Timestamp) -> Vec<u8> {
    let ticks = u64::try_from(time.as_nanosecond()).unwrap_or(0);
    ticks.rotate_left(32).to_le_bytes().to_vec()
}

fn block(file: &mut Vec<u8>, kind: u32, body: &[u8]) {
    let total = length(body.len() + 12);
    file.extend(kind.to_le_bytes());
    file.extend(total.to_le_bytes());
    file.extend(body);
    file.extend(total.to_le_bytes());
}

fn option(body: &mut Vec<u8>, code: u16, value: &[u8]) {
    let value = &value[..value.len().min(COMMENT_BYTES_MAX)];
    body.extend(code.to_le_bytes());
    body.extend(u16::try_from(value.len()).unwrap_or(u16::MAX).to_le_bytes());
    body.extend(value);
    pad(body);
}

fn end_options(body: &mut Vec<u8>) {
    body.extend([0; 4]);
}

fn pad(body: &mut Vec<u8>) {
    body.resize(padded(body.len()), 0);
}

fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(COMMENT_BYTES_MAX)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::Reader;

    #[test]
    fn what_is_written_is_what_the_reader_reads() {
        let (mut writer, mut file) = Writer::begin("filter-ctl test");
        let time: Timestamp = "2026-11-23T08:00:00.123456789Z".parse().unwrap();
        for (number, interface) in (0_u8..).zip(["up0", "cust0", "up0"]) {
            file.extend(writer.packet(&Written {
                interface,
                time,
                frame: &[number; 61],
                length: 1_500,
                comment: "drop: order cert:7/2026",
            }));
        }
        file.extend(writer.missing(7, time));
        let mut reader = Reader::new(&*file).unwrap();
        for number in 0..3 {
            let record = reader.next().unwrap().unwrap();
            assert_eq!(record.frame, [number; 61]);
            assert_eq!(record.length, 1_500);
            assert_eq!(record.time, Some(time));
        }
        assert_eq!(reader.next().unwrap(), None);
        let described = file.windows(5).filter(|bytes| *bytes == b"cust0").count();
        assert_eq!(described, 1, "an interface is described once");
    }

    #[test]
    fn a_long_comment_is_cut_at_a_character() {
        let comment = format!("x{}", "é".repeat(COMMENT_BYTES_MAX));
        assert_eq!(cut(&comment).len(), COMMENT_BYTES_MAX - 1);
        assert_eq!(cut("short"), "short");
    }
}
