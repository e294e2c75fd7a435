//! The listener's side of TLS: its certificate, and whose certificates it accepts.
//!
//! TLS 1.2 or 1.3; a client has to show a certificate that the configured authority issued and that has not
//! expired. Sessions are never resumed: a certificate that is no longer good ends with its connection.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::{NoServerSessionStorage, WebPkiClientVerifier},
};

use crate::config::PushConfig;

/// Bytes of a file with certificates or a key; a longer one is refused.
const PEM_BYTES_MAX: u64 = 1 << 20;

/// Why the files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is too long.
    #[error("{}: expected at most {PEM_BYTES_MAX} bytes", .0.display())]
    TooLong(PathBuf),
    /// A file does not hold what it should.
    #[error("{}: expected {expected} in PEM form: {reason}", .path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        expected: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// Certificate and key do not work together.
    #[error("{} with {}: {reason}", .certificate.display(), .key.display())]
    Pair {
        /// The certificate.
        certificate: PathBuf,
        /// The key.
        key: PathBuf,
        /// What is wrong.
        reason: rustls::Error,
    },
}

/// What tells that a file has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stamps([Option<(u64, u64, i64, i64)>; 3]);

impl Stamps {
    pub(super) fn of(config: &PushConfig) -> Self {
        let stamp = |path: &Path| {
            let metadata = fs::metadata(path).ok()?;
            let changed = (metadata.mtime(), metadata.mtime_nsec());
            Some((metadata.ino(), metadata.size(), changed.0, changed.1))
        };
        Self([&config.certificate, &config.key, &config.client_ca].map(|path| stamp(path)))
    }
}

/// Certificate, key and client authority, ready to use.
#[derive(Clone, Debug)]
pub struct Identity(pub(super) Arc<ServerConfig>);

impl Identity {
    /// Reads and checks the three files.
    pub fn load(config: &PushConfig) -> Result<Self, TlsError> {
        let PushConfig {
            certificate,
            key,
            client_ca,
            ..
        } = config;
        let provider = Arc::new(ring::default_provider());
        let mut roots = RootCertStore::empty();
        let ca = |reason: String| pem(client_ca, "certificates of the clients' authority", reason);
        for root in certificates(client_ca)? {
            roots.add(root).map_err(|error| ca(error.to_string()))?;
        }
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .build()
                .map_err(|error| ca(error.to_string()))?;
        let private = PrivateKeyDer::from_pem_slice(&read(key)?)
            .map_err(|error| pem(key, "a private key", error.to_string()))?;
        let pair = |reason| TlsError::Pair {
            certificate: certificate.clone(),
            key: key.clone(),
            reason,
        };
        let mut server = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(pair)?
            .with_client_cert_verifier(verifier)
            .with_single_cert(certificates(certificate)?, private)
            .map_err(pair)?;
        server.alpn_protocols = vec![b"http/1.1".to_vec()];
        server.session_storage = Arc::new(NoServerSessionStorage {});
        server.send_tls13_tickets = 0;
        Ok(Self(Arc::new(server)))
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let bytes = read(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let found = found.map_err(|error| pem(path, "certificates", error.to_string()))?;
    if found.is_empty() {
        return Err(pem(path, "certificates", "there is none".to_owned()));
    }
    Ok(found)
}

fn pem(path: &Path, expected: &'static str, reason: String) -> TlsError {
    TlsError::Pem {
        path: path.to_owned(),
        expected,
        reason,
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(PEM_BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(|source| TlsError::Read {
            path: path.to_owned(),
            source,
        })?;
    if bytes.len() as u64 > PEM_BYTES_MAX {
        return Err(TlsError::TooLong(path.to_owned()));
    }
    Ok(bytes)
}
