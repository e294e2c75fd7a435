//! What a group has of its profile, and what it says over it.

mod files;

use filter_common::{
    limit::Class,
    policy::{Policy, PolicyAction},
};

use super::*;
use crate::config::{
    Config,
    load::{Loaded, parse},
};

fn config(text: &str) -> Config {
    let Loaded { config, .. } = parse(text).unwrap_or_else(|problems| panic!("{problems:?}"));
    config
}

/// A host group with that profile and these lines of its own.
fn group(profile: &str, own: &str) -> String {
    format!(
        "[[host_group]]\nname = \"web\"\nnetworks = [\"192.0.2.0/24\", \"2001:db8:7::/64\"]\n\
         profile = \"{profile}\"\n{own}\n"
    )
}

fn rules(config: &Config) -> Vec<(&str, &str)> {
    let rules = config.rules.iter().map(|configured| &configured.rule);
    rules.map(|rule| (rule.id.as_str(), &*rule.text)).collect()
}

fn problems(text: &str) -> Vec<String> {
    let problems = parse(text).expect_err("a mistake");
    problems.iter().map(ToString::to_string).collect()
}

fn name(text: &str) -> ProfileName {
    text.to_owned().try_into().unwrap()
}

#[test]
fn every_built_in_profile_can_be_used_and_sets_something() {
    let shelf = Shelf::built_in();
    let names = shelf.names().unwrap();
    let texts: Vec<&str> = names.iter().map(ProfileName::as_str).collect();
    assert_eq!(texts, ["access-network", "resolver", "web-server"]);
    for name in &names {
        let profile = shelf.find(name).unwrap();
        assert_eq!((&profile.name, &profile.file), (name, &None));
        let ProfileText { limits, rules, .. } = &profile.text;
        assert!(!limits.0.is_empty() && !rules.is_empty(), "{name}");
        // It goes together with itself for both families, and is no mistake of any other kind.
        let config = config(&group(name.as_str(), ""));
        assert_eq!(config.rules.len(), 2 * rules.len(), "{name}");
    }
}

#[test]
fn a_group_without_a_word_of_its_own_has_all_that_its_profile_says() {
    let config = config(&group("web-server", ""));
    let in_force = &config.host_groups[0].in_force;
    let text = &in_force.profile.as_ref().unwrap().text;
    assert_eq!(
        in_force.policies[&Policy::TcpSynWithoutOptions],
        Setting::Profile(PolicyAction::Drop)
    );
    for (class, rate) in &text.limits.0 {
        assert_eq!(in_force.limits[class], Setting::Profile(*rate));
    }
    for (name, rule) in &text.rules {
        let found = in_force.rules[name].value();
        assert_eq!(Some(&found.matching), rule.matching.as_ref());
    }
    let fragments = "proto = udp fragment is-fragment then drop";
    let written = rules(&config);
    assert_eq!(
        written[2..],
        [
            (
                "web/udp-fragments@192.0.2.0/24",
                &*format!("dst 192.0.2.0/24 {fragments}")
            ),
            (
                "web/udp-fragments@2001:db8:7::/64",
                &*format!("dst 2001:db8:7::/64 {fragments}")
            ),
        ]
    );
    assert!(written[0].0 == "web/reflection@192.0.2.0/24");
    assert!(config.rules[0].reason.contains("reflectors"));
}

#[test]
fn what_the_group_says_comes_before_the_profile_field_by_field() {
    let config = config(&group(
        "web-server",
        "policies = { tcp_syn_without_options = \"monitor\", land = \"drop\" }\n\
         limits = { syn = \"9 kpps\", icmp = \"none\", udp = \"7 pps\" }\n\
         [host_group.rules]\n\
         reflection = { then = \"monitor\" }\n\
         udp-fragments = { match = \"proto = udp fragment first-fragment\" }\n\
         sip = { match = \"proto = udp dport = 5060\", then = \"limit 5 pps continue\", reason = \"calls\" }",
    ));
    let in_force = &config.host_groups[0].in_force;
    let overridden = Setting::Overridden {
        value: PolicyAction::Monitor,
        profile: PolicyAction::Drop,
    };
    assert_eq!(in_force.policies[&Policy::TcpSynWithoutOptions], overridden);
    assert_eq!(
        in_force.policies[&Policy::Land],
        Setting::Group(PolicyAction::Drop)
    );
    let limits: Vec<(&str, String)> = in_force
        .limits
        .iter()
        .map(|(class, setting)| (class.name(), setting.value().to_string()))
        .collect();
    let text = |text: &str| text.to_owned();
    assert_eq!(
        limits,
        [
            ("fragment", text("500 pps")),
            ("syn", text("9000 pps")),
            ("reply", text("2000 pps")),
            ("udp", text("7 pps")),
            ("icmp", text("none")),
        ]
    );
    assert!(matches!(
        in_force.limits[&Class::Icmp],
        Setting::Overridden { .. }
    ));
    let compiled = in_force.class_limits();
    assert_eq!(
        compiled[Class::Icmp as usize],
        filter_common::limit::Limit::NONE
    );
    let rule = |rule: &str| in_force.rules[&RuleName::try_from(rule.to_owned()).unwrap()].clone();
    let Setting::Overridden { value, profile } = rule("reflection") else {
        panic!("it is the group's");
    };
    assert_eq!(value.matching, profile.matching);
    assert_eq!(value.reason, profile.reason);
    let ends: Vec<String> = [&value, &profile]
        .map(|rule| rule.then.to_string())
        .to_vec();
    assert_eq!(ends, ["monitor", "drop"]);
    assert_eq!(
        rule("udp-fragments").value().to_string(),
        "proto = udp fragment first-fragment then drop"
    );
    assert!(matches!(rule("sip"), Setting::Group(_)));
    assert_eq!(
        rules(&config)[2],
        (
            "web/sip@192.0.2.0/24",
            "dst 192.0.2.0/24 proto = udp dport = 5060 then limit 5 pps continue"
        )
    );
    assert_eq!(config.rules[2].reason, "calls");
}

