//! The running service puts generation after generation in force, and holds no more than before; rules and limits
//! change as orders do.

use serde_json::Value;

use super::{CONFIG, block, dropped, restart::under_traffic, site};
use crate::support::{
    daemon::{Site, until},
    layout::{BAD_4, BAD_6, Layout},
    process::Process,
    random::number_from_environment,
    say, skipped,
};

/// Generations of a run that nobody has asked for more; else a twentieth of what is asked for.
const GENERATIONS: u64 = 100;

#[test]
fn hundreds_of_generations_of_the_service_need_the_memory_of_the_first() {
    if skipped() {
        return;
    }
    let asked = number_from_environment("LEVEE_SWAPS").map(|swaps| swaps / 20);
    let generations = asked.unwrap_or(GENERATIONS).next_multiple_of(2);
    let layout = Layout::new();
    let (site, _) = site(&layout, CONFIG);
    let service = site.start();
    let process = Process::of(service.pid());
    block(&site, &[BAD_4, BAD_6]);
    let number = || {
        site.json(&["status"])["generation"]["number"]
            .as_u64()
            .unwrap()
    };
    let first = number();
    let ([warm, end], [sent, bad, good]) = under_traffic(&layout, || {
        let mut warm = process.resources();
        for generation in 1..=generations {
            let change = ["exception", "add", "203.0.113.99", "--reason", "a test"];
            let takes_back = ["exception", "remove", "203.0.113.99"];
            if generation % 2 == 1 {
                site.done(&change);
            } else {
                site.done(&takes_back);
            }
            if generation == generations / 4 {
                warm = process.resources();
            }
        }
        [warm, process.resources()]
    });
    assert_eq!(
        number(),
        first + generations,
        "each change was a generation"
    );
    assert_eq!(bad, 0, "of {sent} packets of a blocked host");
    assert!(good > 0);
    let orders = site.json(&["stats"])["orders"].clone();
    assert_eq!(orders[0]["packets"], sent, "every one was counted, once");
    assert_eq!((end.maps, end.map_memory), (warm.maps, warm.map_memory));
    // A connection that is being closed still is a file.
    assert!(end.files <= warm.files + 4, "{warm:?}, then {end:?}");
    assert!(end.mappings <= warm.mappings + 16, "{warm:?}, then {end:?}");
    assert!(
        end.memory <= warm.memory + 8 * 1_024,
        "{warm:?}, then {end:?}"
    );
    say(&format!(
        "the service put {generations} generations in force: {} KiB of its own, then {} KiB; {} KiB in maps",
        warm.memory, end.memory, end.map_memory
    ));
}

/// Rules and limits of the file, one of two: the rule that drops what comes from the blocked host stands in both,
/// at another rank and amid others; the network inside is the first host group in one and the second in
/// the other, and no limit is one that the traffic reaches.
fn guarded(even: bool) -> String {
    let group = |name: &str, net: &str, limits: &str| {
        format!(
            "[[host_group]]\nname = \"{name}\"\nnetworks = [\"{net}\"]\nlimits = {{ {limits} }}\n"
        )
    };
    let rule = |id: &str, matching: &str| {
        format!("[[rule]]\nid = \"{id}\"\nmatch = \"{matching}\"\nthen = \"drop\"\n")
    };
    let web = |limits: &str| group("web", "192.0.2.0/24", limits);
    let bad = rule("bad", &format!("src {BAD_4}/32 proto = udp"));
    let rest = if even {
        let others = (1..=50).map(|n| rule(&format!("n{n}"), &format!("dst 10.{n}.0.0/16")));
        let others: String = others.collect();
        web("syn = \"1 pps\", udp = \"1 Mpps\"") + &others
    } else {
        // Who mistook the one group for the other would let a packet a second through.
        group(
            "dns",
            "198.18.0.0/24",
            "udp = \"1 pps\", reflection = \"1 pps\"",
        ) + &web("icmp = \"1 pps\"")
            + &rule("tcp", "proto = tcp dport = 81")
    };
    format!("{CONFIG}{rest}{bad}")
}

/// What a rule matched and dropped.
fn counted(site: &Site<'_>, id: &str) -> [u64; 2] {
    let list: Value = site.json(&["rule", "list"]);
    let rule = list
        .as_array()
        .unwrap()
        .iter()
        .find(|rule| rule["id"] == id);
    let rule = rule.unwrap_or_else(|| panic!("no rule {id} in {list}"));
    ["matched", "dropped"].map(|what| rule[what]["packets"].as_u64().unwrap())
}

#[test]
fn rules_and_limits_change_under_traffic_and_every_packet_is_decided_and_counted_once() {
    const ROUNDS: u64 = 12;
    if skipped() {
        return;
    }
    let asked = number_from_environment("LEVEE_SWAPS").map(|swaps| swaps / 100);
    let rounds = asked.unwrap_or(ROUNDS);
    let layout = Layout::new();
    let (site, _) = site(&layout, &guarded(true));
    let _service = site.start();
    // It is asked before the rule that drops, counts, and lets that decide.
    let beside = "dst 192.0.2.0/24 then monitor";
    let ((), [sent, bad, good]) = under_traffic(&layout, || {
        let mut before = ([0; 2], 0);
        for round in 0..rounds {
            let steps: [&dyn Fn(); 4] = [
                &|| drop(site.done(&["rule", "add", beside, "--id", "beside"])),
                &|| {
                    site.configure(&guarded(round % 2 == 1));
                    site.done(&["reload"]);
                },
                &|| drop(site.done(&["rule", "add", "dport 1 then pass", "--id", "other"])),
                &|| {
                    site.done(&["rule", "remove", "beside"]);
                    site.done(&["rule", "remove", "other"]);
                },
            ];
            for step in steps {
                step();
                let now = (counted(&site, "bad"), dropped(&site));
                assert!(
                    before
                        .0
                        .iter()
                        .zip(now.0)
                        .all(|(before, now)| *before <= now)
                        && before.1 <= now.1,
                    "a counter went back in round {round}: {before:?}, then {now:?}"
                );
                before = now;
            }
        }
    });
    assert_eq!(bad, 0, "of {sent} packets that a rule drops");
    assert!(good > 0);
    // The last packets may still be on their way.
    until("all are counted under one rule", || {
        counted(&site, "bad") == [sent; 2]
    });
    assert_eq!(dropped(&site), sent, "no good packet was dropped");
    say(&format!(
        "the service changed rules and limits {} times under {sent} packets of each kind",
        5 * rounds
    ));
}
