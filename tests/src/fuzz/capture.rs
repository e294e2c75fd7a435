//! The reader of capture files, on any bytes.

use std::io::{self, Read};

use filter_common::settings::Tunnels;
use filter_ctl::capture::{CAPTURED_BYTES_MAX, CaptureError, Reader, Record};

/// Bytes that the header of a mapped frame has more than the link header it replaces, at most.
const MAPPED_MAX: usize = 20;

/// Gives from one to seven bytes at a time.
struct Dribble<'a> {
    bytes: &'a [u8],
    turn: usize,
}

impl Read for Dribble<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.turn += 1;
        let count = (self.turn % 7 + 1).min(buffer.len());
        self.bytes.read(&mut buffer[..count])
    }
}

/// Reads `data` as a capture file, whole, as it dribbles in, and cut in the middle, and checks that all
/// give the same; hands each frame to the parser.
///
/// # Panics
///
/// Where that does not hold.
pub fn capture(data: &[u8]) {
    let dribble = Dribble {
        bytes: data,
        turn: 0,
    };
    let half = &data[..data.len() / 2];
    match (Reader::new(data), Reader::new(dribble)) {
        (Ok(whole), Ok(dribble)) => check(whole, dribble, data, Reader::new(half).ok()),
        (Err(whole), Err(dribble)) => check_error(&whole, &dribble, data),
        (whole, dribble) => panic!("whole: {whole:?}; in dribbles: {:?}", dribble.err()),
    }
}

fn check<'a>(
    mut whole: Reader<&'a [u8]>,
    mut dribble: Reader<Dribble<'_>>,
    data: &'a [u8],
    mut half: Option<Reader<&'a [u8]>>,
) {
    for number in 1.. {
        match (whole.next(), dribble.next()) {
            (Ok(Some(record)), Ok(Some(other))) => {
                assert_eq!(record, other, "dribbled");
                check_record(&record, number);
                // The records before the cut are there, and then nothing is.
                if let Some(reader) = &mut half {
                    match reader.next() {
                        Ok(Some(other)) => assert_eq!(record, other, "cut"),
                        Ok(None) | Err(_) => half = None,
                    }
                }
            }
            (Ok(None), Ok(None)) => break,
            (Err(error), Err(other)) => {
                check_error(&error, &other, data);
                assert!(error.record().is_none_or(|found| found == number));
                assert!(matches!(whole.next(), Ok(None)), "an error is the end");
                break;
            }
            (whole, dribble) => panic!("whole: {whole:?}; in dribbles: {dribble:?}"),
        }
    }
    if let Some(mut reader) = half {
        assert!(!matches!(reader.next(), Ok(Some(_))), "more than the whole");
    }
}

fn check_record(record: &Record<'_>, number: u64) {
    assert_eq!(record.number, number);
    assert!(record.frame.len() <= record.length, "{record:?}");
    assert!(record.frame.len() <= CAPTURED_BYTES_MAX + MAPPED_MAX);
    assert!(record.link.is_opened(), "{record:?}");
    super::packet::check(record.frame, Tunnels::ALL);
}

fn check_error(whole: &CaptureError, dribble: &CaptureError, data: &[u8]) {
    assert_eq!(whole.to_string(), dribble.to_string(), "dribbled");
    assert!(whole.offset <= data.len() as u64, "{whole}");
}
