//! Recorded frames: capture files, where they are beside the checkout.

use std::{
    fs::{self, File},
    path::PathBuf,
};

use filter_ctl::capture::Reader;

/// Where recorded traffic lies, if it is there. `LEVEE_DATA` names another place.
pub(crate) fn data() -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data");
    let path = std::env::var_os("LEVEE_DATA").map_or_else(|| beside.into(), PathBuf::from);
    path.is_dir().then_some(path)
}

/// The frames of all captures, those cut by the snap length too.
pub(crate) fn frames() -> Vec<Vec<u8>> {
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
    let mut frames = Vec::new();
    for path in paths {
        let mut reader = Reader::new(File::open(&path).unwrap()).unwrap();
        while let Some(record) = reader.next().unwrap() {
            frames.push(record.frame.to_vec());
        }
    }
    frames
}
