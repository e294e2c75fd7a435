//! The listener for authorities: HTTPS, with a certificate on both sides.
//!
//! - here: connections, and what they are judged by;
//! - [`tls`]: certificates and keys;
//! - `gate`: who may ask what, and how often;
//! - `rate`: how often, as a plain function of time;
//! - `strangers`: how many there may be whom nobody knows yet;
//! - `routes` and `answer`: what is asked and answered;
//! - [`monitor`]: what the engine learns of all this.

mod answer;
mod gate;
pub mod monitor;
mod rate;
mod routes;
mod strangers;
pub mod tls;

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Extension, Router};
use rustls::ServerConfig;
use sha2::{Digest as _, Sha256};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::spawn_blocking,
    time::{sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use self::{
    gate::{Caller, Client},
    monitor::PushMonitor,
    strangers::{Stranger, Strangers},
    tls::{Identity, Stamps},
};
use super::connection::{Places, accept_failed, answer};
use crate::{
    config::{Fingerprint, PushConfig},
    daemon::handle::Handle,
};

/// Until when both sides have to have shown their certificates.
const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(5);
/// The time between two looks at the files with certificates.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The time between two attempts to listen.
const RETRY_EVERY: Duration = Duration::from_secs(5);

/// What the routes work with.
#[derive(Clone)]
struct Push {
    handle: Handle,
    monitor: PushMonitor,
}

/// What new connections are judged by.
#[derive(Clone, Default)]
struct Rules {
    /// `None` until the files are good for the first time.
    server: Option<Arc<ServerConfig>>,
    clients: Arc<BTreeMap<Fingerprint, Arc<Client>>>,
}

/// Listens and answers for as long as it is polled, if an address is configured. Later settings count at once,
/// but for the address.
pub async fn run(settings: watch::Receiver<PushConfig>, handle: Handle, monitor: PushMonitor) {
    let Some(address) = settings.borrow().listen else {
        return;
    };
    let (rules, current) = watch::channel(Rules::default());
    let push = Push {
        handle,
        monitor: monitor.clone(),
    };
    tokio::join!(
        follow(settings, rules, &monitor),
        listen(address, current, push)
    );
}

/// Keeps the rules up to date with the settings and the files that they name. Files that are no good leave the
/// old ones in use, and raise an alarm.
async fn follow(
    mut settings: watch::Receiver<PushConfig>,
    rules: watch::Sender<Rules>,
    monitor: &PushMonitor,
) {
    let mut seen: Option<(PushConfig, Stamps)> = None;
    loop {
        let config = settings.borrow_and_update().clone();
        let now = (config, Stamps::of(&settings.borrow()));
        if seen.as_ref() != Some(&now) {
            let (config, _) = &now;
            if seen.as_ref().is_none_or(|(before, _)| before != config) {
                let clients = Arc::new(clients(config));
                rules.send_modify(|rules| rules.clients = clients);
            }
            let trouble = match load(config.clone()).await {
                Ok(Identity(server)) => {
                    rules.send_modify(|rules| rules.server = Some(server));
                    tracing::info!("the certificates of [push] were read");
                    None
                }
                Err(error) if rules.borrow().server.is_some() => {
                    Some(format!("{error}; the certificates from before stay in use"))
                }
                Err(error) => Some(format!("{error}; until this is mended nobody can push")),
            };
            monitor.set_trouble(trouble);
            seen = Some(now);
        }
        tokio::select! {
            changed = settings.changed() => if changed.is_err() { return },
            () = sleep(LOOK_EVERY) => {}
        }
    }
}

async fn load(config: PushConfig) -> Result<Identity, String> {
    match spawn_blocking(move || Identity::load(&config)).await {
        Ok(loaded) => loaded.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

fn clients(config: &PushConfig) -> BTreeMap<Fingerprint, Arc<Client>> {
    let mut clients = BTreeMap::new();
    for settings in &config.clients {
        let client = Arc::new(Client::new(settings));
        for fingerprint in &settings.sha256 {
            clients.insert(*fingerprint, Arc::clone(&client));
        }
    }
    clients
}

/// Listens as soon as the address can be had, which at boot may be later.
async fn listen(address: SocketAddr, rules: watch::Receiver<Rules>, push: Push) {
    let listener = loop {
        match TcpListener::bind(address).await {
            Ok(listener) => break listener,
            Err(error) => tracing::error!(%address, %error, "cannot listen for [push] yet"),
        }
        sleep(RETRY_EVERY).await;
    };
    let router = routes::router(push.clone());
    let (places, strangers) = (Places::new(), Strangers::default());
    while let Some(place) = places.take().await {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let Some(stranger) = strangers.enter(peer.ip()) else {
                    push.monitor.handshake_failed();
                    continue;
                };
                let (router, monitor) = (router.clone(), push.monitor.clone());
                let rules = rules.borrow().clone();
                tokio::spawn(async move {
                    let _place = place;
                    if let Err(reason) = attend(stream, stranger, rules, router).await {
                        monitor.handshake_failed();
                        tracing::info!(%peer, reason, "a connection to [push] was not accepted");
                    }
                });
            }
            Err(error) => accept_failed("push", &error).await,
        }
    }
}

/// Answers the request of a connection whose certificate is good; an error says why it is not.
async fn attend(
    stream: TcpStream,
    stranger: Stranger,
    rules: Rules,
    router: Router,
) -> Result<(), String> {
    let server = rules.server.ok_or("there are no good certificates here")?;
    let accepted = timeout(HANDSHAKE_TIME_MAX, TlsAcceptor::from(server).accept(stream)).await;
    let stream = accepted
        .map_err(|_| "the handshake took too long".to_owned())?
        .map_err(|error| error.to_string())?;
    let fingerprint = fingerprint(&stream).ok_or("there is no client certificate")?;
    let Some(client) = rules.clients.get(&fingerprint) else {
        answer(
            stream,
            router.layer(Extension(Caller::Unknown(fingerprint))),
        )
        .await;
        return Ok(());
    };
    drop(stranger);
    let connection = client.connections.clone().try_acquire_owned();
    let caller = match &connection {
        Ok(_) => Caller::Known(Arc::clone(client)),
        Err(_) => Caller::Crowded,
    };
    answer(stream, router.layer(Extension(caller))).await;
    Ok(())
}

fn fingerprint(stream: &TlsStream<TcpStream>) -> Option<Fingerprint> {
    let (_, connection) = stream.get_ref();
    let certificate = connection.peer_certificates()?.first()?;
    Some(Fingerprint(Sha256::digest(certificate).into()))
}
