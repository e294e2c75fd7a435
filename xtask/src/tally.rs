//! Adds up what the test runners say.
//!
//! A runner of Rust's test harness ends with a line `test result: ...`. A test that cannot do its
//! work on this machine prints `SKIPPED: NAME: WHY` and returns; the harness calls it passed, the
//! tally calls it skipped. The runners therefore have to show the output of tests that pass.

use std::{collections::BTreeSet, fmt, mem};

/// How many tests ended how.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Tally {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) skipped: usize,
}

impl Tally {
    /// Whether no test was even started.
    pub(crate) fn is_empty(&self) -> bool {
        let Self {
            passed,
            failed,
            skipped,
        } = *self;
        passed + failed + skipped == 0
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            passed,
            failed,
            skipped,
        } = self;
        write!(
            formatter,
            "{passed} passed, {failed} failed, {skipped} skipped"
        )
    }
}

/// Reads the lines of one test runner after the other.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    tally: Tally,
    /// Of the runner now talking: the tests it calls passed, and those that said they skip.
    passed: BTreeSet<String>,
    skipped: BTreeSet<String>,
}

impl Reader {
    pub(crate) fn line(&mut self, line: &str) {
        if let Some(name) = skipped_test(line) {
            self.skipped.insert(name.to_owned());
        } else if let Some(name) = passed_test(line) {
            self.passed.insert(name.to_owned());
        } else if let Some(result) = test_result(line) {
            let passed = mem::take(&mut self.passed);
            let skipped = mem::take(&mut self.skipped);
            // A part of a test may be skipped under a name of its own: then the test did pass.
            let not_passed = skipped.intersection(&passed).count();
            self.tally.passed += result.passed.saturating_sub(not_passed);
            self.tally.failed += result.failed;
            self.tally.skipped += result.skipped + skipped.len();
        }
    }

    /// Says that a whole runner cannot do its work on this machine, and counts it.
    pub(crate) fn skip(&mut self, name: &str, why: &str) {
        println!("SKIPPED: {name}: {why}");
        self.tally.skipped += 1;
    }

    pub(crate) fn finish(self) -> Tally {
        self.tally
    }
}

/// The name in `SKIPPED: NAME: WHY`, which may come behind the harness's `test NAME ... `.
fn skipped_test(line: &str) -> Option<&str> {
    let start = line.find("SKIPPED: ")?;
    let (before, rest) = line.split_at(start);
    if !before.trim().is_empty() && !before.ends_with("... ") {
        return None;
    }
    // Paths of modules have colons, but no space behind them.
    let (name, _why) = rest.strip_prefix("SKIPPED: ")?.split_once(": ")?;
    Some(name.trim())
}

fn passed_test(line: &str) -> Option<&str> {
    line.strip_prefix("test ")?.strip_suffix(" ... ok")
}

/// The numbers of a line `test result: ok. 1 passed; 0 failed; 2 ignored; ...`.
fn test_result(line: &str) -> Option<Tally> {
    let (_verdict, numbers) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let number = |word: &str| {
        let part = numbers
            .split(';')
            .find_map(|part| part.trim().strip_suffix(word))?;
        part.trim().parse().ok()
    };
    Some(Tally {
        passed: number(" passed")?,
        failed: number(" failed")?,
        skipped: number(" ignored")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, passed: usize, failed: usize, skipped: usize) {
        let mut reader = Reader::default();
        text.lines().for_each(|line| reader.line(line));
        assert_eq!(
            reader.finish(),
            Tally {
                passed,
                failed,
                skipped
            },
            "{text}"
        );
    }

    #[test]
    fn runners_add_up() {
        check(
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 7 filtered out; \
             finished in 0.00s\n\
             test result: FAILED. 10 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; \
             finished in 1.25s\n",
            13,
            2,
            1,
        );
        check("", 0, 0, 0);
        check("the test result: unknown\n", 0, 0, 0);
    }

    #[test]
    fn a_skipped_test_did_not_pass() {
        check(
            "test native::attach ... ok\n\
             test link::vlan ... SKIPPED: link::vlan: not root\n\
             test other ... ok\n\
             test link::vlan ... ok\n\
             SKIPPED: native::attach: no veth: not root\n\
             SKIPPED: native::attach: said twice\n\
             test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; \
             finished in 0.00s\n",
            1,
            0,
            2,
        );
    }

    #[test]
    fn a_skipped_part_leaves_its_test_passed() {
        check(
            "test wrappings ... ok\n\
             SKIPPED: wrappings with PPPoE: no device\n\
             test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; \
             finished in 0.00s\n",
            1,
            0,
            1,
        );
    }

    #[test]
    fn talk_about_skipping_is_not_skipping() {
        check(
            "a line with SKIPPED: in: it\n\
             test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; \
             finished in 0.00s\n",
            1,
            0,
            0,
        );
    }
}
