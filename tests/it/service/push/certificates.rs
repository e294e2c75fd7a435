//! Who gets in, what happens when certificates change under a running service, and receipts after a crash.

use std::fs;

use super::{Scene, URL};
use crate::support::{
    authority::Bundle,
    layout::{BAD_4, Layout},
    skipped,
};

#[test]
fn without_a_good_client_certificate_there_is_no_answer() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let scene = Scene::new(&layout);
    scene
        .courier()
        .certificate("clients", "late", "extendedKeyUsage=clientAuth", 0);
    scene
        .courier()
        .certificate("clients", "unlisted", "extendedKeyUsage=clientAuth", 365);
    scene.courier().issuer("foreign");
    scene
        .courier()
        .certificate("foreign", "stranger", "extendedKeyUsage=clientAuth", 365);
    let scene = scene.started();
    let url = format!("{URL}/v1/appliance.pub");
    let status = |name: &str| {
        let (certificate, key) = (format!("{name}.crt"), format!("{name}.key"));
        scene
            .courier()
            .curl(&["--cert", &certificate, "--key", &key], &[&url])
            .status
    };
    assert_eq!(
        scene.courier().curl(&[], &[&url]).status,
        0,
        "no certificate"
    );
    assert_eq!(status("stranger"), 0, "of another authority");
    // It is good for no second, so by now it has expired.
    Scene::until("the certificate expires", || status("late") == 0);
    assert_eq!(
        status("unlisted"),
        403,
        "good, and not in the configuration"
    );
    assert_eq!(status("client"), 200);
}

#[test]
fn certificates_and_clients_are_replaced_without_a_restart_and_broken_files_change_nothing() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let scene = Scene::new(&layout).started();
    let works = || scene.courier().get("/v1/appliance.pub").status == 200;
    let alarmed = || {
        let status = scene.site.json(&["status"]);
        let alarms = status["alarms"].as_array().unwrap();
        alarms
            .iter()
            .any(|alarm| alarm["code"] == "push_certificates")
    };

    // Another authority for the server: who trusts only the old one no longer connects.
    scene.courier().issuer("newer");
    scene
        .courier()
        .certificate("newer", "server", "subjectAltName=IP:127.0.0.1", 365);
    Scene::until("the new certificate is shown", || !works());
    fs::copy(scene.site.path("newer.crt"), scene.site.path("servers.crt")).unwrap();
    Scene::until("it works", works);
    Scene::until("no alarm stays", || !alarmed());

    fs::write(scene.site.path("server.crt"), "nonsense").unwrap();
    Scene::until("the alarm", alarmed);
    assert!(works(), "the old certificate stays in use");
    let check = scene
        .site
        .cli(&["check", "--config", scene.site.config().to_str().unwrap()]);
    assert_eq!(check.code, Some(2), "{check:?}");
    assert_eq!(
        scene.site.cli(&["reload"]).code,
        Some(2),
        "nothing is reloaded"
    );
    scene
        .courier()
        .certificate("newer", "server", "subjectAltName=IP:127.0.0.1", 365);
    Scene::until("the alarm ends", || !alarmed());

    // A client that loses its feed loses it with the reload.
    assert_eq!(scene.courier().get("/v1/feeds/cert/status").status, 200);
    scene.configure("other");
    scene.site.done(&["reload"]);
    Scene::until("the feed is closed", || {
        scene.courier().get("/v1/feeds/cert/status").status == 403
    });
}

#[test]
fn a_receipt_that_a_crash_has_prevented_is_written_by_the_next_start() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let mut scene = Scene::new(&layout).started();
    let first = scene.sign("1.jsonl", &Bundle::new(1, &[BAD_4]));
    let answer = scene.courier().push("cert", &first);
    let url = answer.json()["url"].as_str().unwrap().to_owned();
    scene.daemon.take().unwrap().kill();
    // As if the crash had come between commitment and receipt.
    fs::remove_dir_all(scene.site.path("state/receipts")).unwrap();
    let scene = scene.started();
    assert_eq!(scene.receipt(&url)["status"], "enforced");
}
