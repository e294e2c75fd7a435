//! An authority that has curl, openssl and minisign and nothing else: it pushes over mutual TLS, and gets receipts
//! that it can verify. The commands are those of the manual's page on push.

mod certificates;
mod notify;

use std::{fs, path::PathBuf, process::Command, thread, time::Duration};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{CONFIG, arrives};
use crate::support::{
    authority::{Authority, Bundle},
    courier::{Answer, Courier, URL},
    daemon::{Daemon, Site, until},
    layout::{BAD_4, GOOD_4, Layout},
    skipped,
};

/// How often a client may ask for long.
const REQUEST_EVERY: Duration = Duration::from_millis(600);
const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// A service that listens, and the authority with its files.
struct Scene<'a> {
    layout: &'a Layout,
    site: Site<'a>,
    authority: Authority,
    daemon: Option<Daemon>,
}

impl<'a> Scene<'a> {
    fn new(layout: &'a Layout) -> Self {
        let site = Site::new(&layout.router);
        let authority = Authority::new(&site, "authority").trusted(&site);
        let scene = Self {
            layout,
            site,
            authority,
            daemon: None,
        };
        scene.courier().certify();
        scene.configure("cert");
        scene
    }

    fn started(mut self) -> Self {
        self.daemon = Some(self.site.start());
        // The listener reads its certificates beside everything else.
        until("the listener answers", || {
            self.courier().get("/v1/appliance.pub").status == 200
        });
        self
    }

    /// The authority's machine.
    fn courier(&self) -> Courier<'_> {
        Courier {
            site: &self.site,
            network: &self.layout.router,
        }
    }

    /// Configures the listener, and one client for this feed.
    fn configure(&self, feed: &str) {
        let other = match feed {
            "cert" => String::new(),
            name => format!("[[feed]]\nname = \"{name}\"\n"),
        };
        let push = self.courier().section(feed);
        self.site.configure(&format!("{CONFIG}{other}{push}"));
    }

    /// Waits until something is so that takes requests to see, no faster than a client may make them.
    fn until(what: &str, mut holds: impl FnMut() -> bool) {
        until(what, || {
            let so = holds();
            if !so {
                thread::sleep(REQUEST_EVERY);
            }
            so
        });
    }

    fn sign(&self, name: &str, bundle: &Bundle) -> PathBuf {
        self.authority.sign(&self.site, name, bundle)
    }

    /// Fetches a receipt and verifies it as an authority does.
    fn receipt(&self, url: &str) -> Value {
        for (url, file) in [
            ("/v1/appliance.pub".to_owned(), "appliance-key.pub"),
            (url.to_owned(), "receipt.json"),
            (format!("{url}.minisig"), "receipt.json.minisig"),
        ] {
            let answer = self.courier().get(&url);
            assert_eq!(answer.status, 200, "{url}: {answer:?}");
            fs::write(self.site.path(file), &answer.body).unwrap();
        }
        let mut minisign = Command::new("minisign");
        minisign.args(["-V", "-m", "receipt.json", "-p", "appliance-key.pub"]);
        let output = self.courier().run(&mut minisign);
        assert!(output.status.success(), "{output:?}");
        let text = fs::read_to_string(self.site.path("receipt.json")).unwrap();
        serde_json::from_str(&text).unwrap()
    }
}

