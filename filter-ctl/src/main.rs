//! The `filter-ctl` binary.

use filter_ctl::{cli, exit::Exit};

fn main() -> Exit {
    cli::main()
}
