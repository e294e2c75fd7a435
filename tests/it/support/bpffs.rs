//! A BPF file system of the test's own.

use std::{
    ffi::CString,
    fs,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
    sync::Once,
};

use aya::maps::{Array, Map, MapData, MapError};
use filter_common::abi::{INFO_RECORD, InfoInterface, instance_state, map};

use super::{is_leftover, unique};

/// Mounted while it lives; what is pinned in it goes with it.
#[derive(Debug)]
pub(crate) struct Bpffs {
    path: PathBuf,
}

impl Bpffs {
    pub(crate) fn mount() -> Self {
        static SWEEP: Once = Once::new();
        SWEEP.call_once(sweep);
        let path = std::env::temp_dir().join(unique("bpffs"));
        fs::create_dir(&path).unwrap();
        let target = c_path(&path);
        // SAFETY: live, zero-ended strings.
        let result = unsafe {
            libc::mount(
                c"bpf".as_ptr(),
                target.as_ptr(),
                c"bpf".as_ptr(),
                0,
                c"mode=0700".as_ptr().cast(),
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
