//! The configuration file, on any text.

use filter_ctl::config::load::parse;

use super::check_said;

/// Reads `data` as a configuration.
///
/// # Panics
///
/// Where something does not hold that must of any.
pub fn config(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let lines = text.matches('\n').count() + 1;
    let read = parse(text);
    assert_eq!(read, parse(text), "a judgement is one");
    let problems = match read {
        Ok(loaded) => {
            assert!(
                loaded.config.time_zone().is_ok(),
                "what is used was checked"
            );
            loaded.warnings
        }
        Err(problems) => {
            assert!(!problems.is_empty(), "a refusal has a reason");
            problems
        }
    };
    for problem in problems {
        check_said(&problem.to_string());
        assert!(
            problem.line.is_none_or(|line| (1..=lines).contains(&line)),
            "{problem}"
        );
    }
}
