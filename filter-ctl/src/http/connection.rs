//! How many connections there may be, and for how long: whoever may connect cannot keep others out for
//! ever.

use std::{io, sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};

/// Connections at a time; further ones wait in the kernel.
const CONNECTIONS_MAX: usize = 64;
/// Until when the head of a request has to be there.
const HEAD_TIME_MAX: Duration = Duration::from_secs(10);
/// Until when a connection has to have its answer.
const CONNECTION_TIME_MAX: Duration = Duration::from_mins(10);
/// The pause after an accept that failed, as it does when file descriptors run out.
const PAUSE: Duration = Duration::from_millis(100);

/// The places for connections.
pub(super) struct Places(Arc<Semaphore>);

impl Places {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(CONNECTIONS_MAX)))
    }

    /// Waits for a place.
    pub(super) async fn take(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0).acquire_owned().await.ok()
    }
}

/// Says that an accept failed, and lets some time pass.
pub(super) async fn accept_failed(listener: &str, error: &io::Error) {
    tracing::warn!(listener, %error, "cannot accept a connection");
    sleep(PAUSE).await;
}

/// Answers the one request of a connection.
pub(super) async fn answer<S>(stream: S, router: Router)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME_MAX)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    match timeout(CONNECTION_TIME_MAX, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a connection broke off"),
        Err(_) => tracing::debug!("a connection took too long"),
    }
}
