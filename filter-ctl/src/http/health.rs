//! `/metrics`, `/healthz` and `/readyz` over TCP, for monitoring. Nothing can be changed here.

use std::net::SocketAddr;

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse as _, Response},
    routing::get,
};
use tokio::net::TcpListener;

use super::{
    ListenError,
    connection::{Places, accept_failed, answer},
    wire::Status,
};
use crate::{daemon::handle::Handle, metrics};

/// Opens the listener.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, ListenError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| ListenError::Tcp { address, source })
}

/// Answers requests for as long as it is polled.
pub async fn serve(listener: TcpListener, handle: Handle) {
    let router = router(handle);
    let places = Places::new();
    while let Some(place) = places.take().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                let router = router.clone();
                tokio::spawn(async move {
                    let _place = place;
                    answer(stream, router).await;
                });
            }
            Err(error) => accept_failed("metrics", &error).await,
        }
    }
}

fn router(handle: Handle) -> Router {
    Router::new()
        .route("/metrics", get(scrape))
        .route("/healthz", get(async || "alive\n"))
        .route("/readyz", get(ready))
        .with_state(handle)
}

async fn scrape(State(handle): State<Handle>) -> Response {
    let view = handle.view();
    let sample = metrics::Sample {
        status: &view.status,
        stats: &view.stats,
        extras: &view.metrics,
    };
    match metrics::render(&sample) {
        Ok(text) => ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "cannot render the metrics");
            (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response()
        }
    }
}

async fn ready(State(handle): State<Handle>) -> Response {
    let reasons = unready(&handle.status());
    if reasons.is_empty() {
        "ready\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, reasons.join("\n") + "\n").into_response()
    }
}

/// What is missing before the service does what it is configured to do.
#[must_use]
pub fn unready(status: &Status) -> Vec<String> {
    let mut reasons = Vec::new();
    if status.generation.is_none() {
        reasons.push("no generation is in force".to_owned());
    }
    for interface in &status.interfaces {
        if !interface.attached {
            let name = &interface.name;
            reasons.push(match &interface.error {
                Some(error) => format!("{name} is not attached: {error}"),
                None => format!("{name} is not attached"),
            });
        }
    }
    reasons
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::{daemon::view::View, http::samples};

    async fn get(address: SocketAddr, path: &str) -> String {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: levee\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn monitoring_gets_its_three_answers() {
        let view = View {
            status: samples::status(),
            ..View::starting()
        };
        // Nothing arrives here.
        let (handle, _commands) = Handle::for_test(view, Path::new("/nonexistent"));
        let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, handle));

        let answer = get(address, "/healthz").await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        let answer = get(address, "/readyz").await;
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        let reason = "eth1 is not attached: interface eth1 does not exist\n";
        assert!(answer.ends_with(reason), "{answer}");
        let answer = get(address, "/metrics").await;
        assert!(answer.contains("text/plain; version=0.0.4"), "{answer}");
        assert!(answer.contains("\nlevee_generation 42\n"), "{answer}");
        assert!(get(address, "/v1/status").await.contains(" 404 "));
    }

    #[test]
    fn ready_is_attached_and_filtering() {
        let mut status = samples::status();
        status.interfaces[1].attached = true;
        assert_eq!(unready(&status), [""; 0]);
        status.generation = None;
        assert_eq!(unready(&status), ["no generation is in force"]);
    }
}
