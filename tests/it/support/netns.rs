//! Network namespaces and the cables between them, made by the test and gone with it.

use std::{
    fs::{self, File},
    io::Write as _,
    net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    os::fd::AsRawFd as _,
    process::{Command, Stdio},
    sync::Once,
    thread,
    time::Duration,
};

use super::{is_leftover, unique, wait_for};

/// How long anything in a namespace may take before the test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A network namespace. It enters no other namespace, so that file systems look alike in it.
#[derive(Debug)]
pub(crate) struct Namespace {
    name: String,
    handle: File,
}

impl Namespace {
    /// Makes one, quiet: no duplicate address detection, no router solicitations.
    pub(crate) fn new(what: &str) -> Self {
        static SWEEP: Once = Once::new();
        SWEEP.call_once(sweep);
        let name = unique(what);
        ip(&["netns", "add", &name]);
        let handle = File::open(format!("/run/netns/{name}")).unwrap();
        let namespace = Self { name, handle };
        for family in ["all", "default"] {
            namespace.sysctl(&format!("net/ipv6/conf/{family}/accept_dad"), "0");
            namespace.sysctl(&format!("net/ipv6/conf/{family}/accept_ra"), "0");
            namespace.sysctl(&format!("net/ipv6/conf/{family}/router_solicitations"), "0");
            // No link-local address and nothing announced for it.
            namespace.sysctl(&format!("net/ipv6/conf/{family}/addr_gen_mode"), "1");
        }
        namespace.ip("link set lo up");
        namespace
    }

    /// Where its handle lies.
    pub(crate) fn path(&self) -> String {
        format!("/run/netns/{}", self.name)
    }

