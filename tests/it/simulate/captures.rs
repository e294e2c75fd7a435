//! `simulate` over recorded traffic, where it lies beside the checkout.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{capture, daemon::binary, say, skip};

/// Packets of a file from a source to a destination, as tcpdump prints them.
type Ends = (&'static str, &'static str, usize);

/// By `tcpdump -nn -r FILE`; two dashes where it prints no addresses, as for what is not IP.
const ADDRESSES: [(&str, &[Ends]); 9] = [
    ("802.1ad_QinQ.pcap", &[("-", "-", 2)]),
    ("LACP.pcap", &[("-", "-", 20)]),
    ("LLDP_and_CDP.pcap", &[("-", "-", 12)]),
    (
        "icmpv6.pcap",
        &[
            ("fe80::b299:28ff:fec8:d66c", "ff02::1", 1),
            ("fe80::215:17ff:fecc:e546", "ff02::16", 3),
            ("fe80::b2a8:6eff:fe0c:d4e8", "ff02::1", 1),
        ],
    ),
    (
        "ipv6-routing-header.pcap",
        &[
            ("2200::244:212:3fff:feae:22f7", "2200::211:2:0:0:2", 2),
            ("2200::244:212:3fff:feae:22f7", "2200::240:2:0:0:4", 2),
        ],
    ),
    (
        "ipv6_frag6_negative_len.pcap",
        &[(
            "7fff:ffff:c3b2:a102:1305:80:38:2949",
            "9675:86dd:7300:2c:1c7f:ffff:ffc3:b2a1",
            1,
        )],
    ),
    (
        "mpls-traceroute.pcap",
        &[
            ("10.4.0.2", "12.4.4.4", 3),
            ("10.5.0.1", "12.4.4.4", 3),
            ("12.1.1.1", "12.4.4.4", 3),
            ("12.4.4.4", "12.1.1.1", 9),
        ],
    ),
    ("pppoe.pcap", &[("-", "-", 1)]),
    (
        "various_gre.pcap",
        &[
            ("-", "-", 70),
            ("10.172.64.6", "10.172.64.7", 15),
            ("10.172.64.7", "10.172.64.6", 15),
        ],
    ),
];

/// A configuration in a directory of its own, without any state.
struct Setting {
    directory: TempDir,
}

impl Setting {
    fn new(rest: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().display();
        let text = format!(
            "state_dir = \"{path}/none\"\ntrust_file = \"{path}/none\"\n\
             tunnels = [\"gre\", \"ipip\", \"6in4\", \"4in6\", \"6in6\"]\n{rest}"
        );
        fs::write(directory.path().join("levee.toml"), text).unwrap();
        Self { directory }
    }

