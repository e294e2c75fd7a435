//! Client and server over a real socket, with a service that only notes what it is asked.

use std::os::unix::fs::PermissionsExt as _;

use tempfile::TempDir;
use tokio::{sync::mpsc, task::JoinHandle};

use super::*;
use crate::{
    daemon::{
        handle::{Command, Handle},
        view::View,
    },
    http::{
        ListenError, samples, server,
        wire::{Refusal, RefusalKind},
    },
    order::SIGNATURE_BYTES_MAX,
};

struct Served {
    directory: TempDir,
    client: Client,
    commands: mpsc::Receiver<Command>,
    server: JoinHandle<()>,
}

fn serve() -> Served {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("run/control.sock");
    let view = View {
        status: samples::status(),
        stats: samples::stats().into(),
        ..View::starting()
    };
    let (handle, commands) = Handle::for_test(view, directory.path());
    handle.spool().clear().unwrap();
    let listener = server::bind(&socket).unwrap();
    Served {
        client: Client::new(&socket),
        directory,
        commands,
        server: tokio::spawn(server::serve(listener, handle)),
    }
}

fn changed() -> Changed {
    Changed {
        message: "done".to_owned(),
        generation: Some(43),
    }
}

#[tokio::test]
async fn reads_are_answered_from_the_view() {
    let served = serve();
    assert_eq!(served.client.status().await.unwrap(), samples::status());
    let address = "2001:db8::1".parse().unwrap();
    let explanation = served.client.explain(address).await.unwrap();
    assert_eq!(explanation.address, address);
    assert_eq!(served.client.orders().await.unwrap(), []);
    let Err(ClientError::Refused(refusal)) = served.client.order(&samples::id()).await else {
        panic!("found an order that is not there");
    };
    assert_eq!(refusal.kind, RefusalKind::NotFound);
    assert!(
        refusal.error.contains("ncsc:298/VNCERT-DPUC"),
        "{refusal:?}"
    );
}

#[tokio::test]
async fn a_bundle_arrives_byte_for_byte_with_its_signatures_and_its_sender() {
    let mut served = serve();
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    let signatures = [b"one\n".to_vec(), Vec::new()];
    let (expected, sent) = (bytes.clone(), signatures.clone());
    let client = served.client.clone();
    let asked = tokio::spawn(async move {
        let bundle = Bundle {
            feed: Some(&samples::feed()),
            bytes: &bytes,
            signatures: &signatures,
        };
        client.apply(&bundle).await
    });
    let Some(Command::Apply(upload, actor, answer)) = served.commands.recv().await else {
        panic!("no bundle came");
    };
    assert!(
        upload.bundle.bytes() == expected,
        "the bundle was changed on its way"
    );
    assert_eq!(upload.signatures, sent);
    assert_eq!(upload.feed, Some(samples::feed()));
    assert_eq!(actor.uid, Some(nix::unistd::geteuid().as_raw()));
    answer.send(Ok(samples::apply_report())).unwrap();
    assert_eq!(asked.await.unwrap().unwrap(), samples::apply_report());
}

#[tokio::test]
async fn changes_carry_their_document_and_refusals_come_back() {
    let mut served = serve();
    let client = served.client.clone();
    let asked = tokio::spawn(async move {
        let request = Withdraw {
            id: samples::id(),
            entry: Some("e2".to_owned()),
            reason: "court order".to_owned(),
        };
        let withdrawn = client.withdraw(&request).await.unwrap();
        let request = InterfaceRequest {
            name: "eth9".to_owned(),
        };
        (
            withdrawn,
            client.attach(&request).await,
            client.reload().await,
        )
    });
    let Some(Command::Withdraw(request, _, answer)) = served.commands.recv().await else {
        panic!("no withdrawal came");
    };
    assert_eq!(request.entry.as_deref(), Some("e2"));
    answer.send(Ok(changed())).unwrap();
    let Some(Command::Attach(_, _, answer)) = served.commands.recv().await else {
        panic!("no attachment came");
    };
    let refusal = Refusal {
        kind: RefusalKind::Refused,
        code: "occupied".to_owned(),
        error: "interface eth9 carries another program".to_owned(),
    };
    answer.send(Err(refusal.clone())).unwrap();
    let Some(Command::Reload(_, answer)) = served.commands.recv().await else {
        panic!("no reload came");
    };
    drop(answer);
    let (withdrawn, attached, reloaded) = asked.await.unwrap();
    assert_eq!(withdrawn, changed());
    assert!(matches!(attached, Err(ClientError::Refused(found)) if found == refusal));
    assert!(matches!(reloaded, Err(ClientError::Refused(found)) if found.code == "stopping"));
}

