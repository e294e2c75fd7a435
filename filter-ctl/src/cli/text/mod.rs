//! The documents as text, for an engineer at three in the morning: what matters most comes first,
//! columns line up, numbers can be read, times are in UTC.
//!
//! - here: numbers and times;
//! - [`table`]: columns that line up;
//! - [`status`], [`stats`], [`explain`], [`order`], [`feed`], [`exception`], [`rule`], [`profile`], [`simulate`],
//!   [`trust`]: a document each;
//! - [`event`]: a line for each packet; [`top`]: the busiest destinations;
//! - [`report`]: what became of an order, for the authority that asked.

pub mod event;
pub mod exception;
pub mod explain;
pub mod feed;
pub mod hold;
pub mod order;
pub mod profile;
pub mod receipt;
pub mod report;
pub mod rule;
pub mod simulate;
pub mod stats;
pub mod status;
pub mod table;
pub mod top;
pub mod trust;

use std::borrow::Cow;

use jiff::Timestamp;

use super::sanitize;
use crate::http::wire::Changed;

/// The answer to a change.
#[must_use]
pub fn changed(changed: &Changed) -> String {
    let generation = changed.generation.map_or_else(String::new, |generation| {
        format!(" (generation {generation})")
    });
    format!("{}{generation}\n", changed.message)
}

/// A number with separators: `1,234,567`.
#[must_use]
pub fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Bytes with a unit: `7.65 TB`.
#[must_use]
pub fn bytes(value: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if value < 1000 {
        return format!("{value} B");
    }
    // In hundredths of the unit, rounded to nearest, so that no digits are invented.
    let mut divisor: u128 = 1000;
    for unit in UNITS {
        let hundredths = (u128::from(value) * 100 + divisor / 2) / divisor;
        if hundredths < 100_000 || unit == "EB" {
            return format!("{}.{:02} {unit}", hundredths / 100, hundredths % 100);
        }
        divisor *= 1000;
    }
    value.to_string()
}

/// A number and its noun: `1 entry`, `2,000 entries`.
#[must_use]
pub fn count(value: u64, one: &str, many: &str) -> String {
    format!("{} {}", number(value), if value == 1 { one } else { many })
}

/// A time in UTC, to the second: `2026-11-23 08:00:05Z`.
#[must_use]
pub fn time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// A time that may be missing.
#[must_use]
pub fn optional_time(value: Option<Timestamp>) -> String {
    value.map_or_else(|| "-".to_owned(), time)
}

/// A time with its distance: `2026-11-23 08:00:05Z (3 h ago)`.
#[must_use]
pub fn time_and_distance(then: Timestamp, now: Timestamp) -> String {
    let seconds = then.as_second() - now.as_second();
    let distance = distance(seconds.unsigned_abs());
    let at = time(then);
    if seconds <= 0 {
        format!("{at} ({distance} ago)")
    } else {
        format!("{at} (in {distance})")
    }
}

/// A length of time, rounded down to one unit.
#[must_use]
pub fn distance(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", number(seconds / 86_400)),
    }
}

/// Outside text on one line; `-` for none.
#[must_use]
pub fn outside(text: &str) -> Cow<'_, str> {
    if text.is_empty() {
        Cow::Borrowed("-")
    } else {
        sanitize::line(text)
    }
}

/// Names and values below each other; values that are empty are left out.
#[must_use]
pub fn fields(indent: usize, fields: &[(&str, String)]) -> String {
    let shown: Vec<&(&str, String)> = fields.iter().filter(|(_, v)| !v.is_empty()).collect();
    let width = shown.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (name, value) in shown {
        let value = sanitize::line(value);
        text += &format!("{:indent$}{name:width$}  {value}\n", "");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_can_be_read() {
        for (value, expected) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (1_234_567, "1,234,567"),
            (u64::MAX, "18,446,744,073,709,551,615"),
        ] {
            assert_eq!(number(value), expected);
        }
        for (value, expected) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.00 kB"),
            (74_100_000, "74.10 MB"),
            (999_994, "999.99 kB"),
            (999_999, "1.00 MB"),
            (u64::MAX, "18.45 EB"),
        ] {
            assert_eq!(bytes(value), expected);
        }
        assert_eq!(count(1, "entry", "entries"), "1 entry");
        assert_eq!(count(2_000, "entry", "entries"), "2,000 entries");
    }

    #[test]
    fn times_are_in_utc_and_have_a_distance() {
        let now: Timestamp = "2026-11-23T12:00:00+07:00".parse().unwrap();
        assert_eq!(time(now), "2026-11-23 05:00:00Z");
        for (then, expected) in [
            ("2026-11-23T05:00:00Z", "2026-11-23 05:00:00Z (0 s ago)"),
            ("2026-11-23T04:58:01Z", "2026-11-23 04:58:01Z (119 s ago)"),
            ("2026-11-23T02:00:00Z", "2026-11-23 02:00:00Z (3 h ago)"),
            ("2026-11-23T05:30:00Z", "2026-11-23 05:30:00Z (in 30 min)"),
            ("2026-12-30T00:00:00Z", "2026-12-30 00:00:00Z (in 36 d)"),
        ] {
            assert_eq!(time_and_distance(then.parse().unwrap(), now), expected);
        }
    }
}