#[test]
fn a_rule_that_is_switched_off_or_of_another_family_makes_none() {
    let text = group(
        "web-server",
        "rules = { reflection = { then = \"none\" }, udp-fragments = { match = \"label 5\" }, \
         ping = { match = \"proto icmp\", then = \"drop\" }, \
         pings = { match = \"family ip6 icmp type echo-request\", then = \"drop\" }, \
         reach = { match = \"proto icmp icmp type 3\", then = \"pass\" } }",
    );
    let config = config(&text);
    let ids: Vec<&str> = rules(&config).iter().map(|(id, _)| *id).collect();
    assert_eq!(
        ids,
        [
            "web/ping@192.0.2.0/24",
            "web/ping@2001:db8:7::/64",
            "web/pings@2001:db8:7::/64",
            "web/reach@192.0.2.0/24",
            "web/udp-fragments@2001:db8:7::/64",
        ]
    );
}

#[test]
fn a_group_has_rules_without_a_profile_too() {
    let text = "[[host_group]]\nname = \"a\"\nnetworks = [\"192.0.2.7\"]\n\
                rules = { all = { match = \"any\", then = \"monitor\" } }\n";
    assert_eq!(
        rules(&config(text)),
        [("a/all@192.0.2.7/32", "dst 192.0.2.7/32 then monitor")]
    );
}

#[test]
fn an_unknown_profile_is_refused_with_those_that_there_are() {
    assert_eq!(
        problems(&group("webserver", "")),
        [
            "line 4: host_group.profile: `webserver` is no profile: expected one of access-network, resolver, \
             web-server"
        ]
    );
    let found = problems(&group("../levee", ""));
    assert!(
        found[0].starts_with("line 4: host_group.profile: `../levee` is no name of a profile"),
        "{found:?}"
    );
}

#[test]
fn mistakes_in_rules_of_groups_are_refused_with_line_and_key() {
    for (own, expected) in [
        (
            "rules = { reflections = { then = \"drop\" } }",
            "line 5: host_group.rules.reflections: rule reflections has no `match`, and profile web-server has \
             only reflection, udp-fragments",
        ),
        (
            "rules = { a = { match = \"dst 192.0.2.1 proto udp\", then = \"drop\" } }",
            "line 5: host_group.rules.a.match: `dst 192.0.2.1/32`: expected no destination, because a rule of a host \
             group or a profile gets the networks of the group",
        ),
        (
            "rules = { a = { match = \"proto 17 fragment is-fragment\", then = \"pass\" } }",
            "line 5: host_group.rules.udp-fragments.match: rule web/a@192.0.2.0/24 has the same match as \
             web/udp-fragments@192.0.2.0/24, so one of them would never be asked: remove one",
        ),
        (
            "limits = { syn = \"nothing\" }",
            "line 5: host_group.limits: `syn`: column 1: `nothing`: expected a rate such as `1000 pps` or `10 \
             Mbit/s`",
        ),
    ] {
        let found = problems(&group("web-server", own));
        assert_eq!(found[0], expected);
    }
    let same = "[[rule]]\nid = \"x\"\nmatch = \"dst 192.0.2.0/24 proto udp fragment is-fragment\"\n\
                then = \"pass\"\n";
    let found = problems(&(group("web-server", "") + same));
    assert!(found[0].contains("rule x has the same match as web/udp-fragments@192.0.2.0/24"));
}

#[test]
fn the_limit_of_rules_holds_for_all_of_them_together() {
    let networks: Vec<String> = (0..=255).map(|n| format!("\"192.0.2.{n}\"")).collect();
    let text = |profile: &str, more: &str| {
        let networks = networks.join(", ");
        format!(
            "[[host_group]]\nname = \"web\"\nnetworks = [{networks}]\nprofile = \"{profile}\"\n{more}"
        )
    };
    let more = "rules = { a = { match = \"proto tcp\", then = \"pass\" }, b = { match = \"proto gre\", \
                then = \"pass\" } }\n";
    assert_eq!(config(&text("web-server", more)).rules.len(), 1_024);
    let one = "[[rule]]\nid = \"x\"\nmatch = \"any\"\nthen = \"drop\"\n";
    let found = problems(&text("web-server", &(more.to_owned() + one)));
    assert_eq!(
        found,
        [
            "line 6: rule: 1025 rules are configured, 1024 of them by host groups, a rule for each network; at most \
             1024 can be in force"
        ]
    );
}

#[test]
fn rules_that_hold_in_a_narrower_group_are_a_warning() {
    let inside = "[[host_group]]\nname = \"nms\"\nnetworks = [\"192.0.2.16/28\"]\n";
    let warnings = |text: &str| -> Vec<String> {
        let warnings = parse(text).unwrap().warnings;
        warnings.iter().map(ToString::to_string).collect()
    };
    let found = warnings(&(group("access-network", "") + inside));
    assert_eq!(
        found[1],
        "line 3: host_group.networks: 192.0.2.16/28 of host group nms lies in host group web, whose rules hold \
         there too, while its policies and limits do not"
    );
    let off = "rules = { amplifiers = { then = \"none\" } }";
    assert_eq!(warnings(&(group("access-network", off) + inside)).len(), 1);
}
