//! What would become of recorded packets.
//!
//! The configuration as it is given, the orders as they are stored, one moment and one interface make
//! a *scene*; each packet of a capture is judged in it by the code that the kernel runs. With `--kernel`
//! the program itself judges it too, over private maps, and must agree.
//!
//! - [`state`]: the stored orders and decisions, read without touching anything;
//! - [`moment`]: what of them was in force at a moment;
//! - [`scene`]: from all of that to a table, and the interface the packets come in on;
//! - [`cut`]: a frame of which the capture has only the beginning;
//! - [`host`]: the decision on the host;
//! - [`kernel`]: the decision by the program;
//! - [`packet`]: from a record to a line;
//! - [`tally`]: from lines to the summary;
//! - [`wire`]: the JSON of both.

mod cut;
mod host;
mod kernel;
mod moment;
pub(crate) mod packet;
pub(crate) mod scene;
pub(crate) mod state;
mod tally;
#[cfg(test)]
mod tests;
pub mod wire;
