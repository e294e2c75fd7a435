//! A controller that is dead: the kernel goes on, and the commands work on the pins.

use super::{CONFIG, arrives, block, leaves, site};
use crate::support::{
    layout::{BAD_4, GOOD_4, Layout},
    skipped,
};

#[test]
fn status_stats_panic_and_detach_work_on_the_pins_of_a_dead_service() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, _) = site(&layout, CONFIG);
    let service = site.start();
    block(&site, &[BAD_4]);
    assert!(!arrives(&layout, BAD_4));
    service.kill();
    let config = site.config();
    let on_pins = |arguments: &[&'static str]| -> Vec<String> {
        let arguments = arguments.iter().map(ToString::to_string);
        arguments
            .chain(["--config".to_owned(), config.display().to_string()])
            .collect()
    };
    let json = |arguments: &[&'static str]| {
        let arguments = on_pins(arguments);
        site.json(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let done = |arguments: &[&'static str]| {
        let arguments = on_pins(arguments);
        site.done(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    };

    let status = json(&["status"]);
    assert_eq!(status["service"], false);
    assert_eq!(status["interfaces"].as_array().unwrap().len(), 2);
    assert!(status["generation"]["number"].as_u64().unwrap() > 0);
    assert!(
        !arrives(&layout, BAD_4),
        "a dead controller changes nothing"
    );
    let counters = json(&["stats"]);
    assert_eq!(counters["totals"]["dropped"]["packets"], 2);
    assert_eq!(counters["orders"][0]["id"], "operator:1");
    assert_eq!(counters["orders"][0]["packets"], 2);

    done(&["panic", "off", "--reason", "a test"]);
    assert!(
        arrives(&layout, BAD_4) && leaves(&layout, BAD_4),
        "everything passes"
    );
    assert_eq!(json(&["status"])["bypass"], true);
    done(&["panic", "on"]);
    assert!(!arrives(&layout, BAD_4));

    let ended = site.cli(&["order", "list"]);
    assert_eq!(
        ended.code,
        Some(4),
        "what needs the service says so: {ended:?}"
    );

    done(&["detach", "--all"]);
    assert!(arrives(&layout, BAD_4) && arrives(&layout, GOOD_4));
    let left = std::fs::read_dir(site.pins().join("links/native"))
        .unwrap()
        .count();
    assert_eq!(left, 0);
    let audit = std::fs::read_to_string(site.path("state/audit.log")).unwrap();
    for action in ["panic_off", "panic_on", "detach"] {
        assert!(audit.contains(action), "{action} is in the audit log");
    }
}

#[test]
fn the_kill_switch_outlives_a_restart_until_it_is_taken_back() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, _) = site(&layout, CONFIG);
    let service = site.start();
    block(&site, &[BAD_4]);
    site.done(&["panic", "off", "--reason", "a test"]);
    assert!(arrives(&layout, BAD_4));
    service.kill();
    let _service = site.start();
    assert!(
        arrives(&layout, BAD_4),
        "an operator's decision is not undone by a restart"
    );
    assert_eq!(site.json(&["status"])["bypass"], true);
    site.done(&["panic", "on"]);
    assert!(!arrives(&layout, BAD_4));
}

#[test]
fn without_privileges_the_service_says_what_it_needs_and_touches_nothing() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let (site, _) = site(&layout, CONFIG);
    // SAFETY: takes numbers only; called between fork and exec, where it is async-signal-safe.
    let drop_privileges = || match unsafe { libc::setuid(65_534) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    };
    let mut command = std::process::Command::new(crate::support::daemon::binary());
    command.arg("run").arg("--config").arg(site.config());
    // SAFETY: the closure does nothing but the system call above.
    unsafe { std::os::unix::process::CommandExt::pre_exec(&mut command, drop_privileges) };
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(matches!(output.status.code(), Some(1 | 2)), "{output:?}");
    assert!(
        text.contains("ermission denied") || text.contains("root"),
        "{text}"
    );
}
