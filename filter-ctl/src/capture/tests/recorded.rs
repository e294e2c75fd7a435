//! Recorded files, where they are beside the checkout.

use std::{env, fs, path::PathBuf};

use super::*;

/// The files and how many packets tcpdump counts in them.
const FILES: [(&str, usize); 12] = [
    ("amp.UDP.isakmp.pcap", 3_984),
    ("amp.dns.RRSIG.fragmented.pcap", 4_412),
    ("pkt.TCP.synflood.spoofed.pcap", 37_841),
    ("wrappings/802.1ad_QinQ.pcap", 2),
    ("wrappings/LACP.pcap", 20),
    ("wrappings/LLDP_and_CDP.pcap", 12),
    ("wrappings/icmpv6.pcap", 5),
    ("wrappings/ipv6-routing-header.pcap", 4),
    ("wrappings/ipv6_frag6_negative_len.pcap", 1),
    ("wrappings/mpls-traceroute.pcap", 18),
    ("wrappings/pppoe.pcap", 1),
    ("wrappings/various_gre.pcap", 100),
];

#[test]
fn recorded_files_have_as_many_records_as_tcpdump_counts() {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data");
    let data = env::var_os("LEVEE_DATA").map_or_else(|| beside.into(), PathBuf::from);
    for (name, expected) in FILES {
        let path = data.join("captures").join(name);
        if let Ok(file) = fs::read(&path) {
            let records = sound(&file);
            assert_eq!(records.len(), expected, "{name}");
            let times: Vec<_> = records.iter().map(|record| record.time).collect();
            assert!(times.iter().all(Option::is_some), "{name}");
        } else {
            println!("SKIPPED: {name} is not beside the checkout");
        }
    }
}
