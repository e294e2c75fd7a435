//! The bytes of a file in their order, counted, and the numbers that they stand for.

use std::io::{BufReader, Read};

use super::CaptureErrorKind;

/// Bytes that are read at one time where fewer are asked for, and by which memory grows.
const CHUNK: usize = 64 << 10;

/// A file, read from its beginning.
#[derive(Debug)]
pub(super) struct Input<R> {
    reader: BufReader<R>,
    offset: u64,
}

impl<R: Read> Input<R> {
    pub(super) fn new(reader: R) -> Self {
        Self {
            reader: BufReader::with_capacity(CHUNK, reader),
            offset: 0,
        }
    }

    /// Where the next byte stands in the file.
    pub(super) const fn offset(&self) -> u64 {
        self.offset
    }

    /// Fills `bytes` as far as the file goes; returns how many there were.
    pub(super) fn read(&mut self, bytes: &mut [u8]) -> Result<usize, CaptureErrorKind> {
        let mut found = 0;
        while found < bytes.len() {
            match self.reader.read(&mut bytes[found..]) {
                Ok(0) => break,
                Ok(count) => found += count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(CaptureErrorKind::Read(error)),
            }
        }
        self.offset += found as u64;
        Ok(found)
    }

    /// The next `N` bytes, which are the last of `expected` that belong together.
    pub(super) fn array<const N: usize>(
        &mut self,
        expected: usize,
    ) -> Result<[u8; N], CaptureErrorKind> {
        let mut bytes = [0; N];
        let found = self.read(&mut bytes)?;
        if found < N {
            return Err(CaptureErrorKind::cut(expected - N + found, expected));
        }
        Ok(bytes)
    }

    /// Appends the next `count` bytes, which are the last of `expected` that belong together.
    ///
    /// Memory is taken as the bytes arrive, so that a claimed length alone takes none.
    pub(super) fn append(
        &mut self,
        buffer: &mut Vec<u8>,
        count: usize,
        expected: usize,
    ) -> Result<(), CaptureErrorKind> {
        let mut missing = count;
        while missing > 0 {
            let step = missing.min(CHUNK);
            let start = buffer.len();
            buffer.resize(start + step, 0);
            let found = self.read(&mut buffer[start..])?;
            missing -= found;
            if found < step {
                return Err(CaptureErrorKind::cut(expected - missing, expected));
            }
        }
        Ok(())
    }

    /// Passes over the next `count` bytes of `expected` that belong together, of which `behind` are
    /// yet to follow.
    pub(super) fn skip(
        &mut self,
        count: usize,
        behind: usize,
        expected: usize,
    ) -> Result<(), CaptureErrorKind> {
        let mut passed = [0; 4 << 10];
        let mut missing = count;
        while missing > 0 {
            let step = missing.min(passed.len());
            let found = self.read(&mut passed[..step])?;
            missing -= found;
            if found < step {
                let found = expected - behind - missing;
                return Err(CaptureErrorKind::cut(found, expected));
            }
        }
        Ok(())
    }
}

/// In which order the bytes of a number stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ByteOrder {
    Little,
    Big,
}

impl ByteOrder {
    /// The 16-bit number at `at`, which lies inside.
    pub(super) fn u16<const N: usize>(self, bytes: &[u8; N], at: usize) -> u16 {
        let bytes = [bytes[at], bytes[at + 1]];
        match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        }
    }

    /// The 32-bit number at `at`, which lies inside.
    pub(super) fn u32<const N: usize>(self, bytes: &[u8; N], at: usize) -> u32 {
        let bytes = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
        match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        }
    }

    /// A signed 64-bit number.
    pub(super) const fn i64(self, bytes: [u8; 8]) -> i64 {
        match self {
            Self::Little => i64::from_le_bytes(bytes),
            Self::Big => i64::from_be_bytes(bytes),
        }
    }
}
