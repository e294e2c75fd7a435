//! The audit log: whatever is done to it is found, and nothing that is done to it takes protection away.

use std::{fs, io::Write as _};

use serde_json::Value;

use super::{CONFIG, arrives, block, site};
use crate::support::{
    authority::Bundle,
    bpffs::SmallDisk,
    daemon::{Ended, Site, until},
    layout::{BAD_4, BAD_6, GOOD_4, Layout},
    skipped,
};

fn verify(site: &Site<'_>) -> (Option<i32>, Value) {
    let state = site.path("state").display().to_string();
    let Ended { code, stdout, .. } =
        site.cli(&["audit", "verify", "--state-dir", &state, "-o", "json"]);
    (code, serde_json::from_str(&stdout).unwrap())
}

#[test]
fn a_changed_cut_or_reordered_log_is_found_and_the_service_goes_on_with_another() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, _) = site(&layout, CONFIG);
    let service = site.start();
    block(&site, &[BAD_4]);
    site.done(&["exception", "add", GOOD_4, "--reason", "a resolver"]);
    assert!(service.terminate().success());
    let state = site.path("state").display().to_string();
    let log = site.path("state/audit.log");
    let good = fs::read(&log).unwrap();
    let (code, found) = verify(&site);
    assert_eq!((code, &found["intact"]), (Some(0), &true.into()), "{found}");
    assert_eq!(
        found["sealed"], found["records"],
        "what ends well is sealed: {found}"
    );
    let shown = site.done(&["audit", "show", "--state-dir", &state, "-o", "json"]);
    assert_eq!(
        shown.lines().count() as u64,
        found["records"].as_u64().unwrap()
    );
    let entered = site.done(&[
        "audit",
        "show",
        "--state-dir",
        &state,
        "--action",
        "order_add",
    ]);
    assert_eq!(entered.lines().count(), 1, "{entered}");

    let lines: Vec<&[u8]> = good.split_inclusive(|byte| *byte == b'\n').collect();
    let text = String::from_utf8(good.clone()).unwrap();
    let mut exchanged = lines.clone();
    exchanged.swap(1, 2);
    for (what, bytes) in [
        ("changed", text.replacen("root", "rood", 1).into_bytes()),
        ("cut by a line", lines[..lines.len() - 1].concat()),
        ("cut in a line", good[..good.len() - 5].to_vec()),
        ("reordered", exchanged.concat()),
        ("emptied", Vec::new()),
        ("without its first line", lines[1..].concat()),
    ] {
        assert_ne!(bytes, good, "{what}");
        fs::write(&log, &bytes).unwrap();
        let (code, found) = verify(&site);
        assert_eq!(
            (code, &found["intact"]),
            (Some(3), &false.into()),
            "{what}: {found}"
        );
        assert!(
            found["damages"][0]["line"].as_u64().unwrap() > 0,
            "{what}: {found}"
        );
        assert!(!arrives(&layout, BAD_4), "{what}");
    }

    // The last of them is moved aside at the next start, as evidence.
    let service = site.start();
    assert!(site.alarm("audit_damaged").is_some());
    assert!(!arrives(&layout, BAD_4));
    let kept = fs::read_dir(site.path("state")).unwrap().any(|entry| {
        let name = entry.unwrap().file_name().into_string().unwrap();
        name.starts_with("audit.log.damaged-")
    });
    assert!(kept);
    assert!(service.terminate().success());
    let (code, found) = verify(&site);
    assert_eq!(code, Some(0), "{found}");
    let damaged = [
        "audit",
        "show",
        "--state-dir",
        &state,
        "--action",
        "audit_damaged",
    ];
    assert!(site.done(&damaged).contains("audit_damaged"));
}

#[test]
fn a_record_changed_before_the_last_checkpoint_is_an_alarm_after_a_start_and_recording_goes_on() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, _) = site(&layout, CONFIG);
    let service = site.start();
    block(&site, &[BAD_4]);
    assert!(service.terminate().success());
    let log = site.path("state/audit.log");
    let good = fs::read_to_string(&log).unwrap();
    let line = good.lines().position(|line| line.contains("order_add"));
    let line = line.unwrap() + 1;
    fs::write(&log, good.replacen("order_add", "order_odd", 1)).unwrap();

    let service = site.start();
    until("the whole log is verified", || {
        site.alarm("audit_damaged").is_some()
    });
    let alarm = site.alarm("audit_damaged").unwrap();
    let named = [line, line + 1].map(|line| format!("audit.log line {line}:"));
    assert!(named.iter().any(|named| alarm.contains(named)), "{alarm}");
    assert!(
        alarm.contains("keep audit.log") && alarm.contains("stop the service"),
        "{alarm}"
    );
    assert!(!arrives(&layout, BAD_4));
    site.done(&["exception", "add", GOOD_4, "--reason", "a resolver"]);
    assert!(service.terminate().success());
    let state = site.path("state").display().to_string();
    let shown = site.done(&["audit", "show", "--state-dir", &state, "--since", "1h"]);
    let since = |day: &str| site.done(&["audit", "show", "--state-dir", &state, "--since", day]);
    assert!(
        shown.contains(" audit_damaged ") && shown.contains(" exception_add "),
        "{shown}"
    );
    assert!(since("2026-01-01").contains(" start "));
    assert_eq!(since("2999-01-01"), "");
    assert_eq!(verify(&site).1["damages_total"], 1);
}

