//! The bodies of the fuzz targets: plain functions, which panic where a property does not hold.
//!
//! The fuzzer of `tests/fuzz` calls them with inputs of its own making, and the test `fuzz` with each
//! file of its corpus and with changes of it.
//!
//! - [`packet`], [`capture`]: what comes over the wire, or from a file of it;
//! - [`bundle`], [`delta`]: what authorities sign; [`trust`]: whom to believe;
//! - [`plain`], [`drop_json`]: published lists; [`letter`]: pasted ones;
//! - [`config`]: the operator's file; [`rule`]: the syntax of rules;
//! - [`audit`], [`receipt`]: what the service reads back of its own.

use filter_ctl::cli::sanitize::lines;

mod audit;
mod authority;
mod bundle;
mod capture;
mod config;
mod letter;
mod list;
mod packet;
mod rule;
mod trust;

pub use self::{
    audit::{audit, receipt},
    bundle::{bundle, delta},
    capture::capture,
    config::config,
    letter::letter,
    list::{drop_json, plain},
    packet::packet,
    rule::rule,
    trust::trust,
};

/// What is said of an input can be printed: it is not long, and what is left of it once it is made safe to
/// print has no control characters but line ends.
fn check_said(text: &str) {
    const LONGEST: usize = 4_096;
    assert!(
        !text.is_empty() && text.len() <= LONGEST,
        "{} bytes",
        text.len()
    );
    let text = lines(text);
    let odd = text.chars().find(|c| c.is_control() && *c != '\n');
    assert_eq!(odd, None, "{text:?}");
}
