//! What an authority is told that sent a letter.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{CONFIG, arrives, dropped, site};
use crate::support::{
    layout::{BAD_4, Layout},
    skipped,
};

const ANNEX: &str = "Annex\n1. 203.0.113[.]7\n2. 10.1.2.3\n3. hxxp://evil.example/a,b\n4. evil[.]example\n\
                     5. d41d8cd98f00b204e9800998ecf8427e\n6. =cmd()\u{1b}[2J\n";

#[test]
fn a_report_says_what_was_asked_done_and_refused_in_both_languages_and_all_forms() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, _) = site(&layout, CONFIG);
    let _service = site.start();
    std::fs::write(site.path("annex.txt"), ANNEX).unwrap();
    let deadline = Timestamp::now() + SignedDuration::from_hours(48);
    let order = format!(
        "order add --reference 298/VNCERT --issuer VNCERT/CC --basis Law --reason C2 --until 30d \
         --date 2026-11-24 --deadline {deadline} --file annex.txt"
    );
    let order: Vec<&str> = order.split(' ').collect();
    let ended = site.cli(&order);
    assert_eq!(ended.code, Some(3), "not all of it can be done: {ended:?}");
    assert!(!arrives(&layout, BAD_4));
    assert_eq!(dropped(&site), 1, "which reads the counters");
    let report = |more: &[&str]| site.done(&[&["report", "298/VNCERT"], more].concat());

    let english = report(&[]);
    for part in [
        "REPORT ON THE EXECUTION OF A BLOCKING ORDER",
        "Issued by:        VNCERT/CC",
        "Dated:            2026-11-24",
        "Report due:",
        "Enforced in time: yes",
        "Packets dropped:  1\n",
        "Blocked: 1\n  1. 203.0.113.7/32 (address): blocked, from ",
        "Not blocked: 1\n  1. 10.1.2.3/32 (address): refused, on the never-block list",
        "Not enforceable by address: 5",
        "evil.example (host name): not enforceable, not an IP address",
        "d41d8cd98f00b204e9800998ecf8427e (hash)",
    ] {
        assert!(english.contains(part), "{part}: {english}");
    }
    assert!(!english.contains('\u{1b}'), "outside text does nothing");

    let vietnamese = report(&["--lang", "vi"]);
    for part in [
        "BÁO CÁO KẾT QUẢ THỰC HIỆN YÊU CẦU NGĂN CHẶN",
        "Cơ quan ban hành:",
        "24/11/2026",
        "đúng hạn",
        "Đã thực hiện ngăn chặn: 1\n  1. 203.0.113.7/32 (địa chỉ IP): đã ngăn chặn, từ ",
        "10.1.2.3/32 (địa chỉ IP): từ chối, thuộc danh sách không được chặn",
        "evil.example (tên miền): không thể thực hiện",
    ] {
        assert!(vietnamese.contains(part), "{part}: {vietnamese}");
    }

    let document: Value = serde_json::from_str(&report(&["--format", "json"])).unwrap();
    assert_eq!(document["id"], "operator:298/VNCERT");
    assert_eq!(document["letter"]["date"], "2026-11-24");
    assert_eq!(document["deadline_met"], true);
    assert_eq!(document["dropped"]["packets"], 1);
    let status: Vec<&str> = document["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["status"].as_str().unwrap())
        .collect();
    let count = |wanted: &str| status.iter().filter(|status| **status == wanted).count();
    let counts = ["enforced", "refused", "not_enforceable"].map(count);
    assert_eq!((counts, status.len()), ([1, 1, 5], 7), "{document}");
    // Whatever the language, the document is the same but for when it was made.
    let mut other: Value =
        serde_json::from_str(&report(&["--format", "json", "--lang", "vi"])).unwrap();
    other["at"] = document["at"].clone();
    assert_eq!(other, document);

    for (lang, head, row) in [
        (
            "en",
            "reference,issuer,kind,item,status,reason,since,until,packets\r\n",
            ",blocked,",
        ),
        (
            "vi",
            "\"Số văn bản\",\"Cơ quan ban hành\",Loại,\"Nội dung\",",
            ",\"đã ngăn chặn\",",
        ),
    ] {
        let csv = report(&["--format", "csv", "--lang", lang]);
        assert!(csv.starts_with(head), "{csv}");
        assert_eq!(csv.matches("\r\n").count(), 8, "{csv}");
        assert!(csv.contains(&format!(",203.0.113.7/32{row}")), "{csv}");
        assert!(
            csv.contains(",\"hxxp://evil.example/a,b\","),
            "quoted: {csv}"
        );
        assert!(!csv.contains(",="), "no formula: {csv}");
    }

    let sent = || {
        let document: Value = serde_json::from_str(&report(&["--format", "json"])).unwrap();
        document["letter"]["report_sent_at"].is_string()
    };
    assert!(!sent());
    report(&["--mark-sent"]);
    assert!(sent());
    let missing = site.cli(&["report", "299/VNCERT"]);
    assert_eq!(missing.code, Some(2), "{missing:?}");
}

#[test]
fn a_letter_that_names_no_address_is_entered_and_answered() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, _) = site(&layout, CONFIG);
    let service = site.start();
    std::fs::write(
        site.path("annex.txt"),
        "hxxp://evil.example/a\nevil[.]example\nd41d8cd98f00b204e9800998ecf8427e\n",
    )
    .unwrap();
    let deadline = Timestamp::now() + SignedDuration::from_secs(1);
    let order = format!(
        "order add --reference 299/VNCERT --issuer VNCERT/CC --until 30d --deadline {deadline} --file annex.txt"
    );
    let order: Vec<&str> = order.split(' ').collect();
    let ended = site.cli(&order);
    assert_eq!(ended.code, Some(3), "nothing of it can be done: {ended:?}");
    let check = |when: &str| {
        let shown = site.json(&["order", "show", "operator:299/VNCERT"]);
        assert_eq!(shown["status"], "not_enforceable", "{when}: {shown}");
        let report = site.done(&["report", "299/VNCERT", "--format", "json"]);
        let report: Value = serde_json::from_str(&report).unwrap();
        assert_eq!(
            report["items"].as_array().map(Vec::len),
            Some(3),
            "{report}"
        );
        assert_eq!(report["deadline_met"], Value::Null, "{when}: {report}");
        let text = site.done(&["report", "299/VNCERT"]);
        assert!(
            text.contains("Not enforceable by address: 3"),
            "{when}: {text}"
        );
        assert!(text.contains("Blocked: 0"), "{when}: {text}");
    };
    check("at once");
    service.kill();
    let _service = site.start();
    check("after a restart, when it is due");
    // An address that comes later makes it an order like any other.
    site.done(&[
        "order",
        "add",
        BAD_4,
        "--reference",
        "299/VNCERT",
        "--issuer",
        "VNCERT/CC",
        "--until",
        "1d",
    ]);
    assert!(!arrives(&layout, BAD_4));
    assert_eq!(
        site.json(&["order", "show", "operator:299/VNCERT"])["status"],
        "in_force"
    );
}
