//! Feeds that are fetched: whatever a publisher serves in place of a list, nothing flushes.

mod hostile;
mod signed;

use std::fmt::Write as _;

use super::{CONFIG, Layout, arrives, site, skipped, until};
use crate::support::{
    layout::{BAD_4, GOOD_4},
    publisher::{Publisher, Reply},
};

/// A list of BAD_4 and so many others.
fn list(others: usize) -> Reply {
    let mut text = format!("# a list\n{BAD_4}\n");
    for number in 0..others {
        writeln!(text, "198.51.{}.{}", number >> 8, number & 255).unwrap();
    }
    Reply::Body("text/plain", text)
}

#[test]
fn whatever_a_publisher_serves_in_place_of_a_list_nothing_flushes() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, _) = site(&layout, CONFIG);
    let ca = site.path("ca.pem");
    let publisher = Publisher::new(&layout.router, &ca);
    site.configure(&format!("{CONFIG}{}", publisher.feed()));
    publisher.answers(list(200));
    let service = site.start();
    until("the list is enforced", || !arrives(&layout, BAD_4));
    assert!(arrives(&layout, GOOD_4));
    site.done(&["feed", "sync", "list"]);
    until("it is not sent again", || publisher.unchanged() > 0);

    for (reply, reason) in [
        (Reply::Status("504 Gateway Timeout"), "(http_504)"),
        (
            Reply::Body("text/html", "<html>".to_owned()),
            "(content_type)",
        ),
        (Reply::Endless, "(too_long)"),
        (
            Reply::Status("302 Found\r\nLocation: http://127.0.0.1/list.txt"),
            "(redirect)",
        ),
        (Reply::Vanished, "(transfer)"),
        (Reply::Hang, "(timeout)"),
    ] {
        publisher.answers(reply);
        site.done(&["feed", "sync", "list"]);
        until(reason, || {
            site.alarm("feed_failing")
                .is_some_and(|message| message.contains(reason))
        });
        assert!(!arrives(&layout, BAD_4), "{reason}");
    }
    // What failed is fetched whole the next time.
    for (text, reason) in [
        ("Could not connect: ", "(list_line)"),
        ("", "(list_empty)"),
        ("203.0.113.7\n198.51.100.1", "(list_truncated)"),
    ] {
        publisher.answers(Reply::Body("text/plain", text.to_owned()));
        site.done(&["feed", "sync", "list"]);
        until(reason, || {
            site.alarm("feed_failing")
                .is_some_and(|message| message.contains(reason))
        });
        assert!(!arrives(&layout, BAD_4), "{reason}");
    }

    publisher.answers(Reply::Body("text/plain", format!("{GOOD_4}\n")));
    site.done(&["feed", "sync", "list"]);
    until("the update is held", || site.alarm("update_held").is_some());
    assert!(!arrives(&layout, BAD_4) && arrives(&layout, GOOD_4));
    service.kill();
    let _service = site.start();
    assert!(
        site.alarm("update_held").is_some(),
        "a restart forgets nothing"
    );
    assert!(!arrives(&layout, BAD_4), "the list is read back");
    let held = site.json(&["feed", "show", "list"])["held_update"]["sha256"].clone();
    let held = held.as_str().expect("the digest of the update");
    let approve = ["feed", "approve", "list", "--update"];
    for other in ["0000000000", &held[..7]] {
        let ended = site.cli(&[&approve[..], &[other]].concat());
        assert_eq!(ended.code, Some(3), "{ended:?}");
        assert!(ended.stderr.contains(held), "{ended:?}");
    }
    assert!(!arrives(&layout, BAD_4), "what was not looked at waits");
    site.done(&[&approve[..], &[&held[..16]]].concat());
    assert!(arrives(&layout, BAD_4) && !arrives(&layout, GOOD_4));

    publisher.expires(&ca);
    site.done(&["feed", "sync", "list"]);
    until("an expired certificate is refused", || {
        site.alarm("feed_failing")
            .is_some_and(|message| message.contains("(connect)"))
    });
    assert!(!arrives(&layout, GOOD_4));
}
