//! Recorded frames: capture files, where they are beside the checkout, and new ones.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use filter_ctl::capture::Reader;

/// Ethernet, of the link types of pcap.
const ETHERNET: u32 = 1;

/// Where recorded traffic lies, if it is there. `LEVEE_DATA` names another place.
pub(crate) fn data() -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data");
    let path = std::env::var_os("LEVEE_DATA").map_or_else(|| beside.into(), PathBuf::from);
    path.is_dir().then_some(path)
}

/// Writes a classic pcap file of Ethernet frames, a second apart, each with its length on the wire.
pub(crate) fn write<'a>(path: &Path, frames: impl IntoIterator<Item = (&'a [u8], usize)>) {
    let number = |number: usize| u32::try_from(number).unwrap().to_le_bytes();
    let mut file = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    file.extend(number(1 << 18));
    file.extend(ETHERNET.to_le_bytes());
    for (index, (frame, length)) in frames.into_iter().enumerate() {
        file.extend(number(1_700_000_000 + index));
        file.extend(number(0));
        file.extend(number(frame.len()));
        file.extend(number(length));
        file.extend(frame);
    }
    fs::write(path, file).unwrap();
}

/// The files of all captures that lie there, sorted.
pub(crate) fn files() -> Vec<PathBuf> {
    let Some(data) = data() else {
        return Vec::new();
    };
    let mut paths = Vec::new();
    for directory in ["captures", "captures/wrappings"] {
        for entry in fs::read_dir(data.join(directory)).into_iter().flatten() {
            let path = entry.unwrap().path();
            let extension = path.extension().and_then(|extension| extension.to_str());
            if matches!(extension, Some("pcap" | "pcapng")) {
                paths.push(path);
            }
        }
    }
    paths.sort();
    paths
}

/// The frames of all captures, those cut by the snap length too.
pub(crate) fn frames() -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    for path in files() {
        let mut reader = Reader::new(File::open(&path).unwrap()).unwrap();
        while let Some(record) = reader.next().unwrap() {
            frames.push(record.frame.to_vec());
        }
    }
    frames
}
