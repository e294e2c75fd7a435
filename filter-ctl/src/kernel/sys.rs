//! The system calls that aya 0.14 lacks: creating maps of a size and kind of our own, reading an element
//! of any size, waiting for a ring, the interface of an XDP link, waiting for running programs, locks,
//! mounts and the flags of a network card.
//!
//! Layouts follow `union bpf_attr` and `struct bpf_link_info` of include/uapi/linux/bpf.h.

use std::{
    ffi::{CStr, CString},
    io,
    mem::size_of,
    os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd},
    path::Path,
};

use aya::maps::{MapData, RingBuf};
use tokio::io::{Interest, unix::AsyncFd};

/// `enum bpf_cmd`.
const BPF_MAP_CREATE: libc::c_int = 0;
const BPF_MAP_LOOKUP_ELEM: libc::c_int = 1;
const BPF_MAP_UPDATE_ELEM: libc::c_int = 2;
const BPF_OBJ_GET_INFO_BY_FD: libc::c_int = 15;

/// `enum bpf_map_type`.
pub(super) const BPF_MAP_TYPE_ARRAY: u32 = 2;
pub(super) const BPF_MAP_TYPE_PERCPU_ARRAY: u32 = 6;
const BPF_MAP_TYPE_ARRAY_OF_MAPS: u32 = 12;
pub(super) const BPF_MAP_TYPE_RINGBUF: u32 = 27;

/// Lets user space map the array into its memory.
pub(super) const BPF_F_MMAPABLE: u32 = 1 << 10;

/// `struct { __u32 map_type; ... }` of `union bpf_attr`, up to the name.
#[repr(C)]
#[derive(Default)]
struct MapCreate {
    map_type: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
    map_flags: u32,
    inner_map_fd: u32,
    numa_node: u32,
    map_name: [u8; 16],
}

/// The attributes of the element commands.
#[repr(C)]
struct MapElement {
    map_fd: u32,
    padding: u32,
    key: u64,
    value: u64,
    flags: u64,
}

/// The attributes of `BPF_OBJ_GET_INFO_BY_FD`.
#[repr(C)]
struct InfoByFd {
    bpf_fd: u32,
    info_len: u32,
    info: u64,
}

/// What the kernel says about an XDP link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LinkInfo {
    /// The number of the program in it.
    pub(super) program: u32,
    /// The index of its interface; 0 once that is gone.
    pub(super) ifindex: u32,
}

fn bpf<T>(command: libc::c_int, attributes: &mut T) -> io::Result<libc::c_long> {
    // SAFETY: `attributes` is a live, writable `repr(C)` prefix of `union bpf_attr` of the size given;
    // the pointers in it are made in this file from references that outlive the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            std::ptr::from_mut(attributes),
            size_of::<T>(),
        )
    };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

/// The kind, size and name of a map.
#[derive(Clone, Copy, Debug)]
pub(super) struct MapSpec {
    pub(super) name: &'static str,
    pub(super) kind: u32,
    pub(super) value_size: u32,
    pub(super) entries: u32,
    pub(super) flags: u32,
}

impl MapSpec {
    /// Keys are `u32` indexes, but a ring has none.
    pub(super) const fn key_size(&self) -> u32 {
        if self.kind == BPF_MAP_TYPE_RINGBUF {
            0
        } else {
            4
        }
    }
}

/// Creates a map.
pub(super) fn create_map(spec: MapSpec) -> io::Result<OwnedFd> {
    create(spec, 0)
}

fn create(spec: MapSpec, inner: u32) -> io::Result<OwnedFd> {
    let mut attributes = MapCreate {
        map_type: spec.kind,
        key_size: spec.key_size(),
        value_size: spec.value_size,
        max_entries: spec.entries,
        map_flags: spec.flags,
        inner_map_fd: inner,
        ..MapCreate::default()
    };
    for (to, from) in attributes
        .map_name
        .iter_mut()
        .take(15)
        .zip(spec.name.bytes())
    {
        *to = from;
    }
    let fd = bpf(BPF_MAP_CREATE, &mut attributes)?;
    // SAFETY: the kernel has just made this descriptor for us; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(i32::try_from(fd).map_err(io::Error::other)?) })
}

/// Reads an element of an array of any value size.
pub(super) fn read_element(map: BorrowedFd<'_>, index: u32) -> io::Result<Vec<u8>> {
    /// `struct bpf_map_info`, up to the size of a value.
    #[repr(C)]
    #[derive(Default)]
    struct MapInfo {
        map_type: u32,
        id: u32,
        key_size: u32,
        value_size: u32,
    }
    let map_fd = u32::try_from(map.as_raw_fd()).map_err(io::Error::other)?;
    let mut info = MapInfo::default();
    let mut attributes = InfoByFd {
        bpf_fd: map_fd,
        info_len: u32::try_from(size_of::<MapInfo>()).map_err(io::Error::other)?,
        info: &raw mut info as u64,
    };
    bpf(BPF_OBJ_GET_INFO_BY_FD, &mut attributes)?;
    if info.map_type != BPF_MAP_TYPE_ARRAY || info.key_size != 4 {
        return Err(io::Error::other("expected an array"));
    }
    let mut value = vec![0; info.value_size as usize];
    let mut attributes = MapElement {
        map_fd,
        padding: 0,
        key: &raw const index as u64,
        value: value.as_mut_ptr() as u64,
        flags: 0,
    };
    bpf(BPF_MAP_LOOKUP_ELEM, &mut attributes)?;
    Ok(value)
}

