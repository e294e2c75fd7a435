//! An nftables set of the same addresses, at the earliest hook there is and at the usual one.

use std::{
    fmt::Write as _,
    io::Write as _,
    process::{Command, Stdio},
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

    /// Lets a hook drop what is in its set.
    pub(crate) fn install(&mut self, wire: &Wire, hook: Hook) -> Result<()> {
        // Without an XDP program, this is what makes the driver receive in a NAPI of its own.
        wire.receiver
            .run(|| sys::set_gro(RECEIVER, true))
            .context("cannot switch GRO on")?;
        let table = hook.table();
        nft(
            wire,
            &format!("add rule {table} c ip saddr @listed counter drop"),
        )
    }

    /// Takes the rule away.
    pub(crate) fn remove(&mut self, wire: &Wire, hook: Hook) -> Result<()> {
        nft(wire, &format!("flush chain {} c", hook.table()))?;
        wire.receiver
            .run(|| sys::set_gro(RECEIVER, false))
            .context("cannot switch GRO off")
    }

    /// What the rule has dropped.
    pub(crate) fn counts(&self, wire: &Wire, hook: Hook) -> Result<Counts> {
        let mut command = Command::new("nft");
        command.args(["--json", "list", "chain"]);
        command.args(hook.table().split(' ')).arg("c");
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

fn nft(wire: &Wire, commands: &str) -> Result<()> {
    let mut child = wire.receiver.spawn(
        Command::new("nft")
            .args(["-f", "-"])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped()),
    );
    let mut input = child.stdin.take().context("nft has no input")?;
    input.write_all(commands.as_bytes())?;
    drop(input);
    let output = child.wait_with_output()?;
    // It repeats the command, and that is as long as the list.
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "nft: {}",
        complaint.lines().next().unwrap_or_default()
    );
    Ok(())
}
