//! The meters say who is attacked.

use std::sync::atomic::{AtomicBool, Ordering};

use super::{super::site, CONFIG};
use crate::support::{
    layout::{CUSTOMER_4, GOOD_4, Layout},
    packet::{Flow, Frame, Tcp, V4, number, tcp},
    skipped,
};

const GROUPS: &str = "[[host_group]]\nname = \"web\"\nnetworks = [\"192.0.2.0/24\"]\n\
                      [[host_group]]\nname = \"dns\"\nnetworks = [\"2001:db8:53::/64\"]\n";

fn syn(to: &str) -> Vec<u8> {
    let flow = Flow::udp(GOOD_4, to, [40_000, 443]).protocol(number::TCP);
    let segment = Tcp::new(tcp::SYN).segment(&flow, b"");
    let [source, destination] = [GOOD_4, to].map(|text| text.parse().unwrap());
    let packet = V4::new(source, destination, number::TCP).packet(&segment);
    Layout::from_upstream(Frame::new(0x0800, packet)).bytes()
}

#[test]
fn top_names_the_destination_that_is_attacked() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, _) = site(&layout, &format!("{CONFIG}{GROUPS}"));
    let _service = site.start();
    let (attacked, beside) = (syn(CUSTOMER_4), syn("192.0.2.77"));
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let upstream = layout.tap_upstream();
            while !over.load(Ordering::Relaxed) {
                upstream.send(&beside);
                for _ in 0..20 {
                    upstream.send(&attacked);
                }
            }
        });
        let meters = site.json(&["top", "--seconds", "1"]);
        let web = site.json(&["top", "--group", "web", "--limit", "1"]);
        let dns = site.json(&["top", "--group", "dns"]);
        let text = site.done(&["top"]);
        over.store(true, Ordering::Relaxed);
        let first = &meters["destinations"][0];
        assert_eq!(first["address"], CUSTOMER_4, "{meters}");
        assert_eq!(first["group"], "web");
        let rate = |document: &serde_json::Value| document["packets_per_second"].as_u64().unwrap();
        assert!(rate(&first["classes"]["syn"]) == rate(first), "{first}");
        let second = &meters["destinations"][1];
        assert_eq!(second["address"], "192.0.2.77");
        assert!(rate(first) > 5 * rate(second), "{meters}");
        assert_eq!(meters["groups"][0]["group"], "web");
        assert!(rate(&meters["groups"][0]) >= rate(first), "{meters}");
        assert_eq!(web["destinations"].as_array().unwrap().len(), 1);
        assert_eq!(web["destinations_total"], 2);
        assert_eq!(dns["destinations_total"], 0);
        assert!(text.contains(CUSTOMER_4), "{text}");
    });
    let ended = site.cli(&["top", "--group", "mail"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(
        ended.stderr.contains("expected one of web, dns"),
        "{ended:?}"
    );
}
