//! A publisher: a small HTTPS server in a thread, which answers what the test says, good or bad.

use std::{
    fs,
    hash::{DefaultHasher, Hasher as _},
    io::{BufRead as _, BufReader, Write as _},
    net::{IpAddr, Ipv4Addr, TcpStream},
    path::{Path, PathBuf},
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
    /// A bundle as before, and beside it its signatures.
    Signed(String, Vec<String>),
    /// Status 200, more bytes announced than come, and the connection ends.
    Cut(String),
    /// Status 200, fewer bytes announced than come.
    Short(String),
    /// A status line, and further headers.
    Status(&'static str),
    /// Nothing, and the connection stays open.
    Hang,
    /// Status 200 and bytes without an end.
    Endless,
    /// The same in chunks.
    EndlessChunks,
    /// The connection ends at once.
    Vanished,
}

#[derive(Debug)]
struct State {
    reply: Mutex<Reply>,
    tls: Mutex<Arc<ServerConfig>>,
    unchanged: AtomicUsize,
    requests: AtomicUsize,
}

/// The server. Its thread ends with the test.
#[derive(Debug)]
pub(crate) struct Publisher {
    pub(crate) port: u16,
    ca: PathBuf,
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
            requests: AtomicUsize::new(0),
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
        Self {
            port,
            ca: ca.to_owned(),
            state,
        }
    }

    /// The section of a feed `list` that is fetched from it as plain text.
    pub(crate) fn feed(&self) -> String {
        let Self { port, ca, .. } = self;
        format!(
            "[[feed]]\nname = \"list\"\nurl = \"https://127.0.0.1:{port}/list.txt\"\n\
             format = \"plain\"\nca_file = \"{}\"\n",
            ca.display()
        )
    }

    pub(crate) fn answers(&self, reply: Reply) {
        *self.state.reply.lock().unwrap() = reply;
    }

    /// How often it was asked for anything.
    pub(crate) fn requests(&self) -> usize {
        self.state.requests.load(Ordering::SeqCst)
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

fn serve(stream: TcpStream, state: &State) -> std::io::Result<()> {
    let tls = Arc::clone(&state.tls.lock().unwrap());
    let connection = ServerConnection::new(tls).map_err(std::io::Error::other)?;
    let mut stream = BufReader::new(StreamOwned::new(connection, stream));
    let mut known = None;
    let mut signature = None;
    for number in 0.. {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        if number == 0 {
            signature = asked_signature(&line);
            state.requests.fetch_add(1, Ordering::SeqCst);
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("if-none-match")
        {
            known = Some(value.trim().to_owned());
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let reply = state.reply.lock().unwrap().clone();
    let stream = stream.get_mut();
    let reply = match (reply, signature) {
        (Reply::Signed(_, signatures), Some(number)) => match signatures.get(number) {
            Some(signature) => Reply::Body("text/plain", signature.clone()),
            None => Reply::Status("404 Not Found"),
        },
        (_, Some(_)) => Reply::Status("404 Not Found"),
        (Reply::Signed(bundle, _), None) => Reply::Body("application/jsonl", bundle),
        (reply, None) => reply,
    };
    match reply {
        Reply::Body(_, body) if known.as_ref() == Some(&etag(&body)) => {
            state.unchanged.fetch_add(1, Ordering::SeqCst);
            write!(
                stream,
                "HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n"
            )?;
        }
        Reply::Body(kind, body) => write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nETag: {}\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n{body}",
            etag(&body),
            body.len()
        )?,
        Reply::Cut(body) => write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
            body.len() + 1
        )?,
        Reply::Short(body) => write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len() - 1
        )?,
        Reply::EndlessChunks => {
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            )?;
            let chunk = vec![b'#'; 1 << 16];
            for _ in 0..ENDLESS / chunk.len() {
                write!(stream, "{:x}\r\n", chunk.len())?;
                stream.write_all(&chunk)?;
                stream.write_all(b"\r\n")?;
            }
        }
        Reply::Signed(..) => unreachable!("is a body by now"),
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

/// The name of a version.
fn etag(body: &str) -> String {
    let mut hasher = DefaultHasher::new();
    hasher.write(body.as_bytes());
    format!("\"{:x}\"", hasher.finish())
}

/// The number of the signature, from 0, that a request line asks for.
fn asked_signature(line: &str) -> Option<usize> {
    let path = line.split(' ').nth(1)?.strip_suffix(".minisig")?;
    let number = path.rsplit('.').next()?.parse::<usize>();
    Some(number.map_or(0, |number| number - 1))
}

const END: &str = "Content-Length: 0\r\nConnection: close\r\n\r\n";
