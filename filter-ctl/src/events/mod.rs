//! Samples of what was dropped, on their way to whoever looks.
//!
//! ```text
//!  kernel::samples ---> task ---> hub ---> the last events, followers, captures
//!       Sample                    names: what slots, rules and interfaces are called
//!                                 mask:  the end that is inside, once more
//! ```
//!
//! - [`hub`]: the last events, and everybody who is told of the next ones;
//! - [`names`]: what the numbers in a sample mean, by generation;
//! - [`mask`]: from what the kernel sends to what may be shown;
//! - [`event`]: from a sample to the document; [`frame`]: from a sample to a frame, for a capture file;
//! - [`task`]: reads the ring.
//!
//! Nothing of it is written to disk, and nothing but a capture that was opened for it ever sees an address
//! inside.

pub mod event;
pub mod frame;
pub mod hub;
pub mod mask;
pub mod names;
pub mod task;

pub use self::{
    hub::{Addresses, Filter, Hub, Seen, Subscription},
    names::Names,
};
