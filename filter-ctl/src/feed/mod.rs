//! Feeds: transports that move bytes and never parse them.
//!
//! - [`directory`]: a directory in which signed bundles appear.

pub mod directory;
