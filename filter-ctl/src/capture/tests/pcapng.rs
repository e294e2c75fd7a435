//! The newer format.

use super::*;
use crate::capture::{BLOCK_BYTES_MAX, INTERFACES_MAX, OPTIONS_MAX};

const LITTLE: ByteOrder = ByteOrder::Little;
const BIG: ByteOrder = ByteOrder::Big;

fn section(order: ByteOrder) -> Bytes {
    Bytes::new(order).section(order)
}

/// A section with one Ethernet interface.
fn ethernet() -> Bytes {
    section(LITTLE).interface(1, 0, &[])
}

#[test]
fn both_byte_orders_are_read() {
    for order in ORDERS {
        let file = section(order).interface(1, 65_535, &[(2, b"eth0")]).packet(
            0,
            1_764_032_523_000_004,
            &frame(1, 61),
            1_500,
        );
        let records = sound(&file.bytes);
        assert_eq!(records.len(), 1);
        assert_eq!(records[0].number, 1);
        assert_eq!(records[0].time, Some(time("2025-11-25T01:02:03.000004Z")));
        assert_eq!(records[0].frame, frame(1, 61));
        assert_eq!(records[0].length, 1_500);
    }
}

#[test]
fn each_section_has_its_own_byte_order_and_interfaces() {
    let file = section(LITTLE)
        .interface(1, 0, &[])
        .interface(101, 0, &[])
        .packet(1, 0, &[0x45; 20], 20)
        .section(BIG)
        .interface(1, 0, &[(9, &[9])])
        .packet(0, 7, &frame(2, 60), 60);
    let records = sound(&file.bytes);
    let seen: Vec<_> = records
        .iter()
        .map(|record| (record.number, record.link.number(), record.length))
        .collect();
    assert_eq!(seen, [(1, 101, 34), (2, 1, 60)]);
    assert_eq!(
        records[1].time,
        Some(time("1970-01-01T00:00:00.000000007Z"))
    );
    let (records, error) = broken(&file.packet(1, 0, &[], 0).bytes);
    assert_eq!(records, 2);
    assert_eq!(
        error,
        "record 3 at byte 268 of the file: interface 1: expected one of the 1 that the section has \
         described so far"
    );
}

#[test]
fn times_have_the_resolution_and_the_offset_of_their_interface() {
    let hour = |order: ByteOrder, seconds: i64| match order {
        ByteOrder::Little => seconds.to_le_bytes(),
        ByteOrder::Big => seconds.to_be_bytes(),
    };
    let cases = [
        (None, 0, 1_500_000, "1970-01-01T00:00:01.5Z"),
        (Some(0), 0, 90, "1970-01-01T00:01:30Z"),
        (Some(3), 3_600, 1_500, "1970-01-01T01:00:01.5Z"),
        (Some(9), -1, 1_500_000_000, "1970-01-01T00:00:00.5Z"),
        (Some(12), 0, 1_999, "1970-01-01T00:00:00.000000001Z"),
        (Some(0x80), 0, 90, "1970-01-01T00:01:30Z"),
        (Some(0x81), 0, 3, "1970-01-01T00:00:01.5Z"),
        (Some(0xa0), 0, 3 << 31, "1970-01-01T00:00:01.5Z"),
        (Some(127), 0, u64::MAX, "1970-01-01T00:00:00Z"),
        (Some(255), 0, u64::MAX, "1970-01-01T00:00:00Z"),
    ];
    for order in ORDERS {
        for (resolution, offset, ticks, expected) in cases {
            let offset = hour(order, offset);
            let resolution = resolution.map(|field| [field]);
            let mut options: Vec<(u16, &[u8])> = vec![(14, &offset)];
            options.extend(resolution.iter().map(|field| (9, &field[..])));
            let file = section(order).interface(1, 0, &options);
            let records = sound(&file.packet(0, ticks, &[], 0).bytes);
            assert_eq!(
                records[0].time,
                Some(time(expected)),
                "{resolution:?} {ticks}"
            );
        }
    }
}

#[test]
fn a_time_that_no_calendar_has_is_refused() {
    let file = section(LITTLE).interface(1, 0, &[(9, &[0])]);
    let (_, error) = broken(&file.packet(0, u64::MAX, &[], 0).bytes);
    assert_eq!(
        error,
        "record 1 at byte 56 of the file: time 18446744073709551615 seconds from 1970: expected a \
         year from -9999 to 9999"
    );
}

