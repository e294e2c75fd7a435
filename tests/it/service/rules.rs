//! Rules of the file and of the command line, through the real service: what is in force, in which order, and what
//! outlives what.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::CONFIG;
use crate::support::{
    daemon::{Ended, Site, until},
    layout::Layout,
    skipped,
};

/// A configuration with one rule.
fn with_rule(id: &str, matching: &str) -> String {
    format!("{CONFIG}[[rule]]\nid = \"{id}\"\nmatch = \"{matching}\"\nthen = \"drop\"\n")
}

/// The names of the rules in force, in the order in which they are asked.
fn ids(site: &Site<'_>) -> Vec<String> {
    let list = site.json(&["rule", "list"]);
    let rules = list.as_array().unwrap().iter();
    rules
        .map(|rule| rule["id"].as_str().unwrap().to_owned())
        .collect()
}

/// The code of a refusal, with this exit code.
fn refused(site: &Site<'_>, exit: i32, arguments: &[&str]) -> String {
    let ended: Ended = site.cli(&[arguments, &["-o", "json"]].concat());
    assert_eq!(ended.code, Some(exit), "{arguments:?}: {ended:?}");
    let refusal: Value = serde_json::from_str(&ended.stdout).unwrap();
    refusal["code"].as_str().unwrap().to_owned()
}

fn alarms(site: &Site<'_>) -> Vec<(String, String)> {
    let status = site.json(&["status"]);
    let text = |alarm: &Value, key: &str| alarm[key].as_str().unwrap().to_owned();
    let alarms = status["alarms"].as_array().unwrap().iter();
    alarms
        .map(|alarm| (text(alarm, "code"), text(alarm, "subject")))
        .collect()
}

#[test]
fn rules_are_listed_in_their_order_and_outlive_a_killed_service() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let site = Site::new(&layout.router);
    site.configure(&with_rule("udp", "proto udp"));
    let service = site.start();
    let text = "sport ntp; protocol udp; destination 192.0.2.0/24; then limit 10Mbit/s";
    let added = site.json(&["rule", "add", text, "--reason", "reflection", "--ttl", "2h"]);
    let canonical = "dst 192.0.2.0/24 proto = udp sport = 123 then limit 10 Mbit/s";
    assert_eq!(
        (&added["id"], &added["text"]),
        (&"r1".into(), &canonical.into())
    );
    site.done(&[
        "rule",
        "add",
        "tcp flags syn,!ack then monitor",
        "--id",
        "syn",
    ]);

    let list = site.json(&["rule", "list"]);
    assert_eq!(ids(&site), ["r1", "udp", "syn"]);
    let first = &list[0];
    assert_eq!(first["rank"], 1);
    assert_eq!(first["text"], canonical);
    assert_eq!(first["nlri"], "0b0118c0000203811106817b");
    assert_eq!(first["origin"], "added");
    assert_eq!(first["reason"], "reflection");
    assert!(first["by"].as_str().unwrap().contains("uid 0"), "{first}");
    let time = |key: &str| -> Timestamp { first[key].as_str().unwrap().parse().unwrap() };
    let length = time("until").duration_since(time("since"));
    assert_eq!(length, SignedDuration::from_hours(2));
    assert_eq!(list[1]["origin"], "configuration");
    assert_eq!(list[1]["since"], Value::Null);

    service.kill();
    let service = site.start();
    assert_eq!(site.json(&["rule", "list"]), list);
    let removed = site.json(&["rule", "remove", "r1"]);
    assert!(removed["message"].as_str().unwrap().contains("r1"));
    site.done(&["rule", "add", "dport 80 then drop"]);
    assert_eq!(ids(&site), ["udp", "r2", "syn"], "a number is given once");
    let log = site.done(&[
        "audit",
        "show",
        "--state-dir",
        site.path("state").to_str().unwrap(),
    ]);
    assert!(
        log.contains("rule_add") && log.contains("rule_remove"),
        "{log}"
    );
    assert!(service.terminate().success());
}

