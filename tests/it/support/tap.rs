//! Frames as they are on a wire: written and observed by AF_PACKET.

use std::{
    ffi::CString,
    io, mem,
    os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
    ptr,
    time::{Duration, Instant},
};

use super::{
    netns::{Namespace, PATIENCE},
    wait_for,
};

/// A raw socket on one interface.
#[derive(Debug)]
pub(crate) struct Tap {
    socket: OwnedFd,
}

impl Tap {
    /// Opens one inside a namespace. It sees what arrives at the interface, from now on.
    pub(crate) fn open(namespace: &Namespace, interface: &str) -> Self {
        namespace
            .run(|| open(interface))
            .unwrap_or_else(|error| panic!("a raw socket on {interface}: {error}"))
    }

    /// Writes a frame to the wire, and waits while there is no room for it.
    pub(crate) fn send(&self, frame: &[u8]) {
        let sent = wait_for(PATIENCE, || {
            // SAFETY: a live descriptor and a live buffer of the length given.
            let sent = unsafe {
                libc::send(
                    self.socket.as_raw_fd(),
                    frame.as_ptr().cast(),
                    frame.len(),
                    0,
                )
            };
            let error = io::Error::last_os_error();
            let is_full = sent < 0 && error.raw_os_error() == Some(libc::ENOBUFS);
            (!is_full).then_some((sent, error))
        });
        let (sent, error) = sent.expect("room on the wire in time");
        assert_eq!(
            usize::try_from(sent).ok(),
            Some(frame.len()),
            "sending {} bytes: {error}",
            frame.len(),
        );
    }

    /// The next frame from the wire, with its tags; `None` if none comes in time.
    pub(crate) fn receive(&self, time: Duration) -> Option<Vec<u8>> {
        let end = Instant::now() + time;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let mut poll = libc::pollfd {
                fd: self.socket.as_raw_fd(),
                events: libc::POLLIN,
                revents: 0,
            };
            let milliseconds = libc::c_int::try_from(left.as_micros().div_ceil(1_000)).unwrap();
            // SAFETY: one live, writable record.
            if unsafe { libc::poll(&raw mut poll, 1, milliseconds) } == 1 {
                if let Some(frame) = self.read() {
                    return Some(frame);
                }
            } else if Instant::now() >= end {
                return None;
            }
        }
    }

    /// Receives until a frame is the wanted one; panics if it does not come in time.
    pub(crate) fn expect(&self, time: Duration, wanted: impl FnMut(&[u8]) -> bool) -> Vec<u8> {
        self.find(time, wanted)
            .unwrap_or_else(|| panic!("no such frame within {time:?}"))
    }

    /// Receives until a frame is the wanted one.
    pub(crate) fn find(
        &self,
        time: Duration,
        mut wanted: impl FnMut(&[u8]) -> bool,
    ) -> Option<Vec<u8>> {
        let end = Instant::now() + time;
        loop {
            let frame = self.receive(end.saturating_duration_since(Instant::now()))?;
            if wanted(&frame) {
                return Some(frame);
            }
        }
    }

    /// All that has arrived so far.
    pub(crate) fn drain(&self) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| self.receive(Duration::ZERO)).collect()
    }

    /// One frame; `None` for those that this machine itself has sent.
    fn read(&self) -> Option<Vec<u8>> {
        let mut bytes = vec![0_u8; 65_536];
        // Aligned as a control message wants it.
        let mut control = [0_u64; 16];
        // SAFETY: all-zero is a valid value of both, which are plain records.
        let (mut address, mut message): (libc::sockaddr_ll, libc::msghdr) =
            unsafe { mem::zeroed() };
        let mut buffer = libc::iovec {
            iov_base: bytes.as_mut_ptr().cast(),
            iov_len: bytes.len(),
        };
        message.msg_name = (&raw mut address).cast();
        message.msg_namelen = size_of_u32::<libc::sockaddr_ll>();
        message.msg_iov = &raw mut buffer;
        message.msg_iovlen = 1;
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = size_of_val(&control);
        // SAFETY: every pointer in `message` is to a live, writable buffer of the length beside it.
        let length = unsafe {
            libc::recvmsg(
                self.socket.as_raw_fd(),
                &raw mut message,
                libc::MSG_DONTWAIT,
            )
        };
        bytes.truncate(usize::try_from(length).ok()?);
        if address.sll_pkttype == libc::PACKET_OUTGOING {
            return None;
        }
        if let Some((protocol, tag)) = stripped_tag(&message) {
            let [a, b] = protocol.to_be_bytes();
            let [c, d] = tag.to_be_bytes();
            bytes.splice(12..12, [a, b, c, d]);
        }
        Some(bytes)
    }
}