#[test]
fn simple_and_obsolete_packets_are_read() {
    for order in ORDERS {
        let obsolete = Bytes::new(order).u16(1).u16(0xffff).u64(0).u32(5).u32(9);
        let file = section(order)
            .interface(1, 60, &[])
            .interface(1, 0, &[])
            .simple(&frame(1, 60), 1_500)
            .simple(&frame(2, 59), 59)
            .block(2, &obsolete.raw(b"01234").bytes);
        let records = sound(&file.bytes);
        let seen: Vec<_> = records
            .iter()
            .map(|record| (&record.frame[..], record.length, record.time.is_some()))
            .collect();
        assert_eq!(
            seen,
            [
                (&frame(1, 60)[..], 1_500, false),
                (&frame(2, 59)[..], 59, false),
                (b"01234", 9, true),
            ]
        );
    }
}

#[test]
fn blocks_of_other_kinds_are_passed_over() {
    let file = section(BIG)
        .block(4, b"name resolution")
        .interface(1, 0, &[])
        .block(0x8000_0001, &[])
        .packet(0, 0, &frame(0, 60), 60)
        .block(5, &vec![0; 100_000]);
    assert_eq!(sound(&file.bytes).len(), 1);
    let (records, error) = broken(&file.clone().block(9, &[0; 8]).bytes[..file.bytes.len() + 13]);
    assert_eq!(records, 1);
    assert_eq!(
        error,
        "block before record 2 at byte 100192 of the file: the file ends after 13 of 20 bytes: 7 are \
         missing"
    );
}

#[test]
fn an_fcs_is_cut_off_as_the_interface_or_the_packet_says() {
    // Bits 5 to 8 of the flags.
    let flags = (2_u32 << 5 | 1).to_le_bytes();
    let unknown = 1_u32.to_le_bytes();
    for (field, expected) in [(0, 64), (4, 60), (32, 60), (16, 62)] {
        let file = section(LITTLE)
            .interface(1, 64, &[(13, &[field])])
            .packet(0, 0, &frame(0, 64), 64)
            .packet(0, 0, &frame(0, 60), 64)
            .packet_with(0, 0, &frame(0, 64), 64, &[(1, b"note"), (2, &flags)])
            .packet_with(0, 0, &frame(0, 64), 64, &[(2, &unknown), (0, b"")])
            .simple(&frame(0, 64), 64);
        let lengths: Vec<_> = sound(&file.bytes)
            .iter()
            .map(|record| (record.frame.len(), record.length))
            .collect();
        let whole = (expected, expected);
        let cut = (60, expected);
        assert_eq!(lengths, [whole, cut, (62, 62), whole, whole]);
    }
}

#[test]
fn an_interface_that_is_never_used_may_be_of_any_link_type() {
    let file = section(LITTLE)
        .interface(253, 0, &[])
        .interface(1, 0, &[])
        .packet(1, 0, &frame(0, 60), 60);
    assert_eq!(sound(&file.bytes).len(), 1);
    let (records, error) = broken(&file.packet(0, 0, &[], 0).bytes);
    assert_eq!(records, 1);
    assert!(
        error.starts_with("record 2 at byte 160 of the file: link type 253 (NETLINK): expected"),
        "{error}"
    );
}

