//! One request: https, bounded in time and size, and nothing that was not asked for.

use std::{error::Error as _, sync::Arc, time::Duration};

use bytes::Bytes;
use reqwest::{
    Client, Proxy, Response, StatusCode, Url,
    header::{
        CONTENT_TYPE, ETAG, HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH,
        LAST_MODIFIED,
    },
    redirect,
};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject as _},
};

use super::PullFailure;
use crate::{
    config::pull::PullConfig,
    order::{Input, list::LIST_BYTES_MAX, parse::BUNDLE_BYTES_MAX_DEFAULT},
    spool::{Spool, SpoolError, Way},
};

/// To reach the publisher and agree on keys.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);
/// Without a byte.
const IDLE_TIME_MAX: Duration = Duration::from_secs(20);
/// For all of it.
const TOTAL_TIME_MAX: Duration = Duration::from_mins(5);
/// Redirects that are followed.
const REDIRECTS_MAX: usize = 3;
/// Bytes of a signature file.
const SIGNATURE_BYTES_MAX: u64 = 4096;

/// What is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Bundle,
    Signature,
    List,
}

impl Kind {
    const fn bytes_max(self) -> u64 {
        match self {
            Self::Bundle => BUNDLE_BYTES_MAX_DEFAULT as u64,
            Self::Signature => SIGNATURE_BYTES_MAX,
            Self::List => LIST_BYTES_MAX as u64,
        }
    }
}

/// What tells the publisher which version is here.
#[derive(Clone, Debug, Default)]
pub(super) struct Validators {
    etag: Option<HeaderValue>,
    last_modified: Option<HeaderValue>,
}

/// What came back.
pub(super) enum Fetched {
    Unchanged,
    Missing,
    Body(Box<Body>),
}

/// An answer, before its bytes.
pub(super) struct Body {
    response: Response,
    kind: Kind,
    pub(super) validators: Validators,
}

/// A client for one feed.
pub(super) struct Fetcher(Client);

