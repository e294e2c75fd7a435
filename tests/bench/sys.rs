//! The system calls that nothing else has: live frames, batches of map elements, arrays in memory,
//! a driver's counters, and where a thread runs.
//!
//! All `unsafe` of the bench is here. Layouts follow include/uapi/linux/bpf.h and ethtool.h.

use std::{
    io,
    mem::size_of,
    net::UdpSocket,
    os::fd::{AsRawFd as _, BorrowedFd},
};

use crate::names::Cursor;

// SAFETY: numbers without gaps, valid for every pattern.
unsafe impl aya::Pod for Cursor {}

/// `enum bpf_cmd`.
const BPF_MAP_LOOKUP_ELEM: libc::c_int = 1;
const BPF_PROG_TEST_RUN: libc::c_int = 10;
const BPF_MAP_UPDATE_BATCH: libc::c_int = 26;

/// Frames are sent, not only looked at.
const BPF_F_TEST_XDP_LIVE_FRAMES: u32 = 1 << 1;

/// The attributes of `BPF_PROG_TEST_RUN`.
#[repr(C)]
#[derive(Default)]
struct TestRun {
    prog_fd: u32,
    retval: u32,
    data_size_in: u32,
    data_size_out: u32,
    data_in: u64,
    data_out: u64,
    repeat: u32,
    duration: u32,
    ctx_size_in: u32,
    ctx_size_out: u32,
    ctx_in: u64,
    ctx_out: u64,
    flags: u32,
    cpu: u32,
    batch_size: u32,
    padding: u32,
}

/// The attributes of the element commands.
#[repr(C)]
struct Element {
    map_fd: u32,
    padding: u32,
    key: u64,
    value: u64,
    flags: u64,
}

/// The attributes of the batch commands.
#[repr(C)]
struct Batch {
    from: u64,
    to: u64,
    keys: u64,
    values: u64,
    count: u32,
    map_fd: u32,
    elem_flags: u64,
    flags: u64,
}

fn bpf<T>(command: libc::c_int, attributes: &mut T) -> io::Result<()> {
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
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

fn number(value: usize) -> io::Result<u32> {
    u32::try_from(value).map_err(io::Error::other)
}

fn descriptor(fd: BorrowedFd<'_>) -> io::Result<u32> {
    u32::try_from(fd.as_raw_fd()).map_err(io::Error::other)
}

/// Runs an XDP program over copies of a frame, and does with each what the program says.
///
/// Takes as long as that takes; returns early when a signal arrives.
///
/// Frames are made in batches, during which nothing else runs on the processor.
pub(crate) fn send_frames(
    program: BorrowedFd<'_>,
    frame: &[u8],
    frames: u32,
    batch: u32,
) -> io::Result<()> {
    let mut attributes = TestRun {
        prog_fd: descriptor(program)?,
        data_size_in: number(frame.len())?,
        data_in: frame.as_ptr() as u64,
        repeat: frames,
        flags: BPF_F_TEST_XDP_LIVE_FRAMES,
        batch_size: batch,
        ..TestRun::default()
    };
    bpf(BPF_PROG_TEST_RUN, &mut attributes)
}

/// Runs an XDP program over one frame many times; the mean time of a run, in whole nanoseconds.
pub(crate) fn run_repeatedly(program: BorrowedFd<'_>, frame: &[u8], times: u32) -> io::Result<u32> {
    let mut attributes = TestRun {
        prog_fd: descriptor(program)?,
        data_size_in: number(frame.len())?,
        data_in: frame.as_ptr() as u64,
        repeat: times,
        ..TestRun::default()
    };
    bpf(BPF_PROG_TEST_RUN, &mut attributes)?;
    Ok(attributes.duration)
}

/// The value of a key, as words: one for each processor in a map that has them.
pub(crate) fn lookup<K: Copy>(map: BorrowedFd<'_>, key: &K, words: usize) -> io::Result<Vec<u64>> {
    let mut value = vec![0_u64; words];
    let mut attributes = Element {
        map_fd: descriptor(map)?,
        padding: 0,
        key: std::ptr::from_ref(key) as u64,
        value: value.as_mut_ptr() as u64,
        flags: 0,
    };
    bpf(BPF_MAP_LOOKUP_ELEM, &mut attributes)?;
    Ok(value)
}

/// Puts elements into a map. Keys and values follow each other without gaps; where the map has a value
/// for each processor, a key has as many.
pub(crate) fn update_batch<K: Copy, V: Copy>(
    map: BorrowedFd<'_>,
    keys: &[K],
    values: &[V],
) -> io::Result<()> {
    assert!(
        values.len().is_multiple_of(keys.len()),
        "each key has its value"
    );
    let mut attributes = Batch {
        from: 0,
        to: 0,
        keys: keys.as_ptr() as u64,
        values: values.as_ptr() as u64,
        count: number(keys.len())?,
        map_fd: descriptor(map)?,
        elem_flags: 0,
        flags: 0,
    };
    bpf(BPF_MAP_UPDATE_BATCH, &mut attributes)
}

/// Writes the first elements of an array that was created with `BPF_F_MMAPABLE`, and whose elements
/// have a size that is a multiple of 8.
pub(crate) fn fill_array<T: Copy>(map: BorrowedFd<'_>, values: &[T]) -> io::Result<()> {
    const { assert!(size_of::<T>().is_multiple_of(8)) };
    let bytes = size_of_val(values);
    if bytes == 0 {
        return Ok(());
    }
    // SAFETY: asks for a new mapping anywhere; the kernel checks length and descriptor.
    let start = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            bytes,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED,
            map.as_raw_fd(),
            0,
        )
    };
    if start == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the mapping is `bytes` long, page-aligned, writable, and nobody else's.
    unsafe {
        std::ptr::copy_nonoverlapping(values.as_ptr(), start.cast(), values.len());
        libc::munmap(start, bytes);
    }
    Ok(())
}

