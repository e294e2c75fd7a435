//! Restarts of every kind, under traffic.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::Duration,
};

use super::{CONFIG, arrives, block, dropped, site};
use crate::support::{
    authority::Bundle,
    daemon::until,
    layout::{BAD_4, BAD_6, CUSTOMER_4, GOOD_4, Layout},
    skipped,
};

/// Sends from a blocked and from a good host while `during` runs; returns what that returns, and how
/// many packets of each were sent and how many arrived: `[sent, blocked arrived, good arrived]`.
pub(super) fn under_traffic<T>(layout: &Layout, during: impl FnOnce() -> T) -> (T, [u64; 3]) {
    let receiver = layout.customer.udp(CUSTOMER_4.parse().unwrap(), 0);
    receiver
        .set_read_timeout(Some(Duration::from_millis(20)))
        .unwrap();
    let to = receiver.local_addr().unwrap();
    let [bad, good] = [BAD_4, GOOD_4].map(|remote| layout.upstream.udp(remote.parse().unwrap(), 0));
    let bad_address = bad.local_addr().unwrap().ip();
    let stop = AtomicBool::new(false);
    let [sent, bad_arrived, good_arrived] = [const { AtomicU64::new(0) }; 3];
    let result = thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                for socket in [&bad, &good] {
                    socket.send_to(b"levee", to).unwrap();
                }
                sent.fetch_add(1, Ordering::Relaxed);
                thread::sleep(Duration::from_micros(200));
            }
        });
        scope.spawn(|| {
            let mut buffer = [0; 16];
            // One more look after the end: what is on its way still counts.
            while !stop.load(Ordering::Relaxed) || receiver.recv(&mut [0; 16]).is_ok() {
                while let Ok((_, from)) = receiver.recv_from(&mut buffer) {
                    let arrived = if from.ip() == bad_address {
                        &bad_arrived
                    } else {
                        &good_arrived
                    };
                    arrived.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        let result = during();
        stop.store(true, Ordering::Relaxed);
        result
    });
    let counts = [sent, bad_arrived, good_arrived].map(AtomicU64::into_inner);
    (result, counts)
}

#[test]
fn kill_9_under_traffic_lets_no_blocked_packet_pass_before_during_or_after_the_restart() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, _) = site(&layout, CONFIG);
    let mut service = site.start();
    block(&site, &[BAD_4, BAD_6]);
    let generation = site.json(&["status"])["generation"].clone();
    let mut counted = 0;
    let (_service, [sent, bad, good]) = under_traffic(&layout, || {
        for _ in 0..4 {
            thread::sleep(Duration::from_millis(150));
            service.kill();
            thread::sleep(Duration::from_millis(150));
            service = site.start();
            let status = site.json(&["status"]);
            assert_eq!(
                status["generation"], generation,
                "the same generation, untouched"
            );
            let now = dropped(&site);
            assert!(now >= counted, "counters go on: {now} after {counted}");
            counted = now;
        }
        service
    });
    assert_eq!(bad, 0, "of {sent} packets of a blocked host");
    assert!(
        good > 0 && sent > 100,
        "{good} of {sent} good packets arrived"
    );
    assert_eq!(dropped(&site), sent, "every one was counted, once");
}

#[test]
fn a_change_of_capacity_moves_to_new_maps_under_traffic_without_a_gap_or_a_lost_count() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, _) = site(&layout, CONFIG);
    let mut service = site.start();
    block(&site, &[BAD_4]);
    let (_service, [sent, bad, good]) = under_traffic(&layout, || {
        for capacity in [5_000, 50_000, 5_000] {
            thread::sleep(Duration::from_millis(150));
            assert!(service.terminate().success());
            site.configure(&format!(
                "{CONFIG}[capacity]\nipv4 = {capacity}\nipv6 = {capacity}\n"
            ));
            service = site.start();
        }
        service
    });
    assert_eq!(bad, 0, "of {sent} packets of a blocked host");
    assert!(good > 0);
    assert_eq!(dropped(&site), sent, "every one was counted, once");
    let instances = std::fs::read_dir(site.pins()).unwrap().count();
    assert_eq!(
        instances, 2,
        "one instance and the links: the others are gone"
    );
}

#[test]
fn a_reboot_brings_back_the_orders_and_the_counters() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, _) = site(&layout, CONFIG);
    let service = site.start();
    block(&site, &[BAD_4]);
    assert!(!arrives(&layout, BAD_4));
    service.terminate();
    // What a reboot does to the kernel: every pin is gone, and with it every map and link.
    site.done(&[
        "detach",
        "--all",
        "--config",
        site.config().to_str().unwrap(),
    ]);
    assert!(arrives(&layout, BAD_4), "detached");
    let _service = site.start();
    assert!(!arrives(&layout, BAD_4));
    assert_eq!(dropped(&site), 2);
}

