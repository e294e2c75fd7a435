//! What a process holds: memory, files, maps.

use std::{fs, path::PathBuf};

/// A process, by its directory below /proc.
#[derive(Clone, Debug)]
pub(crate) struct Process(PathBuf);

/// What it holds at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Resources {
    /// Its resident memory in KiB, without the kernel's maps.
    pub(crate) memory: u64,
    /// Open files.
    pub(crate) files: usize,
    /// Mapped regions.
    pub(crate) mappings: usize,
    /// BPF maps among the files, by the kernel's numbers.
    pub(crate) maps: usize,
    /// Memory of these maps in KiB.
    pub(crate) map_memory: u64,
}

impl Process {
    pub(crate) fn own() -> Self {
        Self("/proc/self".into())
    }

    pub(crate) fn of(pid: u32) -> Self {
        Self(format!("/proc/{pid}").into())
    }

    pub(crate) fn resources(&self) -> Resources {
        let mut files = 0;
        let mut maps = std::collections::BTreeMap::new();
        for entry in fs::read_dir(self.0.join("fdinfo")).unwrap() {
            files += 1;
            // One that was closed meanwhile.
            let info = fs::read_to_string(entry.unwrap().path()).unwrap_or_default();
            if let (Some(id), Some(bytes)) = (field(&info, "map_id:"), field(&info, "memlock:")) {
                maps.insert(id, bytes);
            }
        }
        let status = fs::read_to_string(self.0.join("status")).unwrap();
        let mappings = fs::read_to_string(self.0.join("maps")).unwrap();
        Resources {
            // Maps that are mapped count as files.
            memory: field(&status, "RssAnon:").unwrap(),
            files,
            mappings: mappings.lines().count(),
            maps: maps.len(),
            map_memory: maps.values().sum::<u64>() / 1_024,
        }
    }
}

/// The number behind a name at the start of a line.
fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}
