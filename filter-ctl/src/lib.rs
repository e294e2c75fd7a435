//! The controller of Levee.
//!
//! Data flows one way through it, with one type per arrow:
//!
//! ```text
//!  bytes ---> feed ---> order::parse ---> order::verify ---> policy ---> table ---> kernel
//!              UntrustedOrder      VerifiedOrder      RuleSet      Table      maps (generation N+1)
//!
//!  CLI, metrics <--- observe <--- counters <--- kernel
//! ```
//!
//! Deciding is done by plain functions over plain data; input and output happen in the tasks of
//! [`daemon`] and nowhere else.

pub mod appliance;
pub mod audit;
pub mod capture;
pub mod cli;
pub mod config;
pub mod daemon;
pub mod durable;
pub mod events;
pub mod evidence;
pub mod exit;
pub mod feed;
pub mod http;
pub mod kernel;
pub mod metrics;
pub mod observe;
pub mod order;
pub mod policy;
pub mod receipt;
pub mod rule;
pub mod simulate;
pub mod spool;
pub mod table;
