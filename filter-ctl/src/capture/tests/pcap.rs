//! The classic format.

use super::*;

#[test]
fn both_byte_orders_and_both_resolutions_are_read() {
    let cases = [
        (MICROSECONDS, "2026-11-25T01:02:03.000004Z"),
        (NANOSECONDS, "2026-11-25T01:02:03.000000004Z"),
    ];
    let seconds = u32::try_from(time(cases[0].1).as_second()).unwrap();
    for order in ORDERS {
        for (magic, expected) in cases {
            let file = Bytes::pcap(order, magic, 4, 1)
                .record([seconds, 4], &frame(1, 60), 60)
                .record([seconds, 4], &frame(2, 61), 1_500);
            let records = sound(&file.bytes);
            assert_eq!(records.len(), 2);
            assert_eq!(records[0].number, 1);
            assert_eq!(records[0].time, Some(time(expected)));
            assert_eq!(records[0].frame, frame(1, 60));
            assert_eq!(records[0].length, 60);
            assert_eq!(records[0].link, LinkType::ETHERNET);
            assert_eq!(records[1].number, 2);
            assert_eq!(records[1].frame, frame(2, 61));
            assert_eq!(records[1].length, 1_500, "cut by the snap length");
        }
    }
}

#[test]
fn a_file_without_records_ends_cleanly() {
    let file = Bytes::pcap(ByteOrder::Little, MICROSECONDS, 4, 1);
    assert_eq!(sound(&file.bytes), []);
}

#[test]
fn a_fraction_of_a_second_and_more_is_added() {
    let file = Bytes::pcap(ByteOrder::Big, MICROSECONDS, 4, 1);
    let file = file.record([10, 2_500_000], &frame(0, 14), 14);
    assert_eq!(
        sound(&file.bytes)[0].time,
        Some(time("1970-01-01T00:00:12.5Z"))
    );
    let file = Bytes::pcap(ByteOrder::Big, NANOSECONDS, 4, 1);
    let file = file.record([u32::MAX, 0], &frame(0, 14), 14);
    assert_eq!(
        sound(&file.bytes)[0].time,
        Some(time("2106-02-07T06:28:15Z"))
    );
}

#[test]
fn an_original_length_below_the_captured_one_is_raised_to_it() {
    let file = Bytes::pcap(ByteOrder::Little, MICROSECONDS, 4, 1);
    let file = file.record([0, 0], &frame(0, 60), 0);
    assert_eq!(sound(&file.bytes)[0].length, 60);
}

#[test]
fn early_versions_have_the_lengths_the_other_way_round() {
    let swapped = |minor| {
        let file = Bytes::pcap(ByteOrder::Big, MICROSECONDS, minor, 1);
        file.u64(0).u32(90).u32(60).raw(&frame(0, 60))
    };
    for minor in 0..4 {
        let records = sound(&swapped(minor).bytes);
        assert_eq!((records[0].frame.len(), records[0].length), (60, 90));
    }
    let file = Bytes::pcap(ByteOrder::Big, MICROSECONDS, 3, 1);
    let records = sound(&file.record([0, 0], &frame(0, 60), 90).bytes);
    assert_eq!((records[0].frame.len(), records[0].length), (60, 90));
}

#[test]
fn an_fcs_is_cut_off() {
    // Bit 26: the length is known; bits 28 to 31: two words of 16 bits.
    let link = 0x2400_0001;
    let file = Bytes::pcap(ByteOrder::Little, MICROSECONDS, 4, link)
        .record([0, 0], &frame(0, 64), 64)
        .record([0, 0], &frame(0, 62), 64)
        .record([0, 0], &frame(0, 50), 64)
        .record([0, 0], &frame(0, 3), 3);
    let records = sound(&file.bytes);
    let lengths: Vec<_> = records
        .iter()
        .map(|record| (record.frame.len(), record.length))
        .collect();
    assert_eq!(lengths, [(60, 60), (60, 60), (50, 60), (0, 0)]);
    assert_eq!(records[0].frame, frame(0, 60));
    // A length that is not said to be there is none.
    let file = Bytes::pcap(ByteOrder::Little, MICROSECONDS, 4, 0x2000_0001);
    let records = sound(&file.record([0, 0], &frame(0, 64), 64).bytes);
    assert_eq!(records[0].length, 64);
}