#[tokio::test]
async fn rules_are_added_with_their_text_and_removed_by_name() {
    let mut served = serve();
    let client = served.client.clone();
    let asked = tokio::spawn(async move {
        let request = AddRule {
            text: "proto udp then drop".to_owned(),
            id: Some("ntp".to_owned().try_into().unwrap()),
            until: Some("2h".to_owned()),
            reason: "reflection".to_owned(),
        };
        let added = client.add_rule(&request).await.unwrap();
        (added, client.remove_rule(&samples::rule_entry().id).await)
    });
    let Some(Command::AddRule(request, actor, answer)) = served.commands.recv().await else {
        panic!("no rule came");
    };
    assert_eq!(request.until.as_deref(), Some("2h"));
    assert_eq!(actor.uid, Some(nix::unistd::geteuid().as_raw()));
    let added = RuleAdded {
        id: samples::rule_entry().id,
        text: "proto = udp then drop".to_owned(),
        changed: changed(),
    };
    answer.send(Ok(added.clone())).unwrap();
    let Some(Command::RemoveRule(id, _, answer)) = served.commands.recv().await else {
        panic!("no removal came");
    };
    assert_eq!(id.as_str(), "ntp");
    answer.send(Ok(changed())).unwrap();
    let (found, removed) = asked.await.unwrap();
    assert_eq!((found, removed.unwrap()), (added, changed()));
}

#[tokio::test]
async fn what_is_not_understood_is_refused_with_a_document() {
    let served = serve();
    let post = async |target: &str, body: &[u8]| {
        let ask = Ask {
            method: Method::POST,
            target: target.to_owned(),
            content_type: "application/json".to_owned(),
            body: body.to_vec(),
            time_max: READ_TIME_MAX,
        };
        match served.client.ask::<Changed>(ask).await {
            Err(ClientError::Refused(refusal)) => refusal,
            other => panic!("{target}: {other:?}"),
        }
    };
    assert_eq!(post("/v1/nothing", b"").await.code, "no_such_route");
    assert_eq!(post(path::STATUS, b"").await.code, "no_such_route");
    assert_eq!(post(path::PANIC, b"{").await.code, "bad_request");
    let unknown = post(path::PANIC, b"{\"off\":true,\"of\":1}").await;
    assert!(unknown.error.contains("unknown field `of`"), "{unknown:?}");
    let long = vec![b' '; path::BODY_MAX + 1];
    assert_eq!(post(path::PANIC, &long).await.code, "too_large");
    assert_eq!(post(path::BUNDLES, b"{}").await.code, "bad_request");
}

#[tokio::test]
async fn the_socket_is_for_its_group_and_is_not_taken_from_a_live_service() {
    let served = serve();
    let socket = served.directory.path().join("run/control.sock");
    let mode = std::fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
    assert!(matches!(server::bind(&socket), Err(ListenError::Served(_))));

    // A service that died leaves its socket behind; the next one replaces it.
    served.server.abort();
    assert!(served.server.await.is_err());
    let Err(error) = served.client.status().await else {
        panic!("a dead service answered");
    };
    assert!(matches!(error, ClientError::Unreachable { .. }), "{error}");
    server::bind(&socket).unwrap();

    std::fs::remove_file(&socket).unwrap();
    std::fs::write(&socket, "a file").unwrap();
    assert!(matches!(
        server::bind(&socket),
        Err(ListenError::NotASocket(_))
    ));
}

#[tokio::test]
async fn a_service_that_is_not_there_is_named() {
    let error = Client::new(Path::new("/nonexistent/control.sock"))
        .status()
        .await
        .unwrap_err();
    let text = error.to_string();
    let expected = "the service is not reachable at /nonexistent/control.sock: ";
    assert!(text.starts_with(expected), "{text}");
}

#[test]
fn queries_are_escaped() {
    assert_eq!(
        with_query("/v1/order", "id", "ncsc:298/é b"),
        "/v1/order?id=ncsc%3A298%2F%C3%A9%20b"
    );
}

#[tokio::test]
async fn of_a_signature_that_is_too_long_no_more_is_kept_than_refuses_it() {
    let mut served = serve();
    let client = served.client.clone();
    let sent = tokio::spawn(async move {
        let bundle = Bundle {
            feed: None,
            bytes: b"x",
            signatures: &[vec![b'x'; 1 << 20]],
        };
        client.apply(&bundle).await
    });
    let Some(Command::Apply(upload, _, answer)) = served.commands.recv().await else {
        panic!("no bundle came");
    };
    assert_eq!(upload.signatures[0].len(), SIGNATURE_BYTES_MAX + 1);
    answer.send(Ok(samples::apply_report())).unwrap();
    sent.await.unwrap().unwrap();
}