#[test]
fn with_curl_and_minisign_an_authority_blocks_and_unblocks_and_verifies_its_receipts() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let scene = Scene::new(&layout).started();
    assert!(arrives(&layout, BAD_4));

    let first = scene.sign("1.jsonl", &Bundle::new(1, &[BAD_4, "10.0.0.1"]));
    let answer = scene.courier().push("cert", &first);
    assert_eq!(answer.status, 202, "{answer:?}");
    let document = answer.json();
    assert_eq!(document["status"], "partial", "10.0.0.1 is never blocked");
    let url = document["url"].as_str().unwrap().to_owned();
    assert!(
        answer
            .head
            .to_lowercase()
            .contains(&format!("location: {url}")),
        "{answer:?}"
    );
    assert!(!arrives(&layout, BAD_4));

    let receipt = scene.receipt(&url);
    assert_eq!(receipt["status"], "partial");
    assert_eq!(receipt["entries"]["received"], 2);
    assert_eq!(receipt["entries"]["enforced"], 1);
    assert_eq!(receipt["not_enforced"][0]["reason"], "never_block");
    let time = |name: &str| {
        receipt[name]
            .as_str()
            .unwrap()
            .parse::<Timestamp>()
            .unwrap()
    };
    assert!(time("received_at") <= time("admitted_at"));
    assert!(time("admitted_at") <= time("enforced_at"));

    // The same bytes again: the same receipt, untouched.
    let repeated = scene.courier().push("cert", &first);
    assert_eq!(repeated.status, 202);
    assert_eq!(repeated.json()["status"], "repeat");
    assert_eq!(repeated.json()["receipt"], document["receipt"]);
    assert_eq!(scene.receipt(&url), receipt);

    let second = scene.sign("2.jsonl", &Bundle::new(2, &[GOOD_4]));
    let answer = scene.courier().push("cert", &second);
    assert_eq!(answer.json()["status"], "enforced", "{answer:?}");
    assert!(arrives(&layout, BAD_4) && !arrives(&layout, GOOD_4));

    let status = scene.courier().get("/v1/feeds/cert/status").json();
    assert_eq!((&status["epoch"], &status["seq"]), (&1.into(), &2.into()));
    assert_eq!(status["sha256"], answer.json()["receipt"]);

    let id = answer.json()["receipt"].as_str().unwrap().to_owned();
    let shown = scene
        .site
        .json(&["receipt", "show", "cert", &id, "--save", "."]);
    assert_eq!(shown["status"], "enforced");
    let signature = scene.site.path(&format!("{id}.json.minisig"));
    assert!(signature.exists());
    let missing = "0".repeat(64);
    let ended = scene.site.cli(&["receipt", "show", "cert", &missing]);
    assert_eq!(ended.code, Some(2), "{ended:?}");

    // Nobody pulls the feed, so a hint that there is more goes nowhere; what is known is no news.
    let notify = format!("{URL}/v1/feeds/cert/notify");
    assert_eq!(scene.courier().ask(&["-X", "POST", &notify]).status, 404);
    let known = scene
        .courier()
        .ask(&["-d", "{\"epoch\":1,\"seq\":2}", &notify]);
    assert_eq!(
        (known.status, &known.json()["status"]),
        (202, &"current".into())
    );
}

#[test]
fn what_is_refused_says_so_by_its_status_and_nothing_changes() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let scene = Scene::new(&layout).started();
    let first = scene.sign("1.jsonl", &Bundle::new(5, &[BAD_4]));
    assert_eq!(scene.courier().push("cert", &first).status, 202);

    let refused = |answer: Answer, status: u16, code: &str| {
        assert_eq!(answer.status, status, "{code}: {answer:?}");
        let document = answer.json();
        assert_eq!(document["code"], code);
        assert!(
            !arrives(&layout, BAD_4) && arrives(&layout, GOOD_4),
            "{code}"
        );
        document["receipt"].as_str().map(str::to_owned)
    };
    let replayed = scene.sign("replayed.jsonl", &Bundle::new(4, &[GOOD_4]));
    let url = refused(scene.courier().push("cert", &replayed), 409, "rollback").unwrap();
    let receipt = scene.receipt(&url);
    assert_eq!(receipt["status"], "refused");
    assert_eq!(receipt["refusal"]["code"], "rollback");

    let other = scene.sign("other.jsonl", &Bundle::new(5, &[GOOD_4]));
    refused(scene.courier().push("cert", &other), 409, "equivocation").unwrap();

    // A stranger gets an answer and no receipt: it cannot fill the disk.
    let stranger = Authority::new(&scene.site, "stranger");
    let forged = stranger.sign(&scene.site, "forged.jsonl", &Bundle::new(6, &[GOOD_4]));
    assert_eq!(
        refused(scene.courier().push("cert", &forged), 422, "unknown_key"),
        None
    );
    let receipts = fs::read_dir(scene.site.path("state/receipts/cert")).unwrap();
    assert_eq!(receipts.count(), 2 * 3, "a receipt and its signature each");

    let expired = Bundle {
        issued_at: Timestamp::now() - HOUR * 2,
        expires_at: Timestamp::now() - HOUR,
        ..Bundle::new(6, &[GOOD_4])
    };
    let expired = scene.sign("expired.jsonl", &expired);
    refused(scene.courier().push("cert", &expired), 422, "expired");
    refused(
        scene.courier().push("ncsc", &first),
        403,
        "feed_not_allowed",
    );
    refused(
        scene.courier().get("/v1/feeds/ncsc/status"),
        403,
        "feed_not_allowed",
    );
    refused(scene.courier().get("/v1/status"), 404, "no_such_route");
    refused(
        scene
            .courier()
            .ask(&["-d", "", &format!("{URL}/v1/feeds/cert/bundles")]),
        400,
        "bad_request",
    );

    let large = scene.site.path("large");
    fs::File::create(&large)
        .unwrap()
        .set_len(300 << 20)
        .unwrap();
    fs::write(scene.site.path("large.minisig"), "").unwrap();
    refused(scene.courier().push("cert", &large), 413, "too_large");

    // Past the burst, requests wait; others are counted all the same.
    let limited = (0..200)
        .map(|_| scene.courier().get("/v1/feeds/cert/status"))
        .find(|a| a.status != 200);
    let limited = limited.expect("a limit");
    assert!(
        limited.head.to_lowercase().contains("retry-after: 1"),
        "{limited:?}"
    );
    refused(limited, 429, "too_many_requests");
}
