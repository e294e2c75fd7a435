//! HTTP: the control API on a Unix socket, and metrics and health on their own listener.
//!
//! - [`wire`]: the JSON of every request and answer.

pub mod wire;