#[test]
fn an_interface_that_vanishes_and_returns_is_attached_again() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, _) = site(&layout, CONFIG);
    let _service = site.start();
    block(&site, &[BAD_4]);
    layout.router.ip("link delete up0\n");
    until("its absence is an alarm", || {
        site.json(&["status"])["alarms"]
            .to_string()
            .contains("not_attached")
    });
    layout.connect_upstream();
    until("it is attached again", || {
        site.json(&["status"])["interfaces"][0]["attached"] == true
    });
    assert!(!arrives(&layout, BAD_4) && arrives(&layout, GOOD_4));
}

#[test]
fn a_start_whose_orders_do_not_fit_leaves_the_old_maps_in_force() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, authority) = site(&layout, CONFIG);
    let service = site.start();
    let nets: Vec<String> = (0..40)
        .map(|host| format!("203.0.113.{}", host * 2 + 101))
        .collect();
    let mut nets: Vec<&str> = nets.iter().map(String::as_str).collect();
    nets.push(BAD_4);
    let bundle = authority.sign(&site, "1.jsonl", &Bundle::new(1, &nets));
    site.done(&["order", "apply", bundle.to_str().unwrap()]);
    service.terminate();
    site.configure(&format!("{CONFIG}[capacity]\nipv4 = 4\nipv6 = 4\n"));
    assert!(
        site.try_start().is_err(),
        "a start that would lose orders fails"
    );
    assert!(
        site.log().contains("the kernel goes on with the old ones"),
        "{}",
        site.log()
    );
    assert!(!arrives(&layout, BAD_4), "and changes nothing");
    let pinned = std::fs::read_dir(site.pins()).unwrap().count();
    assert_eq!(
        pinned, 2,
        "the old maps and the links: nothing is left of the new ones"
    );
    site.configure(CONFIG);
    let _service = site.start();
    assert!(!arrives(&layout, BAD_4));
}

#[test]
fn a_damaged_bundle_takes_nothing_away_and_is_mended_by_applying_it_again() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, authority) = site(&layout, CONFIG);
    let service = site.start();
    let bundle = authority.sign(&site, "1.jsonl", &Bundle::new(1, &[BAD_4]));
    site.done(&["order", "apply", bundle.to_str().unwrap()]);
    service.terminate();
    let feed = site.path("state/feeds/cert");
    let stored = std::fs::read_dir(&feed)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let stored = stored.filter(|path| path.extension().is_some_and(|end| end == "jsonl"));
    for path in stored {
        std::fs::write(path, "torn").unwrap();
    }
    let _service = site.start();
    assert!(!arrives(&layout, BAD_4), "what is in force stays");
    let alarms = site.json(&["status"])["alarms"].to_string();
    assert!(alarms.contains("state_damaged"), "{alarms}");
    site.done(&["order", "apply", bundle.to_str().unwrap()]);
    assert_eq!(site.json(&["status"])["alarms"].to_string(), "[]");
    assert!(!arrives(&layout, BAD_4) && arrives(&layout, GOOD_4));
    assert_eq!(site.json(&["explain", BAD_4])["blocked"], true);
}

#[test]
fn a_full_disk_at_a_reboot_does_not_keep_the_service_from_protecting() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, _) = site(&layout, CONFIG);
    let small = SmallDisk::mount(site.path("state"));
    let service = site.start();
    block(&site, &[BAD_4]);
    service.terminate();
    let config = site.config();
    site.done(&["detach", "--all", "--config", config.to_str().unwrap()]);
    small.fill();
    let _service = site.start();
    assert!(!arrives(&layout, BAD_4));
    let alarms = site.json(&["status"])["alarms"].to_string();
    assert!(alarms.contains("state_not_writable"), "{alarms}");
    let ended = site.cli(&["order", "add", "--reference", "2", "--until", "1d", GOOD_4]);
    assert_eq!(
        ended.code,
        Some(1),
        "what cannot be stored is not enforced: {ended:?}"
    );
    assert!(arrives(&layout, GOOD_4) && !arrives(&layout, BAD_4));
}

/// A file system of its own with room for little.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn mount(path: std::path::PathBuf) -> Self {
        let mount = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=256k", "tmpfs"])
            .arg(&path)
            .status();
        assert!(mount.unwrap().success());
        Self(path)
    }

    fn fill(&self) {
        let mut file = std::fs::File::create(self.0.join("filler")).unwrap();
        while std::io::Write::write_all(&mut file, &[0; 512]).is_ok() {}
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily, because a service that a failed test left may still use it.
        let unmount = std::process::Command::new("umount")
            .arg("-l")
            .arg(&self.0)
            .status();
        assert!(unmount.unwrap().success() || thread::panicking());
    }
}