/// The outermost tag, which the kernel takes off the frame and tells beside it.
fn stripped_tag(message: &libc::msghdr) -> Option<(u16, u16)> {
    // SAFETY: `message` was filled in by the kernel, and its buffers live.
    let mut header = unsafe { libc::CMSG_FIRSTHDR(message) };
    while !header.is_null() {
        // SAFETY: not null, so a control message that the kernel wrote.
        let (level, kind) = unsafe { ((*header).cmsg_level, (*header).cmsg_type) };
        if level == libc::SOL_PACKET && kind == libc::PACKET_AUXDATA {
            // SAFETY: this kind of message carries this record; it may be unaligned.
            let data: libc::tpacket_auxdata =
                unsafe { ptr::read_unaligned(libc::CMSG_DATA(header).cast()) };
            if data.tp_status & libc::TP_STATUS_VLAN_VALID != 0 {
                let protocol = if data.tp_status & libc::TP_STATUS_VLAN_TPID_VALID == 0 {
                    0x8100
                } else {
                    data.tp_vlan_tpid
                };
                return Some((protocol, data.tp_vlan_tci));
            }
        }
        // SAFETY: as for the first.
        header = unsafe { libc::CMSG_NXTHDR(message, header) };
    }
    None
}

fn open(interface: &str) -> io::Result<Tap> {
    // The protocol is in network order.
    let all = u16::try_from(libc::ETH_P_ALL)
        .map_err(io::Error::other)?
        .to_be();
    // Of no protocol, so that it sees nothing before it is bound to its interface.
    // SAFETY: takes numbers only.
    let socket = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
    if socket < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor for us; nobody else owns it.
    let socket = unsafe { OwnedFd::from_raw_fd(socket) };
    let name = CString::new(interface).map_err(io::Error::other)?;
    // SAFETY: a live, zero-ended string.
    let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
    if index == 0 {
        return Err(io::Error::last_os_error());
    }
    set(&socket, libc::SOL_PACKET, libc::PACKET_AUXDATA, 1)?;
    // Room for a burst, whatever the system's default is.
    set(&socket, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, 64 << 20)?;
    // SAFETY: all-zero is a valid value of a plain record.
    let mut address: libc::sockaddr_ll = unsafe { mem::zeroed() };
    address.sll_family = u16::try_from(libc::AF_PACKET).map_err(io::Error::other)?;
    address.sll_protocol = all;
    address.sll_ifindex = i32::try_from(index).map_err(io::Error::other)?;
    // SAFETY: a live descriptor and a live record of the length given.
    let result = unsafe {
        libc::bind(
            socket.as_raw_fd(),
            (&raw const address).cast(),
            size_of_u32::<libc::sockaddr_ll>(),
        )
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(Tap { socket })
}

fn set(socket: &OwnedFd, level: i32, option: i32, value: i32) -> io::Result<()> {
    // SAFETY: a live descriptor and a live record of the length given.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            (&raw const value).cast(),
            size_of_u32::<i32>(),
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

fn size_of_u32<T>() -> u32 {
    u32::try_from(size_of::<T>()).unwrap()
}
