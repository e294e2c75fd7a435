//! The running service.
//!
//! What waits and what decides are apart: `tasks` waits for signals, sockets, directories and the
//! clock, and calls the engine, which does one thing at a time.
//!
//! - [`handle`]: what may be asked of the service;
//! - [`view`]: what it looks like from outside, a snapshot;
//! - `engine`: its state, alarms, interfaces, and what happens once a second;
//! - `start` and `reload`: from files to state; [`stored`]: what was admitted, read back; `inherit`: from what a crash left behind;
//! - `leave`: from the maps before those in use to none;
//! - `admit` and `change`: what authorities and operators ask for;
//! - `approval`, `feed_switch` and `pause`: what persons decide about entries that wait, and about a feed;
//! - `rules` and `rule_changes`: rules that operators have added, and how they go together with the file's;
//! - [`desired`]: from configuration, orders and decisions to what is desired, pure;
//! - `enforce`: from what is desired to what is in force;
//! - [`pinned`]: where paused feeds stand, and what is in force of them, pure;
//! - `recover`: what is in force of sources that cannot be read;
//! - `drift`: whether the kernel holds what was put there;
//! - `offload`: whether network cards leave in frames what the settings go by;
//! - `publish`: from state to view;
//! - [`lists`]: unsigned lists, judged, held or enforced; `pullers`: the tasks that fetch feeds;
//! - `receipts`: what is stated of each bundle, signed;
//! - `sampling`: how samples are made, and who may see addresses inside;
//! - `push`: the listener for authorities, as far as the engine has to do with it;
//! - `equivocation`: an authority that signs two truths; `evidence`: what was received, kept by its content;
//! - `local` and [`trust`]: what operators have decided, and the trust file in force, on disk;
//! - `trail`: the audit log as the engine keeps it, and when it is signed;
//! - `clock`: whether the time can be right.

mod admit;
mod approval;
mod change;
mod clock;
pub(crate) mod desired;
mod drift;
mod enforce;
mod engine;
mod equivocation;
mod evidence;
mod feed_switch;
pub mod handle;
mod inherit;
mod leave;
pub(crate) mod letters;
pub mod lists;
pub(crate) mod local;
mod offload;
mod pause;
pub(crate) mod pinned;
mod publish;
mod pullers;
mod push;
mod receipts;
mod recover;
mod reload;
mod rule_changes;
pub(crate) mod rules;
mod sampling;
pub mod start;
pub(crate) mod stored;
mod tasks;
mod trail;
pub mod trust;
pub mod view;

pub use local::LocalError;
pub use tasks::{DaemonError, run};
