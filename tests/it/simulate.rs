//! `simulate` on the real binary: orders entered through a running service, packets written by the test.

mod captures;
mod refused;

use std::{
    collections::BTreeMap,
    fs,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    time::SystemTime,
};

use serde_json::Value;

use crate::support::{
    capture,
    daemon::{Ended, Site},
    netns::Namespace,
    packet::{Flow, Frame, Tag, V4, number},
    skipped,
};

const LISTED: &str = "203.0.113.7";
const MONITORED: &str = "203.0.113.8";
const EXEMPT: &str = "203.0.113.9";
const OTHER: &str = "8.8.8.8";
const INSIDE: &str = "9.9.9.9";
/// In a host group that drops what the role lets pass.
const GROUP: &str = "9.9.10.9";

/// A trunk: VLAN 20 is only monitored. Of the group nothing may come to port 0.
const CONFIG: &str = "never_block = [\"203.0.113.9\"]\n\
                      tunnels = [\"gre\", \"ipip\"]\n\
                      [[interface]]\nname = \"up0\"\nrole = \"upstream\"\n\
                      [[interface.vlan]]\nid = 20\naction = \"monitor\"\n\
                      [[interface]]\nname = \"cust0\"\nrole = \"customer\"\n\
                      [[host_group]]\nname = \"hosting\"\nnetworks = [\"9.9.10.0/24\"]\n\
                      policies = { port_zero = \"drop\" }\n";

/// Enters `operator:1`, which blocks [`LISTED`] and [`EXEMPT`] for a day.
fn enter(site: &Site<'_>) {
    let order = ["order", "add", "--reference", "1", "--issuer", "x"];
    site.done(&[&order[..], &["--until", "1d", LISTED]].concat());
}

