//! Two network namespaces, one cable, and the thread of the kernel that receives.
//!
//! The receiver's NAPI runs in a thread of its own, bound to one processor; the load is made on the
//! other. What a packet costs is the run time of that thread over the packets it took from the cable:
//! other work on the machine does not count, though it does disturb the caches.

use std::{
    fs,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{
    support::{netns::Namespace, wait_for},
    sys,
};

/// The receiving interface.
pub(crate) const RECEIVER: &str = "lvb0";
/// The sending interface.
pub(crate) const SENDER: &str = "lvb1";
/// Where the load is made.
pub(crate) const SENDING_PROCESSOR: usize = 0;
/// Where it is received.
pub(crate) const RECEIVING_PROCESSOR: usize = 1;

/// The sender's and the receiver's hardware addresses.
pub(crate) const MACS: [[u8; 6]; 2] = [[2, 0, 0, 0, 9, 1], [2, 0, 0, 0, 9, 0]];

/// How long the kernel may take for what it does on its own.
const PATIENCE: Duration = Duration::from_secs(5);
/// The receiver is done when its counters stand still for this long.
const QUIET: Duration = Duration::from_millis(20);

/// The cable and its ends.
pub(crate) struct Wire {
    pub(crate) sender: Namespace,
    pub(crate) receiver: Namespace,
}

/// What the driver counted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Received {
    /// Frames taken from the cable.
    pub(crate) frames: u64,
    /// Frames that an XDP program dropped.
    pub(crate) dropped: u64,
}

impl Wire {
    pub(crate) fn new() -> Self {
        let wire = Self {
            sender: Namespace::new("load"),
            receiver: Namespace::new("filter"),
        };
        let [sender, receiver] = MACS.map(|mac| {
            let bytes: Vec<String> = mac.iter().map(|byte| format!("{byte:02x}")).collect();
            bytes.join(":")
        });
        wire.receiver
            .cable(RECEIVER, &receiver, &wire.sender, SENDER, &sender);
        // The largest at which a program without fragments can be attached is less than what the cable has.
        wire.receiver.ip(&format!("link set {RECEIVER} mtu 1500"));
        wire.sender.ip(&format!("link set {SENDER} mtu 1500"));
        wire
    }

    /// The index of the sending interface, in the sender's namespace.
    pub(crate) fn sender_index(&self) -> Result<u32> {
        let index = self.sender.run(|| sys::interface_index(SENDER));
        index.context("the sending interface is gone")
    }

    /// Moves the receiver's NAPI to a thread, bound to its processor.
    ///
    /// It exists from the moment that an XDP program is attached or GRO is switched on, and ends with
    /// that: to be called after each change.
    pub(crate) fn thread(&self) -> Result<Thread> {
        // The file system of devices shows the namespace in which it was mounted.
        let script = format!("echo 1 > /sys/class/net/{RECEIVER}/threaded");
        let path = self.receiver.path();
        let name = path.rsplit('/').next().unwrap_or_default();
        let status = Command::new("ip")
            .args(["netns", "exec", name, "sh", "-c", &script])
            .status()
            .context("cannot run `ip netns exec`")?;
        ensure!(status.success(), "the NAPI of {RECEIVER} takes no thread");
        let number = wait_for(PATIENCE, || napi_thread().transpose())
            .context("there is no NAPI thread")??;
        sys::pin(number, RECEIVING_PROCESSOR).context("cannot bind the NAPI thread")?;
        sys::prefer(number).context("cannot prefer the NAPI thread")?;
        Ok(Thread { number })
    }

    /// What the receiving driver has counted since the interface was made.
    pub(crate) fn received(&self) -> Result<Received> {
        let counters = self
            .receiver
            .run(|| sys::driver_counters(RECEIVER))
            .context("cannot read the driver's counters")?;
        let sum = |end: &str| {
            let mine = counters
                .iter()
                .filter(|(name, _)| name.starts_with("rx_queue_") && name.ends_with(end));
            mine.map(|(_, value)| value).sum()
        };
        Ok(Received {
            frames: sum("_xdp_packets"),
            dropped: sum("_xdp_drops"),
        })
    }

    /// Waits until nothing more comes from the cable, and says what came in all.
    pub(crate) fn settled(&self) -> Result<Received> {
        let end = Instant::now() + PATIENCE;
        let mut before = self.received()?;
        loop {
            std::thread::sleep(QUIET);
            let now = self.received()?;
            if now.frames == before.frames {
                return Ok(now);
            }
            if Instant::now() > end {
                bail!("frames come without end: is there another sender?");
            }
            before = now;
        }
    }
}

/// The thread that receives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Thread {
    number: i32,
}

impl Thread {
    /// For how long it has run, in nanoseconds.
    pub(crate) fn run_time(self) -> Result<u64> {
        let path = format!("/proc/{}/schedstat", self.number);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        let first = text.split_whitespace().next().unwrap_or_default();
        first
            .parse()
            .with_context(|| format!("{path}: not a number"))
    }
}

/// The number of the NAPI thread of the receiver; an error if there is more than one.
fn napi_thread() -> Result<Option<i32>> {
    let mut found = None;
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        let Ok(number) = entry.file_name().to_string_lossy().parse() else {
            continue;
        };
        // A process may end between the two.
        let Ok(name) = fs::read_to_string(entry.path().join("comm")) else {
            continue;
        };
        if name.starts_with(&format!("napi/{RECEIVER}-")) {
            ensure!(found.is_none(), "another bench runs: two threads {name}");
            found = Some(number);
        }
    }
    Ok(found)
}