#[test]
fn an_address_is_explained_by_the_rules_that_can_match_it_and_by_its_host_group() {
    const GROUP: &str = "[[host_group]]\nname = \"web\"\nnetworks = [\"192.0.2.0/24\"]\n\
                         limits = { syn = \"5000 pps\" }\npolicies = { land = \"drop\" }\n";
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let site = Site::new(&layout.router);
    site.configure(&format!("{}{GROUP}", with_rule("udp", "proto udp")));
    let _service = site.start();
    let add = |text: &str, id: &str| site.done(&["rule", "add", text, "--id", id]);
    add("dst 198.51.100.0/24 then drop", "elsewhere");
    add(
        "src 192.0.2.1 dst 198.51.100.1 then limit 10 Mbit/s",
        "from",
    );
    add("dst 192.0.2.0/25 dport 80 then pass continue", "to");
    add("family ip6 proto tcp then drop", "six");
    add("src 203.0.113.0/24 dst 203.0.113.0/24 then drop", "nobody");

    let explanation = site.json(&["explain", "192.0.2.1"]);
    assert_eq!(explanation["blocked"], false);
    assert_eq!(explanation["host_group"], "web");
    assert_eq!(
        explanation["limits"],
        serde_json::json!({"syn": "5000 pps"})
    );
    assert_eq!(explanation["policies"], serde_json::json!({"land": "drop"}));
    let rules = explanation["rules"].as_array().unwrap().iter();
    let told: Vec<_> = rules
        .map(|rule| ["id", "dir", "action"].map(|field| rule[field].as_str().unwrap().to_owned()))
        .collect();
    // Those that name it first, then the others, each as `rule list` has them.
    assert_eq!(
        told,
        [
            ["to", "both", "pass"],
            ["from", "from", "limit 10 Mbit/s"],
            ["elsewhere", "from", "drop"],
            ["udp", "both", "drop"],
        ]
    );
    assert_eq!(explanation["rules_total"], 4);
    let text = site.done(&["explain", "192.0.2.1"]);
    assert!(text.contains("limits    syn 5000 pps\n"), "{text}");
    assert!(
        text.contains("dst 192.0.2.0/25 dport = 80 then pass continue"),
        "{text}"
    );

    let six = site.json(&["explain", "2001:db8::1"]);
    assert_eq!(six["host_group"], Value::Null);
    let ids: Vec<&Value> = six["rules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| &rule["id"])
        .collect();
    assert_eq!(ids, ["six", "udp"]);

    for port in 0..60 {
        add(&format!("dport {port} then pass"), &format!("p{port}"));
    }
    let explanation = site.json(&["explain", "192.0.2.1"]);
    assert_eq!(explanation["rules"].as_array().unwrap().len(), 50);
    assert_eq!(explanation["rules_total"], 64);
    let text = site.done(&["explain", "192.0.2.1"]);
    assert!(text.ends_with("  and 14 more\n"), "{text}");
}

#[test]
fn what_conflicts_is_refused_and_changes_nothing() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let site = Site::new(&layout.router);
    site.configure(&with_rule("udp", "proto udp"));
    let _service = site.start();
    site.done(&["rule", "add", "dport 80 then drop", "--id", "web"]);
    let before = site.json(&["rule", "list"]);
    let add = |text: &'static str| ["rule", "add", text];
    let named = |text: &'static str, id: &'static str| ["rule", "add", text, "--id", id];

    assert_eq!(
        refused(&site, 3, &named("dport 81 then drop", "web")),
        "rule_exists"
    );
    assert_eq!(
        refused(&site, 3, &named("dport 81 then drop", "udp")),
        "rule_exists"
    );
    assert_eq!(
        refused(&site, 3, &add("protocol 17 then pass")),
        "rule_duplicate"
    );
    assert_eq!(
        refused(&site, 3, &add("dport = 80 then pass")),
        "rule_duplicate"
    );
    assert_eq!(
        refused(&site, 3, &["rule", "remove", "udp"]),
        "rule_configured"
    );
    assert_eq!(
        refused(&site, 2, &["rule", "remove", "nobody"]),
        "no_such_rule"
    );
    let past = ["rule", "add", "dport 81 then drop", "--ttl", "2020-01-01"];
    assert_eq!(refused(&site, 2, &past), "until");
    let ended = site.cli(&add("dport 70000 then drop"));
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("column 7: `70000`"), "{ended:?}");

    for (id, matching) in [("web", "proto tcp"), ("other", "dport 80")] {
        site.configure(&with_rule(id, matching));
        let code = if id == "web" {
            "rule_exists"
        } else {
            "rule_duplicate"
        };
        assert_eq!(refused(&site, 2, &["reload"]), code);
    }
    assert_eq!(site.json(&["rule", "list"]), before);
    site.configure(&with_rule("tcp", "proto tcp"));
    site.done(&["reload"]);
    assert_eq!(ids(&site), ["tcp", "web"]);
}

#[test]
fn a_rule_ends_by_itself_and_is_forgotten() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let site = Site::new(&layout.router);
    site.configure(CONFIG);
    let _service = site.start();
    site.done(&["rule", "add", "dport 80 then drop"]);
    let end = Timestamp::now() + SignedDuration::from_secs(3);
    site.done(&[
        "rule",
        "add",
        "dport 81 then drop",
        "--ttl",
        &end.to_string(),
    ]);
    until("the rule to end", || ids(&site) == ["r1"]);
    assert!(Timestamp::now() >= end, "it ended before its end");
    let stored = || std::fs::read_to_string(site.path("state/rules.json")).unwrap();
    until("the rule to be forgotten", || !stored().contains("\"r2\""));
}

#[test]
fn a_file_that_was_changed_meanwhile_holds_and_damage_is_an_alarm() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let site = Site::new(&layout.router);
    site.configure(CONFIG);
    let service = site.start();
    site.done(&["rule", "add", "dport 80 then drop", "--id", "web"]);
    assert!(service.terminate().success());

    site.configure(&with_rule("web", "proto tcp"));
    let service = site.start();
    assert_eq!(ids(&site), ["web"]);
    assert_eq!(site.json(&["rule", "list"])[0]["origin"], "configuration");
    let left_out = ("rule_left_out".to_owned(), "web".to_owned());
    assert!(alarms(&site).contains(&left_out));
    site.done(&["rule", "remove", "web"]);
    assert!(!alarms(&site).contains(&left_out));
    assert!(service.terminate().success());

    std::fs::write(site.path("state/rules.json"), "{").unwrap();
    let _service = site.start();
    let damaged = ("state_damaged".to_owned(), "rules.json".to_owned());
    assert!(alarms(&site).contains(&damaged));
    assert_eq!(
        refused(&site, 1, &["rule", "add", "any then drop"]),
        "state_damaged"
    );
}
