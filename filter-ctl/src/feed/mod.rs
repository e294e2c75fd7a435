//! Feeds: transports that move bytes and never parse them.
//!
//! - [`directory`]: a directory in which signed bundles appear;
//! - [`pull`]: bundles and lists that are fetched by HTTPS;
//! - [`hints`]: that a feed has something new, which wakes its fetching before its time.

pub mod directory;
pub mod hints;
pub mod pull;
