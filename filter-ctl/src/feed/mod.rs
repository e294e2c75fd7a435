//! Feeds: transports that move bytes and never parse them.
//!
//! - [`directory`]: a directory in which signed bundles appear;
//! - [`hints`]: that a feed has something new.

pub mod directory;
pub mod hints;
