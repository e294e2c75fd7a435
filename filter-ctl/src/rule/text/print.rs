//! From a rule to its canonical text.

use std::fmt;

use filter_common::{address::Family, settings::Role};

use super::{
    super::{
        Action, Bit, Bitmask, Comparison, Kind, Matching, Numeric, Part, Rate, Unit,
        numeric::Operator,
    },
    Written,
    action::{BURSTS, RATES, Scale},
    flags::{FORMS, Form},
    names,
    numbers::{CONSTANTS, OPERATORS},
};
use crate::order::field::protocol_name;

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} then ", self.matching)?;
        print_action(f, self.action, self.terminal)
    }
}

/// An action, and whether it goes on where one would not expect that.
pub(crate) fn print_action(
    f: &mut fmt::Formatter<'_>,
    action: Action,
    terminal: bool,
) -> fmt::Result {
    write!(f, "{action}")?;
    if !terminal && action != Action::Monitor {
        f.write_str(" continue")?;
    }
    Ok(())
}

impl fmt::Display for Matching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<String> = Vec::new();
        let implied = self.destination.is_some() || self.source.is_some();
        match self.family.filter(|_| !implied) {
            None => {}
            Some(Family::V4) => parts.push("family ip".to_owned()),
            Some(Family::V6) => parts.push("family ip6".to_owned()),
        }
        match self.role {
            None => {}
            Some(Role::Upstream) => parts.push("role upstream".to_owned()),
            Some(Role::Customer) => parts.push("role customer".to_owned()),
        }
        let before = parts.len();
        parts.extend(Kind::ALL.into_iter().filter_map(|kind| {
            let text = match self.part(kind)? {
                Part::Prefix(net) => net.to_string(),
                Part::Numbers(list) => numeric(list, kind),
                Part::Bits(tests) => bitmask(tests),
            };
            Some(format!("{} {text}", kind.name()))
        }));
        if parts.len() == before {
            parts.push("any".to_owned());
        }
        f.write_str(&parts.join(" "))
    }
}

fn numeric(component: &Numeric, kind: Kind) -> String {
    let mut text = String::new();
    let mut rest = component.comparisons();
    while let [first, after @ ..] = rest {
        let (piece, after) = match after {
            [second, after @ ..] if is_range(*first, *second) => {
                let [first, last] = [first, second].map(|end| value(end.value, kind));
                (format!("{first}..{last}"), after)
            }
            _ => (comparison(*first, kind), after),
        };
        append(&mut text, first.and, &piece);
        rest = after;
    }
    text
}

/// Puts an operator behind those before it.
fn append(text: &mut String, and: bool, piece: &str) {
    if !text.is_empty() {
        text.push_str(if and { " && " } else { " || " });
    }
    text.push_str(piece);
}

fn is_range(first: Comparison, second: Comparison) -> bool {
    second.and
        && first.operator == Operator::AtLeast
        && second.operator == Operator::AtMost
        && first.value <= second.value
}

fn comparison(comparison: Comparison, kind: Kind) -> String {
    let word = |words: &[(&'static str, Operator)]| {
        let found = words
            .iter()
            .find(|(_, operator)| *operator == comparison.operator);
        found.map_or("", |(word, _)| word)
    };
    if comparison.operator.is_constant() {
        word(&CONSTANTS).to_owned()
    } else {
        format!("{} {}", word(&OPERATORS), value(comparison.value, kind))
    }
}

/// Protocols by name, all else by number: the name of a port depends on who has written the list.
fn value(value: u32, kind: Kind) -> String {
    let name = match kind {
        Kind::Protocol => u8::try_from(value).ok().and_then(protocol_name),
        _ => None,
    };
    name.map_or_else(|| value.to_string(), str::to_owned)
}

fn bitmask(component: &Bitmask) -> String {
    let mut text = String::new();
    for test in component.tests() {
        let Bit {
            and,
            not,
            all,
            value,
        } = *test;
        let names = bits(component, value);
        let is_single = names::bit_name(value, component.bits()).is_some();
        let piece = match (is_single, all, not) {
            (true, true, false) => names,
            (true, false, true) => format!("!{names}"),
            _ => {
                let form = FORMS.iter().find(|form| form.all == all && form.not == not);
                let form = form.map_or("!all", |Form { name, .. }| name);
                format!("{form}({names})")
            }
        };
        append(&mut text, and, &piece);
    }
    text
}

/// The names of bits, and a number for those that have none.
fn bits(component: &Bitmask, value: u16) -> String {
    let mut parts = Vec::new();
    let mut unnamed = value;
    for bit in (0..16)
        .map(|shift| 1 << shift)
        .filter(|bit| value & bit != 0)
    {
        if let Some(name) = names::bit_name(bit, component.bits()) {
            parts.push(name.to_owned());
            unnamed &= !bit;
        }
    }
    if unnamed != 0 || parts.is_empty() {
        parts.push(format!("{unnamed:#x}"));
    }
    parts.join(",")
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Drop => f.write_str("drop"),
            Self::Pass => f.write_str("pass"),
            Self::Monitor => f.write_str("monitor"),
            Self::Limit(rate) => write!(f, "limit {rate}"),
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&scaled(&RATES, self.unit, self.per_second))?;
        match self.burst {
            None => Ok(()),
            Some(burst) => write!(f, " burst {}", scaled(&BURSTS, self.unit, burst)),
        }
    }
}

/// In the first scale of the unit that leaves no remainder.
fn scaled(scales: &[Scale], unit: Unit, amount: u64) -> String {
    let fits = |scale: &&Scale| scale.1 == unit && amount.is_multiple_of(scale.2);
    match scales.iter().find(fits) {
        Some((name, _, factor)) => format!("{} {name}", amount / factor),
        None => amount.to_string(),
    }
}