/// Binds a thread, by its number, to one processor; 0 is the calling thread.
pub(crate) fn pin(thread: i32, processor: usize) -> io::Result<()> {
    // SAFETY: zeros are an empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: writes within the set, for processor numbers below its size.
    unsafe { libc::CPU_SET(processor, &mut set) };
    // SAFETY: a live set of the size given.
    match unsafe { libc::sched_setaffinity(thread, size_of_val(&set), &raw const set) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Puts a thread before all ordinary ones; 0 is the calling thread.
pub(crate) fn prefer(thread: i32) -> io::Result<()> {
    let thread = libc::id_t::try_from(thread).map_err(io::Error::other)?;
    // SAFETY: takes numbers.
    match unsafe { libc::setpriority(libc::PRIO_PROCESS, thread, -20) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Lets the calling thread run whenever it has something to do, before all ordinary threads.
pub(crate) fn run_at_once() -> io::Result<()> {
    let parameter = libc::sched_param { sched_priority: 1 };
    // SAFETY: a live record; 0 is the calling thread.
    match unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const parameter) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Switches generic receive offload of an interface of this thread's namespace.
pub(crate) fn set_gro(interface: &str, on: bool) -> io::Result<()> {
    const ETHTOOL_SGRO: u32 = 0x2c;
    let mut value = [ETHTOOL_SGRO, u32::from(on)];
    ethtool(interface, &mut value)
}

/// The counters of an interface's driver, by name.
pub(crate) fn driver_counters(interface: &str) -> io::Result<Vec<(String, u64)>> {
    const ETHTOOL_GSSET_INFO: u32 = 0x37;
    const ETHTOOL_GSTRINGS: u32 = 0x1b;
    const ETHTOOL_GSTATS: u32 = 0x1d;
    const ETH_SS_STATS: u32 = 1;
    const NAME: usize = 32;

    // command, reserved, mask of sets (64 bits), size of the set
    let mut info = [ETHTOOL_GSSET_INFO, 0, 1 << ETH_SS_STATS, 0, 0];
    ethtool(interface, &mut info)?;
    let count = info[4];
    let length = usize::try_from(count).map_err(io::Error::other)?;

    let mut names = vec![0_u32; 3 + length * NAME / size_of::<u32>()];
    names[..3].copy_from_slice(&[ETHTOOL_GSTRINGS, ETH_SS_STATS, count]);
    ethtool(interface, &mut names)?;

    let mut values = vec![0_u32; 2 + 2 * length];
    values[..2].copy_from_slice(&[ETHTOOL_GSTATS, count]);
    ethtool(interface, &mut values)?;

    let names = names[3..]
        .chunks_exact(NAME / size_of::<u32>())
        .map(|words| {
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
            let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(NAME);
            String::from_utf8_lossy(&bytes[..end]).into_owned()
        });
    let values = values[2..].chunks_exact(2).map(|pair| {
        let [a, b] = [pair[0].to_ne_bytes(), pair[1].to_ne_bytes()];
        u64::from_ne_bytes([a[0], a[1], a[2], a[3], b[0], b[1], b[2], b[3]])
    });
    Ok(names.zip(values).collect())
}

/// One request of SIOCETHTOOL; `words` begins with the command, and takes the answer.
fn ethtool(interface: &str, words: &mut [u32]) -> io::Result<()> {
    const SIOCETHTOOL: libc::c_ulong = 0x8946;
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    // SAFETY: zeros are a valid `ifreq`.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(interface.bytes().take(15)) {
        *to = libc::c_char::from_ne_bytes([from]);
    }
    request.ifr_ifru.ifru_data = words.as_mut_ptr().cast();
    // SAFETY: a live request with a zero-ended name; what it points at is as long as the command and the
    // count in it say.
    match unsafe { libc::ioctl(socket.as_raw_fd(), SIOCETHTOOL as _, &raw mut request) } {
        result if result < 0 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// The index of an interface of this thread's namespace.
pub(crate) fn interface_index(name: &str) -> io::Result<u32> {
    let name = std::ffi::CString::new(name).map_err(io::Error::other)?;
    // SAFETY: a live, zero-ended string.
    match unsafe { libc::if_nametoindex(name.as_ptr()) } {
        0 => Err(io::Error::last_os_error()),
        index => Ok(index),
    }
}
