//! A clock that is wrong: the service's own, not the machine's.

use super::{CONFIG, arrives, site};
use crate::support::{
    authority::Bundle,
    daemon::until,
    layout::{BAD_4, GOOD_4, Layout},
    skipped,
};

const HOUR: i64 = 3_600;
const TEN_YEARS: i64 = 3_652 * 24 * HOUR;

#[test]
fn a_clock_set_back_ten_years_flushes_nothing_and_admits_nothing() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, authority) = site(&layout, CONFIG);
    let Some(site) = site.with_clock() else {
        return;
    };
    let service = site.start();
    let first = authority.sign(&site, "1.jsonl", &Bundle::new(1, &[BAD_4]));
    site.done(&["order", "apply", first.to_str().unwrap()]);
    let next = authority.sign(&site, "2.jsonl", &Bundle::new(2, &[GOOD_4]));

    site.set_clock(-TEN_YEARS);
    until("the clock is in doubt", || {
        site.alarm("clock_behind").is_some()
    });
    let refused = |when: &str| {
        let ended = site.cli(&["order", "apply", next.to_str().unwrap()]);
        assert_eq!(ended.code, Some(1), "{when}: {ended:?}");
        assert!(
            !arrives(&layout, BAD_4) && arrives(&layout, GOOD_4),
            "{when}"
        );
        assert_eq!(site.json(&["explain", BAD_4])["blocked"], true, "{when}");
    };
    refused("while it runs");
    service.kill();
    assert!(!arrives(&layout, BAD_4));
    let _service = site.start();
    assert!(site.alarm("clock_behind").is_some());
    refused("after a restart in the past");

    site.set_clock(0);
    until("the clock is believed again", || {
        site.alarm("clock_behind").is_none()
    });
    site.done(&["order", "apply", next.to_str().unwrap()]);
    assert!(arrives(&layout, BAD_4) && !arrives(&layout, GOOD_4));
}

#[test]
fn what_a_silent_feed_has_ordered_stays_after_its_bundle_has_expired() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, authority) = site(&layout, CONFIG);
    let Some(site) = site.with_clock() else {
        return;
    };
    let service = site.start();
    let mut bundle = Bundle::new(1, &[BAD_4, GOOD_4]);
    bundle.expires_at = bundle.issued_at + jiff::SignedDuration::from_hours(1);
    let path = authority.sign(&site, "1.jsonl", &bundle);
    site.done(&["order", "apply", path.to_str().unwrap()]);

    site.set_clock(2 * HOUR);
    until("the feed is stale", || site.alarm("feed_stale").is_some());
    let stays = |when: &str| {
        assert!(
            !arrives(&layout, BAD_4) && !arrives(&layout, GOOD_4),
            "{when}"
        );
        assert_eq!(
            site.json(&["feed", "show", "cert"])["enforced"],
            2,
            "{when}"
        );
    };
    stays("after it has expired");
    service.kill();
    let _service = site.start();
    until("the feed is stale again", || {
        site.alarm("feed_stale").is_some()
    });
    stays("after a restart");
    let again = site.cli(&["order", "apply", path.to_str().unwrap()]);
    assert_eq!(
        again.code,
        Some(0),
        "the same bytes again are no news: {again:?}"
    );
    stays("after a replay");
}
