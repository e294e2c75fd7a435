//! Publishers that lie, fail, send without an end or send elsewhere: each has its reason, its metric and no
//! effect. And what an operator keeps out stays out.

use crate::{
    service::{CONFIG, arrives, site},
    support::{
        daemon::{METRICS, Site, until},
        layout::{BAD_4, GOOD_4, Layout},
        publisher::{Publisher, Reply},
        skipped,
    },
};

fn configure(site: &Site<'_>, publisher: &Publisher) {
    site.configure(&format!("{METRICS}{CONFIG}{}", publisher.feed()));
}

fn plain(text: &str) -> Reply {
    Reply::Body("text/plain", text.to_owned())
}

/// Has a list fetched that must fail for this reason, and be told of everywhere.
fn fails(site: &Site<'_>, publisher: &Publisher, reply: Reply, code: &str) {
    let metric = format!("levee_feed_pull_failures_total{{feed=\"list\",code=\"{code}\"}}");
    let before = site.metric(&metric);
    publisher.answers(reply);
    site.done(&["feed", "sync", "list"]);
    until(code, || site.metric(&metric) > before);
    let shown = site.json(&["feed", "show", "list"]);
    let alarms = shown["alarms"].to_string();
    assert!(alarms.contains(&format!("({code})")), "{code}: {alarms}");
    let text = site.done(&["feed", "show", "list"]);
    assert!(text.contains(code), "{code}: {text}");
    assert!(
        site.metric("levee_alarms{code=\"feed_failing\"}") > 0.0,
        "{code}"
    );
}

#[test]
fn a_publisher_that_lies_about_length_type_or_place_changes_nothing_and_each_lie_has_its_metric() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, _) = site(&layout, CONFIG);
    let ca = site.path("ca.pem");
    let publisher = Publisher::new(&layout.router, &ca);
    configure(&site, &publisher);
    let list = format!("{BAD_4}\n198.51.100.9\n");
    publisher.answers(plain(&list));
    let service = site.start();
    until("the list is enforced", || !arrives(&layout, BAD_4));

    let elsewhere = "302 Found\r\nLocation: https://localhost/list.txt";
    let insecure = "301 Moved Permanently\r\nLocation: http://127.0.0.1/list.txt";
    let around = "307 Temporary Redirect\r\nLocation: /list.txt";
    for (reply, code) in [
        (Reply::Cut(list.clone()), "transfer"),
        (Reply::Short(list.clone()), "list_truncated"),
        (Reply::EndlessChunks, "too_long"),
        (Reply::Status("504 Gateway Timeout"), "http_504"),
        (Reply::Status("404 Not Found"), "http_404"),
        (Reply::Status("206 Partial Content"), "http_206"),
        (Reply::Status("204 No Content"), "http_204"),
        (Reply::Status(elsewhere), "redirect"),
        (Reply::Status(insecure), "redirect"),
        (Reply::Status(around), "redirect"),
        (
            Reply::Body("text/html; charset=utf-8", list.clone()),
            "content_type",
        ),
        (
            Reply::Body("application/xhtml+xml", list.clone()),
            "content_type",
        ),
        (Reply::Vanished, "transfer"),
        (plain("<html>\n"), "list_html"),
        (
            plain("# Entries : 3 subnets, 3 unique IPs\n203.0.113.7\n"),
            "list_count",
        ),
    ] {
        fails(&site, &publisher, reply, code);
        assert!(!arrives(&layout, BAD_4), "{code}");
        assert!(arrives(&layout, GOOD_4), "{code}");
    }
    publisher.expires(&ca);
    fails(&site, &publisher, plain("203.0.113.8\n"), "connect");
    assert!(!arrives(&layout, BAD_4) && arrives(&layout, GOOD_4));
    service.kill();
    let _service = site.start();
    assert!(
        !arrives(&layout, BAD_4),
        "a restart with a publisher that fails"
    );
}

#[test]
fn an_update_that_was_rejected_stays_out_and_the_next_one_is_judged_anew() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, _) = site(&layout, CONFIG);
    let publisher = Publisher::new(&layout.router, &site.path("ca.pem"));
    configure(&site, &publisher);
    let hosts = |count: u8| {
        let hosts = (1..=count).map(|host| format!("198.51.100.{host}\n"));
        format!("{BAD_4}\n{}", hosts.collect::<String>())
    };
    publisher.answers(plain(&hosts(100)));
    let service = site.start();
    until("the list is enforced", || !arrives(&layout, BAD_4));
    assert_eq!(
        site.cli(&["feed", "reject", "list"]).code,
        Some(2),
        "nothing is held"
    );

    let flush = plain(&format!("{GOOD_4}\n"));
    publisher.answers(flush.clone());
    site.done(&["feed", "sync", "list"]);
    until("the update is held", || site.alarm("update_held").is_some());
    site.done(&["feed", "reject", "list"]);
    assert_eq!(site.alarm("update_held"), None);
    let stays = |when: &str| {
        assert_eq!(site.alarm("update_held"), None, "{when}");
        assert!(
            !arrives(&layout, BAD_4) && arrives(&layout, GOOD_4),
            "{when}"
        );
    };
    let again = |reply: Reply| {
        publisher.answers(reply);
        let before = publisher.requests();
        site.done(&["feed", "sync", "list"]);
        until("it is asked for", || publisher.requests() > before);
        until("it is noted", || site.alarm("feed_failing").is_none());
    };
    again(flush.clone());
    stays("when it is served again");
    assert_eq!(
        site.cli(&["feed", "approve", "list"]).code,
        Some(2),
        "it is decided"
    );
    service.kill();
    let _service = site.start();
    again(flush);
    stays("after a restart");

    // Another update that goes too far is another question; one that does not needs none.
    publisher.answers(plain("203.0.113.9\n"));
    site.done(&["feed", "sync", "list"]);
    until("it is held", || site.alarm("update_held").is_some());
    assert!(!arrives(&layout, BAD_4));
    publisher.answers(plain(&(hosts(99) + GOOD_4 + "\n")));
    site.done(&["feed", "sync", "list"]);
    until("a small update is enforced", || !arrives(&layout, GOOD_4));
    assert_eq!(site.alarm("update_held"), None);
    assert!(!arrives(&layout, BAD_4));
}