#[test]
fn a_log_whose_checkpoints_were_taken_away_is_not_intact() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, _) = site(&layout, CONFIG);
    let service = site.start();
    block(&site, &[BAD_4]);
    assert!(service.terminate().success());
    let checkpoints = site.path("state/audit.checkpoints");
    let good = fs::read_to_string(&checkpoints).unwrap();
    let first = good.lines().next().unwrap().to_owned() + "\n";
    assert_ne!(first, good);
    for cut in [Some(first), Some(String::new()), None] {
        match &cut {
            Some(text) => fs::write(&checkpoints, text).unwrap(),
            None => fs::remove_file(&checkpoints).unwrap(),
        }
        let (code, found) = verify(&site);
        let what = found["damages"][0]["what"].to_string();
        assert_eq!(code, Some(3), "{cut:?}: {found}");
        assert!(
            what.contains("should be covered by a checkpoint"),
            "{found}"
        );
    }
}

#[test]
fn a_line_that_kill_9_tore_is_cut_off_and_told_of() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, _) = site(&layout, CONFIG);
    let service = site.start();
    block(&site, &[BAD_4]);
    service.kill();
    let log = site.path("state/audit.log");
    let mut file = fs::File::options().append(true).open(&log).unwrap();
    file.write_all(b"{\"n\":99,\"at\":\"2026-").unwrap();
    let (code, found) = verify(&site);
    assert_eq!(code, Some(3), "{found}");
    let service = site.start();
    assert!(site.alarm("audit_damaged").is_none());
    assert!(!arrives(&layout, BAD_4));
    assert!(service.terminate().success());
    let (code, found) = verify(&site);
    assert_eq!(code, Some(0), "{found}");
    assert!(
        fs::read_to_string(&log)
            .unwrap()
            .contains("\"audit_repaired\"")
    );
}

#[test]
fn on_a_full_disk_nothing_is_taken_in_and_nothing_is_lost_and_the_log_says_what_is_missing() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let disk = SmallDisk::mount();
    let (site, authority) = site(&layout, CONFIG);
    site.keep_state_on(&disk);
    let service = site.start();
    let first = authority.sign(&site, "1.jsonl", &Bundle::new(1, &[BAD_4]));
    site.done(&["order", "apply", first.to_str().unwrap()]);
    let second = authority.sign(&site, "2.jsonl", &Bundle::new(2, &[GOOD_4]));

    let filler = disk.fill();
    for round in 0..3 {
        let ended = site.cli(&["order", "apply", second.to_str().unwrap()]);
        assert_eq!(ended.code, Some(1), "round {round}: {ended:?}");
        assert!(!arrives(&layout, BAD_4) && arrives(&layout, GOOD_4));
        assert_eq!(site.json(&["feed", "show", "cert"])["seq"], 1);
    }
    let stored = || {
        let status = site.json(&["status"]);
        let alarms = status["alarms"].as_array().unwrap();
        !alarms.iter().any(|alarm| alarm["subject"] == "changes")
    };
    let mut number = 0;
    until("a rule finds no room", || {
        number += 1;
        let rule = format!("dst 192.0.2.{number}/32 then drop");
        site.cli(&["rule", "add", &rule]).code == Some(1)
    });
    assert!(!stored(), "what is refused for want of room is an alarm");
    // There may be room in the last block of the log.
    until("the log cannot be written", || {
        site.done(&["panic", "off", "--reason", "a test"]);
        site.done(&["panic", "on"]);
        site.alarm("audit_failed").is_some()
    });
    service.kill();
    assert!(!arrives(&layout, BAD_4));
    let service = site.start();
    assert!(
        !arrives(&layout, BAD_4) && arrives(&layout, GOOD_4),
        "a start on a full disk"
    );

    fs::remove_file(filler).unwrap();
    site.done(&["order", "apply", second.to_str().unwrap()]);
    assert!(arrives(&layout, BAD_4) && !arrives(&layout, GOOD_4));
    until("the alarm ends", || site.alarm("audit_failed").is_none());
    block(&site, &[BAD_6]);
    assert!(stored());
    assert!(service.terminate().success());
    let (code, found) = verify(&site);
    assert_eq!(code, Some(0), "{found}");
    let log = fs::read_to_string(site.path("state/audit.log")).unwrap();
    assert!(log.contains("records_lost_before"), "{log}");
}

#[test]
fn what_takes_blocking_away_does_not_wait_for_a_full_disk_and_is_written_when_there_is_room() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let disk = SmallDisk::mount();
    let (site, authority) = site(&layout, CONFIG);
    site.keep_state_on(&disk);
    let service = site.start();
    let bundle = authority.sign(&site, "1.jsonl", &Bundle::new(1, &[BAD_4, GOOD_4]));
    site.done(&["order", "apply", bundle.to_str().unwrap()]);
    assert!(!arrives(&layout, BAD_4) && !arrives(&layout, GOOD_4));

    let filler = disk.fill();
    let said = site.done(&["order", "withdraw", "cert:7/2026", "--entry", "e0"]);
    assert!(said.contains("NOT ON DISK"), "{said}");
    assert!(arrives(&layout, BAD_4) && !arrives(&layout, GOOD_4));
    site.done(&["exception", "add", GOOD_4, "--reason", "a test"]);
    assert!(arrives(&layout, BAD_4) && arrives(&layout, GOOD_4));
    assert!(site.alarm("state_not_writable").is_some());
    fs::remove_file(filler).unwrap();
    until("it is written", || {
        site.alarm("state_not_writable").is_none()
    });
    service.kill();
    let _service = site.start();
    assert!(
        arrives(&layout, BAD_4) && arrives(&layout, GOOD_4),
        "a restart forgets nothing that was written"
    );
}
