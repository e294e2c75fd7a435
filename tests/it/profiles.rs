//! Profiles on the real binary, without a service: what there is, and what `check` says of them.

use std::{fs, path::PathBuf, process::Command};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::daemon::binary;

/// A configuration beside a directory of profiles.
struct Place {
    directory: TempDir,
}

/// What a command printed, and its exit code.
struct Printed {
    stdout: String,
    stderr: String,
    code: Option<i32>,
}

impl Place {
    fn new(groups: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let place = Self { directory };
        fs::create_dir(place.path("profiles")).unwrap();
        let path = |name: &str| place.path(name).display().to_string();
        let text = format!(
            "state_dir = {:?}\ntrust_file = {:?}\nprofile_dir = {:?}\n{groups}",
            path("state"),
            path("trust.toml"),
            path("profiles")
        );
        fs::write(place.path("levee.toml"), text).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn profile(self, name: &str, text: &str) -> Self {
        fs::write(self.path("profiles").join(name), text).unwrap();
        self
    }

    fn run(&self, arguments: &[&str]) -> Printed {
        let mut command = Command::new(binary());
        command.args(arguments).arg("--config");
        let output = command.arg(self.path("levee.toml")).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Printed {
            stdout: text(output.stdout),
            stderr: text(output.stderr),
            code: output.status.code(),
        }
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let printed = self.run(&[arguments, &["-o", "json"]].concat());
        assert_eq!(printed.code, Some(0), "{}", printed.stderr);
        serde_json::from_str(&printed.stdout).unwrap()
    }
}

const OWN: &str = "description = \"game servers\"\nmay_break = [\"Players.\"]\n\
                   limits = { udp = \"7 pps\" }\n[rules.ssdp]\nmatch = \"proto = udp sport = 1900\"\n\
                   then = \"drop\"\n";

/// A group that sets something of each kind in the place of its profile, and one that sets nothing.
const GROUPS: &str = "[[host_group]]\nname = \"web\"\nnetworks = [\"192.0.2.0/24\", \"2001:db8:7::/64\"]\n\
                      profile = \"web-server\"\npolicies = { tcp_syn_without_options = \"monitor\" }\n\
                      limits = { syn = \"20 kpps\", icmp = \"none\", udp = \"1 kpps\" }\n\
                      [host_group.rules]\nreflection = { then = \"monitor\" }\n\
                      udp-fragments = { match = \"proto = udp fragment is-fragment length > 1000\" }\n\
                      telnet = { match = \"proto = tcp dport = 23\", then = \"drop\" }\n\
                      [[host_group]]\nname = \"games\"\nnetworks = [\"198.51.100.0/24\"]\nprofile = \"games\"\n\
                      [[host_group]]\nname = \"plain\"\nnetworks = [\"198.51.101.0/24\"]\n";

#[test]
fn check_says_what_a_profile_sets_whose_word_it_is_and_what_it_may_break() {
    let place = Place::new(GROUPS).profile("games.toml", OWN);
    let printed = place.run(&["check"]);
    assert_eq!(printed.code, Some(0), "{}", printed.stderr);
    let text = printed.stdout;
    let cells: Vec<Vec<&str>> = text
        .lines()
        .map(|line| {
            line.trim()
                .split("  ")
                .map(str::trim)
                .filter(|cell| !cell.is_empty())
        })
        .map(Iterator::collect)
        .collect();
    for row in [
        vec![
            "host groups",
            "web (2 networks, profile web-server), games (1 network, profile games), plain (1 network)",
        ],
        vec![
            "policy",
            "tcp_syn_without_options",
            "monitor",
            "host group, instead of drop",
        ],
        vec![
            "limit",
            "syn",
            "20000 pps",
            "host group, instead of 5000 pps",
        ],
        vec!["limit", "reply", "2000 pps", "profile"],
        vec!["limit", "udp", "1000 pps", "host group"],
        vec!["limit", "icmp", "none", "host group, instead of 500 pps"],
        vec![
            "rule",
            "telnet",
            "drop",
            "host group",
            "proto = tcp dport = 23",
        ],
        vec![
            "rule",
            "udp-fragments",
            "drop",
            "host group, with another match",
            "proto = udp length > 1000 fragment is-fragment",
        ],
        vec![
            "rule",
            "ssdp",
            "drop",
            "profile",
            "proto = udp sport = 1900",
        ],
        vec!["Players."],
    ] {
        assert!(cells.contains(&row), "{row:?}: {text}");
    }
    let head = "Host group web, 6 rules, profile web-server (built in): addresses that serve HTTP";
    assert!(text.contains(head), "{text}");
    let file = place.path("profiles/games.toml").display().to_string();
    let head = format!("Host group games, 1 rule, profile games ({file}): game servers");
    assert!(text.contains(&head), "{text}");
}

#[test]
fn the_json_of_check_has_the_same() {
    let place = Place::new(GROUPS).profile("games.toml", OWN);
    let file = place.path("profiles/games.toml").display().to_string();
    let profiles = place.json(&["check"])["profiles"].take();
    let [web, games] = profiles.as_array().unwrap().as_slice() else {
        panic!("{profiles}");
    };
    assert_eq!(
        (&web["host_group"], &games["host_group"]),
        (&"web".into(), &"games".into())
    );
    assert_eq!(
        (&web["profile"]["name"], &web["profile"]["file"]),
        (&"web-server".into(), &Value::Null)
    );
    assert_eq!(games["profile"]["file"], file);
    assert_eq!(
        games["rules"],
        serde_json::json!(["games/ssdp@198.51.100.0/24"])
    );
    assert!(!web["profile"]["may_break"].as_array().unwrap().is_empty());
    let setting = |kind: &str, name: &str| {
        let mut settings = web["settings"].as_array().unwrap().iter();
        settings
            .find(|setting| setting["kind"] == kind && setting["name"] == name)
            .unwrap()
            .clone()
    };
    let rule = setting("rule", "reflection");
    assert_eq!(
        (&rule["value"], &rule["set_by"]),
        (&"monitor".into(), &"host_group".into())
    );
    assert_eq!(rule["instead_of"]["value"], "drop");
    assert_eq!(rule["instead_of"]["match"], rule["match"]);
    let limit = setting("limit", "reply");
    assert_eq!(
        (&limit["set_by"], &limit["instead_of"]),
        (&"profile".into(), &Value::Null)
    );
}

#[test]
fn profiles_are_listed_and_shown_and_those_that_are_broken_are_named() {
    let place = Place::new("").profile("games.toml", OWN);
    let list = place.json(&["profile", "list"]);
    let names: Vec<&str> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|profile| profile["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["access-network", "games", "resolver", "web-server"]);
    let shown = place.json(&["profile", "show", "games"]);
    assert_eq!(shown["description"], "game servers");
    assert_eq!(shown, list[1]);
    let text = place.run(&["profile", "show", "games"]).stdout;
    assert!(
        text.contains("rule   ssdp  drop   proto = udp sport = 1900"),
        "{text}"
    );

    let unknown = place.run(&["profile", "show", "nobody"]);
    assert_eq!(unknown.code, Some(2));
    let expected = "`nobody` is no profile: expected one of access-network, games, resolver, web-server, or a file";
    assert!(unknown.stderr.contains(expected), "{}", unknown.stderr);

    let place = place.profile("broken.toml", "limit = 1\n");
    let listed = place.run(&["profile", "list"]);
    assert_eq!(listed.code, Some(2));
    assert!(listed.stdout.contains("game servers"), "{}", listed.stdout);
    let expected = "broken.toml cannot be used, line 1: limit: unknown field `limit`";
    assert!(listed.stderr.contains(expected), "{}", listed.stderr);
}

#[test]
fn a_configuration_with_an_unknown_profile_is_refused_with_those_that_there_are() {
    let group =
        "[[host_group]]\nname = \"web\"\nnetworks = [\"192.0.2.0/24\"]\nprofile = \"webserver\"\n";
    let checked = Place::new(group).run(&["check"]);
    assert_eq!(checked.code, Some(2));
    let expected = "line 7: host_group.profile: `webserver` is no profile: expected one of access-network, resolver, \
                    web-server, or a file";
    assert!(checked.stderr.contains(expected), "{}", checked.stderr);
}
