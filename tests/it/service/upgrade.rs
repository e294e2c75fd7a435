//! Another build takes over what is pinned, goes on where an interrupted one has stopped, or says why it
//! cannot and touches nothing.

mod downgrade;

use aya::programs::links::{FdLink, PinnedLink};
use filter_common::abi::{ABI_VERSION, STABLE_SINCE};
use filter_ctl::kernel::{attach::Mode, instance::Instance, pins::PinDir};

use super::{CONFIG, arrives, block, dropped, leaves, restart::under_traffic, site};
use crate::support::{
    bpffs::{set_abi, set_object},
    daemon::{Site, until},
    kernel::SMALL,
    layout::{BAD_4, BAD_6, DOWN, GOOD_4, Layout, UP},
    skip, skipped,
};

/// Maps of another size than those that the configuration asks for.
const OTHER_CAPACITY: &str = "[capacity]\nipv4 = 5000\nipv6 = 5000\n";

/// The pinned link of an interface: its number, and that of the program in it.
fn link(site: &Site<'_>, interface: &str) -> [u32; 2] {
    let pins = PinDir::look(&site.pins()).unwrap();
    let pinned = PinnedLink::from_pin(pins.link(Mode::Native, interface)).unwrap();
    let info = FdLink::from(pinned).info().unwrap();
    [info.id(), info.program_id()]
}

/// The numbers of the pinned sets of maps.
pub(super) fn instances(site: &Site<'_>) -> Vec<u32> {
    let pins = PinDir::look(&site.pins()).unwrap();
    pins.instances().unwrap()
}

#[test]
fn another_build_replaces_the_program_inside_its_links_and_nothing_else() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, _) = site(&layout, CONFIG);
    let mut service = site.start();
    block(&site, &[BAD_4]);
    let generation = site.json(&["status"])["generation"].clone();
    let before = [UP, DOWN].map(|name| link(&site, name));
    let (_service, [sent, bad, good]) = under_traffic(&layout, || {
        for _ in 0..3 {
            service.kill();
            let maps = site.pins().join("1");
            for interface in 0..2 {
                set_object(&maps, interface);
            }
            service = site.start();
        }
        service
    });
    assert_eq!(bad, 0, "of {sent} packets of a blocked host");
    assert!(good > 0);
    assert_eq!(dropped(&site), sent, "every one was counted, once");
    for (name, [id, program]) in [UP, DOWN].into_iter().zip(before) {
        let [same, other] = link(&site, name);
        assert_eq!(same, id, "{name} has kept its link");
        assert_ne!(other, program, "{name} has another program");
    }
    assert_eq!(site.json(&["status"])["generation"], generation);
    assert_eq!(instances(&site), [1], "the same maps");
    let audit = std::fs::read_to_string(site.path("state/audit.log")).unwrap();
    assert_eq!(audit.matches("\"replaced\"").count(), 6, "{audit}");
}

#[test]
fn an_older_version_is_taken_over_with_its_counts_and_never_detached() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, _) = site(&layout, CONFIG);
    let mut service = site.start();
    block(&site, &[BAD_4]);
    let [before, _] = link(&site, UP);
    let (_service, [sent, bad, good]) = under_traffic(&layout, || {
        for number in 1..=3 {
            service.kill();
            set_abi(&site.pins().join(number.to_string()), STABLE_SINCE);
            service = site.start();
        }
        service
    });
    assert_eq!(bad, 0, "of {sent} packets of a blocked host");
    assert!(good > 0);
    assert_eq!(dropped(&site), sent, "every one was counted, once");
    let stats = site.json(&["stats"]);
    assert_eq!(stats["orders"][0]["packets"], sent, "under its order");
    assert_eq!(link(&site, UP)[0], before, "the same link");
    assert_eq!(instances(&site), [4], "the old maps are gone");
}

#[test]
fn the_kill_switch_works_on_an_older_version_and_is_taken_over() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, _) = site(&layout, CONFIG);
    let service = site.start();
    block(&site, &[BAD_4]);
    service.kill();
    set_abi(&site.pins().join("1"), STABLE_SINCE);
    let config = site.config();
    let config = config.to_str().unwrap();
    let status = site.json(&["status", "--config", config]);
    assert!(
        status["alarms"].to_string().contains("other_version"),
        "{status}"
    );
    assert_eq!(status["interfaces"][0]["attached"], true);
    assert!(!arrives(&layout, BAD_4));
    assert_eq!(dropped_on_pins(&site), 1);

    site.done(&["panic", "off", "--reason", "a test", "--config", config]);
    assert!(arrives(&layout, BAD_4), "everything passes");
    let _service = site.start();
    assert!(arrives(&layout, BAD_4), "the operator's decision holds");
    assert_eq!(site.json(&["status"])["bypass"], true);
    site.done(&["panic", "on"]);
    assert!(!arrives(&layout, BAD_4));
    assert_eq!(instances(&site), [2]);
}

/// Nothing of such maps can be read but that they are there.
#[test]
fn a_version_whose_counters_cannot_be_read_is_taken_over_without_them() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, _) = site(&layout, CONFIG);
    let service = site.start();
    block(&site, &[BAD_4]);
    let (_service, [sent, bad, _]) = under_traffic(&layout, || {
        service.kill();
        set_abi(&site.pins().join("1"), STABLE_SINCE - 1);
        site.start()
    });
    assert_eq!(bad, 0, "of {sent} packets of a blocked host");
    assert!(dropped(&site) <= sent);
    assert_eq!(instances(&site), [2]);
    assert!(site.log().contains("cannot be read"), "{}", site.log());
}

