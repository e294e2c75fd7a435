//! How the process ends.

use std::process::{ExitCode, Termination};

/// The exit codes. They are stable, so that scripts can rely on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// All that was asked for was done.
    Done = 0,
    /// It should have worked and did not.
    Failed = 1,
    /// The command line or the input makes no sense.
    Usage = 2,
    /// Policy or admission refused something, in whole or in part.
    Refused = 3,
    /// The service is not reachable.
    Unreachable = 4,
}

impl Exit {
    /// The number.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        ExitCode::from(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_manual() {
        let codes = [
            Exit::Done,
            Exit::Failed,
            Exit::Usage,
            Exit::Refused,
            Exit::Unreachable,
        ];
        assert_eq!(codes.map(Exit::code), [0, 1, 2, 3, 4]);
    }
}
