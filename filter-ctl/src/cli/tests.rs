//! The command line as a whole: its definition, its exit codes, its JSON.

use clap::CommandFactory as _;

use super::*;
use crate::http::samples;

fn run(line: &str) -> Result<output::Outcome, failure::Failure> {
    let words = line.split(' ').filter(|word| !word.is_empty());
    command::run(Args::try_parse_from(words).unwrap_or_else(|error| panic!("{line}: {error}")))
}

#[test]
fn the_definition_is_sound() {
    Args::command().debug_assert();
}

#[test]
fn without_a_service_commands_say_where_it_was_looked_for() {
    for verb in [
        "explain 192.0.2.1",
        "order list",
        "order show ncsc:1",
        "order add --reference 1 --issuer CERT --until 1d 203.0.113.7",
        "order withdraw ncsc:1 --entry e1 --reason over",
        "order reinstate ncsc:1",
        "exception list",
        "exception add 192.0.2.0/24 --reason lab --scope all --until 30d",
        "exception remove 192.0.2.0/24",
        "rule list",
        "rule remove r1",
        "feed list",
        "feed show ncsc",
        "attach eth0",
        "reload",
        "events",
        "events --follow --reason order",
        "top --seconds 2 --group web",
        "capture --write -",
        "status --pin-dir /nonexistent/pins",
        "stats --pin-dir /nonexistent/pins --state-dir /nonexistent/state",
        "panic off --reason test --pin-dir /nonexistent/pins",
        "panic on --pin-dir /nonexistent/pins",
        "detach eth0 --pin-dir /nonexistent/pins",
        "detach --all --pin-dir /nonexistent/pins",
    ] {
        let line = format!("filter-ctl --socket /nonexistent/control.sock {verb}");
        let failure = run(&line).unwrap_err();
        assert_eq!(failure.exit, Exit::Unreachable, "{verb}");
        let text = failure.refusal.error;
        let expected = "the service is not reachable at /nonexistent/control.sock: ";
        assert!(text.starts_with(expected), "{verb}: {text}");
    }
}

#[test]
fn usage_errors_name_what_is_expected() {
    for (line, expected) in [
        ("explain 192.0.2.300", "invalid IP address"),
        ("order show nonsense", "expected FEED:REFERENCE"),
        (
            "exception add 192.0.2.1/24 --reason x",
            "expected 192.0.2.0/24",
        ),
        ("order add --reference 1 203.0.113.7", "--until"),
        ("rule remove R1", "is no name of a rule"),
        (
            "rule add --id web/a@192.0.2.0/24 any",
            "is no name of a rule",
        ),
        ("profile show Web", "is no name of a profile"),
        ("rule add any", "expected `then` and an action"),
        (
            "order add --reference 1 --issuer C --until 1d --port 443 x",
            "--proto",
        ),
        ("panic", "<FILTERING>"),
        ("detach", "<NAME>..."),
    ] {
        let words = ["filter-ctl"].into_iter().chain(line.split(' '));
        let error = Args::try_parse_from(words).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains(expected), "{line}: {error}");
    }
}

#[test]
fn completions_and_manual_pages_come_from_the_definition() {
    let bash = run("filter-ctl completions bash").unwrap().stdout;
    assert!(bash.contains("--pin-dir"), "{bash}");
    let page = run("filter-ctl man").unwrap().stdout;
    assert!(page.contains(".TH filter-ctl 1"), "{page}");
    let directory = tempfile::tempdir().unwrap();
    run(&format!(
        "filter-ctl man --dir {}",
        directory.path().display()
    ))
    .unwrap();
    assert!(directory.path().join("filter-ctl-order-apply.1").is_file());
}

