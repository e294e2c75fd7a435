//! The running service.
//!
//! - [`handle`]: what may be asked of it;
//! - [`view`]: what it looks like from outside, a snapshot.

pub mod handle;
pub mod view;