    /// Calls a function on a thread of its own inside the namespace. Sockets that it makes stay there.
    pub(crate) fn run<T: Send>(&self, call: impl FnOnce() -> T + Send) -> T {
        let name = thread::current().name().unwrap_or_default().to_owned();
        thread::scope(|scope| {
            let inside = move || {
                // SAFETY: a live descriptor of a namespace; only this thread is moved.
                let result = unsafe { libc::setns(self.handle.as_raw_fd(), libc::CLONE_NEWNET) };
                assert_eq!(result, 0, "setns: {}", std::io::Error::last_os_error());
                call()
            };
            let thread = thread::Builder::new().name(name);
            match thread.spawn_scoped(scope, inside).unwrap().join() {
                Ok(value) => value,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }

    /// Starts a command inside.
    pub(crate) fn spawn(&self, command: &mut Command) -> std::process::Child {
        // A child is born where the thread is that makes it.
        self.run(|| command.spawn()).unwrap()
    }

    /// Runs `ip` inside, with one command per line.
    pub(crate) fn ip(&self, commands: &str) {
        self.try_ip(commands)
            .unwrap_or_else(|complaint| panic!("ip: {commands}: {complaint}"));
    }

    /// Like [`Namespace::ip`], but that the kernel cannot do it is an answer.
    pub(crate) fn try_ip(&self, commands: &str) -> Result<(), String> {
        let mut child = self.spawn(
            Command::new("ip")
                .args(["-batch", "-"])
                .stdin(Stdio::piped())
                .stderr(Stdio::piped()),
        );
        let mut input = child.stdin.take().unwrap();
        input.write_all(commands.as_bytes()).unwrap();
        drop(input);
        let output = child.wait_with_output().unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        output.status.success().then_some(()).ok_or(complaint)
    }

    /// Writes a setting below /proc/sys.
    pub(crate) fn sysctl(&self, path: &str, value: &str) {
        let path = format!("/proc/sys/{path}");
        self.run(|| fs::write(&path, value))
            .unwrap_or_else(|error| panic!("{path}: {error}"));
    }

    /// Lets the namespace forward, without filtering sources.
    pub(crate) fn forward(&self) {
        self.sysctl("net/ipv4/ip_forward", "1");
        self.sysctl("net/ipv6/conf/all/forwarding", "1");
        for path in ["all", "default"] {
            self.sysctl(&format!("net/ipv4/conf/{path}/rp_filter"), "0");
        }
    }

    /// A cable to another namespace; each end is up, and has this name and the given MAC address.
    pub(crate) fn cable(&self, name: &str, mac: &str, other: &Self, far: &str, far_mac: &str) {
        self.ip(&format!(
            "link add {name} address {mac} mtu 9000 type veth \
             peer name {far} address {far_mac} mtu 9000 netns {}\n\
             link set {name} up\n",
            other.name
        ));
        other.ip(&format!("link set {far} up"));
        // Until the kernel has noticed the carrier, a device silently discards what is sent.
        for (namespace, interface) in [(self, name), (other, far)] {
            wait_for(PATIENCE, || namespace.is_up(interface).then_some(()))
                .unwrap_or_else(|| panic!("{interface} does not come up"));
        }
    }

    /// Whether an interface sends what it is given. Its flags are no answer: until the kernel has looked
    /// at the carrier, it says "unknown", and the flags take that for "up".
    fn is_up(&self, interface: &str) -> bool {
        let mut command = Command::new("ip");
        command.args(["-json", "link", "show", "dev", interface]);
        let output = self.run(|| command.output()).unwrap();
        let links: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        links[0]["operstate"] == "UP" && links[0]["qdisc"] != "noop"
    }

    /// Gives an interface an IPv6 address, and waits until packets to it are received: the kernel sees
    /// to that on a work queue, also where it has no duplicates to look for.
    pub(crate) fn address_v6(&self, address: &str, length: u8, interface: &str) {
        self.ip(&format!(
            "address add {address}/{length} dev {interface} nodad"
        ));
        let address: Ipv6Addr = address.parse().unwrap();
        let route = format!("{:032x} 80 ", address.to_bits());
        let is_there = || {
            let routes = self.run(|| fs::read_to_string("/proc/thread-self/net/ipv6_route"));
            routes.unwrap().lines().any(|line| line.starts_with(&route))
        };
        wait_for(PATIENCE, || is_there().then_some(()))
            .unwrap_or_else(|| panic!("{address} does not come to life"));
    }

    /// The MAC address of an interface.
    pub(crate) fn mac(&self, interface: &str) -> [u8; 6] {
        self.run(|| interface_mac(interface))
            .unwrap_or_else(|| panic!("{} has no {interface}", self.name))
    }

    /// Whether an interface is there.
    pub(crate) fn has(&self, interface: &str) -> bool {
        self.run(|| interface_mac(interface)).is_some()
    }

    /// A UDP socket bound to an address inside, that waits for at most [`PATIENCE`].
    pub(crate) fn udp(&self, address: IpAddr, port: u16) -> UdpSocket {
        let socket = self.run(|| UdpSocket::bind((address, port))).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket
    }

    /// A TCP listener inside.
    pub(crate) fn listen(&self, address: IpAddr, port: u16) -> TcpListener {
        self.run(|| TcpListener::bind((address, port))).unwrap()
    }

    /// A TCP connection from inside, if it comes about in time.
    pub(crate) fn connect(&self, to: SocketAddr, time: Duration) -> std::io::Result<TcpStream> {
        let stream = self.run(|| TcpStream::connect_timeout(&to, time))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(stream)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        delete(&self.name);
    }
}

fn ip(arguments: &[&str]) {
    let output = Command::new("ip").args(arguments).output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {arguments:?}: {complaint}");
}

fn delete(name: &str) {
    let _ = Command::new("ip")
        .args(["netns", "delete", name])
        .stderr(Stdio::null())
        .status();
}

/// Removes the namespaces of runs that were killed.
fn sweep() {
    for entry in fs::read_dir("/run/netns").into_iter().flatten() {
        let Ok(entry) = entry else { continue };
        let name = entry.file_name().to_string_lossy().into_owned();
        if is_leftover(&name) {
            delete(&name);
        }
    }
}

fn interface_mac(interface: &str) -> Option<[u8; 6]> {
    let answer = request(interface, libc::SIOCGIFHWADDR)?;
    // SAFETY: the request that succeeded has filled this member in.
    let data = unsafe { answer.ifr_ifru.ifru_hwaddr.sa_data };
    let mut mac = [0; 6];
    for (to, from) in mac.iter_mut().zip(data) {
        *to = from.cast_unsigned();
    }
    Some(mac)
}

/// Asks the kernel about an interface of this thread's namespace; `None` if there is none.
fn request(interface: &str, what: libc::Ioctl) -> Option<libc::ifreq> {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    // SAFETY: all-zero is a valid `ifreq`, a plain record.
    let mut record: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in record.ifr_name.iter_mut().zip(interface.bytes().take(15)) {
        *to = from.cast_signed();
    }
    // SAFETY: a live descriptor and a live, writable record of the type that these requests take.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), what, &raw mut record) };
    (result == 0).then_some(record)
}
