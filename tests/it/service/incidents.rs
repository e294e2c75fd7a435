//! What has gone wrong elsewhere, each as a test that says what Levee does about it.
//!
//! [`lists`] has those in which a published list was at fault.

mod lists;

use jiff::SignedDuration;
use serde_json::Value;

use super::{CONFIG, arrives, site};
use crate::support::{
    authority::{Authority, Bundle},
    daemon::{Daemon, Ended, Site},
    layout::{BAD_4, GOOD_4, Layout},
    skipped,
};

/// A service with one authority, whose key may ask for this.
struct Scene<'a> {
    site: Site<'a>,
    authority: Authority,
    _service: Daemon,
}

impl<'a> Scene<'a> {
    fn new(layout: &'a Layout, settings: &str, scope: &str) -> Self {
        let (site, authority) = site(layout, &format!("{settings}{CONFIG}"));
        let trust = std::fs::read_to_string(site.path("trust.toml")).unwrap();
        std::fs::write(
            site.path("trust.toml"),
            format!("{trust}[feed.scope]\n{scope}"),
        )
        .unwrap();
        let service = site.start();
        Self {
            site,
            authority,
            _service: service,
        }
    }

    fn apply(&self, bundle: &Bundle) -> (Option<i32>, Value) {
        let path = self
            .authority
            .sign(&self.site, &format!("{}.jsonl", bundle.seq), bundle);
        let arguments = ["order", "apply", path.to_str().unwrap(), "-o", "json"];
        let Ended { code, stdout, .. } = self.site.cli(&arguments);
        (code, serde_json::from_str(&stdout).unwrap())
    }

    fn blocks(&self, address: &str) -> bool {
        self.site.json(&["explain", address])["blocked"]
            .as_bool()
            .unwrap()
    }

    /// What was not done of an order, and why.
    fn withheld(&self) -> Vec<(String, String, String)> {
        let order = self.site.json(&["order", "show", "cert:7/2026"]);
        let withheld = order["not_enforced"].as_array().unwrap().iter();
        let text = |entry: &Value, name: &str| entry[name].as_str().unwrap_or("").to_owned();
        withheld
            .map(|entry| {
                (
                    text(entry, "net"),
                    text(entry, "status"),
                    text(entry, "reason"),
                )
            })
            .collect()
    }
}

fn told(net: &str, status: &str, reason: &str) -> (String, String, String) {
    (net.to_owned(), status.to_owned(), reason.to_owned())
}

#[test]
fn pakistan_and_youtube_2008_a_block_makes_no_route() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let scene = Scene::new(&layout, "", "");
    let routes = || {
        let mut command = std::process::Command::new("ip");
        command.args(["route", "show", "table", "all"]);
        layout.router.run(|| command.output()).unwrap().stdout
    };
    let before = routes();
    scene.apply(&Bundle::new(1, &["203.0.113.0/24"]));
    assert!(!arrives(&layout, BAD_4) && !arrives(&layout, GOOD_4));
    assert_eq!(
        routes(),
        before,
        "what is dropped here is announced to nobody"
    );
}

#[test]
fn telegram_2018_subnets_of_clouds_are_out_of_scope_or_too_many_addresses() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let scope = "shortest_ipv4 = 14\naddresses_max = 300000\n";
    let scene = Scene::new(&layout, "", scope);
    scene.apply(&Bundle::new(1, &[BAD_4]));
    // 19 million addresses in subnets.
    let (code, refusal) = scene.apply(&Bundle::new(2, &["52.56.0.0/14", "35.156.0.0/14"]));
    assert_eq!(
        (code, &refusal["code"]),
        (Some(3), &"too_many_addresses".into())
    );
    assert!(scene.blocks(BAD_4), "what was good before stays");
    let (code, _) = scene.apply(&Bundle::new(2, &["52.0.0.0/10", BAD_4]));
    assert_eq!(code, Some(3));
    assert_eq!(
        scene.withheld(),
        [told("52.0.0.0/10", "refused", "prefix_too_short")]
    );
    assert!(!scene.blocks("52.1.2.3") && scene.blocks(BAD_4));
}

