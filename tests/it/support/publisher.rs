//! A publisher: a small HTTPS server in a thread, which answers what the test says, good or bad.

use std::{
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::{BufRead as _, BufReader, Write as _},
    net::{IpAddr, Ipv4Addr, TcpStream},
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer},
};

use super::netns::Namespace;

/// Gigabytes, of which the client takes what it likes.
const ENDLESS: usize = 4 << 30;

/// What every request is answered with.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// Status 200 with this type and these bytes, and 304 to who has them.
    Body(&'static str, String),
    /// A status line, and further headers.
    Status(&'static str),
    /// Nothing, and the connection stays open.
    Hang,
    /// Status 200 and bytes without an end.
    Endless,
    /// The connection ends at once.
    Vanished,
}

#[derive(Debug)]
struct State {
    reply: Mutex<Reply>,
    tls: Mutex<Arc<ServerConfig>>,
    unchanged: AtomicUsize,
}

/// The server. Its thread ends with the test.
#[derive(Debug)]
pub(crate) struct Publisher {
    pub(crate) port: u16,
    state: Arc<State>,
}

impl Publisher {
    /// One on the loopback address of a namespace; writes its certificate to `ca`.
    pub(crate) fn new(namespace: &Namespace, ca: &Path) -> Self {
        let listener = namespace.listen(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        let (tls, pem) = certificate(2100);
        fs::write(ca, pem).unwrap();
        let state = Arc::new(State {
            reply: Mutex::new(Reply::Vanished),
            tls: Mutex::new(tls),
            unchanged: AtomicUsize::new(0),
        });
        let port = listener.local_addr().unwrap().port();
        let served = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (Ok(stream), state) = (stream, Arc::clone(&served)) else {
                    break;
                };
                // A client that goes away is what some tests are about.
                thread::spawn(move || drop(serve(stream, &state)));
            }
        });
        Self { port, state }
    }

    pub(crate) fn answers(&self, reply: Reply) {
        *self.state.reply.lock().unwrap() = reply;
    }

    /// From now on it shows a certificate that has expired; writes it to `ca`.
    pub(crate) fn expires(&self, ca: &Path) {
        let (tls, pem) = certificate(2020);
        fs::write(ca, pem).unwrap();
        *self.state.tls.lock().unwrap() = tls;
    }

    /// How often it said 304.
    pub(crate) fn unchanged(&self) -> usize {
        self.state.unchanged.load(Ordering::SeqCst)
    }
}

fn certificate(last_year: i32) -> (Arc<ServerConfig>, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    params.not_before = date_time_ymd(2000, 1, 1);
    params.not_after = date_time_ymd(last_year, 1, 1);
    let certificate = params.self_signed(&key).unwrap();
    let chain = vec![CertificateDer::from(certificate.der().to_vec())];
    let secret = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, secret)
        .unwrap();
    (Arc::new(config), certificate.pem())
}

/// What tells one body from another.
fn etag(reply: &Reply) -> String {
    let mut hash = DefaultHasher::new();
    if let Reply::Body(_, body) = reply {
        body.hash(&mut hash);
    }
    format!("\"{:x}\"", hash.finish())
}

fn serve(stream: TcpStream, state: &State) -> std::io::Result<()> {
    let tls = Arc::clone(&state.tls.lock().unwrap());
    let connection = ServerConnection::new(tls).map_err(std::io::Error::other)?;
    let mut stream = BufReader::new(StreamOwned::new(connection, stream));
    let reply = state.reply.lock().unwrap().clone();
    let etag = etag(&reply);
    let mut has_etag = false;
    let mut signature = false;
    for number in 0.. {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        signature |= number == 0 && line.contains(".minisig");
        has_etag |= line.to_ascii_lowercase().starts_with("if-none-match:") && line.contains(&etag);
        if line.trim().is_empty() {
            break;
        }
    }
    let stream = stream.get_mut();
    match reply {
        _ if signature => write!(stream, "HTTP/1.1 404 Not Found\r\n{END}")?,
        Reply::Body(..) if has_etag => {
            state.unchanged.fetch_add(1, Ordering::SeqCst);
            write!(
                stream,
                "HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n"
            )?;
        }
        Reply::Body(kind, body) => write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nETag: {etag}\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n{body}",
            body.len()
        )?,
        Reply::Status(head) => write!(stream, "HTTP/1.1 {head}\r\n{END}")?,
        Reply::Hang => loop {
            thread::park();
        },
        Reply::Endless => {
            write!(stream, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
            let chunk = vec![b'#'; 1 << 16];
            for _ in 0..ENDLESS / chunk.len() {
                stream.write_all(&chunk)?;
            }
        }
        Reply::Vanished => return Ok(()),
    }
    stream.flush()
}

const END: &str = "Content-Length: 0\r\nConnection: close\r\n\r\n";