/// The lines of `simulate -o json`, the summary last; it must end with this exit code.
fn simulate(site: &Site<'_>, capture: &Path, arguments: &[&str], code: i32) -> Vec<Value> {
    let ended = plainly(site, capture, &[arguments, &["-o", "json"]].concat());
    assert_eq!(ended.code, Some(code), "{arguments:?}: {ended:?}");
    let lines = ended.stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn plainly(site: &Site<'_>, capture: &Path, arguments: &[&str]) -> Ended {
    let (capture, config) = (capture.to_str().unwrap(), site.config());
    let config = config.to_str().unwrap();
    site.cli(&[&["simulate", capture, "--config", config], arguments].concat())
}

/// Verdict and reason of each packet, on the host; the kernel must say the same, in every field.
fn verdicts(site: &Site<'_>, frames: &[Vec<u8>], arguments: &[&str]) -> Vec<[String; 2]> {
    let capture = site.path("frames.pcap");
    capture::write(
        &capture,
        frames.iter().map(|frame| (&frame[..], frame.len())),
    );
    let mut host = simulate(site, &capture, arguments, 0);
    let mut kernel = simulate(site, &capture, &[arguments, &["--kernel"]].concat(), 0);
    host.pop();
    let summary = kernel.pop().unwrap();
    assert_eq!(summary["summary"]["kernel"]["compared"], frames.len());
    assert_eq!(summary["summary"]["kernel"]["differences"], 0);
    assert_eq!(host, kernel);
    assert_eq!(host.len(), frames.len());
    host.iter()
        .map(|line| ["verdict", "reason"].map(|field| line[field].as_str().unwrap().to_owned()))
        .collect()
}

fn udp(source: &str, destination: &str) -> Frame {
    Flow::udp(source, destination, [53, 40_000]).frame(b"levee")
}

fn tunnel(protocol: u8, header: &[u8], inner: &Flow) -> Vec<u8> {
    let [from, to]: [Ipv4Addr; 2] = [OTHER, INSIDE].map(|address| address.parse().unwrap());
    let payload = [header, &inner.packet(b"levee")].concat();
    Frame::new(0x0800, V4::new(from, to, protocol).packet(&payload)).bytes()
}

/// The paths of everything below a directory.
fn names(directory: &Path) -> Vec<PathBuf> {
    let mut names = vec![directory.to_owned()];
    let mut next = 0;
    while let Some(path) = names.get(next).cloned() {
        next += 1;
        if path.is_dir() {
            names.extend(
                fs::read_dir(path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        }
    }
    names.sort();
    names
}

/// Everything below a directory, with its content and the time of its last change.
fn state(directory: &Path) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
    let paths = names(directory).into_iter();
    paths
        .map(|path| {
            let changed = path.metadata().unwrap().modified().unwrap();
            let content = if path.is_dir() {
                Vec::new()
            } else {
                fs::read(&path).unwrap()
            };
            (path, (content, changed))
        })
        .collect()
}

#[test]
fn packets_are_judged_as_the_service_would() {
    if skipped() {
        return;
    }
    let namespace = Namespace::new("simulate");
    let site = Site::new(&namespace);
    site.configure(CONFIG);
    let service = site.start();
    enter(&site);
    service.kill();

    let inner = Flow::udp(LISTED, INSIDE, [53, 40_000]);
    let frames = [
        udp(LISTED, INSIDE).bytes(),
        udp(INSIDE, LISTED).bytes(),
        udp(OTHER, INSIDE).bytes(),
        udp(LISTED, INSIDE).tagged(&[Tag::q(10)]).bytes(),
        udp(LISTED, INSIDE).tagged(&[Tag::q(20)]).bytes(),
        udp(OTHER, OTHER).bytes(),
        Flow::udp(OTHER, INSIDE, [0, 1]).frame(b"x").bytes(),
        Flow::udp(OTHER, GROUP, [0, 1]).frame(b"x").bytes(),
        tunnel(number::GRE, &[0, 0, 8, 0], &inner),
        tunnel(4, &[], &inner),
    ];
    let expected = [
        ["drop", "order"],
        ["drop", "order"],
        ["pass", "clean"],
        ["drop", "order"],
        // The order decides, though it only counts there: nothing further is asked.
        ["pass", "clean"],
        ["drop", "land"],
        ["pass", "port_zero"],
        ["drop", "port_zero"],
        ["drop", "order"],
        ["drop", "order"],
    ];
    assert_eq!(verdicts(&site, &frames, &["--interface", "up0"]), expected);

    // The same packets, later and earlier than the order.
    let only = &frames[..1];
    for (at, verdict) in [("23h", "drop"), ("2d", "pass"), ("2020-01-01", "pass")] {
        assert_eq!(verdicts(&site, only, &["--at", at])[0][0], verdict, "{at}");
    }

    // A configuration that is not in force yet.
    site.configure(&CONFIG.replace("never_block = [", "never_block = [\"203.0.113.7\", "));
    assert_eq!(verdicts(&site, only, &[])[0], ["pass", "bogon_source"]);
    let monitor = "[[interface]]\nname = \"up0\"\nrole = \"upstream\"\naction = \"monitor\"\n";
    site.configure(monitor);
    assert_eq!(verdicts(&site, only, &[])[0], ["pass", "clean"]);
    let lines = simulate(&site, &site.path("frames.pcap"), &[], 0);
    assert_eq!(lines[0]["would_drop"], serde_json::json!(["operator:1"]));
}

#[test]
fn every_line_names_the_order_and_the_addresses() {
    if skipped() {
        return;
    }
    let namespace = Namespace::new("simulate");
    let site = Site::new(&namespace);
    site.configure(CONFIG);
    let _service = site.start();
    enter(&site);
    let capture = site.path("frames.pcap");
    let inner = Flow::udp(MONITORED, EXEMPT, [1, 2]);
    let frames = [
        udp(LISTED, INSIDE).tagged(&[Tag::ad(7), Tag::q(8)]).bytes(),
        tunnel(4, &[], &inner),
    ];
    capture::write(
        &capture,
        frames.iter().map(|frame| (&frame[..], frame.len())),
    );
    let lines = simulate(&site, &capture, &[], 0);
    let line = &lines[0];
    let texts = ["order", "feed", "source", "destination", "protocol"];
    assert_eq!(
        texts.map(|field| line[field].as_str().unwrap()),
        ["operator:1", "operator", LISTED, INSIDE, "udp"]
    );
    let numbers = ["n", "source_port", "destination_port", "vlan", "length"];
    let length = frames[0].len() as u64;
    assert_eq!(
        numbers.map(|field| line[field].as_u64().unwrap()),
        [1, 53, 40_000, 7, length]
    );
    assert_eq!(line["rule"], Value::Null);
    let inner = &lines[1]["inner"];
    assert_eq!(
        [&inner["source"], &inner["destination"]],
        [MONITORED, EXEMPT]
    );
    let summary = &lines[2]["summary"];
    assert_eq!(summary["by_reason"]["order"], 1);
    assert_eq!(summary["by_order"]["operator:1"], 1);

    let text = plainly(&site, &capture, &["--summary"]).stdout;
    assert!(text.contains("1 dropped, 1 passed, 0 undecided."), "{text}");
    let text = plainly(&site, &capture, &[]).stdout;
    assert!(
        text.contains("203.0.113.7:53 > 9.9.9.9:40000 udp vlan 7  by operator:1\n"),
        "{text}"
    );
}

#[test]
fn a_running_service_is_not_touched() {
    if skipped() {
        return;
    }
    let namespace = Namespace::new("simulate");
    let site = Site::new(&namespace);
    site.configure(CONFIG);
    let mut service = site.start();
    enter(&site);
    let generation = |site: &Site<'_>| site.json(&["status"])["generation"]["number"].clone();
    let number = generation(&site);
    let pins = || names(&site.pins());
    // Once the totals are written, nothing changes by itself but with packets.
    let before = (
        state(&site.path("state/feeds")),
        state(&site.path("state/operator")),
        pins(),
    );
    let audit = fs::read(site.path("state/audit.log")).unwrap();
    verdicts(&site, &[udp(LISTED, INSIDE).bytes()], &[]);
    let after = (
        state(&site.path("state/feeds")),
        state(&site.path("state/operator")),
        pins(),
    );
    assert_eq!(before, after);
    assert_eq!(fs::read(site.path("state/audit.log")).unwrap(), audit);
    assert_eq!(generation(&site), number);
    assert!(service.is_running());
    assert!(service.terminate().success());

    // Of a service that does not run, not a file is changed or made.
    let before = (state(&site.path("state")), pins());
    verdicts(&site, &[udp(LISTED, INSIDE).bytes()], &[]);
    assert_eq!((state(&site.path("state")), pins()), before);
    fs::remove_dir_all(site.path("state")).unwrap();
    let ended = plainly(&site, &site.path("frames.pcap"), &[]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stderr.contains("does not exist"), "{ended:?}");
    assert!(!site.path("state").exists());
}

#[test]
fn packets_that_the_capture_cut_are_undecided() {
    if skipped() {
        return;
    }
    let namespace = Namespace::new("simulate");
    let site = Site::new(&namespace);
    site.configure(CONFIG);
    let service = site.start();
    enter(&site);
    service.kill();
    let long = |source: &str| {
        let flow = Flow::udp(source, INSIDE, [53, 40_000]);
        flow.frame(&[7; 1_000]).bytes()
    };
    let frames = [long(LISTED), long(OTHER)];
    let capture = site.path("cut.pcap");
    let write = |captured: usize| {
        let cut = frames.iter().map(|frame| (&frame[..captured], frame.len()));
        capture::write(&capture, cut);
    };
    let verdicts = |arguments: &[&str]| {
        let lines = simulate(&site, &capture, arguments, 0);
        [0, 1].map(|index: usize| lines[index]["verdict"].as_str().unwrap().to_owned())
    };
    for kernel in [&[][..], &["--kernel"]] {
        write(64);
        assert_eq!(verdicts(kernel), ["undecided", "undecided"]);
        let with_cut = [kernel, &["--cut-headers"]].concat();
        assert_eq!(verdicts(&with_cut), ["drop", "pass"]);
        write(30);
        assert_eq!(verdicts(&with_cut), ["undecided", "undecided"]);
    }
    let summary = simulate(&site, &capture, &[], 0).pop().unwrap();
    assert_eq!(summary["summary"]["by_reason"]["snap_length"], 2);
}

#[test]
fn frames_that_the_kernel_does_not_run_are_said() {
    if skipped() {
        return;
    }
    let namespace = Namespace::new("simulate");
    let site = Site::new(&namespace);
    let capture = site.path("odd.pcap");
    let (short, longest, long) = ([0; 13], vec![0; 66_048], vec![0; 66_049]);
    let frames = [&short[..], &longest, &long];
    capture::write(&capture, frames.map(|frame| (frame, frame.len())));
    let lines = simulate(&site, &capture, &["--kernel"], 0);
    let reasons = [0, 1, 2].map(|index: usize| lines[index]["reason"].as_str().unwrap());
    assert_eq!(reasons, ["truncated", "llc", "too_long"]);
    let kernel = &lines[3]["summary"]["kernel"];
    assert_eq!(
        (&kernel["compared"], &kernel["not_run"]),
        (&1.into(), &2.into())
    );
}
