//! A BPF file system of the test's own.

use std::{
    ffi::{CStr, CString},
    fs,
    io::Write as _,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
    sync::Once,
};

use aya::maps::{Array, Map, MapData, MapError, RingBuf};
use filter_common::abi::{INFO_RECORD, InfoInterface, instance_state, map};

use super::{is_leftover, unique};

/// Mounted while it lives; what is pinned in it goes with it.
#[derive(Debug)]
pub(crate) struct Bpffs {
    path: PathBuf,
}

impl Bpffs {
    pub(crate) fn mount() -> Self {
        Self::mount_as(c"bpf", c"mode=0700")
    }

    fn mount_as(kind: &CStr, options: &CStr) -> Self {
        static SWEEP: Once = Once::new();
        SWEEP.call_once(sweep);
        let path = std::env::temp_dir().join(unique("bpffs"));
        fs::create_dir(&path).unwrap();
        let target = c_path(&path);
        // SAFETY: live, zero-ended strings.
        let result = unsafe {
            libc::mount(
                kind.as_ptr(),
                target.as_ptr(),
                kind.as_ptr(),
                0,
                options.as_ptr().cast(),
            )
        };
        assert_eq!(result, 0, "mount: {}", std::io::Error::last_os_error());
        Self { path }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where a controller may pin.
    pub(crate) fn pins(&self) -> PathBuf {
        self.path.join("levee")
    }
}

impl Drop for Bpffs {
    fn drop(&mut self) {
        unmount(&self.path);
    }
}

/// A disk of its own so small that it can be filled. Mounted while it lives.
#[derive(Debug)]
pub(crate) struct SmallDisk(Bpffs);

impl SmallDisk {
    /// One of four MiB.
    pub(crate) fn mount() -> Self {
        Self(Bpffs::mount_as(c"tmpfs", c"size=4m,mode=0755"))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Takes all the room that is left; gives it back when the file is removed that it names.
    pub(crate) fn fill(&self) -> PathBuf {
        let path = self.path().join("filler");
        let mut file = fs::File::create(&path).unwrap();
        for size in [1 << 20, 1 << 12, 1] {
            let bytes = vec![7; size];
            while file.write_all(&bytes).is_ok() {}
        }
        path
    }
}

/// Makes pinned maps look as if another version had made them: that is the first word of their record.
pub(crate) fn set_abi(directory: &Path, abi: u32) {
    write(directory, 0, 0, &abi.to_ne_bytes());
}

/// Makes the program on an interface look as if another build had put it there: its record then names
/// another object.
pub(crate) fn set_object(directory: &Path, interface: u32) {
    let object = std::mem::offset_of!(InfoInterface, object);
    write(directory, 1 + interface, object, &[7; 32]);
}

fn write(directory: &Path, record: u32, offset: usize, value: &[u8]) {
    let mut info = info(directory).unwrap();
    let mut bytes = info.get(&record, 0).unwrap();
    bytes[offset..][..value.len()].copy_from_slice(value);
    info.set(record, bytes, 0).unwrap();
}

/// Whether whoever made pinned maps has finished.
pub(crate) fn is_finished(directory: &Path) -> bool {
    let header = info(directory).map(|info| info.get(&0, 0).unwrap());
    header.is_ok_and(|header| header[4..8] == instance_state::READY.to_ne_bytes())
}

/// Takes the samples that wait in the ring of pinned maps, as the kernel has written them.
pub(crate) fn samples_in(directory: &Path) -> Vec<Vec<u8>> {
    let data = MapData::from_pin(directory.join(map::SAMPLES)).unwrap();
    let mut ring = RingBuf::try_from(Map::RingBuf(data)).unwrap();
    let mut samples = Vec::new();
    while let Some(sample) = ring.next() {
        samples.push(sample.to_vec());
    }
    samples
}

fn info(directory: &Path) -> Result<Array<MapData, [u8; INFO_RECORD]>, MapError> {
    Map::Array(MapData::from_pin(directory.join(map::INFO))?).try_into()
}

fn unmount(path: &Path) {
    let target = c_path(path);
    // SAFETY: a live, zero-ended string.
    unsafe { libc::umount2(target.as_ptr(), libc::MNT_DETACH) };
    let _ = fs::remove_dir(path);
}

/// Removes what a killed run has left behind.
fn sweep() {
    for entry in fs::read_dir(std::env::temp_dir()).into_iter().flatten() {
        let Ok(entry) = entry else { continue };
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with("-bpffs") && is_leftover(&name) {
            unmount(&entry.path());
        }
    }
}

fn c_path(path: &Path) -> CString {
    CString::new(path.as_os_str().as_bytes()).unwrap()
}
