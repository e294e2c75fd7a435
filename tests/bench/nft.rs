//! What nftables has for the same: a set of the addresses, or the rules one by one, at the earliest hook there
//! is and at the usual one.

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

    /// Takes the rules away.
    pub(crate) fn remove(self, wire: &Wire) -> Result<()> {
        nft(wire, &format!("flush chain {} c", self.table()))?;
        wire.receiver
            .run(|| sys::set_gro(RECEIVER, false))
            .context("cannot switch GRO off")
    }

    /// What its rules have dropped.
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
        let packets = counters
            .flatten()
            .filter_map(|expression| expression["counter"]["packets"].as_u64());
        Ok(Counts {
            hits: packets.sum(),
            ..Counts::default()
        })
    }
}

/// Tables in the receiver's namespace; the rules in their chains come and go.
pub(crate) struct Nft {
    hooks: Vec<Hook>,
    /// One a line, each with a counter.
    rules: Vec<String>,
}

impl Nft {
    /// Makes a set of the hosts of a list for each hook, and a rule that drops what is in it.
    pub(crate) fn with_set(wire: &Wire, list: &List, hooks: &[Hook]) -> Result<Self> {
        let mut set = format!(
            "set listed {{ type ipv4_addr; size {size}; elements = {{",
            size = list.v4.0.len(),
        );
        for (address, _) in &list.v4.0 {
            write!(set, "{},", std::net::Ipv4Addr::from(*address))?;
        }
        set.push_str("}; };");
        let rules = vec!["ip saddr @listed counter drop".to_owned()];
        Self::new(wire, &set, hooks, rules)
    }

    /// Makes rules, to be asked one after the other.
    pub(crate) fn with_rules(wire: &Wire, hook: Hook, rules: Vec<String>) -> Result<Self> {
        Self::new(wire, "", &[hook], rules)
    }

    fn new(wire: &Wire, set: &str, hooks: &[Hook], rules: Vec<String>) -> Result<Self> {
        for hook in hooks {
            let (table, chain) = (hook.table(), hook.chain());
            nft(
                wire,
                &format!("table {table} {{ {set} chain c {{ {chain} }}; }}"),
            )?;
        }
        Ok(Self {
            hooks: hooks.to_vec(),
            rules,
        })
    }

    /// Lets a hook drop what its rules say.
    pub(crate) fn install(&self, hook: Hook, wire: &Wire) -> Result<()> {
        // Without an XDP program, this is what makes the driver receive in a NAPI of its own.
        wire.receiver
            .run(|| sys::set_gro(RECEIVER, true))
            .context("cannot switch GRO on")?;
        let mut commands = String::new();
        for rule in &self.rules {
            writeln!(commands, "add rule {} c {rule}", hook.table())?;
        }
        nft(wire, &commands)
    }

    /// Removes the tables.
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