#[test]
fn the_json_of_an_explanation_is_stable() {
    let mut explanation = samples::explanation();
    explanation.host_group = Some("web".to_owned());
    explanation
        .limits
        .insert("syn".to_owned(), "5 kpps".to_owned());
    explanation
        .policies
        .insert("land".to_owned(), "drop".to_owned());
    explanation.rules.push(samples::rule_at_end());
    explanation.rules_total = 1;
    assert_eq!(
        output::json(&explanation).unwrap(),
        r#"{
  "address": "203.0.113.7",
  "blocked": true,
  "not_dropping": null,
  "orders": [
    {
      "id": "ncsc:298/VNCERT-DPUC",
      "entry": "e2",
      "feed": "ncsc",
      "issuer": "VNCERT/CC",
      "reference": "298/VNCERT-DPUC",
      "basis": "Decree 53/2022",
      "reason": "botnet C2",
      "net": "203.0.113.0/24",
      "dir": "to",
      "proto": "tcp",
      "ports": [
        "443",
        "8000-8010"
      ],
      "mode": "enforce",
      "paused": false,
      "since": "2026-11-23T08:00:04Z",
      "until": "2026-12-30T00:00:00Z",
      "dropped": {
        "packets": 1234567,
        "bytes": 74100000
      }
    }
  ],
  "never_block": null,
  "withheld": [],
  "generation": 42,
  "stands_for": null,
  "host_group": "web",
  "limits": {
    "syn": "5 kpps"
  },
  "policies": {
    "land": "drop"
  },
  "rules": [
    {
      "dir": "both",
      "by_prefix": false,
      "action": "drop",
      "id": "ntp",
      "rank": 1,
      "text": "proto = udp sport = 123 length >= 468 then drop",
      "nlri": "0a03811106817b0a9301d4",
      "origin": "added",
      "since": "2026-11-23T08:00:04Z",
      "until": "2026-11-23T10:00:04Z",
      "by": "alice (uid 1000)",
      "reason": "reflection",
      "matched": {
        "packets": 12345,
        "bytes": 12345000
      },
      "dropped": {
        "packets": 12000,
        "bytes": 12000000
      }
    }
  ],
  "rules_total": 1
}
"#
    );
}

#[test]
fn the_json_of_a_report_is_stable() {
    assert_eq!(
        output::json(&samples::apply_report()).unwrap(),
        r#"{
  "feed": "ncsc",
  "status": "enforced",
  "epoch": 1,
  "seq": 42,
  "orders": [
    "ncsc:298/VNCERT-DPUC"
  ],
  "received": 3,
  "enforced": 2,
  "withheld": [
    {
      "id": "ncsc:298/VNCERT-DPUC",
      "entry": "e7",
      "net": "192.0.2.0/24",
      "status": "refused",
      "reason": "never_block"
    }
  ],
  "withheld_total": 1,
  "paused": false,
  "generation": 42,
  "received_at": "2026-11-23T08:00:04Z",
  "admitted_at": "2026-11-23T08:00:04.25Z",
  "enforced_at": "2026-11-23T08:00:05.5Z"
}
"#
    );
}

#[test]
fn the_json_of_status_and_stats_is_stable() {
    // One level is enough to see a field renamed or gone; the client reads the rest in its own tests.
    let keys = |document: serde_json::Value| -> Vec<String> {
        let object = document.as_object().unwrap();
        object.keys().cloned().collect()
    };
    let document = serde_json::to_value(samples::status()).unwrap();
    let interface = [
        "action", "attached", "enforces", "error", "mode", "name", "role",
    ];
    assert_eq!(keys(document["interfaces"][0].clone()), interface);
    let expected = [
        "alarms",
        "bypass",
        "deadlines",
        "feeds",
        "generation",
        "interfaces",
        "overdue",
        "service",
        "started_at",
        "version",
    ];
    assert_eq!(keys(document), expected);
    let document = serde_json::to_value(samples::stats()).unwrap();
    let totals = ["bytes", "dropped", "packets", "passed", "would_drop"];
    assert_eq!(keys(document["totals"].clone()), totals);
    let expected = [
        "at",
        "feeds",
        "interfaces",
        "orders",
        "reasons",
        "rules",
        "totals",
    ];
    assert_eq!(keys(document), expected);
}
