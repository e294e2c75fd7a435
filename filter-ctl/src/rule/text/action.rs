//! What comes after `then`: `drop`, `pass`, `monitor`, `limit 10 Mbit/s burst 1 Mbit`, with or without `continue`.

use super::{
    super::{Action, Rate, Unit},
    TextError,
    cursor::Cursor,
    numbers::number,
};

/// A unit, and how many of what it stands for.
pub(super) type Scale = (&'static str, Unit, u64);

/// Units of rates; the first name of a scale is the one that is printed.
pub(super) const RATES: [Scale; 11] = [
    ("pps", Unit::Packets, 1),
    ("Gbit/s", Unit::Bits, 1_000_000_000),
    ("Mbit/s", Unit::Bits, 1_000_000),
    ("kbit/s", Unit::Bits, 1_000),
    ("bit/s", Unit::Bits, 1),
    ("kpps", Unit::Packets, 1_000),
    ("Mpps", Unit::Packets, 1_000_000),
    ("Gbps", Unit::Bits, 1_000_000_000),
    ("Mbps", Unit::Bits, 1_000_000),
    ("kbps", Unit::Bits, 1_000),
    ("bps", Unit::Bits, 1),
];

/// Units of bursts, in the same way.
pub(super) const BURSTS: [Scale; 6] = [
    ("packets", Unit::Packets, 1),
    ("Gbit", Unit::Bits, 1_000_000_000),
    ("Mbit", Unit::Bits, 1_000_000),
    ("kbit", Unit::Bits, 1_000),
    ("bit", Unit::Bits, 1),
    ("packet", Unit::Packets, 1),
];

/// Reads an action, and whether no further rule is asked.
pub(super) fn read(mut cursor: Cursor<'_>) -> Result<(Action, bool), TextError> {
    const NAMED: [(&str, Action); 5] = [
        ("drop", Action::Drop),
        ("discard", Action::Drop),
        ("pass", Action::Pass),
        ("accept", Action::Pass),
        ("monitor", Action::Monitor),
    ];
    let expected = "an action: drop, pass, monitor, or limit and a rate";
    let word = cursor.word(expected)?;
    let named = NAMED.iter().find(|(name, _)| word.is(name));
    let action = match named {
        Some((_, action)) => *action,
        None if word.is("limit") || word.is("rate-limit") => Action::Limit(rate(&mut cursor)?),
        None => return Err(word.error(format!("expected {expected}"))),
    };
    let before = cursor;
    let goes_on = cursor.take(&["continue"]).is_some();
    if goes_on && action == Action::Drop {
        return Err(
            before.unexpected("no `continue`: no rule can be asked about a packet that is dropped")
        );
    }
    cursor.take(&[";"]);
    if !cursor.is_at_end() {
        return Err(cursor.unexpected("the end of the rule, or `continue`"));
    }
    Ok((action, !goes_on && action != Action::Monitor))
}

/// The longest burst is what these let pass. With a longer one the units of a limit would be too coarse for its rate.
const BURST_SECONDS_MAX: u64 = 1_000;
/// The shortest burst is what this part of a second lets pass.
const BURSTS_PER_SECOND_MAX: u64 = 100;

pub(super) fn rate(cursor: &mut Cursor<'_>) -> Result<Rate, TextError> {
    let expected = "a rate such as `1000 pps` or `10 Mbit/s`";
    let (unit, per_second) = amount(cursor, &RATES, None, expected)?;
    let burst = if cursor.take(&["burst"]).is_some() {
        let expected = "a burst in the unit of the rate, such as `100` or `1 Mbit`";
        let before = *cursor;
        let burst = amount(cursor, &BURSTS, Some(unit), expected)?.1;
        // Limits count time in ticks of up to 10 ms: what passes between two of them must fit.
        let least = per_second.div_ceil(BURSTS_PER_SECOND_MAX);
        let most = per_second.saturating_mul(BURST_SECONDS_MAX);
        if !(least..=most).contains(&burst) {
            let what = match unit {
                Unit::Packets => "packets",
                Unit::Bits => "bits",
            };
            return Err(before.unexpected(&format!(
                "a burst of {least} to {most} {what}, what the rate lets pass in 10 ms to {BURST_SECONDS_MAX} s"
            )));
        }
        Some(burst)
    } else {
        None
    };
    Ok(Rate {
        unit,
        per_second,
        burst,
    })
}

/// A number and its unit, as one word or two. With `of`, the unit must be of this kind, or can be left out.
fn amount(
    cursor: &mut Cursor<'_>,
    scales: &[Scale],
    of: Option<Unit>,
    expected: &str,
) -> Result<(Unit, u64), TextError> {
    let word = cursor.word(expected)?;
    let refused = || word.error(format!("expected {expected}"));
    let digits = word
        .text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(word.text.len());
    let (digits, joined) = word.text.split_at(digits);
    let count = number(digits).and_then(Result::ok).ok_or_else(refused)?;
    let known = |text: &str| {
        scales
            .iter()
            .find(|(name, ..)| name.eq_ignore_ascii_case(text))
    };
    let scale = if joined.is_empty() {
        let mut ahead = *cursor;
        let next = ahead.word(expected).ok().and_then(|unit| known(unit.text));
        if next.is_some() {
            *cursor = ahead;
        }
        next
    } else {
        Some(known(joined).ok_or_else(refused)?)
    };
    let (unit, factor) = match (scale, of) {
        (Some((_, unit, factor)), None) => (*unit, *factor),
        (Some((_, unit, factor)), Some(of)) if *unit == of => (*unit, *factor),
        (None, Some(of)) => (of, 1),
        (None, None) => {
            return Err(
                cursor.unexpected("a unit: pps, kpps, Mpps, bit/s, kbit/s, Mbit/s or Gbit/s")
            );
        }
        (Some(_), Some(_)) => return Err(refused()),
    };
    let most = unit.most();
    let amount = count
        .checked_mul(factor)
        .filter(|amount| (1..=most).contains(amount));
    let amount = amount.ok_or_else(|| {
        let what = match unit {
            Unit::Packets => "packets",
            Unit::Bits => "bits",
        };
        word.error(format!(
            "expected from 1 to {most} {what}, and `drop` for none"
        ))
    })?;
    Ok((unit, amount))
}
