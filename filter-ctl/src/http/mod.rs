//! HTTP: the control API on a Unix socket, and metrics and health on their own listener.
//!
//! What both sides share:
//!
//! - [`wire`]: the JSON of every request and answer;
//! - [`path`]: where each request goes.
//!
//! The service's side, which knows the service only by its
//! [`Handle`](crate::daemon::handle::Handle):
//!
//! - [`server`]: the socket, and who may open it;
//! - [`peer`]: who is on the other end, and what they may do;
//! - `routes`: from a request to the handle and back;
//! - [`health`]: `/metrics`, `/healthz` and `/readyz` over TCP;
//! - [`push`]: HTTPS for authorities, with a certificate on both sides;
//! - `connection`: how many connections there may be, and for how long.
//!
//! The command's side:
//!
//! - [`client`]: asks the service.

pub mod client;
mod connection;
pub mod health;
pub mod path;
pub mod peer;
pub mod push;
mod routes;
#[cfg(test)]
pub(crate) mod samples;
pub mod server;
pub mod wire;

use std::{io, net::SocketAddr, path::PathBuf};

/// A listener that cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Something is wrong with the control socket's file.
    #[error("cannot {action} the control socket {}: {source}", .path.display())]
    Socket {
        /// What was tried.
        action: &'static str,
        /// The socket, or its directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Somebody answers there already.
    #[error(
        "another filter-ctl serves the control socket {}: stop that one, or set another control_socket",
        .0.display()
    )]
    Served(PathBuf),
    /// The file that is in the way is not ours to remove.
    #[error("{} exists and is not a socket: remove it, or set another control_socket", .0.display())]
    NotASocket(PathBuf),
    /// The TCP listener cannot be opened.
    #[error("cannot listen on {address} for metrics: {source}; set another metrics_listen")]
    Tcp {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}
