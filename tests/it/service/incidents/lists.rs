//! Published lists that were at fault.

use crate::{
    service::{CONFIG, arrives, leaves, site},
    support::{
        daemon::{Daemon, Site, until},
        layout::{BAD_4, GOOD_4, Layout},
        publisher::{Publisher, Reply},
        skipped,
    },
};

/// A service that fetches one list.
struct Scene<'a> {
    site: Site<'a>,
    publisher: Publisher,
    _service: Daemon,
}

impl<'a> Scene<'a> {
    /// With this list in force.
    fn new(layout: &'a Layout, before: &str, feed: &str, list: &str) -> Self {
        let (site, _) = site(layout, CONFIG);
        let ca = site.path("ca.pem");
        let publisher = Publisher::new(&layout.router, &ca);
        let section = publisher.feed();
        site.configure(&format!("{before}{CONFIG}{section}{feed}"));
        publisher.answers(Reply::Body("text/plain", list.to_owned()));
        let service = site.start();
        let scene = Self {
            site,
            publisher,
            _service: service,
        };
        until("the list is in force", || scene.feed("desired") > 0);
        scene
    }

    fn serves(&self, list: &str) {
        self.publisher
            .answers(Reply::Body("text/plain", list.to_owned()));
        self.site.done(&["feed", "sync", "list"]);
    }

    fn fails(&self, code: &str) {
        until(code, || {
            self.site
                .alarm("feed_failing")
                .is_some_and(|message| message.contains(code))
        });
    }

    fn feed(&self, field: &str) -> u64 {
        self.site.json(&["feed", "show", "list"])[field]
            .as_u64()
            .unwrap()
    }

    fn blocks(&self, address: &str) -> bool {
        self.site.json(&["explain", address])["blocked"]
            .as_bool()
            .unwrap()
    }
}

#[test]
fn spamhaus_mirror_2020_to_2023_error_texts_and_nothing_are_no_lists() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let list = "; Spamhaus DROP List\n203.0.113.0/24 ; SBL1\n";
    let scene = Scene::new(&layout, "", "", list);
    for (text, code) in [("Could not connect: ", "(list_line)"), ("", "(list_empty)")] {
        scene.serves(text);
        scene.fails(code);
        assert!(!arrives(&layout, BAD_4), "{text}");
    }
}

#[test]
fn feodo_2026_a_list_that_says_that_it_is_empty_is_believed() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let scene = Scene::new(&layout, "", "", &format!("{BAD_4}\n"));
    assert!(!arrives(&layout, BAD_4));
    scene.serves("# Entries : 0 subnets, 0 unique IPs\n");
    until("the empty list is in force", || arrives(&layout, BAD_4));
    assert_eq!(scene.site.alarm("feed_failing"), None);
}

#[test]
fn xbl_october_2023_a_rule_that_misfires_is_held_and_forgotten_when_the_list_is_right_again() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let hosts = |count: u32| {
        let hosts = (0..count).map(|host| format!("45.0.{}.{}", host >> 8, host & 255));
        hosts.collect::<Vec<_>>().join("\n") + "\n"
    };
    let good = hosts(1_000);
    let scene = Scene::new(&layout, "", "", &good);
    let misfired = hosts(2_000) + GOOD_4 + "\n";
    scene.serves(&misfired);
    until("it is held", || scene.site.alarm("update_held").is_some());
    assert!(arrives(&layout, GOOD_4));
    assert_eq!(scene.feed("enforced"), 1_000);
    scene.serves(&good);
    until("nothing is held", || {
        scene.site.alarm("update_held").is_none()
    });
    assert_eq!(scene.feed("enforced"), 1_000);
    assert_eq!(
        scene.site.cli(&["feed", "approve", "list"]).code,
        Some(2),
        "nothing is left to approve"
    );
}

#[test]
fn public_resolvers_2017_2025_and_2026_on_a_list_are_void_where_they_are_protected() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let resolvers = "never_block = [{ net = \"8.8.8.8\", reason = \"public DNS\" }]\n";
    let scene = Scene::new(&layout, resolvers, "", &format!("8.8.8.8\n{BAD_4}\n"));
    assert!(!scene.blocks("8.8.8.8") && scene.blocks(BAD_4));
    let explained = scene.site.json(&["explain", "8.8.8.8"]);
    assert_eq!(
        explained["never_block"]["reason"], "public DNS",
        "{explained}"
    );
    assert_eq!((scene.feed("enforced"), scene.feed("withheld")), (1, 1));
}

#[test]
fn private_space_on_lists_2017_to_2026_is_void_and_takes_no_customer_with_it() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let list = format!(
        "10.0.0.0/8\n100.64.0.0/10\n127.0.0.0/8\n169.254.0.0/16\n172.16.0.0/12\n192.168.0.0/16\n\
         224.0.0.0/3\n100.120.165.51\n172.16.9.0/24\n{BAD_4}\n"
    );
    let scene = Scene::new(&layout, "", "shortest_ipv4 = 8\n", &list);
    for address in [
        "10.1.2.3",
        "100.64.0.1",
        "100.120.165.51",
        "127.0.0.1",
        "172.16.9.1",
        "192.168.1.1",
        "224.0.0.5",
    ] {
        assert!(!scene.blocks(address), "{address}");
    }
    assert!(scene.blocks(BAD_4));
    // An end that is protected protects itself, and not the listed one.
    assert!(!arrives(&layout, BAD_4) && !leaves(&layout, BAD_4));
    assert!(arrives(&layout, GOOD_4) && leaves(&layout, GOOD_4));
}

#[test]
fn two_addresses_that_ran_together_refuse_the_list_by_its_line() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let scene = Scene::new(&layout, "", "", &format!("{BAD_4}\n"));
    scene.serves(&format!("{GOOD_4}\n176.221.42.3254.174.140.223\n"));
    scene.fails("line 2");
    assert!(!arrives(&layout, BAD_4) && arrives(&layout, GOOD_4));
}

#[test]
fn prefixes_that_overlap_are_all_enforced_and_empty_no_set() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let list = "203.0.113.0/24\n203.0.113.0/28\n203.0.113.7\n203.0.113.7/32\n203.0.113.0/30\n";
    let scene = Scene::new(&layout, "", "", list);
    assert!(!arrives(&layout, BAD_4) && !arrives(&layout, GOOD_4));
    assert_eq!(scene.feed("enforced"), 4, "the same prefix twice is one");
}

#[test]
fn stale_bogons_2018_that_cover_space_in_use_by_now_wait_where_it_is_known_as_own() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let own = "own_space = [\"103.160.0.0/16\"]\n";
    let scene = Scene::new(
        &layout,
        own,
        "shortest_ipv4 = 8\n",
        &format!("103.160.0.0/11\n{BAD_4}\n"),
    );
    assert!(
        !scene.blocks("103.160.1.1"),
        "held for its length and for whose it is"
    );
    assert!(scene.blocks(BAD_4));
    assert_eq!((scene.feed("held"), scene.feed("enforced")), (1, 1));
}
