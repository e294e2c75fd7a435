//! The only room that knows the kernel.
//!
//! An *instance* is one set of maps, pinned in a numbered directory below the pin directory; the
//! links that hold the program on the interfaces are pinned beside them. All of it outlives the
//! controller, which is why a dead controller changes nothing about what is dropped. A *private*
//! instance is pinned nowhere and attached to nothing: `simulate` runs the program over it.
//!
//! - [`object`]: the compiled program, embedded in this binary;
//! - [`pins`]: the pin directory: its lock, its instances, its links;
//! - [`instance`]: one set of maps, created or opened; `shape` says which maps, `record` what describes them;
//! - [`stable`]: what of them every version can read; [`found`]: what an earlier controller has left;
//! - [`private`]: the same without pins, with the program over it;
//! - [`sync`]: writes a compiled table into the half that no packet reads, and makes it live;
//! - [`verify`]: reads back what was written; [`read_back`]: the table itself;
//! - [`attach`]: puts the program on interfaces, and replaces it there without a gap;
//! - [`links`]: finds the links again when interfaces have got other names;
//! - [`count`]: reads the counters; [`meters`]: what goes to each protected destination;
//! - [`samples`]: some of the packets that were dropped;
//! - [`clock`]: the kernel's clock; `ticks`: how long its tick is;
//! - [`offload`]: what a network card does to frames first;
//! - [`sys`]: the system calls that aya lacks; all of this room's `unsafe` is there and in `mapped`.

pub mod attach;
pub mod clock;
pub mod count;
mod error;
pub mod found;
pub mod instance;
pub mod links;
mod mapped;
pub mod meters;
pub mod object;
pub mod offload;
pub mod pins;
pub mod private;
pub mod read_back;
mod record;
pub mod samples;
mod shape;
pub mod stable;
pub mod sync;
mod sys;
mod ticks;
pub mod verify;

pub use error::KernelError;
pub use sys::try_lock as lock_file;