#[test]
fn an_interface_that_is_no_longer_configured_moves_to_the_new_maps_as_well() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, _) = site(&layout, CONFIG);
    let service = site.start();
    block(&site, &[BAD_4]);
    assert!(service.terminate().success());
    let up_only = CONFIG.replace(
        "[[interface]]\nname = \"cust0\"\nrole = \"customer\"\nmode = \"native\"\n",
        "",
    );
    assert_ne!(up_only, CONFIG);
    site.configure(&format!("{up_only}{OTHER_CAPACITY}"));
    let _service = site.start();
    assert_eq!(instances(&site), [2], "all have left the old maps");
    assert!(!leaves(&layout, BAD_4), "it filters as before");
    site.done(&["panic", "off", "--reason", "a test"]);
    assert!(leaves(&layout, BAD_4), "and obeys the kill switch");
    site.done(&["panic", "on"]);
    site.done(&[
        "order",
        "add",
        "--reference",
        "2",
        "--issuer",
        "x",
        "--until",
        "1d",
        GOOD_4,
    ]);
    assert!(!leaves(&layout, GOOD_4), "and new orders");
}

#[test]
fn an_interface_under_an_unknown_name_keeps_the_old_maps_until_it_is_named() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, _) = site(&layout, CONFIG);
    let service = site.start();
    block(&site, &[BAD_4]);
    assert!(service.terminate().success());
    if layout
        .router
        .try_ip(&format!("link set {DOWN} name other0"))
        .is_err()
    {
        skip(
            None,
            "needs Linux 6.2, which renames interfaces that are up",
        );
        return;
    }
    let up_only = CONFIG.replace("cust0", "other0");
    let [before, _] = link(&site, DOWN);
    site.configure(&format!(
        "{}{OTHER_CAPACITY}",
        CONFIG.replace("cust0", "gone0")
    ));
    let service = site.start();
    let status = site.json(&["status"]);
    let alarms = status["alarms"].to_string();
    assert!(
        alarms.contains("takeover_incomplete") && alarms.contains("other0"),
        "{alarms}"
    );
    assert_eq!(instances(&site), [1, 2]);
    assert!(!leaves(&layout, BAD_4), "it filters as before");
    site.done(&["panic", "off", "--reason", "a test"]);
    assert!(leaves(&layout, BAD_4), "and obeys the kill switch");
    site.done(&["panic", "on"]);
    assert!(!leaves(&layout, BAD_4));
    let counted = dropped(&site);

    // A crash in this state changes nothing, and loses no count.
    service.kill();
    assert!(!leaves(&layout, BAD_4));
    let service = site.start();
    assert_eq!(dropped(&site), counted + 1);
    site.configure(&format!("{up_only}{OTHER_CAPACITY}"));
    service.reload();
    until("the old maps are gone", || instances(&site) == [2]);
    assert_eq!(link(&site, "other0")[0], before, "the same link");
    assert!(!leaves(&layout, BAD_4));
    assert_eq!(dropped(&site), counted + 2);
    assert_eq!(site.json(&["status"])["alarms"].to_string(), "[]");
}

#[test]
fn what_an_interrupted_start_left_half_made_hides_nothing_and_is_removed() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, _) = site(&layout, CONFIG);
    let service = site.start();
    block(&site, &[BAD_4]);
    let generation = site.json(&["status"])["generation"]["digest"].clone();
    service.kill();
    // Before the first map, before the last, before its record said so; and that of a newer version.
    std::fs::create_dir(site.pins().join("2")).unwrap();
    for number in ["3", "4", "5"] {
        Instance::create(&site.pins().join(number), SMALL, 7).unwrap();
    }
    std::fs::remove_file(site.pins().join("3/INFO")).unwrap();
    set_abi(&site.pins().join("5"), ABI_VERSION + 1);

    let config = site.config();
    let config = config.to_str().unwrap();
    let status = site.json(&["status", "--config", config]);
    assert_eq!(status["generation"]["digest"], generation);
    assert!(!arrives(&layout, BAD_4));
    assert_eq!(dropped_on_pins(&site), 1);
    site.done(&["panic", "off", "--config", config]);
    assert!(arrives(&layout, BAD_4));
    site.done(&["panic", "on", "--config", config]);
    let _service = site.start();
    assert_eq!(instances(&site), [1], "the start was undone");
    assert_eq!(site.json(&["status"])["generation"]["digest"], generation);
    assert!(!arrives(&layout, BAD_4));
}

/// Packets dropped in all, as `stats` says without a service.
fn dropped_on_pins(site: &Site<'_>) -> u64 {
    let config = site.config();
    let stats = site.json(&["stats", "--config", config.to_str().unwrap()]);
    stats["totals"]["dropped"]["packets"].as_u64().unwrap()
}

#[test]
fn both_families_are_blocked_while_the_capacity_grows() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, _) = site(&layout, &format!("{CONFIG}{OTHER_CAPACITY}"));
    let mut service = site.start();
    block(&site, &[BAD_4, BAD_6]);
    for capacity in [10_000, 20_000] {
        assert!(service.terminate().success());
        let limits = format!("[capacity]\nipv4 = {capacity}\nipv6 = {capacity}\n");
        site.configure(&format!("{CONFIG}{limits}"));
        service = site.start();
        assert!(!arrives(&layout, BAD_4) && !arrives(&layout, BAD_6));
    }
}
