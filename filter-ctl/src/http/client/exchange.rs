//! One request and its answer.

use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::{
    Method, Request,
    body::{Bytes, Incoming},
    client::conn::http1,
    header::{CONTENT_TYPE, HOST},
};
use hyper_util::rt::TokioIo;
use sha2::{Digest as _, Sha256};
use tokio::net::UnixStream;

use crate::order::{FeedName, hex};

/// A bundle to send.
#[derive(Clone, Debug)]
pub struct Bundle<'a> {
    /// The feed it is meant for, if the sender says so.
    pub feed: Option<&'a FeedName>,
    /// Its bytes.
    pub bytes: &'a [u8],
    /// The bytes of each signature.
    pub signatures: &'a [Vec<u8>],
}

/// What is asked.
pub(super) struct Ask {
    pub(super) method: Method,
    pub(super) target: String,
    pub(super) content_type: String,
    pub(super) body: Vec<u8>,
    pub(super) time_max: Duration,
}

/// Sends a request and reads its whole answer.
pub(super) async fn exchange(stream: UnixStream, ask: Ask) -> Result<(bool, Bytes), hyper::Error> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let answered = async {
        let response = sender.send_request(request(ask)).await?;
        let succeeded = response.status().is_success();
        let body: Incoming = response.into_body();
        Ok((succeeded, body.collect().await?.to_bytes()))
    };
    drive(connection, answered).await
}

/// Waits for an answer while the connection does its work.
pub(super) async fn drive<T>(connection: impl Future, answered: impl Future<Output = T>) -> T {
    tokio::pin!(connection, answered);
    tokio::select! {
        answer = &mut answered => answer,
        // It ends first where the service closes early; what it has sent is still to be read.
        _ = &mut connection => answered.await,
    }
}

pub(super) fn request(ask: Ask) -> Request<Full<Bytes>> {
    let Ask {
        method,
        target,
        content_type,
        body,
        time_max: _,
    } = ask;
    let mut request = Request::new(Full::new(Bytes::from(body)));
    *request.method_mut() = method;
    if let Ok(uri) = target.parse() {
        *request.uri_mut() = uri;
    }
    let headers = request.headers_mut();
    headers.insert(HOST, hyper::header::HeaderValue::from_static("levee"));
    if let Ok(value) = content_type.parse() {
        headers.insert(CONTENT_TYPE, value);
    }
    request
}

pub(super) fn with_query(path: &str, name: &str, value: &str) -> String {
    format!("{path}?{name}={}", escaped(value))
}

pub(super) fn escaped(value: &str) -> String {
    let mut target = String::new();
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            target.push(char::from(byte));
        } else {
            const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
            target.push('%');
            target.push(char::from(DIGITS[usize::from(byte >> 4)]));
            target.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
    target
}

/// A body of parts, and its content type.
pub(super) fn multipart(parts: &[(&str, &[u8])]) -> (String, Vec<u8>) {
    // Nothing can hold the hash of itself.
    let mut hash = Sha256::new();
    for (_, bytes) in parts {
        hash.update(bytes);
    }
    let boundary = format!("levee-{}", hex::encode(&hash.finalize()));
    let length: usize = parts.iter().map(|(_, bytes)| bytes.len()).sum();
    let mut body = Vec::with_capacity(length + 4096);
    for (name, bytes) in parts {
        let head =
            format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    (format!("multipart/form-data; boundary={boundary}"), body)
}
