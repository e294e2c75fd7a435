//! xdp-filter of xdp-tools, in its cheapest form for a list of sources.

use std::{net::Ipv4Addr, os::fd::AsFd as _, process::Command};

use anyhow::{Context as _, Result, ensure};
use aya::maps::MapData;

use crate::{
    lists::List,
    support::bpffs::Bpffs,
    sys,
    wire::{RECEIVER, Wire},
};

/// Addresses that its map has room for.
pub(crate) const ADDRESSES_MAX: usize = 10_000;

/// xdp-filter with a list, not yet on the interface.
pub(crate) struct XdpFilter {
    addresses: Vec<[u8; 4]>,
    /// What it pins lies here, and not where another one may be.
    bpffs: Bpffs,
}

impl XdpFilter {
    pub(crate) fn new(list: &List) -> Result<Self> {
        ensure!(
            list.v4.0.len() <= ADDRESSES_MAX,
            "xdp-filter has room for {ADDRESSES_MAX} addresses"
        );
        Ok(Self {
            addresses: list
                .v4
                .0
                .iter()
                .map(|(address, _)| address.to_be_bytes())
                .collect(),
            bpffs: Bpffs::mount(),
        })
    }

    /// Loads it and gives it the list.
    pub(crate) fn install(&mut self, wire: &Wire) -> Result<()> {
        let load = [
            "load",
            "--mode",
            "native",
            "--policy",
            "allow",
            "--features",
            "ipv4",
            RECEIVER,
        ];
        self.command(wire, &load)?;
        // It has no command for more than one address, and a process for each takes a minute. So it enters
        // one, and the others are copies of what it wrote.
        let Some((first, others)) = self.addresses.split_first() else {
            return Ok(());
        };
        self.command(
            wire,
            &["ip", "--mode", "src", &Ipv4Addr::from(*first).to_string()],
        )?;
        let path = self.bpffs.path().join("xdp-filter/filter_ipv4");
        let map =
            MapData::from_pin(&path).with_context(|| format!("cannot open {}", path.display()))?;
        let written = sys::lookup(
            map.fd().as_fd(),
            first,
            aya::util::nr_cpus().map_err(|(_, e)| e)?,
        )?;
        let values: Vec<u64> = others.iter().flat_map(|_| written.clone()).collect();
        sys::update_batch(map.fd().as_fd(), others, &values).context("cannot fill xdp-filter's map")
    }

    /// Unloads it.
    pub(crate) fn remove(&mut self, wire: &Wire) -> Result<()> {
        self.command(wire, &["unload", RECEIVER])
    }

    /// Runs xdp-filter where its BPF file system is ours.
    fn command(&self, wire: &Wire, arguments: &[&str]) -> Result<()> {
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "sh", "-c"])
            .arg("mount --bind \"$0\" /sys/fs/bpf && exec xdp-filter \"$@\"")
            .arg(self.bpffs.path())
            .args(arguments);
        let output = wire
            .receiver
            .run(|| command.output())
            .context("cannot run xdp-filter")?;
        ensure!(
            output.status.success(),
            "xdp-filter {}: {}{}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }
}
