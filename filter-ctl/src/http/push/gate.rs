//! Who may ask what: the one gate in front of every route.
//!
//! A handler gets the feed only as [`Allowed`], which nothing but the gate makes. A client learns nothing of feeds
//! that are not its own, not even whether they exist.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    extract::{FromRequestParts, Request, State},
    http::{StatusCode, request::Parts},
    middleware::Next,
    response::Response,
};
use tokio::sync::Semaphore;

use super::{
    Push,
    answer::{refuse, refuse_for_now, refuse_with},
    rate::{Allowance, REQUESTS_BURST},
};
use crate::{
    config::{Fingerprint, PushClientConfig},
    http::wire::RefusalKind,
    order::FeedName,
};

/// Connections that a client may have at a time; requests on further ones are answered with 429.
pub(super) const CLIENT_CONNECTIONS_MAX: usize = 16;
/// Bundles that a client may send at a time; a further one is answered with 429.
const CLIENT_UPLOADS_MAX: usize = 1;

/// A client, as long as the configuration names it so.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) name: String,
    feeds: Vec<FeedName>,
    allowance: Mutex<Allowance>,
    pub(super) connections: Arc<Semaphore>,
    pub(super) uploads: Arc<Semaphore>,
}

impl Client {
    pub(super) fn new(config: &PushClientConfig) -> Self {
        Self {
            name: config.name.clone(),
            feeds: config.feeds.clone(),
            allowance: Mutex::new(Allowance::new(Instant::now())),
            connections: Arc::new(Semaphore::new(CLIENT_CONNECTIONS_MAX)),
            uploads: Arc::new(Semaphore::new(CLIENT_UPLOADS_MAX)),
        }
    }

    fn take(&self, now: Instant) -> Result<(), Duration> {
        let allowance = self.allowance.lock();
        allowance.unwrap_or_else(PoisonError::into_inner).take(now)
    }
}

/// Who is at the other end of a connection.
#[derive(Clone, Debug)]
pub(super) enum Caller {
    /// A client of the configuration.
    Known(Arc<Client>),
    /// A client with more connections than it may have.
    Crowded,
    /// Somebody whose certificate is good, and not in the configuration.
    Unknown(Fingerprint),
}

/// A client, and a feed that is its own.
#[derive(Clone, Debug)]
pub(super) struct Allowed {
    client: Arc<Client>,
    feed: FeedName,
}

impl Allowed {
    pub(super) fn into_parts(self) -> (Arc<Client>, FeedName) {
        (self.client, self.feed)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Allowed {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        let allowed = parts.extensions.get::<Self>().cloned();
        allowed.ok_or_else(|| forbidden("forbidden", "this needs a feed".to_owned()))
    }
}

/// Lets a request through, or not, and counts it.
pub(super) async fn gate(State(push): State<Push>, mut request: Request, next: Next) -> Response {
    let caller = request.extensions().get::<Caller>().cloned();
    let (feed, response) = match pass(caller, request.uri().path(), Instant::now()) {
        Ok(allowed) => {
            let feed = allowed.as_ref().map(|allowed| allowed.feed.clone());
            if let Some(allowed) = allowed {
                request.extensions_mut().insert(allowed);
            }
            (feed, next.run(request).await)
        }
        Err(response) => (None, response),
    };
    push.monitor.count(feed, response.status().as_u16());
    response
}

#[expect(
    clippy::result_large_err,
    reason = "axum takes the answer to a refused request as the error"
)]
fn pass(caller: Option<Caller>, path: &str, now: Instant) -> Result<Option<Allowed>, Response> {
    let client = match caller {
        Some(Caller::Known(client)) => client,
        Some(Caller::Crowded) => {
            return Err(refuse_for_now(
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_connections",
                format!("expected at most {CLIENT_CONNECTIONS_MAX} connections at a time"),
                Duration::from_secs(1),
            ));
        }
        Some(Caller::Unknown(fingerprint)) => {
            return Err(forbidden(
                "unknown_client",
                format!("no client is configured for the certificate with SHA-256 {fingerprint}"),
            ));
        }
        None => return Err(forbidden("unknown_client", "no certificate".to_owned())),
    };
    client.take(now).map_err(|wait| {
        refuse_for_now(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many_requests",
            format!("more than {REQUESTS_BURST} requests at once: expected fewer"),
            wait,
        )
    })?;
    let Some(name) = feed_in(path) else {
        return Ok(None);
    };
    match client.feeds.iter().find(|feed| feed.as_str() == name) {
        Some(feed) => {
            let feed = feed.clone();
            Ok(Some(Allowed { client, feed }))
        }
        None => Err(forbidden(
            "feed_not_allowed",
            format!("client {} has no feed of that name", client.name),
        )),
    }
}

/// The feed that a path names.
fn feed_in(path: &str) -> Option<&str> {
    path.strip_prefix("/v1/feeds/")?.split('/').next()
}

fn forbidden(code: &str, error: String) -> Response {
    refuse_with(
        StatusCode::FORBIDDEN,
        refuse(RefusalKind::Forbidden, code, error),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::samples::feed;

    fn client() -> Arc<Client> {
        Arc::new(Client::new(&PushClientConfig {
            name: "ncsc".to_owned(),
            sha256: vec![Fingerprint([7; 32])],
            feeds: vec![feed()],
        }))
    }

    fn status(caller: Option<Caller>, path: &str) -> Result<Option<FeedName>, u16> {
        pass(caller, path, Instant::now())
            .map(|allowed| allowed.map(|allowed| allowed.feed))
            .map_err(|response| response.status().as_u16())
    }

    #[test]
    fn a_client_gets_to_its_own_feeds_and_no_other() {
        let known = || Some(Caller::Known(client()));
        assert_eq!(status(known(), "/v1/feeds/ncsc/status"), Ok(Some(feed())));
        assert_eq!(status(known(), "/v1/appliance.pub"), Ok(None));
        for path in [
            "/v1/feeds/other/status",
            "/v1/feeds/ncsc%2f/status",
            "/v1/feeds/../ncsc/status",
            "/v1/feeds//status",
        ] {
            assert_eq!(status(known(), path), Err(403), "{path}");
        }
        let stranger = Some(Caller::Unknown(Fingerprint([8; 32])));
        assert_eq!(status(stranger, "/v1/appliance.pub"), Err(403));
        assert_eq!(status(None, "/v1/appliance.pub"), Err(403));
        assert_eq!(status(Some(Caller::Crowded), "/v1/appliance.pub"), Err(429));
    }
}
