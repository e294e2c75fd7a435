//! The real service on a router in small: a signed order drops real packets, and everything that
//! must not take protection away does not.

mod approval;
mod audit;
mod clock;
mod counters;
mod crash;
mod damaged;
mod dead;
mod delta;
mod drift;
mod evidence;
mod incidents;
mod kills;
mod multipart;
mod pause;
mod perimeter;
mod profiles;
mod pull;
mod push;
mod refused;
mod report;
mod restart;
mod rules;
mod samples;
mod stock;
mod swaps;
mod trust;
mod upgrade;

use std::{
    fs,
    net::{IpAddr, UdpSocket},
    path::PathBuf,
    time::Duration,
};

use crate::support::{
    authority::{Authority, Bundle},
    daemon::{Site, until},
    layout::{BAD_4, BAD_6, CUSTOMER_4, CUSTOMER_6, DOWN, GOOD_4, GOOD_6, Layout, UP},
    packet::{Flow, Tag},
    skipped,
};

/// How long a packet may take that is on its way.
const ON_ITS_WAY: Duration = Duration::from_millis(250);

/// Both interfaces, one feed.
const CONFIG: &str = "[[interface]]\nname = \"up0\"\nrole = \"upstream\"\nmode = \"native\"\n\
                      [[interface]]\nname = \"cust0\"\nrole = \"customer\"\nmode = \"native\"\n\
                      [[feed]]\nname = \"cert\"\n";

/// A site with this configuration, and the authority that it trusts.
fn site<'a>(layout: &'a Layout, config: &str) -> (Site<'a>, Authority) {
    let site = Site::new(&layout.router);
    site.configure(config);
    let authority = Authority::new(&site, "authority").trusted(&site);
    (site, authority)
}

/// Whether UDP goes from far behind upstream to the customer.
fn arrives(layout: &Layout, remote: &str) -> bool {
    let remote: IpAddr = remote.parse().unwrap();
    let sender = layout.upstream.udp(remote, 0);
    let receiver = layout.customer.udp(Layout::customer_like(remote), 0);
    passes(&sender, &receiver)
}

/// Whether UDP goes from the customer to far behind upstream.
fn leaves(layout: &Layout, remote: &str) -> bool {
    let remote: IpAddr = remote.parse().unwrap();
    let sender = layout.customer.udp(Layout::customer_like(remote), 0);
    let receiver = layout.upstream.udp(remote, 0);
    passes(&sender, &receiver)
}

fn passes(sender: &UdpSocket, receiver: &UdpSocket) -> bool {
    receiver.set_read_timeout(Some(ON_ITS_WAY)).unwrap();
    sender
        .send_to(b"levee", receiver.local_addr().unwrap())
        .unwrap();
    receiver.recv(&mut [0; 16]).is_ok()
}

/// Enters an operator's order, `operator:1`, that blocks these for a day.
fn block(site: &Site<'_>, nets: &[&str]) {
    let order = [
        "order",
        "add",
        "--reference",
        "1",
        "--issuer",
        "x",
        "--until",
        "1d",
    ];
    site.done(&[&order, nets].concat());
}

/// Makes and signs the delta between two bundles.
fn delta(site: &Site<'_>, authority: &Authority, [old, new]: [&Bundle; 2], name: &str) -> PathBuf {
    let (from, to) = (site.path("old.jsonl"), site.path("new.jsonl"));
    fs::write(&from, old.text()).unwrap();
    fs::write(&to, new.text()).unwrap();
    let made = site.path(name);
    let files = [from, to, made.clone()].map(|path| path.display().to_string());
    site.done(&["bundle", "delta", &files[0], &files[1], "--to", &files[2]]);
    authority.sign_file(&made);
    made
}

/// Packets dropped in all, as `stats` says.
fn dropped(site: &Site<'_>) -> u64 {
    site.json(&["stats"])["totals"]["dropped"]["packets"]
        .as_u64()
        .unwrap()
}

