//! Archives in cpio's `newc` format, which is what a kernel unpacks as its first file system.
//!
//! The same content makes the same bytes: no times, no users, numbers in order.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};

/// Entries and file bodies begin at multiples of this.
const ALIGNMENT: usize = 4;
/// The name that ends an archive.
const END: &str = "TRAILER!!!";

const DIRECTORY: u32 = 0o040_755;
const CHARACTER_DEVICE: u32 = 0o020_600;
const REGULAR_FILE: u32 = 0o100_755;

/// An archive being written. Directories come by themselves before what lies in them.
#[derive(Default)]
pub(super) struct Archive {
    bytes: Vec<u8>,
    entries: u32,
    directories: BTreeSet<String>,
}

impl Archive {
    /// Adds a file that anybody may run, at a path without a leading slash.
    pub(super) fn file(&mut self, path: &str, content: &[u8]) -> Result<()> {
        self.parents(path)?;
        self.entry(path, REGULAR_FILE, [0, 0], content)
    }

    /// Adds a character device.
    pub(super) fn device(&mut self, path: &str, number: [u32; 2]) -> Result<()> {
        self.parents(path)?;
        self.entry(path, CHARACTER_DEVICE, number, &[])
    }

    /// The whole archive.
    pub(super) fn finish(mut self) -> Result<Vec<u8>> {
        self.entry(END, 0, [0, 0], &[])?;
        Ok(self.bytes)
    }

    fn parents(&mut self, path: &str) -> Result<()> {
        for (slash, _) in path.match_indices('/') {
            let directory = &path[..slash];
            if self.directories.insert(directory.to_owned()) {
                self.entry(directory, DIRECTORY, [0, 0], &[])?;
            }
        }
        Ok(())
    }

    fn entry(&mut self, path: &str, mode: u32, device: [u32; 2], content: &[u8]) -> Result<()> {
        let size = u32::try_from(content.len())
            .with_context(|| format!("{path} has {} bytes, 4 GiB are too many", content.len()))?;
        let name = u32::try_from(path.len() + 1).context("a path of 4 GiB")?;
        self.entries += 1;
        let fields = [
            self.entries,
            mode,
            0, // user
            0, // group
            1, // links
            0, // time
            size,
            0, // the device that it lies on
            0,
            device[0],
            device[1],
            name,
            0, // a checksum, of which this format has none
        ];
        self.bytes.extend(b"070701");
        for field in fields {
            self.bytes.extend(format!("{field:08x}").bytes());
        }
        self.bytes.extend(path.bytes());
        self.bytes.push(0);
        self.align();
        self.bytes.extend(content);
        self.align();
        Ok(())
    }

    fn align(&mut self) {
        let length = self.bytes.len().next_multiple_of(ALIGNMENT);
        self.bytes.resize(length, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Number, mode, device, name and content.
    type Entry = (u32, u32, [u32; 2], String, Vec<u8>);

    fn read(archive: &[u8]) -> Vec<Entry> {
        let mut entries = Vec::new();
        let mut at = 0;
        while at < archive.len() {
            let header = std::str::from_utf8(&archive[at..at + 110]).expect("a header of text");
            assert_eq!(&header[..6], "070701");
            let field = |index: usize| {
                let digits = &header[6 + index * 8..14 + index * 8];
                u32::from_str_radix(digits, 16).expect("a hexadecimal field")
            };
            let name_end = at + 110 + field(11) as usize;
            let name = String::from_utf8(archive[at + 110..name_end - 1].to_vec());
            assert_eq!(archive[name_end - 1], 0);
            let body = name_end.next_multiple_of(4);
            let end = body + field(6) as usize;
            let device = [field(9), field(10)];
            let content = archive[body..end].to_vec();
            entries.push((field(0), field(1), device, name.expect("text"), content));
            at = end.next_multiple_of(4);
        }
        assert_eq!(at, archive.len());
        entries
    }

    #[test]
    fn directories_come_once_and_before_what_lies_in_them() {
        let mut archive = Archive::default();
        archive.file("a/b/one", b"12345").expect("a file");
        archive.file("a/two", b"").expect("a file");
        archive.device("dev/console", [5, 1]).expect("a device");
        let archive = archive.finish().expect("an archive");
        let entry = |number, mode, device, name: &str, content: &[u8]| {
            (number, mode, device, name.to_owned(), content.to_vec())
        };
        assert_eq!(
            read(&archive),
            [
                entry(1, 0o040_755, [0, 0], "a", b""),
                entry(2, 0o040_755, [0, 0], "a/b", b""),
                entry(3, 0o100_755, [0, 0], "a/b/one", b"12345"),
                entry(4, 0o100_755, [0, 0], "a/two", b""),
                entry(5, 0o040_755, [0, 0], "dev", b""),
                entry(6, 0o020_600, [5, 1], "dev/console", b""),
                entry(7, 0, [0, 0], "TRAILER!!!", b""),
            ]
        );
    }

    #[test]
    fn the_same_content_makes_the_same_bytes() {
        let write = || {
            let mut archive = Archive::default();
            archive.file("init", &[7; 1_000]).expect("a file");
            archive.finish().expect("an archive")
        };
        assert_eq!(write(), write());
    }
}
