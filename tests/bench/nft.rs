//! An nftables set of the same addresses, at the earliest hook there is and at the usual one.

use std::{
    fmt::Write as _,
    io::{Seek as _, Write as _},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::{
    lists::List,
    object::Counts,
    sys,
    wire::{RECEIVER, Wire},
};

/// Where packets are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hook {
    /// Family netdev, hook ingress: before all else.
    Ingress,
    /// Family ip, hook prerouting, priority raw: before connection tracking.
    Prerouting,
}

impl Hook {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ingress => "nftables, netdev ingress",
            Self::Prerouting => "nftables, ip prerouting",
        }
    }

    const fn table(self) -> &'static str {
        match self {
            Self::Ingress => "netdev bench",
            Self::Prerouting => "ip bench",
        }
    }

    fn chain(self) -> String {
        match self {
            Self::Ingress => {
                format!("type filter hook ingress device {RECEIVER} priority -500; policy accept;")
            }
            Self::Prerouting => {
                "type filter hook prerouting priority raw; policy accept;".to_owned()
            }
        }
    }

    /// Lets it drop what is in its set.
    pub(crate) fn install(self, wire: &Wire) -> Result<()> {
        // Without an XDP program, this is what makes the driver receive in a NAPI of its own.
        wire.receiver
            .run(|| sys::set_gro(RECEIVER, true))
            .context("cannot switch GRO on")?;
        let table = self.table();
        nft(
            wire,
            &format!("add rule {table} c ip saddr @listed counter drop"),
        )
    }

    /// Takes the rule away.
    pub(crate) fn remove(self, wire: &Wire) -> Result<()> {
        nft(wire, &format!("flush chain {} c", self.table()))?;
        wire.receiver
            .run(|| sys::set_gro(RECEIVER, false))
            .context("cannot switch GRO off")
    }

    /// What the rule has dropped.
    pub(crate) fn counts(self, wire: &Wire) -> Result<Counts> {
        let mut command = Command::new("nft");
        command.args(["--json", "list", "chain"]);
        command.args(self.table().split(' ')).arg("c");
        let output = wire
            .receiver
            .run(|| command.output())
            .context("cannot run nft")?;
        let document: Value = serde_json::from_slice(&output.stdout).context("nft's JSON")?;
        let rules = document["nftables"]
            .as_array()
            .context("nft lists nothing")?;
        let counters = rules
            .iter()
            .filter_map(|item| item["rule"]["expr"].as_array());
        let mut packets = counters
            .flatten()
            .filter_map(|expression| expression["counter"]["packets"].as_u64());
        Ok(Counts {
            hits: packets.next().context("nft's rule has no counter")?,
            ..Counts::default()
        })
    }
}

/// Sets in the receiver's namespace; the rules that use them come and go.
pub(crate) struct Nft {
    hooks: Vec<Hook>,
}

impl Nft {
    /// Makes a set of the hosts of a list for each hook.
    pub(crate) fn new(wire: &Wire, list: &List, hooks: &[Hook]) -> Result<Self> {
        for hook in hooks {
            let mut text = format!(
                "table {table} {{ set listed {{ type ipv4_addr; size {size}; elements = {{",
                table = hook.table(),
                size = list.v4.0.len(),
            );
            for (address, _) in &list.v4.0 {
                write!(text, "{},", std::net::Ipv4Addr::from(*address))?;
            }
            write!(text, "}}; }}; chain c {{ {} }}; }}", hook.chain())?;
            nft(wire, &text)?;
        }
        Ok(Self {
            hooks: hooks.to_vec(),
        })
    }

    /// Removes the sets.
    pub(crate) fn end(self, wire: &Wire) -> Result<()> {
        for hook in self.hooks {
            nft(wire, &format!("delete table {}", hook.table()))?;
        }
        Ok(())
    }
}

fn nft(wire: &Wire, commands: &str) -> Result<()> {
    let mut input = tempfile::tempfile().context("no file for nft's input")?;
    input.write_all(commands.as_bytes())?;
    input.rewind()?;
    let mut command = Command::new("nft");
    command.args(["-f", "-"]).stdin(input);
    let output = wire
        .receiver
        .run(|| command.output())
        .context("cannot run nft")?;
    // It repeats the command, and that is as long as the list.
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "nft: {}",
        complaint.lines().next().unwrap_or_default()
    );
    Ok(())
}