#[test]
fn a_signed_order_drops_real_packets_and_the_counters_say_whose_order_it_was() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, authority) = site(&layout, CONFIG);
    let service = site.start();
    for remote in [BAD_4, BAD_6] {
        assert!(
            arrives(&layout, remote) && leaves(&layout, remote),
            "{remote} before the order"
        );
    }

    let bundle = authority.sign(&site, "1.jsonl", &Bundle::new(1, &[BAD_4, BAD_6]));
    let report = site.json(&["order", "apply", bundle.to_str().unwrap()]);
    assert_eq!(
        (&report["status"], &report["enforced"]),
        (&"enforced".into(), &2.into())
    );
    for remote in [BAD_4, BAD_6] {
        assert!(
            !arrives(&layout, remote) && !leaves(&layout, remote),
            "{remote} is blocked"
        );
    }
    for remote in [GOOD_4, GOOD_6] {
        assert!(
            arrives(&layout, remote) && leaves(&layout, remote),
            "{remote} is not"
        );
    }

    let stats = site.json(&["stats"]);
    assert_eq!(stats["totals"]["dropped"]["packets"], 4);
    assert_eq!(stats["orders"][0]["id"], "cert:7/2026");
    assert_eq!(stats["orders"][0]["packets"], 4);
    assert_eq!(stats["feeds"][0]["packets"], 4);
    let explanation = site.json(&["explain", BAD_4]);
    assert_eq!(explanation["blocked"], true);
    let entry = &explanation["orders"][0];
    let net = format!("{BAD_4}/32");
    assert_eq!(
        ["feed", "issuer", "reference", "net", "dir"].map(|field| entry[field].as_str().unwrap()),
        ["cert", "CERT", "7/2026", &net, "both"]
    );
    assert_eq!(site.json(&["explain", GOOD_4])["blocked"], false);

    site.done(&["order", "withdraw", "cert:7/2026"]);
    for remote in [BAD_4, BAD_6] {
        assert!(
            arrives(&layout, remote) && leaves(&layout, remote),
            "{remote} after the withdrawal"
        );
    }
    assert_eq!(dropped(&site), 4, "no drop is forgotten, and none is added");
    site.done(&["order", "reinstate", "cert:7/2026"]);
    assert!(!arrives(&layout, BAD_4));
    assert!(service.terminate().success());
    assert!(
        !arrives(&layout, BAD_4),
        "a stopped service leaves protection in place"
    );
}

#[test]
fn tags_hide_nothing_on_the_wire() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, _) = site(&layout, CONFIG);
    let _service = site.start();
    site.done(&[
        "order",
        "add",
        "--reference",
        "L-1",
        "--issuer",
        "Court",
        "--until",
        "30d",
        BAD_4,
        BAD_6,
    ]);
    let (wire, behind) = (layout.tap_upstream(), layout.router_tap());
    for tags in [vec![], vec![Tag::q(5)], vec![Tag::ad(6), Tag::q(5)]] {
        for (good, bad, customer) in [(GOOD_4, BAD_4, CUSTOMER_4), (GOOD_6, BAD_6, CUSTOMER_6)] {
            let [good, bad] = [good, bad].map(|remote| {
                let flow = Flow::udp(remote, customer, [40_000, 53]);
                Layout::inbound(&flow, b"x").tagged(&tags).bytes()
            });
            wire.send(&bad);
            wire.send(&good);
            // Frames keep their order on a cable: once the good one is there, the bad one would be.
            let mut seen_bad = false;
            behind.expect(Duration::from_secs(5), |frame| {
                seen_bad |= frame == bad;
                frame == good
            });
            assert!(!seen_bad, "{customer} {tags:?}");
        }
    }
}

#[test]
fn an_operators_order_is_entered_from_a_letter_with_defanged_addresses() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, _) = site(&layout, CONFIG);
    let _service = site.start();
    let list = "Annex 1\n203.0.113[.]7\n2001:db8:bad::7\nhxxp://evil.example/a\n";
    fs::write(site.path("annex.txt"), list).unwrap();
    let arguments = [
        "order",
        "add",
        "--reference",
        "144/VNCERT",
        "--issuer",
        "VNCERT/CC",
        "--until",
        "30d",
        "--file",
        "annex.txt",
    ];
    let ended = site.cli(&arguments);
    assert_eq!(
        ended.code,
        Some(3),
        "a URL is not enforceable, and that is said: {ended:?}"
    );
    assert!(
        ended.stdout.contains("evil") || ended.stderr.contains("evil"),
        "{ended:?}"
    );
    assert!(!arrives(&layout, BAD_4) && !arrives(&layout, BAD_6));
    let orders = site.json(&["order", "list"]);
    assert_eq!(orders[0]["id"], "operator:144/VNCERT");
    assert_eq!(orders[0]["issuer"], "VNCERT/CC");
}