/// Waits until every program that was running has ended.
///
/// An update of a map of maps returns only after a grace period, so that the map it took out is no
/// longer in use (`maybe_wait_bpf_programs` in kernel/bpf/syscall.c). That promise is all this map of
/// maps is for: no program refers to it.
#[derive(Debug)]
pub(super) struct GracePeriod {
    outer: OwnedFd,
    inner: OwnedFd,
}

impl GracePeriod {
    pub(super) fn new() -> io::Result<Self> {
        let spec = MapSpec {
            name: "levee_grace",
            kind: BPF_MAP_TYPE_ARRAY,
            value_size: 8,
            entries: 1,
            flags: 0,
        };
        let inner = create(spec, 0)?;
        let outer = create(
            MapSpec {
                kind: BPF_MAP_TYPE_ARRAY_OF_MAPS,
                value_size: 4,
                ..spec
            },
            u32::try_from(inner.as_raw_fd()).map_err(io::Error::other)?,
        )?;
        Ok(Self { outer, inner })
    }

    pub(super) fn wait(&self) -> io::Result<()> {
        let key = 0_u32;
        let value = self.inner.as_raw_fd();
        let mut attributes = MapElement {
            map_fd: u32::try_from(self.outer.as_raw_fd()).map_err(io::Error::other)?,
            padding: 0,
            key: &raw const key as u64,
            value: &raw const value as u64,
            flags: 0,
        };
        bpf(BPF_MAP_UPDATE_ELEM, &mut attributes).map(drop)
    }
}

/// Lets the runtime say when there is something in a ring.
pub(super) fn watch_ring(ring: RingBuf<MapData>) -> io::Result<AsyncFd<RingBuf<MapData>>> {
    // SAFETY: the ring owns the descriptor that it names, names the same one always, and keeps it open for as
    // long as it lives.
    unsafe { AsyncFd::register_with_interest(ring, Interest::READABLE) }.map_err(io::Error::from)
}

/// What the kernel says about an XDP link.
pub(super) fn link_info(link: BorrowedFd<'_>) -> io::Result<LinkInfo> {
    /// `struct bpf_link_info`, up to the interface of an XDP link.
    #[repr(C)]
    #[derive(Default)]
    struct Info {
        link_type: u32,
        id: u32,
        program: u32,
        padding: u32,
        ifindex: u32,
        tail: u32,
    }
    let mut info = Info::default();
    let mut attributes = InfoByFd {
        bpf_fd: u32::try_from(link.as_raw_fd()).map_err(io::Error::other)?,
        info_len: u32::try_from(size_of::<Info>()).map_err(io::Error::other)?,
        info: &raw mut info as u64,
    };
    bpf(BPF_OBJ_GET_INFO_BY_FD, &mut attributes)?;
    let Info {
        program, ifindex, ..
    } = info;
    Ok(LinkInfo { program, ifindex })
}

/// Takes the program of a link off its interface; nothing happens where the interface is gone.
pub(super) fn detach_link(link: BorrowedFd<'_>) -> io::Result<()> {
    #[repr(C)]
    struct LinkDetach {
        link_fd: u32,
    }
    const BPF_LINK_DETACH: libc::c_int = 34;
    let mut attributes = LinkDetach {
        link_fd: u32::try_from(link.as_raw_fd()).map_err(io::Error::other)?,
    };
    bpf(BPF_LINK_DETACH, &mut attributes).map(drop)
}

/// Opens what is pinned at `path`.
pub(super) fn open_pin(path: &Path) -> io::Result<OwnedFd> {
    #[repr(C)]
    struct ObjGet {
        pathname: u64,
        bpf_fd: u32,
        file_flags: u32,
    }
    const BPF_OBJ_GET: libc::c_int = 7;
    let path = c_path(path)?;
    let mut attributes = ObjGet {
        pathname: path.as_ptr() as u64,
        bpf_fd: 0,
        file_flags: 0,
    };
    let fd = bpf(BPF_OBJ_GET, &mut attributes)?;
    // SAFETY: the kernel has just made this descriptor for us; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(i32::try_from(fd).map_err(io::Error::other)?) })
}