#[test]
fn what_is_wrong_with_a_block_is_said_with_its_place() {
    let packet = |captured: u32| {
        let body = Bytes::new(LITTLE).u32(0).u64(0).u32(captured);
        ethernet().block(6, &body.u32(captured).raw(b"12345678").bytes)
    };
    let tail = |kind| ethernet().u32(kind).u32(12).u32(16);
    let order = Bytes::new(LITTLE).u32(0x0a0d_0d0a).u32(28);
    let version = Bytes::new(LITTLE).u32(0x1a2b_3c4d).u16(2).u16(0).u64(0);
    let magic = |body: &[u8]| Bytes::new(LITTLE).block(0x0a0d_0d0a, body);
    let cases = [
        (
            tail(9),
            "block before record 1 at byte 48 of the file: the block ends with the length 16: \
             expected 12, as it begins",
        ),
        (
            tail(6),
            "record 1 at byte 48 of the file: the block ends with the length 16: expected 12",
        ),
        (
            ethernet().block(6, &[0; 16]),
            "record 1 at byte 48 of the file: block of 28 bytes: expected at least 32",
        ),
        (
            ethernet().block(3, &[]),
            "record 1 at byte 48 of the file: block of 12 bytes: expected at least 16",
        ),
        (
            ethernet().block(1, &[0; 4]),
            "block before record 1 at byte 48 of the file: block of 16 bytes: expected at least 20",
        ),
        (
            packet(9),
            "record 1 at byte 48 of the file: block of 40 bytes: expected at least 44",
        ),
        (
            ethernet().simple(&[0; 8], 9),
            "record 1 at byte 48 of the file: block of 24 bytes: expected at least 28",
        ),
        (
            packet(262_145),
            "record 1 at byte 48 of the file: captured length 262145: expected at most 262144",
        ),
        (
            ethernet().u32(9).u32(8),
            "block before record 1 at byte 48 of the file: block length 8: expected a multiple of 4 \
             from 12 to 16777216",
        ),
        (ethernet().u32(9).u32(13), "block length 13: expected"),
        (ethernet().u32(6).u32(u32::MAX), "block length 4294967295"),
        (
            section(LITTLE).simple(&[], 0),
            "record 1 at byte 28 of the file: interface 0: expected one of the 0 that",
        ),
        (
            ethernet().u32(0x0a0d_0d0a).u32(28).u32(5),
            "block before record 1 at byte 48 of the file: byte-order magic 0x05000000: expected \
             0x1a2b3c4d in either order",
        ),
        (
            order.u32(7),
            "file header at byte 0 of the file: byte-order magic 0x07000000",
        ),
        (magic(&version.bytes), "version 2.0: expected 1.0 or 1.2"),
        (
            Bytes::new(LITTLE).u32(0x0a0d_0d0a).u32(12).u32(0x1a2b_3c4d),
            "file header at byte 0 of the file: block of 12 bytes: expected at least 28",
        ),
        (
            Bytes::new(LITTLE).u32(0x0a0d_0d0a).u16(1),
            "file header at byte 0 of the file: the file ends after 6 of 8 bytes: 2 are missing",
        ),
    ];
    for (file, expected) in cases {
        let (records, error) = broken(&file.bytes);
        assert_eq!(records, 0);
        assert!(error.contains(expected), "{error}\nis not\n{expected}");
    }
}

#[test]
fn what_is_wrong_with_an_option_is_said() {
    let interface = |options: &[(u16, &[u8])]| section(LITTLE).interface(1, 0, options);
    let past_end = Bytes::new(LITTLE).u64(1).u16(2).u16(9).raw(b"12345678");
    let cases = [
        (
            interface(&[(9, &[6, 0])]),
            "option if_tsresol of 2 bytes: expected 1",
        ),
        (
            interface(&[(13, &[])]),
            "option if_fcslen of 0 bytes: expected 1",
        ),
        (
            interface(&[(13, &[12])]),
            "option if_fcslen 12: expected up to 7, in bytes, or a multiple of 8, in bits",
        ),
        (
            interface(&[(14, &[0; 4])]),
            "option if_tsoffset of 4 bytes: expected 8",
        ),
        (
            section(LITTLE).block(1, &past_end.bytes),
            "option 2 of 9 bytes: expected at most the 8 that the block has left",
        ),
        (
            ethernet().packet_with(0, 0, &[], 0, &[(2, &[0; 3])]),
            "option epb_flags of 3 bytes: expected 4",
        ),
    ];
    for (file, expected) in cases {
        let (_, error) = broken(&file.bytes);
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn options_behind_the_last_are_not_looked_at() {
    let file = section(LITTLE).interface(1, 0, &[(0, b""), (9, b"no resolution")]);
    let file = file.packet(0, 0, &frame(0, 60), 60);
    assert_eq!(sound(&file.bytes).len(), 1);
}

#[test]
fn there_is_a_limit_to_options_and_interfaces() {
    let options = |count| section(LITTLE).interface(1, 0, &vec![(1, &b"x"[..]); count]);
    assert_eq!(sound(&options(OPTIONS_MAX).bytes), []);
    let (_, error) = broken(&options(OPTIONS_MAX + 1).bytes);
    assert!(error.ends_with("one more option: expected at most 1024 in a block"));

    let mut file = section(LITTLE);
    for _ in 0..INTERFACES_MAX {
        file = file.interface(1, 0, &[]);
    }
    assert_eq!(sound(&file.bytes), []);
    let (_, error) = broken(&file.clone().interface(1, 0, &[]).bytes);
    assert!(error.ends_with("one more interface: expected at most 65536 in a section"));
    let file = file.section(LITTLE).interface(1, 0, &[]);
    assert_eq!(sound(&file.bytes), [], "another section has room again");
}

#[test]
fn a_claimed_length_takes_no_memory() {
    let longest = u32::try_from(BLOCK_BYTES_MAX).unwrap();
    let file = ethernet().u32(6).u32(longest).raw(&[0; 100]);
    let mut reader = Reader::new(&file.bytes[..]).unwrap();
    let error = reader.next().unwrap_err().to_string();
    assert!(error.ends_with("the file ends after 108 of 16777216 bytes: 16777108 are missing"));
    assert!(reader.buffer.capacity() < 1 << 20);
}