impl Fetcher {
    /// With the feed's proxy and certificates. The environment's proxies do not count.
    pub(super) fn new(config: &PullConfig) -> Result<Self, PullFailure> {
        let mut builder = Client::builder()
            .no_proxy()
            .user_agent(concat!("filter-ctl/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIME_MAX)
            .read_timeout(IDLE_TIME_MAX)
            .timeout(TOTAL_TIME_MAX)
            .redirect(redirect::Policy::custom(follow))
            .tls_backend_preconfigured(tls(config)?);
        if let Some(proxy) = &config.proxy {
            let proxy = Proxy::all(proxy.clone())
                .map_err(|error| PullFailure::new("proxy", reasons(&error)))?;
            builder = builder.proxy(proxy);
        }
        let client = builder
            .build()
            .map_err(|error| PullFailure::new("client", reasons(&error)))?;
        Ok(Self(client))
    }

    /// Fetches a URL, unless the publisher still has the version of the validators.
    pub(super) async fn get(
        &self,
        url: &Url,
        kind: Kind,
        known: Option<&Validators>,
    ) -> Result<Fetched, PullFailure> {
        let mut request = self.0.get(url.clone());
        if let Some(Validators {
            etag,
            last_modified,
        }) = known
        {
            if let Some(etag) = etag {
                request = request.header(IF_NONE_MATCH, etag.clone());
            }
            if let Some(time) = last_modified {
                request = request.header(IF_MODIFIED_SINCE, time.clone());
            }
        }
        let response = request.send().await.map_err(|error| failure(&error))?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_MODIFIED if known.is_some() => return Ok(Fetched::Unchanged),
            StatusCode::NOT_FOUND => return Ok(Fetched::Missing),
            status => {
                let code = format!("http_{}", status.as_u16());
                let error = format!("{url} answers {status}: expected 200 or 304");
                return Err(PullFailure { code, error });
            }
        }
        check_type(&response, kind)?;
        let header = |name: HeaderName| response.headers().get(name).cloned();
        if response
            .content_length()
            .is_some_and(|length| length > kind.bytes_max())
        {
            return Err(too_long(kind.bytes_max()));
        }
        let validators = Validators {
            etag: header(ETAG),
            last_modified: header(LAST_MODIFIED),
        };
        Ok(Fetched::Body(Box::new(Body {
            response,
            kind,
            validators,
        })))
    }
}

fn tls(config: &PullConfig) -> Result<ClientConfig, PullFailure> {
    let failed = |error: String| PullFailure::new("tls_roots", error);
    let mut roots = RootCertStore::empty();
    match &config.ca_file {
        Some(path) => {
            let unreadable = |error| failed(format!("{}: {error}", path.display()));
            for certificate in CertificateDer::pem_file_iter(path).map_err(unreadable)? {
                let certificate = certificate.map_err(unreadable)?;
                roots
                    .add(certificate)
                    .map_err(|error| failed(format!("{}: {error}", path.display())))?;
            }
        }
        None => {
            // One that is odd among the system's hundred is passed over.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if roots.is_empty() && config.url.scheme() == "https" {
        let error =
            "no certificate of an authority to believe: expected some in ca_file or the system";
        return Err(failed(error.to_owned()));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(error.to_string()))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// Redirects stay with the host and with https: else whoever answers once decides where all is fetched from.
fn follow(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let first = attempt.previous().first();
    let same_host = first.is_some_and(|first| {
        (first.host_str(), first.port_or_known_default())
            == (
                attempt.url().host_str(),
                attempt.url().port_or_known_default(),
            )
    });
    if attempt.url().scheme() != "https" || !same_host {
        attempt.error("a redirect to another host or away from https is not followed")
    } else if attempt.previous().len() > REDIRECTS_MAX {
        attempt.error("too many redirects: at most 3 are followed")
    } else {
        attempt.follow()
    }
}

/// A page is no list, whatever its status. Bundles are not guessed at either.
fn check_type(response: &Response, kind: Kind) -> Result<(), PullFailure> {
    let Some(value) = response.headers().get(CONTENT_TYPE) else {
        return Ok(());
    };
    let value = String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase();
    let essence = value.split(';').next().unwrap_or_default().trim();
    let is_good = match kind {
        Kind::Bundle => matches!(
            essence,
            "application/jsonl"
                | "application/x-ndjson"
                | "application/json"
                | "application/octet-stream"
                | "text/plain"
        ),
        Kind::Signature | Kind::List => !matches!(essence, "text/html" | "application/xhtml+xml"),
    };
    if is_good {
        return Ok(());
    }
    let error = format!("{} is of type {essence}: expected data", response.url());
    Err(PullFailure::new("content_type", error))
}

impl Body {
    /// The bytes of something small.
    pub(super) async fn read(mut self) -> Result<Vec<u8>, PullFailure> {
        let max = self.kind.bytes_max();
        let mut bytes = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            if (bytes.len() + chunk.len()) as u64 > max {
                return Err(too_long(max));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    /// The bytes into the spool, once there is room.
    pub(super) async fn spool(mut self, spool: &Spool) -> Result<Input, PullFailure> {
        let max = self.kind.bytes_max();
        let length = self.response.content_length().unwrap_or(max).min(max);
        let room = spool.room(Way::Fetched, length).await;
        let mut receiving = spool.receive(room).await.map_err(not_spooled)?;
        while let Some(chunk) = self.chunk().await? {
            receiving.write(&chunk).await.map_err(not_spooled)?;
        }
        receiving.finish().await.map_err(not_spooled)
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>, PullFailure> {
        let chunk = self.response.chunk().await;
        chunk.map_err(|error| failure(&error))
    }
}

fn too_long(max: u64) -> PullFailure {
    let error = format!("the answer is longer than {max} bytes: expected no more");
    PullFailure::new("too_long", error)
}

fn not_spooled(error: SpoolError) -> PullFailure {
    match error {
        SpoolError::TooLong { max } => too_long(max),
        SpoolError::File(error) => PullFailure::new("spool", error.to_string()),
    }
}

fn failure(error: &reqwest::Error) -> PullFailure {
    let code = if error.is_timeout() {
        "timeout"
    } else if error.is_redirect() {
        "redirect"
    } else if error.is_connect() {
        "connect"
    } else {
        "transfer"
    };
    PullFailure::new(code, reasons(error))
}

/// An error with all that led to it.
fn reasons(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
