//! The example file against the code, and what is said of broken files.

use super::*;
use crate::config::{ActionSetting, Config, FeedConfig, InterfaceConfig};

const EXAMPLE: &str = include_str!("../../../../etc/levee.toml.example");

/// The example with every setting in force that it only mentions.
fn uncommented() -> String {
    EXAMPLE
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest) if is_setting(rest) => format!("{rest}\n"),
            _ => format!("{line}\n"),
        })
        .collect()
}

fn is_setting(text: &str) -> bool {
    let is_key =
        |key: &str| !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    match text.split_once(" = ") {
        Some((key, _)) => is_key(key),
        None => text.starts_with('[') && text.ends_with(']'),
    }
}

/// The keys that a table knows, as its own error lists them.
fn keys(table: &str) -> Vec<String> {
    let problems = parse(&format!("{table}\nno_such_key = 1\n")).expect_err("a mistake");
    let message = &problems[0].message;
    let (_, list) = message.split_once("expected ").expect("readable");
    list.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_example_is_the_default_configuration() {
    let loaded = parse(EXAMPLE).expect("readable");
    assert_eq!(loaded.config, Config::default());
    assert_eq!(loaded.warnings.len(), 1, "{:?}", loaded.warnings);
    assert!(loaded.warnings[0].message.contains("nothing is filtered"));
}

#[test]
fn the_defaults_it_states_are_those_of_the_code() {
    let mut config = parse(&uncommented()).expect("readable").config;
    let mut interface = config.interfaces.remove(0);
    interface.vlans.clear();
    config.host_groups.clear();
    config.written_rules.clear();
    config.rules.clear();
    config.push = Config::default().push;
    let feed = config.feeds.remove(0);
    assert_eq!(config, Config::default());
    let bare = "[[interface]]\nname = \"eth0\"\nrole = \"upstream\"\n[[feed]]\nname = \"ncsc\"\n";
    let mut bare = parse(bare).expect("readable").config;
    assert_eq!(interface, bare.interfaces.remove(0));
    let expected = feed.clone();
    assert_eq!(
        feed,
        FeedConfig {
            directory: expected.directory,
            url: expected.url,
            refresh: expected.refresh,
            proxy: expected.proxy,
            ca_file: expected.ca_file,
            reference: expected.reference,
            issuer: expected.issuer,
            ..bare.feeds.remove(0)
        }
    );
}

#[test]
fn the_example_has_every_setting() {
    let text = uncommented();
    for table in [
        "",
        "[orders]",
        "[policies]",
        "[capacity]",
        "[samples]",
        "[log]",
        "[[interface]]",
        "[[interface.vlan]]",
        "[[host_group]]",
        "[[rule]]",
        "[[feed]]",
        "[push]",
        "[[push.client]]",
    ] {
        let start = if table.is_empty() {
            0
        } else {
            text.find(&format!("\n{table}\n")).expect("readable") + 2 + table.len()
        };
        let part = &text[start..];
        let part = &part[..part.find("\n[").unwrap_or(part.len())];
        for key in keys(table) {
            let path = match table.trim_matches(['[', ']']) {
                "" => key.clone(),
                table => format!("{table}.{key}"),
            };
            let as_value = part.contains(&format!("\n{key} = "));
            let as_table = [format!("\n[{path}]\n"), format!("\n[[{path}]]\n")]
                .iter()
                .any(|header| text.contains(header));
            assert!(as_value || as_table, "{path}");
        }
    }
}

fn messages(text: &str) -> Vec<String> {
    match parse(text) {
        Ok(loaded) => panic!("accepted: {loaded:?}"),
        Err(problems) => problems.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn a_full_file_is_read() {
    let Loaded { config, warnings } = parse(
        r#"
        state_dir = "/srv/levee"
        metrics_listen = ""
        never_block = ["192.0.2.1", { net = "2001:db8::/32", scope = "all", reason = "lab" }]
        [[interface]]
        name = "eth0.7"
        role = "customer"
        mode = "generic"
        action = "monitor"
        "#,
    )
    .expect("readable");
    assert_eq!(warnings, []);
    assert_eq!(config.metrics_listen, None);
    assert_eq!(config.never_block[0].net().to_string(), "192.0.2.1/32");
    assert_eq!(config.never_block[1].net().to_string(), "2001:db8::/32");
    let InterfaceConfig { name, action, .. } = &config.interfaces[0];
    assert_eq!((name.as_str(), *action), ("eth0.7", ActionSetting::Monitor));
}

#[test]
fn every_mistake_is_reported_at_once_with_its_line_and_key() {
    assert_eq!(
        messages(
            r#"state_dir = "var"
timezone = "Mars/Olympus"
never_block = [
  "192.0.2.1/24",
]
[[interface]]
name = "eth0"
role = "upstream"
[[interface]]
name = "eth0"
role = "upstream"
[[interface]]
name = "a name"
role = "customer"
[[feed]]
name = "operator"
[[feed]]
name = "one"
directory = "/var/spool/x"
[[feed]]
name = "two"
directory = "/var/spool/x/"
[capacity]
ipv4 = 0
[log]
level = "inof"
"#
        ),
        [
            "line 1: state_dir: `var` is not an absolute path: it has to begin with /",
            "line 2: timezone: `Mars/Olympus` is not a time zone that this machine knows: expected \
             an IANA name such as UTC or Europe/Berlin, from the system's time zone data",
            "line 4: never_block: 192.0.2.1/24 has bits set past its length: did you mean \
             192.0.2.0/24 or 192.0.2.1/32?",
            "line 10: interface.name: interface eth0 is configured twice",
            "line 13: interface.name: \"a name\" is no interface name: expected 1 to 15 bytes \
             without `/`, `:` or spaces",
            "line 16: feed.name: the feed `operator` holds the operators' own orders and cannot be \
             configured; choose another name",
            "line 22: feed.directory: /var/spool/x/ is the directory of feed one already; each \
             feed needs its own",
            "line 24: capacity.ipv4: 0 is not between 1 and 4000000",
            "line 26: log.level: `inof` is not a log level: expected error, warn, info, debug or \
             trace, or a list such as info,filter_ctl::http=debug",
        ]
    );
}

#[test]
fn wrong_types_and_unknown_keys_are_reported_together() {
    assert_eq!(
        messages(
            r#"statedir = "/x"
never_block = ["192.0.2.0/24", "x", { net = "192.0.2.0/24", scop = "all" }]
[[interface]]
name = "eth0"
role = "up"
[[interface]]
name = "eth1"
[capacity]
ipv4 = -1
"#
        ),
        [
            "line 1: statedir: unknown field `statedir`, expected one of `state_dir`, \
             `control_socket`, `pin_dir`, `trust_file`, `metrics_listen`, `timezone`, \
             `never_block`, `own_space`, `shared_infrastructure`, `approval`, `nat64_prefixes`, `tunnels`, `policies`, `profile_dir`, `host_group`, `reflector_ports`, `rule`, `interface`, `feed`, \
             `push`, `orders`, `evidence`, `capacity`, `samples`, `log`",
            "line 2: never_block: `x` is not a prefix: expected one such as 192.0.2.0/24 or \
             2001:db8::/32",
            "line 2: never_block.scop: unknown field `scop`, expected one of `net`, `scope`, \
             `reason`",
            "line 5: interface.role: unknown variant `up`, expected `upstream` or `customer`",
            "line 6: interface: missing field `role`",
            "line 9: capacity.ipv4: invalid value: integer `-1`, expected u32",
        ]
    );
}

#[test]
fn every_mistake_about_the_perimeter_is_reported_with_its_line_and_key() {
    assert_eq!(
        messages(
            r#"nat64_prefixes = ["64:ff9b::/95", "192.0.2.0/24"]
tunnels = ["gre"]
[policies]
upstream = { land = "drop" }
[[interface]]
name = "eth0"
role = "upstream"
[[interface.vlan]]
id = 4095
action = "monitor"
[[interface.vlan]]
id = 7
role = "customer"
[[interface.vlan]]
id = 7
role = "upstream"
[[host_group]]
name = "a b"
networks = []
[[host_group]]
name = "dns"
networks = ["192.0.2.1/24"]
"#
        ),
        [
            "line 1: nat64_prefixes: 192.0.2.0/24 is no prefix of a NAT64: expected IPv6 with a length \
             of 32, 40, 48, 56, 64 or 96 (RFC 6052), such as 64:ff9b::/96",
            "line 1: nat64_prefixes: 64:ff9b::/95 is no prefix of a NAT64: expected IPv6 with a length \
             of 32, 40, 48, 56, 64 or 96 (RFC 6052), such as 64:ff9b::/96",
            "line 9: interface.vlan.id: 4095 is no VLAN: expected 1 to 4094",
            "line 15: interface.vlan.id: VLAN 7 of eth0 is configured twice",
            "line 18: host_group.name: \"a b\" is no name: expected 1 to 64 letters, digits, `-`, `_` \
             or `.`",
            "line 19: host_group.networks: host group a b has no network",
            "line 22: host_group.networks: 192.0.2.1/24 has bits set past its length: did you mean \
             192.0.2.0/24 or 192.0.2.1/32?",
        ]
    );
}

#[test]
fn what_is_allowed_and_dangerous_is_a_warning() {
    let text = r#"nat64_prefixes = ["64:ff9b::/96"]
never_block = [{ net = "64:ff9b::/64", scope = "all" }]
[policies]
upstream = { fragment = "drop" }
[[interface]]
name = "eth0"
role = "upstream"
[[interface.vlan]]
id = 7
"#;
    let warnings = parse(text).expect("readable").warnings;
    let keys: Vec<&str> = warnings
        .iter()
        .map(|warning| warning.key.as_str())
        .collect();
    assert_eq!(
        keys,
        [
            "never_block",
            "policies.upstream.fragment",
            "interface.vlan"
        ]
    );
}

#[test]
fn a_file_that_is_no_toml_is_located() {
    let problems = parse("state_dir = \n").expect_err("a mistake");
    assert_eq!(problems[0].line, Some(1), "{problems:?}");
    let error = load(Path::new("/nonexistent/levee.toml")).expect_err("a mistake");
    assert!(error.to_string().contains("--config"), "{error}");
}

#[test]
fn rules_are_refused_by_line_key_and_column() {
    let rule = |id: &str, matching: &str, then: &str| {
        format!("[[rule]]\nid = \"{id}\"\nmatch = \"{matching}\"\nthen = \"{then}\"\n")
    };
    let problems = |text: &str| -> Vec<String> {
        let problems = parse(text).expect_err("a mistake");
        problems.iter().map(ToString::to_string).collect()
    };
    let text =
        rule("a", "dport 70000", "drop") + &rule("B", "any", "drop") + &rule("c", "any", "dropp");
    let found = problems(&text);
    assert_eq!(found.len(), 3, "{found:?}");
    for (problem, beginning) in found.iter().zip([
        "line 3: rule.match: column 7: `70000`: expected dport from 0 to 65535",
        "line 6: rule.id: `B` is no name of a rule: expected 1 to 63 of a-z",
        "line 12: rule.then: column 1: `dropp`: expected an action: drop, pass",
    ]) {
        assert!(problem.starts_with(beginning), "{problem}");
    }
    let text = rule("a", "proto tcp", "drop")
        + &rule("a", "dport 1", "drop")
        + &rule("b", "proto 6", "pass");
    assert_eq!(
        problems(&text),
        [
            "line 6: rule.id: rule a is configured twice",
            "line 11: rule.match: rule a has the same match as b, so one of them would never be asked: remove one",
        ]
    );
    let many: String = (0..=crate::rule::RULES_MAX)
        .map(|port| rule(&format!("r{port}"), &format!("dport {port}"), "drop"))
        .collect();
    let found = problems(&many);
    assert_eq!(found.len(), 1);
    assert!(
        found[0].ends_with("rule: 1025 rules are configured; at most 1024 can be in force"),
        "{found:?}"
    );
}
