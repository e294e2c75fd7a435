//! Profiles through the real service: a reload with another one, and what was counted.

use super::{CONFIG, site};
use crate::support::{
    daemon::{Site, until},
    layout::{CUSTOMER_4, GOOD_4, Layout},
    packet::Flow,
    skipped,
};

/// A group for the customer's address, with a profile and words of its own.
fn with_profile(profile: &str, own: &str) -> String {
    format!(
        "{CONFIG}[[host_group]]\nname = \"web\"\nnetworks = [\"{CUSTOMER_4}/32\"]\nprofile = \"{profile}\"\n{own}"
    )
}

/// What each rule has dropped, by name. To ask for `stats` has the counters read.
fn dropped(site: &Site<'_>) -> Vec<(String, u64)> {
    counted(site, "dropped")
}

/// How often each rule did this.
fn counted(site: &Site<'_>, what: &str) -> Vec<(String, u64)> {
    site.json(&["stats"]);
    let list = site.json(&["rule", "list"]);
    let rules = list.as_array().unwrap().iter();
    let mut rules: Vec<_> = rules
        .map(|rule| {
            let packets = rule[what]["packets"].as_u64().unwrap();
            (rule["id"].as_str().unwrap().to_owned(), packets)
        })
        .collect();
    rules.sort();
    rules
}

/// Packets that rules dropped, by reason.
fn dropped_by_rules(site: &Site<'_>) -> u64 {
    let stats = site.json(&["stats"]);
    let reasons = stats["reasons"].as_array().unwrap().iter();
    let rules = reasons.filter(|entry| entry["reason"] == "rule" && entry["verdict"] == "drop");
    rules.map(|entry| entry["packets"].as_u64().unwrap()).sum()
}

#[test]
fn another_profile_comes_into_force_with_a_reload_and_no_count_is_lost() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, _) = site(&layout, &with_profile("web-server", ""));
    let _service = site.start();
    let (wire, behind) = (layout.tap_upstream(), layout.router_tap());
    let from =
        |port: u16| Layout::inbound(&Flow::udp(GOOD_4, CUSTOMER_4, [port, 40_000]), b"x").bytes();
    let marker = from(40_000);
    let judge = |port: u16| super::perimeter::passes(&wire, &behind, &from(port), &marker);
    let reflection = format!("web/reflection@{CUSTOMER_4}/32");
    let fragments = format!("web/udp-fragments@{CUSTOMER_4}/32");
    let counts = |some: &[(&String, u64)]| -> Vec<(String, u64)> {
        some.iter()
            .map(|(id, count)| ((*id).clone(), *count))
            .collect()
    };
    for port in [123, 161] {
        assert!(!judge(port), "the profile drops port {port}");
    }
    assert_eq!(dropped(&site), counts(&[(&reflection, 2), (&fragments, 0)]));
    let removed = site.cli(&["rule", "remove", &reflection]);
    assert_eq!(removed.code, Some(3), "{removed:?}");
    assert!(removed.stderr.contains("then = \"none\""), "{removed:?}");

    // Both have a rule of that name: it goes on counting. The other one ends.
    site.configure(&with_profile("resolver", ""));
    site.done(&["reload"]);
    assert!(judge(123), "a resolver may have a clock");
    assert!(!judge(161));
    assert_eq!(dropped(&site), counts(&[(&reflection, 3)]));

    // What the group says holds, and the rule goes on.
    site.configure(&with_profile(
        "resolver",
        "limits = { reflection = \"none\", udp = \"none\" }\nrules = { reflection = { then = \"monitor\" } }\n",
    ));
    site.done(&["reload"]);
    assert!(judge(161));
    until("it to be counted", || counted(&site, "matched")[0].1 == 4);
    assert_eq!(dropped(&site)[0].1, 3, "it drops nothing now");

    // What is refused changes nothing.
    site.configure(&with_profile("web", ""));
    let refused = site.cli(&["reload"]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(
        refused
            .stderr
            .contains("access-network, resolver, web-server"),
        "{refused:?}"
    );
    assert!(judge(161));
    assert_eq!(dropped_by_rules(&site), 3, "no drop is forgotten");
}
