//! The trust file of a running service: what may follow it, and what a swapped one does.

use std::fs;

use filter_ctl::order::sign::sign_file;
use jiff::Timestamp;

use super::{CONFIG, arrives, site};
use crate::support::{
    authority::{Authority, Bundle},
    daemon::Site,
    layout::{BAD_4, Layout},
    skipped,
};

/// A trust file with a root of one key, which may also sign for the feed `cert`.
fn rooted(version: u64, authority: &Authority, rest: &str) -> String {
    format!(
        "version = {version}\n[root]\nkeys = ['cert-2026']\n[[key]]\nname = 'cert-2026'\n\
         public_key = '{}'\n{rest}\n[[feed]]\nname = 'cert'\nkeys = ['cert-2026']\n",
        authority.public_key
    )
}

fn install(site: &Site<'_>, text: &str) {
    fs::write(site.path("trust.toml"), text).unwrap();
}

fn alarms(site: &Site<'_>) -> Vec<String> {
    let status = site.json(&["status"]);
    let alarms = status["alarms"].as_array().unwrap().iter();
    let code = |alarm: &serde_json::Value| alarm["code"].as_str().unwrap().to_owned();
    alarms.map(code).collect()
}

#[test]
fn a_trust_file_is_followed_only_by_one_that_the_root_has_signed_even_over_a_restart() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, authority) = site(&layout, CONFIG);
    install(&site, &rooted(1, &authority, ""));
    let service = site.start();
    assert_eq!(site.json(&["trust", "show"])["version"], 1);
    let bundle = authority.sign(&site, "1.jsonl", &Bundle::new(1, &[BAD_4]));
    site.done(&["order", "apply", bundle.to_str().unwrap()]);

    let stranger = Authority::new(&site, "stranger");
    install(&site, &rooted(2, &stranger, ""));
    let ended = site.cli(&["reload"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(
        ended.stderr.contains("trust file is signed by 0 keys"),
        "{ended:?}"
    );
    assert!(service.terminate().success());

    let service = site.start();
    assert!(alarms(&site).contains(&"trust_file".to_owned()));
    assert_eq!(
        site.json(&["trust", "show"])["version"],
        1,
        "the kept one is in force"
    );
    let second = authority.sign(&site, "2.jsonl", &Bundle::new(2, &[BAD_4]));
    site.done(&["order", "apply", second.to_str().unwrap()]);

    let revoked = "revoked = '2027-01-01T00:00:00Z'\nrevoked_reason = 'retired'";
    install(&site, &rooted(2, &authority, revoked));
    let path = site.path("trust.toml");
    sign_file(
        &path,
        &site.path("authority.key"),
        None,
        1,
        Timestamp::now(),
    )
    .unwrap();
    site.done(&["reload"]);
    let shown = site.json(&["trust", "show"]);
    assert_eq!(
        (&shown["version"], &shown["signers"][0]),
        (&2.into(), &"cert-2026".into())
    );
    assert_eq!(shown["keys"][0]["revoked_reason"], "retired");
    assert!(alarms(&site).contains(&"key_revoked".to_owned()));
    assert!(!alarms(&site).contains(&"trust_file".to_owned()));
    assert!(!arrives(&layout, BAD_4), "what was ordered stays");
    assert!(service.terminate().success());
}

#[test]
fn two_truths_raise_an_alarm_that_outlives_a_restart_and_ends_with_a_higher_number() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, authority) = site(&layout, CONFIG);
    let service = site.start();
    let apply = |name: &str, bundle: &Bundle| {
        let path = authority.sign(&site, name, bundle);
        site.cli(&["order", "apply", path.to_str().unwrap()]).code
    };
    assert_eq!(apply("1.jsonl", &Bundle::new(1, &[BAD_4])), Some(0));
    assert_eq!(apply("other.jsonl", &Bundle::new(1, &[])), Some(3));
    let alarm = "equivocation".to_owned();
    assert!(alarms(&site).contains(&alarm));
    let kept = fs::read(site.path("state/equivocation/cert/1-1.jsonl")).unwrap();
    assert_eq!(kept, fs::read(site.path("other.jsonl")).unwrap());
    assert!(service.terminate().success());
    let _service = site.start();
    assert!(alarms(&site).contains(&alarm));
    assert_eq!(apply("2.jsonl", &Bundle::new(2, &[BAD_4])), Some(0));
    assert!(!alarms(&site).contains(&alarm));
}

#[test]
fn a_damaged_time_floor_is_an_alarm_until_an_operator_accepts_the_clock() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, _) = site(&layout, CONFIG);
    fs::write(site.path("state/clock.json"), "{").unwrap();
    let _service = site.start();
    let alarm = "clock_floor_lost".to_owned();
    assert!(alarms(&site).contains(&alarm));
    site.done(&["clock", "accept", "--reason", "compared"]);
    assert!(!alarms(&site).contains(&alarm));
    assert_eq!(site.cli(&["clock", "accept"]).code, Some(3));
    let audit = fs::read_to_string(site.path("state/audit.log")).unwrap();
    assert!(audit.contains("clock_accept") && audit.contains("compared"));
}

#[test]
fn with_a_clock_that_is_behind_a_withdrawal_works_and_nothing_is_admitted() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, authority) = site(&layout, CONFIG);
    let service = site.start();
    let bundle = authority.sign(&site, "1.jsonl", &Bundle::new(1, &[BAD_4]));
    site.done(&["order", "apply", bundle.to_str().unwrap()]);
    assert!(service.terminate().success());
    let ahead = Timestamp::now() + jiff::SignedDuration::from_hours(1);
    let floor = format!("{{\"floor\":\"{ahead}\"}}");
    fs::write(site.path("state/clock.json"), floor).unwrap();
    let _service = site.start();
    assert!(alarms(&site).contains(&"clock_behind".to_owned()));
    let second = authority.sign(&site, "2.jsonl", &Bundle::new(2, &[]));
    let ended = site.cli(&["order", "apply", second.to_str().unwrap()]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(!arrives(&layout, BAD_4));
    site.done(&["order", "withdraw", "cert:7/2026"]);
    assert!(arrives(&layout, BAD_4), "a withdrawal never waits");
    site.done(&["clock", "accept"]);
    site.done(&["order", "apply", second.to_str().unwrap()]);
}
