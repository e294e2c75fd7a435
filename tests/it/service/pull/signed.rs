//! Signed bundles that are fetched, with their signatures beside them.

use std::fs;

use crate::{
    service::{CONFIG, arrives, site},
    support::{
        authority::{Authority, Bundle},
        daemon::{METRICS, until},
        layout::{BAD_4, GOOD_4, Layout},
        publisher::{Publisher, Reply},
        skipped,
    },
};

#[test]
fn a_signed_bundle_is_fetched_with_its_signatures_and_nothing_else_is_believed() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, first) = site(&layout, CONFIG);
    let second = Authority::new(&site, "second");
    let stranger = Authority::new(&site, "stranger");
    let trust = |threshold: u8| {
        let text = format!(
            "[[key]]\nname = \"a\"\npublic_key = \"{}\"\n[[key]]\nname = \"b\"\npublic_key = \"{}\"\n\
             [[feed]]\nname = \"cert\"\nkeys = [\"a\", \"b\"]\nthreshold = {threshold}\n",
            first.public_key, second.public_key
        );
        fs::write(site.path("trust.toml"), text).unwrap();
    };
    trust(1);
    let ca = site.path("ca.pem");
    let publisher = Publisher::new(&layout.router, &ca);
    let port = publisher.port;
    site.configure(&format!(
        "{METRICS}{CONFIG}url = \"https://127.0.0.1:{port}/cert.jsonl\"\nca_file = {ca:?}\n"
    ));
    let made = |bundle: &Bundle, signers: &[&Authority]| {
        let path = site.path("made.jsonl");
        fs::write(&path, bundle.text()).unwrap();
        let signatures = (1..).zip(signers).map(|(number, signer)| {
            let path = signer.countersign(&path, number);
            fs::read_to_string(path).unwrap()
        });
        Reply::Signed(bundle.text(), signatures.collect())
    };
    publisher.answers(made(&Bundle::new(5, &[BAD_4]), &[&first]));
    let service = site.start();
    until("the bundle is enforced", || !arrives(&layout, BAD_4));
    assert_eq!(site.json(&["feed", "show", "cert"])["seq"], 5);

    let fails = |reply: Reply, code: &str| {
        let metric = format!("levee_feed_pull_failures_total{{feed=\"cert\",code=\"{code}\"}}");
        let before = site.metric(&metric);
        publisher.answers(reply);
        site.done(&["feed", "sync", "cert"]);
        until(code, || site.metric(&metric) > before);
        assert!(
            site.alarm("feed_failing")
                .unwrap()
                .contains(&format!("({code})"))
        );
        assert!(
            !arrives(&layout, BAD_4) && arrives(&layout, GOOD_4),
            "{code}"
        );
        assert_eq!(site.json(&["feed", "show", "cert"])["seq"], 5, "{code}");
    };
    let next = Bundle::new(6, &[GOOD_4]);
    fails(made(&next, &[]), "no_signature");
    fails(made(&next, &[&stranger]), "unknown_key");
    let Reply::Signed(text, signatures) = made(&next, &[&first]) else {
        unreachable!()
    };
    fails(
        Reply::Signed(text.replace("botnet", "Botnet"), signatures.clone()),
        "bad_signature",
    );
    fails(
        Reply::Signed(text[..text.len() / 2].to_owned(), signatures),
        "bad_signature",
    );
    fails(made(&Bundle::new(4, &[GOOD_4]), &[&first]), "rollback");
    fails(made(&Bundle::new(5, &[GOOD_4]), &[&first]), "equivocation");
    fails(Reply::Cut(text), "transfer");
    let mut other = next.clone();
    other.feed = "ncsc";
    fails(made(&other, &[&first]), "unknown_feed");

    trust(2);
    site.done(&["reload"]);
    fails(made(&next, &[&first]), "threshold_not_met");
    fails(made(&next, &[&first, &first]), "threshold_not_met");
    publisher.answers(made(&next, &[&first, &second]));
    site.done(&["feed", "sync", "cert"]);
    until("two have signed", || {
        arrives(&layout, BAD_4) && !arrives(&layout, GOOD_4)
    });
    until("it no longer fails", || {
        site.alarm("feed_failing").is_none()
    });
    service.kill();
    let _service = site.start();
    assert!(arrives(&layout, BAD_4) && !arrives(&layout, GOOD_4));
}
