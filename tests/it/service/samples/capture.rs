//! Capture files: read by Levee's own reader and by others.

use std::{
    fs::{self, File},
    path::Path,
    process::Command,
};

use filter_ctl::capture::Reader;

use super::{super::site, CONFIG, MANY, block, blocked};
use crate::support::{
    daemon::{Site, until},
    layout::{BAD_4, BAD_6, CUSTOMER_4, CUSTOMER_6, Layout},
    packet::{Flow, Tcp, V4, number, tcp},
    skip, skipped,
};

/// The frames of a file, and their lengths on the wire.
pub(super) fn frames(path: &Path) -> Vec<(Vec<u8>, usize)> {
    let mut reader = Reader::new(File::open(path).unwrap()).unwrap();
    let mut frames = Vec::new();
    while let Some(record) = reader.next().unwrap() {
        frames.push((record.frame.to_vec(), record.length));
    }
    frames
}

/// Captures with these arguments while `send` sends.
pub(super) fn capturing(site: &Site<'_>, file: &str, arguments: &[&str], send: impl FnOnce()) {
    std::thread::scope(|scope| {
        let command = [&["capture", "--write", file], arguments].concat();
        let capture = scope.spawn(move || site.done(&command));
        let path = site.path(file);
        until("the capture has begun", || {
            fs::metadata(&path).is_ok_and(|file| file.len() > 0) || capture.is_finished()
        });
        send();
        capture.join().unwrap();
    });
}

#[test]
fn a_capture_is_read_by_our_reader_and_by_tcpdump_and_says_why() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, _) = site(&layout, &format!("{CONFIG}{MANY}"));
    let _service = site.start();
    block(&site, &[BAD_4, BAD_6]);
    let upstream = layout.tap_upstream();
    let syn = Flow::udp(BAD_4, CUSTOMER_4, [40_000, 443]).protocol(number::TCP);
    let segment = Tcp::new(tcp::SYN)
        .options(&tcp::SYN_OPTIONS)
        .segment(&syn, b"");
    let [source, destination] = [BAD_4, CUSTOMER_4].map(|text| text.parse().unwrap());
    let packet = V4::new(source, destination, number::TCP)
        .header_words(8)
        .packet(&segment);
    let with_options = crate::support::packet::Frame::new(0x0800, packet).bytes();
    let sent = [
        blocked(BAD_4, CUSTOMER_4),
        blocked(BAD_6, CUSTOMER_6),
        with_options,
    ];
    capturing(
        &site,
        "all.pcapng",
        &["--packets", "3", "--seconds", "60"],
        || {
            for frame in &sent {
                upstream.send(frame);
            }
        },
    );
    let path = site.path("all.pcapng");
    let found = frames(&path);
    let lengths: Vec<usize> = found.iter().map(|(_, length)| *length).collect();
    assert_eq!(
        lengths,
        sent.each_ref().map(Vec::len),
        "as long as they were on the wire"
    );
    let tcp = &found[2].0;
    assert_eq!(tcp.len(), 14 + 20 + 20, "options are left out");
    assert_eq!(tcp[14], 0x45);
    let bytes = fs::read(&path).unwrap();
    for text in ["up0", "drop: order operator:1; generation "] {
        let found = bytes
            .windows(text.len())
            .any(|window| window == text.as_bytes());
        assert!(found, "no `{text}` in the file");
    }
    let Ok(output) = Command::new("tcpdump")
        .args(["-nn", "-v", "-r"])
        .arg(&path)
        .output()
    else {
        skip(Some("tcpdump"), "it is not installed");
        return;
    };
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    for expected in [
        "203.0.113.7.40000 > 192.0.2.0.53: ",
        "2001:db8:bad::7.40000 > 2001:db8:200::.53: ",
        "203.0.113.7.40000 > 192.0.2.0.443: Flags [S]",
    ] {
        assert!(text.contains(expected), "no `{expected}` in {text}");
    }
    assert!(
        !text.contains("bad cksum") || !text.contains("IP (bad"),
        "{text}"
    );
}

#[test]
fn a_capture_ends_in_time_and_holds_one_reason_if_one_is_named() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, _) = site(&layout, &format!("{CONFIG}{MANY}"));
    let _service = site.start();
    block(&site, &[BAD_4]);
    let upstream = layout.tap_upstream();
    capturing(
        &site,
        "none.pcapng",
        &["--seconds", "1", "--reason", "rule"],
        || {
            upstream.send(&blocked(BAD_4, CUSTOMER_4));
        },
    );
    assert_eq!(frames(&site.path("none.pcapng")), []);
    let arguments = ["--seconds", "30", "--packets", "1", "--reason", "order"];
    capturing(&site, "one.pcapng", &arguments, || {
        upstream.send(&blocked(BAD_4, CUSTOMER_4));
    });
    assert_eq!(frames(&site.path("one.pcapng")).len(), 1);
}
