//! The `filter-ctl` binary.

fn main() {}