#[test]
fn austria_2022_a_list_of_cdn_addresses_is_refused_to_its_sender_where_the_cdn_is_protected() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let cdn = "never_block = [{ net = \"104.16.0.0/13\", reason = \"a CDN\" }]\n";
    let scene = Scene::new(&layout, cdn, "");
    let hosts: Vec<String> = (1..=11).map(|host| format!("104.21.0.{host}")).collect();
    let mut nets: Vec<&str> = hosts.iter().map(String::as_str).collect();
    nets.push(BAD_4);
    let (code, report) = scene.apply(&Bundle::new(1, &nets));
    assert_eq!(code, Some(3), "{report}");
    assert_eq!(report["enforced"], 1);
    let withheld = scene.withheld();
    assert_eq!(withheld.len(), 11);
    for (net, status, reason) in withheld {
        assert!(net.starts_with("104.21.0."), "{net}");
        assert_eq!((&*status, &*reason), ("refused", "never_block"));
    }
    let explained = scene.site.json(&["explain", "104.21.0.1"]);
    assert_eq!(explained["never_block"]["reason"], "a CDN", "{explained}");
}

#[test]
fn piracy_shield_february_2024_one_address_of_many_sites_is_freed_at_once_whoever_ordered_it() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let scene = Scene::new(&layout, "", "");
    scene.apply(&Bundle::new(1, &[BAD_4, GOOD_4]));
    assert!(!arrives(&layout, BAD_4));
    let exception = [
        "exception",
        "add",
        BAD_4,
        "--reason",
        "ticket 4711",
        "--until",
        "24h",
    ];
    scene.site.done(&exception);
    assert!(arrives(&layout, BAD_4) && !arrives(&layout, GOOD_4));
    // The next bundle says the same again, and does not get its way.
    scene.apply(&Bundle::new(2, &[BAD_4, GOOD_4]));
    assert!(arrives(&layout, BAD_4) && !arrives(&layout, GOOD_4));
    assert_eq!(
        scene.withheld(),
        [told("203.0.113.7/32", "refused", "never_block")]
    );
}

#[test]
fn piracy_shield_october_2024_an_authority_unblocks_by_the_way_by_which_it_blocks() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let scene = Scene::new(&layout, "", "");
    scene.apply(&Bundle::new(1, &[BAD_4]));
    assert!(!arrives(&layout, BAD_4));
    let (code, report) = scene.apply(&Bundle::new(2, &[]));
    assert_eq!((code, &report["status"]), (Some(0), &"enforced".into()));
    assert!(arrives(&layout, BAD_4), "with the answer it is done");
}

#[test]
fn ovh_march_2024_an_address_is_not_blocked_for_ever_and_everybody_sees_by_whom_and_until_when() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let scene = Scene::new(&layout, "", "");
    let mut bundle = Bundle::new(1, &[BAD_4]);
    bundle
        .entries
        .push("\"id\":\"endless\",\"net\":\"203.0.113.9\"".to_owned());
    bundle.block("203.0.113.10", SignedDuration::from_hours(24 * 181));
    let (code, _) = scene.apply(&bundle);
    assert_eq!(code, Some(3));
    let mut withheld = scene.withheld();
    withheld.sort();
    let expected = [
        told("203.0.113.10/32", "refused", "until_too_far"),
        told("203.0.113.9/32", "refused", "no_until"),
    ];
    assert_eq!(withheld, expected);
    let order = &scene.site.json(&["explain", BAD_4])["orders"][0];
    for field in ["id", "issuer", "reference", "since", "until"] {
        assert!(order[field].is_string(), "{field}: {order}");
    }
}

