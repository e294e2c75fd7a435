//! Files that are made up, cut and damaged at random.

use std::io::{self, Read};

use proptest::{collection::vec, prelude::*};

use super::*;

/// One packet of a made-up file.
#[derive(Clone, Debug)]
struct Packet {
    interface: u8,
    ticks: u32,
    frame: Vec<u8>,
    /// How many bytes more it had on the wire.
    more: u16,
    /// What stands before it in a pcapng file.
    before: Before,
}

#[derive(Clone, Copy, Debug)]
enum Before {
    Nothing,
    Unknown(u8),
    Section(bool),
}

/// Microseconds, nanoseconds and 2^-20 seconds, one after another.
const RESOLUTIONS: [u8; 3] = [6, 9, 0x94];

fn order(big: bool) -> ByteOrder {
    if big {
        ByteOrder::Big
    } else {
        ByteOrder::Little
    }
}

fn packets() -> impl Strategy<Value = Vec<Packet>> {
    let before = prop_oneof![
        4 => Just(Before::Nothing),
        1 => any::<u8>().prop_map(Before::Unknown),
        1 => any::<bool>().prop_map(Before::Section),
    ];
    let packet = (
        0..3_u8,
        any::<u32>(),
        vec(any::<u8>(), 0..80),
        any::<u16>(),
        before,
    );
    let packet = packet.prop_map(|(interface, ticks, frame, more, before)| Packet {
        interface,
        ticks,
        frame,
        more,
        before,
    });
    vec(packet, 0..12)
}

fn original(packet: &Packet) -> u32 {
    u32::try_from(packet.frame.len()).unwrap() + u32::from(packet.more)
}

/// A file, and where each of its records ends.
type Made = (Vec<u8>, Vec<usize>);

fn pcap(big: bool, nanoseconds: bool, packets: &[Packet]) -> Made {
    let magic = if nanoseconds {
        NANOSECONDS
    } else {
        MICROSECONDS
    };
    let mut file = Bytes::pcap(order(big), magic, 4, 1);
    let mut ends = Vec::new();
    for packet in packets {
        let time = [packet.ticks, 7];
        file = file.record(time, &packet.frame, original(packet));
        ends.push(file.bytes.len());
    }
    (file.bytes, ends)
}

fn begin(file: Bytes, order: ByteOrder) -> Bytes {
    let mut file = file.section(order);
    for resolution in RESOLUTIONS {
        file = file.interface(1, 0, &[(9, &[resolution])]);
    }
    file
}

fn pcapng(big: bool, packets: &[Packet]) -> Made {
    let mut file = begin(Bytes::new(order(big)), order(big));
    let mut ends = Vec::new();
    for packet in packets {
        file = match packet.before {
            Before::Nothing => file,
            Before::Unknown(length) => file.block(0x0bad, &vec![0xee; length.into()]),
            Before::Section(big) => begin(file, order(big)),
        };
        file = file.packet(
            packet.interface.into(),
            packet.ticks.into(),
            &packet.frame,
            original(packet),
        );
        ends.push(file.bytes.len());
    }
    (file.bytes, ends)
}

fn made() -> impl Strategy<Value = (Vec<Packet>, Made)> {
    (packets(), any::<[bool; 3]>()).prop_map(|(packets, [is_pcap, big, nanoseconds])| {
        let made = if is_pcap {
            pcap(big, nanoseconds, &packets)
        } else {
            pcapng(big, &packets)
        };
        (packets, made)
    })
}

/// Gives few bytes at a time, and is interrupted now and then.
struct Dribble<'a> {
    bytes: &'a [u8],
    turn: usize,
}

impl Read for Dribble<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.turn += 1;
        if self.turn.is_multiple_of(5) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let count = (self.turn % 7 + 1).min(buffer.len());
        self.bytes.read(&mut buffer[..count])
    }
}

#[test]
fn a_device_that_fails_is_no_end_of_the_file() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk is gone"))
        }
    }
    let (file, _) = pcap(false, false, &[]);
    let mut reader = Reader::new(file.chain(Failing)).unwrap();
    let error = reader.next().unwrap_err();
    assert_eq!(error.record(), Some(1));
    assert_eq!(
        error.to_string(),
        "record 1 at byte 24 of the file: cannot read: the disk is gone"
    );
}

proptest! {
    #[test]
    fn what_was_written_is_read((packets, (file, _)) in made()) {
        let records = sound(&file);
        prop_assert_eq!(records.len(), packets.len());
        for ((record, packet), number) in records.iter().zip(&packets).zip(1..) {
            prop_assert_eq!(record.number, number);
            prop_assert_eq!(&record.frame, &packet.frame);
            prop_assert_eq!(record.length, original(packet) as usize);
        }
    }

    #[test]
    fn times_survive_in_either_byte_order(packets in packets(), big: bool) {
        let records = sound(&pcapng(big, &packets).0);
        for (record, packet) in records.iter().zip(&packets) {
            let ticks = i128::from(packet.ticks);
            let nanoseconds = match packet.interface {
                0 => ticks * 1_000,
                1 => ticks,
                _ => ticks * 1_000_000_000 / (1 << 20),
            };
            let expected = Timestamp::from_nanosecond(nanoseconds).unwrap();
            prop_assert_eq!(record.time, Some(expected));
        }
    }

    #[test]
    fn a_file_cut_at_any_byte_gives_the_records_before((_, (file, ends)) in made()) {
        let whole = sound(&file);
        for cut in 0..file.len() {
            let (records, error) = read(&file[..cut]);
            let expected = ends.iter().filter(|end| **end <= cut).count();
            prop_assert_eq!(&records, &whole[..expected]);
            prop_assert!(error.is_some() || cut >= 24, "a cut header is an error");
            if ends.contains(&cut) {
                prop_assert_eq!(error, None, "a record ends here");
            }
        }
    }

    #[test]
    fn it_does_not_matter_how_the_bytes_arrive((_, (file, _)) in made()) {
        let bytes = &file[..];
        let mut reader = Reader::new(Dribble { bytes, turn: 0 }).unwrap();
        for expected in sound(&file) {
            let record = reader.next().unwrap().unwrap();
            prop_assert_eq!(record.frame, &expected.frame[..]);
            prop_assert_eq!(record.time, expected.time);
        }
        prop_assert!(reader.next().unwrap().is_none());
    }

    #[test]
    fn damaged_files_end(
        (_, (mut file, _)) in made(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        for (at, byte) in damage {
            let at = at.index(file.len());
            file[at] = byte;
        }
        let (records, _) = read(&file);
        for record in records {
            prop_assert!(record.frame.len() <= record.length);
        }
    }

    #[test]
    fn arbitrary_bytes_end(
        magic in 0..6_usize,
        bytes in vec(any::<u8>(), 0..400),
    ) {
        let magics: [&[u8]; 6] = [
            &[],
            &[0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0],
            &[0xa1, 0xb2, 0x3c, 0x4d, 0, 2, 0, 4],
            b"\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a\x01\0\0\0",
            b"\x0a\x0d\x0d\x0a",
            b"\x0a\x0d\x0d\x0a\0\0\0\x1c\x1a\x2b\x3c\x4d",
        ];
        read(&[magics[magic], &bytes].concat());
    }
}