#[test]
fn a_file_that_is_none_says_what_it_is() {
    let cases: [(&[u8], &str); 8] = [
        (
            b"",
            "file header at byte 0 of the file: the file is empty: expected a pcap or pcapng file",
        ),
        (
            b"\x7fELF\x02",
            "file header at byte 0 of the file: the file begins with the bytes 7f 45 4c 46: expected \
             a pcap or pcapng file",
        ),
        (
            b"a",
            "file header at byte 0 of the file: the file begins with the bytes 61: expected a pcap \
             or pcapng file",
        ),
        (
            b"\x1f\x8b\x08\0\0",
            "file header at byte 0 of the file: the file is compressed by gzip: expected a pcap or \
             pcapng file; decompress it first, e.g. `zcat FILE | filter-ctl simulate -`",
        ),
        (b"\x28\xb5\x2f\xfd", "`zstdcat FILE | "),
        (b"\xfd7zXZ\0", "`xzcat FILE | "),
        (b"BZh9", "`bzcat FILE | "),
        (b"\x04\x22\x4d\x18", "`lz4cat FILE | "),
    ];
    for (file, expected) in cases {
        let (records, error) = broken(file);
        assert_eq!(records, 0);
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_header_that_is_wrong_is_refused() {
    let little = ByteOrder::Little;
    let version = Bytes::new(little).u32(MICROSECONDS).u16(3).u16(4);
    let cases = [
        (
            version.u64(0).u32(0).u32(1).bytes,
            "version 3.4: expected 2.x",
        ),
        (
            Bytes::pcap(little, MICROSECONDS, 4, 0x0001_0001).bytes,
            "link-type field 0x00010001: expected the bits 0x0bff0000 to be 0",
        ),
        (
            Bytes::pcap(little, MICROSECONDS, 4, 127).bytes,
            "link type 127 (IEEE802_11_RADIOTAP): expected Ethernet (1), raw IP",
        ),
        (
            Bytes::pcap(little, MICROSECONDS, 4, 1).bytes[..23].to_vec(),
            "the file ends after 23 of 24 bytes: 1 are missing",
        ),
    ];
    for (file, expected) in cases {
        let (records, error) = broken(&file);
        assert_eq!(records, 0);
        assert!(error.starts_with("file header at byte 0 of the file: "));
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_record_that_is_cut_names_its_number_its_place_and_what_is_missing() {
    let file = Bytes::pcap(ByteOrder::Little, MICROSECONDS, 4, 1)
        .record([0, 0], &frame(1, 60), 60)
        .record([0, 0], &frame(2, 60), 60);
    let end = file.bytes.len();
    let (records, error) = broken(&file.bytes[..end - 10]);
    assert_eq!(records, 1);
    assert_eq!(
        error,
        "record 2 at byte 100 of the file: the file ends after 66 of 76 bytes: 10 are missing"
    );
    let (records, error) = broken(&file.bytes[..105]);
    assert_eq!(records, 1);
    assert_eq!(
        error,
        "record 2 at byte 100 of the file: the file ends after 5 of 16 bytes: 11 are missing"
    );
}

#[test]
fn a_captured_length_past_the_limit_is_refused() {
    let longest = frame(0, crate::capture::CAPTURED_BYTES_MAX);
    let original = u32::try_from(longest.len()).unwrap();
    let file = Bytes::pcap(ByteOrder::Little, MICROSECONDS, 4, 1);
    let file = file.record([0, 0], &longest, original);
    assert_eq!(sound(&file.bytes)[0].frame, longest);
    let file = file.u64(0).u32(original + 1).u32(original + 1);
    let (records, error) = broken(&file.bytes);
    assert_eq!(records, 1);
    assert_eq!(
        error,
        "record 2 at byte 262184 of the file: captured length 262145: expected at most 262144"
    );
}