#[test]
fn twente_an_address_that_two_have_listed_is_free_once_both_have_let_go() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let scene = Scene::new(&layout, "", "");
    scene.apply(&Bundle::new(1, &[BAD_4]));
    super::block(&scene.site, &["203.0.113.0/24"]);
    let orders = scene.site.json(&["explain", BAD_4])["orders"].clone();
    let mut ids: Vec<&str> = orders
        .as_array()
        .unwrap()
        .iter()
        .map(|o| o["id"].as_str().unwrap())
        .collect();
    ids.sort_unstable();
    assert_eq!(ids, ["cert:7/2026", "operator:1"]);
    scene.apply(&Bundle::new(2, &[]));
    assert!(!arrives(&layout, BAD_4), "the other still lists it");
    scene.site.done(&["order", "withdraw", "operator:1"]);
    assert!(arrives(&layout, BAD_4));
}

#[test]
fn laliga_2025_a_requester_has_a_quota_and_past_it_nothing_of_the_request_is_taken() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let scene = Scene::new(&layout, "", "entries_max = 3000\n");
    let nets = |count: u32| -> Vec<String> {
        (0..count)
            .map(|host| format!("45.0.{}.{}", host >> 8, host & 255))
            .collect()
    };
    let apply = |seq: u64, count: u32| {
        let nets = nets(count);
        scene.apply(&Bundle::new(
            seq,
            &nets.iter().map(String::as_str).collect::<Vec<_>>(),
        ))
    };
    assert_eq!(apply(1, 3_000).0, Some(0));
    let (code, refusal) = apply(2, 3_001);
    assert_eq!(
        (code, &refusal["code"]),
        (Some(3), &"too_many_entries".into())
    );
    let feed = scene.site.json(&["feed", "show", "cert"]);
    assert_eq!(
        (&feed["seq"], &feed["enforced"]),
        (&1.into(), &3_000.into())
    );
}

#[test]
fn a_cloud_is_blocked_host_by_host_and_its_prefixes_wait_for_two_persons() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let list = std::env::temp_dir().join(crate::support::unique("cloud.csv"));
    std::fs::write(&list, "kind,prefix\ncloud,52.56.0.0/14\n").unwrap();
    let shared = format!("shared_infrastructure = [{list:?}]\n");
    let scene = Scene::new(&layout, &shared, "shortest_ipv4 = 8\n");
    std::fs::remove_file(&list).unwrap();
    let (code, _) = scene.apply(&Bundle::new(
        1,
        &["52.56.0.1", "52.57.0.0/16", "52.58.1.0/24", "52.60.1.0/24"],
    ));
    assert_eq!(code, Some(3));
    let withheld = scene.withheld();
    let reasons: Vec<(&str, &str)> = withheld
        .iter()
        .map(|(net, status, _)| (&**net, &**status))
        .collect();
    assert_eq!(
        reasons,
        [("52.57.0.0/16", "held"), ("52.58.1.0/24", "held")]
    );
    assert!(scene.blocks("52.56.0.1") && scene.blocks("52.60.1.9"));
    assert!(!scene.blocks("52.57.0.1") && !scene.blocks("52.58.1.1"));
}

#[test]
fn everything_0_0_0_0_0_is_refused_even_to_the_widest_key() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let scene = Scene::new(
        &layout,
        "",
        "shortest_ipv4 = 8\nshortest_ipv6 = 16\naddresses_max = 1000000000\n",
    );
    let (code, _) = scene.apply(&Bundle::new(
        1,
        &["0.0.0.0/0", "::/0", "128.0.0.0/1", BAD_4],
    ));
    assert_eq!(code, Some(3));
    let refused = scene.withheld();
    assert_eq!(refused.len(), 3);
    assert!(
        refused
            .iter()
            .all(|(.., reason)| reason == "prefix_too_short"),
        "{refused:?}"
    );
    assert!(!arrives(&layout, BAD_4) && arrives(&layout, GOOD_4));
}
