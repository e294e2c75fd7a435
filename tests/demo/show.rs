//! Progress and results, for people.

use std::{sync::OnceLock, time::Instant};

/// Seconds since the demo began.
fn seconds() -> f64 {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_secs_f64()
}

/// Says what happens next.
pub(crate) fn step(what: &str) {
    println!("\n[{:6.1} s] {what}", seconds());
}

/// Says what came of it.
pub(crate) fn done(what: &str) {
    println!("           {what}");
}

/// Prints what a command printed.
pub(crate) fn block(text: &str) {
    for line in text.lines() {
        println!("           | {line}");
    }
}
