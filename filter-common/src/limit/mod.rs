//! Limits: so much per second, of a rule or of one class of traffic to one destination.
//!
//! - [`rate`]: what a limit is, and the word that says how much of it is used up;
//! - [`class`]: the class that a packet belongs to;
//! - [`place`]: where the word of a destination lies: in a table of its own for each, or in a table in which
//!   destinations take turns.
//!
//! Limits are shared by all CPUs, so they hold for the sum of what comes in on all of them. A CPU writes to
//! one only for a packet that it lets through: past the limit it only reads, so that the flood that a limit
//! holds back does not make the CPUs fight for its word.

mod class;
mod place;
mod rate;

pub use class::{CLASSES, Class};
pub use place::{DENSE_WORDS, KEYED_WAYS, Key, Way, find_way};
pub use rate::{BUCKET_TRIES, Bucket, Limit, Tick, UNITS_PER_SECOND, Use, take};
