//! The tasks of the developers of Levee.

fn main() {}
