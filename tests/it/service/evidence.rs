//! What was received is kept by its content, whatever becomes of it.

use std::{fs, os::unix::fs::MetadataExt as _};

use filter_ctl::order::{Input, hex};
use serde_json::Value;

use super::{CONFIG, arrives, site};
use crate::support::{
    authority::Bundle,
    daemon::Site,
    layout::{BAD_4, GOOD_4, Layout},
    skipped,
};

fn evidence(site: &Site<'_>, more: &[&str]) -> Value {
    let state = site.path("state").display().to_string();
    site.json(&[&["audit", "evidence", "--state-dir", &state], more].concat())
}

#[test]
fn what_was_admitted_or_refused_with_a_good_signature_and_the_list_of_a_letter_are_kept() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, authority) = site(&layout, CONFIG);
    let service = site.start();
    let admitted = authority.sign(&site, "2.jsonl", &Bundle::new(2, &[BAD_4]));
    site.done(&["order", "apply", admitted.to_str().unwrap()]);
    let refused = authority.sign(&site, "1.jsonl", &Bundle::new(1, &[GOOD_4]));
    let ended = site.cli(&["order", "apply", refused.to_str().unwrap()]);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    let forged = authority.sign(&site, "3.jsonl", &Bundle::new(3, &[GOOD_4]));
    fs::write(&forged, Bundle::new(4, &[GOOD_4]).text()).unwrap();
    let ended = site.cli(&["order", "apply", forged.to_str().unwrap()]);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    let list = site.path("annex.txt");
    fs::write(&list, "# annex\n203.0.113[.]99\n").unwrap();
    let add = [
        "order",
        "add",
        "--reference",
        "298",
        "--until",
        "1d",
        "--file",
    ];
    site.done(&[&add[..], &[list.to_str().unwrap()]].concat());

    let kept = evidence(&site, &[]);
    let kept = kept["evidence"].as_array().unwrap();
    let known: Vec<_> = kept
        .iter()
        .map(|note| {
            let outcome = &note["outcomes"][0];
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            (
                text(&note["sha256"]),
                text(&note["subject"]),
                text(&outcome["what"]),
                text(&outcome["code"]),
            )
        })
        .collect();
    let of = |path, subject: &str, what: &str, code: &str| {
        let sha256 = hex::encode(&Input::from(fs::read(path).unwrap()).sha256());
        (sha256, subject.to_owned(), what.to_owned(), code.to_owned())
    };
    let expected = [
        of(&admitted, "cert", "admitted", ""),
        of(&refused, "cert", "refused", "rollback"),
        of(&list, "operator:298", "admitted", ""),
    ];
    assert_eq!(known, expected, "what no known key has signed is not kept");

    // What is in force lies on the disk once, and nothing is left where it came in.
    let sha256 = &known[0].0;
    let shown = evidence(&site, &[sha256]);
    assert_eq!(shown["intact"], true, "{shown}");
    assert_eq!(shown["signatures"].as_array().map(Vec::len), Some(1));
    let links = fs::metadata(shown["path"].as_str().unwrap())
        .unwrap()
        .nlink();
    assert_eq!(links, 2, "{shown}");
    let spool = fs::read_dir(site.path("state/spool")).unwrap();
    assert_eq!(spool.count(), 0);

    // What is in force is kept again where it was lost.
    service.kill();
    fs::remove_dir_all(site.path("state/evidence")).unwrap();
    let _service = site.start();
    let shown = evidence(&site, &[sha256]);
    assert_eq!(shown["intact"], true, "{shown}");
    assert!(!arrives(&layout, BAD_4) && arrives(&layout, GOOD_4));
}

#[test]
fn evidence_that_cannot_be_kept_is_an_alarm_and_blocks_all_the_same() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, authority) = site(&layout, CONFIG);
    let _service = site.start();
    // A file in the place of the directory: nothing can be linked into it.
    fs::remove_dir_all(site.path("state/evidence")).unwrap();
    fs::write(site.path("state/evidence"), "").unwrap();
    let bundle = authority.sign(&site, "1.jsonl", &Bundle::new(1, &[BAD_4]));
    site.done(&["order", "apply", bundle.to_str().unwrap()]);
    assert!(!arrives(&layout, BAD_4) && arrives(&layout, GOOD_4));
    let alarms = site.json(&["status"])["alarms"].to_string();
    assert!(alarms.contains("evidence_failed"), "{alarms}");

    fs::remove_file(site.path("state/evidence")).unwrap();
    let bundle = authority.sign(&site, "2.jsonl", &Bundle::new(2, &[BAD_4]));
    site.done(&["order", "apply", bundle.to_str().unwrap()]);
    assert_eq!(site.json(&["status"])["alarms"], serde_json::json!([]));
}
