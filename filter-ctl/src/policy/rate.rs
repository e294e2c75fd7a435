//! So much per second, as operators write it.

use std::{fmt, str::FromStr};

use filter_common::limit::Limit;

/// What a rate counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Packets.
    Packets,
    /// Bits of frames, without preamble and check sequence.
    Bits,
}

/// A rate, and how much may come at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rate {
    /// What it counts.
    pub unit: Unit,
    /// How many of them in a second.
    pub per_second: u64,
    /// How many at once; a tenth of a second's where it is not said.
    pub burst: Option<u64>,
}

/// The most packets per second.
pub const PACKETS_MAX: u64 = 1_000_000_000;
/// The most bits per second: a terabit.
pub const BITS_MAX: u64 = 1_000_000_000_000;

/// Text that is no rate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no rate: {why}")]
pub struct RateError {
    text: String,
    why: String,
}

impl Rate {
    /// The longest frame of a usual link: a burst of fewer bytes would let none of them pass in time.
    const FRAME_BYTES: u64 = 1_514;

    /// As the data path has it.
    #[must_use]
    pub fn limit(&self) -> Limit {
        match self.unit {
            Unit::Packets => {
                let burst = self.burst.unwrap_or(self.per_second / 10);
                Limit::packets(self.per_second, burst.max(1))
            }
            Unit::Bits => {
                let burst = self.burst.unwrap_or(self.per_second / 10) / 8;
                Limit::bytes(self.per_second.div_ceil(8), burst.max(Self::FRAME_BYTES))
            }
        }
    }

    fn new(text: &str) -> Result<Self, String> {
        const EXPECTED: &str = "expected such as `1000 pps`, `20 kpps`, `10 Mbit/s` or \
                                `1000 pps burst 200`";
        let (rate, burst) = match text.split_once("burst") {
            Some((rate, burst)) => (rate, Some(burst)),
            None => (text, None),
        };
        let rate = rate.trim();
        let digits = rate
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rate.len());
        let (number, unit) = rate.split_at(digits);
        let number: u64 = number.parse().map_err(|_| EXPECTED.to_owned())?;
        let unit = unit.trim();
        let (unit, factor, most) = match unit.to_ascii_lowercase().as_str() {
            "pps" | "p/s" => (Unit::Packets, 1, PACKETS_MAX),
            "kpps" => (Unit::Packets, 1_000, PACKETS_MAX),
            "mpps" => (Unit::Packets, 1_000_000, PACKETS_MAX),
            "bit/s" | "bps" => (Unit::Bits, 1, BITS_MAX),
            "kbit/s" | "kbps" => (Unit::Bits, 1_000, BITS_MAX),
            "mbit/s" | "mbps" => (Unit::Bits, 1_000_000, BITS_MAX),
            "gbit/s" | "gbps" => (Unit::Bits, 1_000_000_000, BITS_MAX),
            _ => return Err(EXPECTED.to_owned()),
        };
        let per_second = number.saturating_mul(factor);
        if per_second == 0 {
            return Err("0 would let nothing pass: to drop, say `drop`".to_owned());
        }
        if per_second > most {
            return Err(format!("the most is {most} per second"));
        }
        let burst = match burst {
            None => None,
            Some(text) => match text.trim().parse() {
                Ok(burst) if (1..=per_second).contains(&burst) => Some(burst),
                _ => {
                    return Err(format!(
                        "the burst is a number from 1 to {per_second}, which is what a second lets pass"
                    ));
                }
            },
        };
        Ok(Self {
            unit,
            per_second,
            burst,
        })
    }
}

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        Self::new(text).map_err(|why| RateError {
            text: text.chars().take(64).collect(),
            why,
        })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units: &[(u64, &str)] = match self.unit {
            Unit::Packets => &[(1, "pps")],
            Unit::Bits => &[
                (1_000_000_000, "Gbit/s"),
                (1_000_000, "Mbit/s"),
                (1_000, "kbit/s"),
                (1, "bit/s"),
            ],
        };
        let unit = units
            .iter()
            .find(|(factor, _)| self.per_second.is_multiple_of(*factor));
        let (factor, name) = unit.copied().unwrap_or((1, ""));
        write!(f, "{} {name}", self.per_second / factor)?;
        match self.burst {
            Some(burst) => write!(f, " burst {burst}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_printed_is_read_again(packets: bool, per_second in 1..=PACKETS_MAX, burst: Option<u32>) {
            let unit = if packets { Unit::Packets } else { Unit::Bits };
            let burst = burst.map(|burst| 1 + u64::from(burst) % per_second);
            let rate = Rate { unit, per_second, burst };
            prop_assert_eq!(rate.to_string().parse(), Ok(rate));
        }

        #[test]
        fn no_text_is_a_panic(text in "\\PC{0,40}") {
            let _read: Result<Rate, RateError> = text.parse();
        }
    }

    #[test]
    fn what_is_no_rate_says_what_is_expected() {
        for (text, why) in [
            ("", "expected such as"),
            ("1000", "expected such as"),
            ("pps", "expected such as"),
            ("0 pps", "0 would let nothing pass"),
            ("2000000 mpps", "the most is"),
            ("10 pps burst 11", "from 1 to 10"),
            ("10 pps burst", "from 1 to 10"),
        ] {
            let error = text.parse::<Rate>().unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