#[test]
fn an_exception_voids_an_order_at_once_and_its_removal_restores_it() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, _) = site(&layout, CONFIG);
    let _service = site.start();
    block(&site, &["203.0.113.0/24"]);
    assert!(!arrives(&layout, BAD_4) && !arrives(&layout, GOOD_4));
    site.done(&["exception", "add", GOOD_4, "--reason", "a resolver"]);
    assert!(
        !arrives(&layout, BAD_4) && arrives(&layout, GOOD_4),
        "the hole, and only the hole"
    );
    let explanation = site.json(&["explain", GOOD_4]);
    assert_eq!(explanation["blocked"], false);
    assert_eq!(explanation["never_block"]["reason"], "a resolver");
    site.done(&["exception", "remove", GOOD_4]);
    assert!(!arrives(&layout, GOOD_4));
}

#[test]
fn a_monitored_interface_counts_what_it_would_drop_and_drops_nothing() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let config = CONFIG.replacen(
        "mode = \"native\"",
        "mode = \"native\"\naction = \"monitor\"",
        1,
    );
    let (site, _) = site(&layout, &config);
    let service = site.start();
    block(&site, &[BAD_4]);
    assert!(arrives(&layout, BAD_4));
    assert!(!leaves(&layout, BAD_4), "the other interface enforces");
    let stats = site.json(&["stats"]);
    assert_eq!(stats["totals"]["would_drop"]["packets"], 1);
    assert_eq!(stats["orders"][0]["would_drop"]["packets"], 1);
    assert_eq!(stats["totals"]["dropped"]["packets"], 1);

    site.configure(CONFIG);
    service.reload();
    until("the reload enforces", || !arrives(&layout, BAD_4));
}

#[test]
fn an_entry_ends_at_its_until() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, authority) = site(&layout, CONFIG);
    let _service = site.start();
    let mut bundle = Bundle::new(1, &[BAD_6]);
    bundle.block(BAD_4, jiff::SignedDuration::from_secs(4));
    let bundle = authority.sign(&site, "1.jsonl", &bundle);
    site.done(&["order", "apply", bundle.to_str().unwrap()]);
    assert!(!arrives(&layout, BAD_4));
    until("the entry ends", || arrives(&layout, BAD_4));
    assert!(!arrives(&layout, BAD_6), "the other entry does not");
    assert_eq!(site.json(&["explain", BAD_4])["blocked"], false);
}

#[test]
fn a_bundle_in_the_watched_directory_is_taken_and_put_away() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let site = Site::new(&layout.router);
    let inbox = site.path("inbox");
    fs::create_dir(&inbox).unwrap();
    site.configure(&format!("{CONFIG}directory = {inbox:?}\n"));
    let authority = Authority::new(&site, "authority").trusted(&site);
    let _service = site.start();
    authority.sign(&site, "inbox/1.jsonl", &Bundle::new(1, &[BAD_4]));
    until("the bundle is enforced", || !arrives(&layout, BAD_4));
    until("it is put away", || inbox.join("accepted/1.jsonl").exists());

    let stranger = Authority::new(&site, "stranger");
    stranger.sign(&site, "inbox/2.jsonl", &Bundle::new(2, &[]));
    until("the forged one is put away", || {
        inbox.join("refused/2.jsonl.reason").exists()
    });
    let reason = fs::read_to_string(inbox.join("refused/2.jsonl.reason")).unwrap();
    assert!(reason.starts_with("unknown_key"), "{reason}");
    assert!(!arrives(&layout, BAD_4));
}

#[test]
fn both_interfaces_are_what_the_configuration_says() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let config = CONFIG.replace("\"native\"", "\"generic\"");
    let (site, _) = site(&layout, &config);
    let _service = site.start();
    let status = site.json(&["status"]);
    let interfaces = status["interfaces"].as_array().unwrap();
    for (interface, name) in interfaces.iter().zip([UP, DOWN]) {
        assert_eq!(interface["name"], name);
        assert_eq!(interface["mode"], "generic");
        assert_eq!(interface["attached"], true);
    }
    block(&site, &[BAD_4, BAD_6]);
    assert!(!arrives(&layout, BAD_4) && !arrives(&layout, BAD_6));
    assert!(arrives(&layout, GOOD_4) && arrives(&layout, GOOD_6));
}
