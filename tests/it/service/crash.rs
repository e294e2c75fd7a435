//! kill -9 between the arrival of a bundle and its enforcement: what was committed is enforced, what was not is
//! not, and each receipt is complete or not there.

use std::{
    fs,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use jiff::SignedDuration;
use serde_json::Value;

use super::{CONFIG, arrives, site};
use crate::support::{
    authority::Bundle,
    daemon::{Site, until},
    layout::{BAD_4, GOOD_4, Layout},
    random::{Random, number_from_environment},
    say, skipped,
};

/// Kills of a run that nobody has asked for more.
const ROUNDS: u64 = 16;
/// Entries beside the one that is probed, so that to judge and write them takes a while.
const ENTRIES: u32 = 4_000;
/// After so long no further round is begun.
const LONGEST: Duration = Duration::from_secs(40);

/// What every second bundle blocks.
const PROBED: [&str; 2] = [BAD_4, GOOD_4];

fn bundle(seq: u64) -> Bundle {
    let mut bundle = Bundle::new(seq, &[PROBED[usize::from(seq % 2 == 1)]]);
    for host in 0..ENTRIES {
        let net = format!("45.{}.{}.1", host >> 8, host & 255);
        bundle.block(&net, SignedDuration::from_hours(24));
    }
    bundle
}

/// The sequence number that is committed, as the file says that is the mark.
fn committed(site: &Site<'_>) -> u64 {
    let text = fs::read_to_string(site.path("state/feeds/cert/mark.json")).unwrap();
    let mark: Value = serde_json::from_str(&text).unwrap();
    mark["seq"].as_u64().unwrap()
}

/// Which of two successive bundles the kernel enforces: all of one, and nothing of the other.
fn enforced(layout: &Layout, last: u64, when: &str) -> u64 {
    let blocked = PROBED.map(|probed| !arrives(layout, probed));
    match blocked {
        [true, false] => last - last % 2,
        [false, true] => last - (last + 1) % 2,
        other => panic!("{when}: {other:?} of {PROBED:?} blocked"),
    }
}

/// The receipt of a bundle with its signature, if both are there; then it verifies.
fn receipt(site: &Site<'_>, seq: u64) -> Option<Value> {
    let entries = fs::read_dir(site.path("state/receipts/cert")).ok()?;
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let receipt: Value = serde_json::from_str(&text).expect("no receipt is half there");
        if receipt["seq"] != seq || !path.with_extension("json.minisig").exists() {
            continue;
        }
        let mut minisign = Command::new("minisign");
        minisign
            .args(["-V", "-q", "-p"])
            .arg(site.path("state/appliance.pub"))
            .arg("-m")
            .arg(path);
        let output = minisign.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        return Some(receipt);
    }
    None
}

#[test]
fn kill_9_between_arrival_and_enforcement_loses_nothing_committed_and_enforces_nothing_else() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, authority) = site(&layout, CONFIG);
    let rounds = number_from_environment("LEVEE_KILLS").unwrap_or(ROUNDS);
    let seed = Random::seed("LEVEE_SEED", 0xc4a5);
    let mut random = Random::new(seed);
    let sign = |seq: u64| {
        authority
            .sign(&site, "next.jsonl", &bundle(seq))
            .display()
            .to_string()
    };
    let mut service = site.start();
    for seq in [1, 2] {
        site.done(&["order", "apply", &sign(seq)]);
    }
    let (began, mut last) = (Instant::now(), 2);
    let path = sign(3);
    site.done(&["order", "apply", &path]);
    let swap = usize::try_from(began.elapsed().as_micros()).unwrap();
    last += 1;

    let (began, mut found, mut done) = (Instant::now(), [0_u64; 3], 0);
    while done < rounds && began.elapsed() < LONGEST {
        done += 1;
        let seq = last + 1;
        let when = format!("round {done}, seed {seed}");
        let path = sign(seq);
        let after = Duration::from_micros(random.below(swap * 5 / 4).try_into().unwrap());
        let told = thread::scope(|scope| {
            let told = scope.spawn(|| site.cli(&["order", "apply", &path]).code);
            thread::sleep(after);
            service.kill();
            told.join().unwrap()
        });
        let mark = committed(&site);
        assert!(mark == last || mark == seq, "{when}: {mark}");
        assert!(
            told != Some(0) || mark == seq,
            "{when}: what was said to be done is committed"
        );
        let in_force = enforced(&layout, seq, &when);
        assert!(
            in_force <= mark,
            "{when}: {in_force} is enforced, and {mark} committed"
        );
        if let Some(receipt) = receipt(&site, seq) {
            let is_enforced = receipt["status"] == "enforced";
            assert!(!is_enforced || in_force == seq, "{when}: {receipt}");
            assert_eq!(mark, seq, "{when}: {receipt}");
        }
        found[usize::from(mark == seq) + usize::from(in_force == seq)] += 1;

        service = site.start();
        assert_eq!(committed(&site), mark, "{when}");
        assert_eq!(enforced(&layout, seq, &when), mark, "{when}");
        until("the receipt is completed", || {
            receipt(&site, mark).is_some_and(|receipt| receipt["status"] == "enforced")
        });
        assert!(
            mark == seq || receipt(&site, seq).is_none(),
            "{when}: what nobody has has none"
        );
        assert_eq!(site.json(&["status"])["alarms"].to_string(), "[]", "{when}");
        last = mark;
    }
    let [neither, committed, both] = found;
    say(&format!(
        "killed {done} times, seed {seed}: {neither} times before the commitment, {committed} times between it \
         and the enforcement, {both} times after both"
    ));
}