/// The index of an interface, `None` if there is none of that name.
pub(super) fn interface_index(name: &str) -> Option<u32> {
    let name = CString::new(name).ok()?;
    // SAFETY: a live, zero-ended string.
    match unsafe { libc::if_nametoindex(name.as_ptr()) } {
        0 => None,
        index => Some(index),
    }
}

/// The flags of `ETHTOOL_GFLAGS` (include/uapi/linux/ethtool.h): what an interface's hardware does to
/// frames.
pub(super) fn ethtool_flags(name: &str) -> io::Result<u32> {
    const SIOCETHTOOL: libc::c_ulong = 0x8946;
    const ETHTOOL_GFLAGS: u32 = 0x25;
    /// `struct ethtool_value`.
    #[repr(C)]
    struct Value {
        command: u32,
        data: u32,
    }
    let mut value = Value {
        command: ETHTOOL_GFLAGS,
        data: 0,
    };
    // SAFETY: takes numbers; any socket will do.
    let socket = unsafe { libc::socket(libc::AF_UNIX, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) };
    if socket < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor was just opened and belongs to nobody else.
    let socket = unsafe { OwnedFd::from_raw_fd(socket) };
    // SAFETY: zeros are a valid `ifreq`.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    if name.len() >= request.ifr_name.len() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = libc::c_char::from_ne_bytes([from]);
    }
    request.ifr_ifru.ifru_data = std::ptr::from_mut(&mut value).cast();
    // SAFETY: a live request with a zero-ended name, which points at a live, writable value.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), SIOCETHTOOL as _, &raw mut request) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(value.data)
}

/// The name of an interface, `None` if there is none with this index.
pub(super) fn interface_name(index: u32) -> Option<String> {
    let mut name = [0_u8; libc::IF_NAMESIZE];
    // SAFETY: a live, writable buffer of the size that the call asks for.
    let found = unsafe { libc::if_indextoname(index, name.as_mut_ptr().cast()) };
    if found.is_null() {
        return None;
    }
    let name = CStr::from_bytes_until_nul(&name).ok()?;
    name.to_str().ok().map(str::to_owned)
}

/// Lets two files change their names.
pub(super) fn exchange(one: &Path, other: &Path) -> io::Result<()> {
    let [one, other] = [c_path(one)?, c_path(other)?];
    // SAFETY: live, zero-ended strings.
    let result = unsafe {
        libc::renameat2(
            libc::AT_FDCWD,
            one.as_ptr(),
            libc::AT_FDCWD,
            other.as_ptr(),
            libc::RENAME_EXCHANGE,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Takes the lock of an open file or directory without waiting; false if another has it.
pub fn try_lock(file: BorrowedFd<'_>) -> io::Result<bool> {
    // SAFETY: a live descriptor.
    if unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } == 0 {
        return Ok(true);
    }
    match io::Error::last_os_error() {
        error if error.raw_os_error() == Some(libc::EWOULDBLOCK) => Ok(false),
        error => Err(error),
    }
}

/// Whether `path` lies on a BPF file system.
pub(super) fn is_bpffs(path: &Path) -> io::Result<bool> {
    /// `BPF_FS_MAGIC` of include/uapi/linux/magic.h.
    const BPF_FS_MAGIC: u64 = 0xcafe_4a11;
    let path = c_path(path)?;
    // SAFETY: all-zero is a valid `statfs`, a plain record of numbers.
    let mut status: libc::statfs = unsafe { std::mem::zeroed() };
    // SAFETY: a live, zero-ended string and a live, writable record.
    if unsafe { libc::statfs(path.as_ptr(), &raw mut status) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // The type's width and sign differ between architectures; the number has 32 bits.
    #[expect(
        clippy::cast_sign_loss,
        reason = "compared as 32 bits of a bit pattern"
    )]
    let found = (status.f_type as u64) & 0xffff_ffff;
    Ok(found == BPF_FS_MAGIC)
}

/// Mounts a BPF file system on `path`.
pub(super) fn mount_bpffs(path: &Path) -> io::Result<()> {
    let path = c_path(path)?;
    // SAFETY: live, zero-ended strings; no data.
    let result = unsafe {
        libc::mount(
            c"bpf".as_ptr(),
            path.as_ptr(),
            c"bpf".as_ptr(),
            0,
            c"mode=0700".as_ptr().cast(),
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Whether the wall clock is synchronised. Changes nothing.
pub(super) fn clock_is_synchronised() -> io::Result<bool> {
    // SAFETY: all-zero bytes are a valid record, and one that asks for no change.
    let mut record: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: a live, writable record.
    let state = unsafe { libc::adjtimex(&raw mut record) };
    if state < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(state != libc::TIME_ERROR && record.status & libc::STA_UNSYNC == 0)
}

fn c_path(path: &Path) -> io::Result<CString> {
    use std::os::unix::ffi::OsStrExt as _;
    CString::new(path.as_os_str().as_bytes()).map_err(io::Error::other)
}
