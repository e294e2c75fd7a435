//! A hint that there is something to fetch.

use std::fs;

use super::{Scene, URL};
use crate::{
    service::arrives,
    support::{
        authority::Bundle,
        daemon::until,
        layout::{BAD_4, GOOD_4, Layout},
        publisher::{Publisher, Reply},
        skipped,
    },
};

#[test]
fn a_hint_leads_to_a_fetch_and_the_bundle_that_was_fetched_has_its_receipt() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let scene = Scene::new(&layout);
    let ca = scene.site.path("publisher.pem");
    let publisher = Publisher::new(&layout.router, &ca);
    let config = fs::read_to_string(scene.site.config()).unwrap();
    let port = publisher.port;
    let feed = "[[feed]]\nname = \"cert\"\n";
    let pulled = format!(
        "{feed}url = \"https://127.0.0.1:{port}/cert.jsonl\"\nca_file = {ca:?}\nrefresh = \"1h\"\n"
    );
    fs::write(scene.site.config(), config.replace(feed, &pulled)).unwrap();
    let publish = |name: &str, bundle: &Bundle| {
        let path = scene.sign(name, bundle);
        let signature = fs::read_to_string(path.with_extension("jsonl.minisig")).unwrap();
        publisher.answers(Reply::Signed(bundle.text(), vec![signature]));
    };
    publish("1.jsonl", &Bundle::new(1, &[BAD_4]));
    let _service = scene.site.start();
    until("the first is enforced", || !arrives(&layout, BAD_4));

    let before = publisher.requests();
    let notify = format!("{URL}/v1/feeds/cert/notify");
    let known = scene
        .courier()
        .ask(&["-d", "{\"epoch\":1,\"seq\":1}", &notify]);
    assert_eq!(
        (known.status, &known.json()["status"]),
        (202, &"current".into())
    );
    assert_eq!(
        publisher.requests(),
        before,
        "what is known is not asked for"
    );

    publish("2.jsonl", &Bundle::new(2, &[GOOD_4]));
    let noted = scene
        .courier()
        .ask(&["-d", "{\"epoch\":1,\"seq\":2}", &notify]);
    assert_eq!(
        (noted.status, &noted.json()["status"]),
        (202, &"noted".into())
    );
    until("the hint is followed", || {
        arrives(&layout, BAD_4) && !arrives(&layout, GOOD_4)
    });
    let status = scene.courier().get("/v1/feeds/cert/status").json();
    let id = status["sha256"].as_str().unwrap().to_owned();
    Scene::until("its receipt is there", || {
        scene
            .courier()
            .get(&format!("/v1/feeds/cert/receipts/{id}"))
            .status
            == 200
    });
    let receipt = scene.receipt(&format!("/v1/feeds/cert/receipts/{id}"));
    assert_eq!(
        (&receipt["status"], &receipt["seq"]),
        (&"enforced".into(), &2.into())
    );

    // A hint says nothing about what is there: a false one changes nothing.
    publisher.answers(Reply::Status("504 Gateway Timeout"));
    assert_eq!(scene.courier().ask(&["-X", "POST", &notify]).status, 202);
    until("it fails", || scene.site.alarm("feed_failing").is_some());
    assert!(arrives(&layout, BAD_4) && !arrives(&layout, GOOD_4));
    let broken = scene.courier().ask(&["-d", "{\"epoch\":", &notify]);
    assert_eq!(broken.status, 400);
}