    /// The lines of one file, the summary last.
    fn simulate(&self, capture: &Path, arguments: &[&str]) -> Vec<Value> {
        let mut command = Command::new(binary());
        command.arg("simulate").arg(capture).arg("--config");
        command.arg(self.directory.path().join("levee.toml"));
        command.args(["-o", "json"]).args(arguments);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let lines = text.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// The summary of one file.
    fn summary(&self, capture: &Path, arguments: &[&str]) -> Value {
        let mut lines = self.simulate(capture, &[&["--summary"], arguments].concat());
        lines.pop().unwrap()["summary"].take()
    }
}

/// All captures, or nothing and a word about it.
fn captures() -> Vec<PathBuf> {
    let files = capture::files();
    if files.is_empty() {
        skip(None, "needs recorded traffic, see LEVEE_DATA");
    }
    files
}

fn named(files: &[PathBuf], name: &str) -> Option<PathBuf> {
    let found = files.iter().find(|path| path.ends_with(name));
    if found.is_none() {
        skip(Some(name), "is not among the recorded traffic");
    }
    found.cloned()
}

/// No packet of real traffic is dropped by what is on unless it is switched off.
#[test]
fn nothing_recorded_is_dropped_by_default() {
    let setting = Setting::new("");
    for path in captures() {
        let lines = setting.simulate(&path, &[]);
        for line in &lines[..lines.len() - 1] {
            assert_ne!(line["verdict"], "drop", "{path:?}: {line}");
        }
    }
}

#[test]
fn a_spoofed_syn_flood_is_dropped_by_policies() {
    let setting = Setting::new(
        "[policies]\nupstream = { tcp_syn_without_options = \"drop\", port_zero = \"drop\", \
         fragment = \"drop\" }\n",
    );
    let Some(path) = named(&captures(), "pkt.TCP.synflood.spoofed.pcap") else {
        return;
    };
    let start = std::time::Instant::now();
    let summary = setting.summary(&path, &[]);
    let [packets, dropped] = ["packets", "dropped"].map(|field| summary[field].as_u64().unwrap());
    say(&format!("{packets} packets in {:?}", start.elapsed()));
    assert!(
        packets > 30_000 && dropped * 100 >= packets * 98,
        "{summary}"
    );
}

#[test]
fn host_and_kernel_agree_about_all_recorded_traffic() {
    if crate::support::skipped() {
        return;
    }
    let plain = Setting::new("");
    let strict = Setting::new(
        "[[interface]]\nname = \"cust0\"\nrole = \"customer\"\n[policies]\n\
         customer = { bogon_source = \"monitor\", fragment = \"drop\", port_zero = \"drop\" }\n",
    );
    for path in captures() {
        for setting in [&plain, &strict] {
            let summary = setting.summary(&path, &["--kernel", "--cut-headers"]);
            let (kernel, packets) = (&summary["kernel"], summary["packets"].as_u64().unwrap());
            assert_eq!(kernel["differences"], 0, "{path:?}: {summary}");
            let judged = kernel["compared"].as_u64().unwrap();
            let undecided = summary["undecided"].as_u64().unwrap();
            assert_eq!(judged + undecided, packets, "{path:?}: {summary}");
        }
    }
}

#[test]
fn every_wrapping_decodes_to_the_addresses_that_tcpdump_prints() {
    let files = captures();
    let setting = Setting::new("");
    for (name, expected) in ADDRESSES {
        let Some(path) = named(&files, name) else {
            continue;
        };
        let mut lines = setting.simulate(&path, &[]);
        lines.pop();
        let mut found: BTreeMap<[&str; 2], usize> = BTreeMap::new();
        for line in &lines {
            let ends = ["source", "destination"].map(|end| line[end].as_str().unwrap_or("-"));
            *found.entry(ends).or_default() += 1;
            // None of these tunnels carries IP.
            assert_eq!(line["inner"], Value::Null, "{name}: {line}");
        }
        let expected = expected
            .iter()
            .map(|(from, to, count)| ([*from, *to], *count));
        assert_eq!(found, expected.collect(), "{name}");
    }
}

/// A profile, for the attacked address of the recorded attacks.
fn profile(name: &str) -> Setting {
    Setting::new(&format!(
        "[[host_group]]\nname = \"attacked\"\nnetworks = [\"10.10.10.10/32\"]\nprofile = \"{name}\"\n"
    ))
}

#[test]
fn the_web_server_profile_drops_recorded_attacks() {
    let files = captures();
    let setting = profile("web-server");
    for (name, percent) in [
        ("amp.UDP.isakmp.pcap", 98),
        ("pkt.TCP.synflood.spoofed.pcap", 98),
        ("amp.dns.RRSIG.fragmented.pcap", 28),
    ] {
        let Some(path) = named(&files, name) else {
            continue;
        };
        let summary = setting.summary(&path, &[]);
        let [packets, dropped] =
            ["packets", "dropped"].map(|field| summary[field].as_u64().unwrap());
        assert!(dropped * 100 >= packets * percent, "{name}: {summary}");
    }
}

#[test]
fn the_web_server_profile_passes_good_tcp_amid_a_recorded_attack() {
    let Some(path) = named(&captures(), "amp.dns.RRSIG.fragmented.pcap") else {
        return;
    };
    let mut lines = profile("web-server").simulate(&path, &[]);
    lines.pop();
    let tcp = lines.iter().filter(|line| line["protocol"] == "tcp");
    let [passed, dropped]: [Vec<_>; 2] = ["pass", "drop"].map(|verdict| {
        tcp.clone()
            .filter(|line| line["verdict"] == verdict)
            .collect()
    });
    for line in &dropped {
        assert_eq!(line["reason"], "tcp_syn_without_options", "{line}");
    }
    assert!(passed.len() > 10 * dropped.len(), "{}", passed.len());
}

#[test]
fn host_and_kernel_agree_under_every_profile() {
    if crate::support::skipped() {
        return;
    }
    for name in ["web-server", "resolver", "access-network"] {
        let setting = profile(name);
        for path in captures() {
            let summary = setting.summary(&path, &["--kernel", "--cut-headers"]);
            assert_eq!(
                summary["kernel"]["differences"], 0,
                "{name}, {path:?}: {summary}"
            );
        }
    }
}
