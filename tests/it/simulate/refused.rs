//! What `simulate` cannot do, or not without privileges, and what it says then.

use std::{
    fs,
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::Path,
    process::Command,
};

use super::{CONFIG, INSIDE, OTHER, plainly, simulate, udp};
use crate::support::{
    capture,
    daemon::{Site, binary},
    netns::Namespace,
    skip, skipped,
};

#[test]
fn what_cannot_be_simulated_is_said_with_an_exit_code() {
    if skipped() {
        return;
    }
    let namespace = Namespace::new("simulate");
    let site = Site::new(&namespace);
    site.configure(CONFIG);
    let capture = site.path("frames.pcap");
    let frame = udp(OTHER, INSIDE).bytes();
    capture::write(&capture, [(&frame[..], frame.len()); 2]);

    let ended = plainly(&site, &capture, &["--interface", "eth9"]);
    assert_eq!(ended.code, Some(2));
    assert!(
        ended.stderr.contains("expected one of up0, cust0"),
        "{ended:?}"
    );
    let ended = plainly(&site, &capture, &["--at", "noon"]);
    assert_eq!(ended.code, Some(2));
    let ended = plainly(&site, &site.path("none.pcap"), &[]);
    assert_eq!(ended.code, Some(2));
    let ended = plainly(&site, &site.config(), &[]);
    assert_eq!((ended.code, &ended.stdout[..]), (Some(2), ""), "{ended:?}");
    assert!(ended.stderr.contains("levee.toml"), "{ended:?}");

    // A capture that ends in the middle of a packet: what is before it is judged and summed up.
    let mut bytes = fs::read(&capture).unwrap();
    bytes.truncate(bytes.len() - 1);
    fs::write(&capture, bytes).unwrap();
    let lines = simulate(&site, &capture, &[], 2);
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[1]["summary"]["packets"], 1);
    assert_eq!(lines[1]["summary"]["error"]["kind"], "invalid");
}

/// A user without privileges is told which are missing.
#[test]
fn missing_privileges_are_named() {
    if skipped() {
        return;
    }
    let namespace = Namespace::new("simulate");
    let site = Site::new(&namespace);
    site.configure(CONFIG);
    let capture = site.path("frames.pcap");
    let frame = udp(OTHER, INSIDE).bytes();
    capture::write(&capture, [(&frame[..], frame.len())]);
    let open = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    open(capture.parent().unwrap(), 0o755);
    for file in [&capture, &site.config(), &site.path("trust.toml")] {
        open(file, 0o644);
    }
    let program = site.path("filter-ctl");
    fs::copy(binary(), &program).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(&program);
        command.arg("simulate").arg(&capture).arg("--config");
        command.arg(site.config()).args(arguments).uid(65_534);
        command.output()
    };
    open(&site.path("state"), 0o700);
    let output = match run(&[]) {
        Ok(output) => output,
        Err(error) => return skip(None, &format!("nobody cannot run a program here: {error}")),
    };
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(
        error.contains("run this as root, or as the user"),
        "{error}"
    );
    open(&site.path("state"), 0o755);
    let output = run(&[]).unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let output = run(&["--kernel"]).unwrap();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(
        error.contains("CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN"),
        "{error}"
    );
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let directory = tempfile::tempdir().unwrap();
    let (capture, config) = (
        directory.path().join("a.pcap"),
        directory.path().join("a.toml"),
    );
    fs::write(
        &config,
        format!("state_dir = \"{}/none\"\n", directory.path().display()),
    )
    .unwrap();
    let frame = udp(OTHER, INSIDE).bytes();
    capture::write(&capture, (0..20_000).map(|_| (&frame[..], frame.len())));
    let mut command = Command::new(binary());
    command
        .arg("simulate")
        .arg(&capture)
        .arg("--config")
        .arg(&config);
    command.stdout(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
