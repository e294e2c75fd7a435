//! What operators' letters promise.

mod lists;
mod orders;
