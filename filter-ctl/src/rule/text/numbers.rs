//! Lists of comparisons: `= 80`, `>= 1024 && <= 2000`, `53, 123, 1024..65535`.

use filter_common::address::Family;

use super::{
    super::{
        Comparison, Kind, Numeric,
        numeric::{Domain, Operator},
    },
    TextError,
    cursor::Cursor,
    names,
    token::Token,
};
use crate::order::field::parse_protocol;

/// Signs of comparison, and what they mean.
pub(super) const OPERATORS: [(&str, Operator); 7] = [
    ("=", Operator::Equal),
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("<", Operator::Less),
    ("<=", Operator::AtMost),
    (">", Operator::Greater),
    (">=", Operator::AtLeast),
];

/// Words that stand for a whole comparison.
pub(super) const CONSTANTS: [(&str, Operator); 2] =
    [("true", Operator::True), ("false", Operator::False)];

/// Reads the list of one component. The family decides what the names of ICMP mean.
pub(super) fn read(
    name: &Token<'_>,
    kind: Kind,
    family: Option<Family>,
    mut cursor: Cursor<'_>,
) -> Result<Numeric, TextError> {
    let mut comparisons = Vec::new();
    let mut and = false;
    loop {
        comparisons.extend(comparison(&mut cursor, kind, family, and)?);
        and = match cursor.take(&["&&", "||", ","]) {
            Some(sign) => sign == "&&",
            None if cursor.is_at_end() => break,
            None => {
                let expected = "`,`, `||`, `&&`, another component, or `then`";
                return Err(cursor.unexpected(expected));
            }
        };
    }
    Numeric::new(domain(kind), comparisons).map_err(|error| name.error(error.to_string()))
}

/// What values a component compares.
pub(super) const fn domain(kind: Kind) -> Domain {
    match kind {
        Kind::Port | Kind::DestinationPort | Kind::SourcePort | Kind::Length => Domain::Word,
        Kind::Dscp => Domain::Dscp,
        Kind::Label => Domain::Label,
        _ => Domain::Octet,
    }
}

/// One comparison, or the two of a range.
fn comparison(
    cursor: &mut Cursor<'_>,
    kind: Kind,
    family: Option<Family>,
    and: bool,
) -> Result<Vec<Comparison>, TextError> {
    for (word, operator) in CONSTANTS {
        if cursor.take(&[word]).is_some() {
            return Ok(vec![Comparison {
                and,
                operator,
                value: 0,
            }]);
        }
    }
    let sign = cursor.take(&OPERATORS.map(|(sign, _)| sign));
    let operator = OPERATORS
        .iter()
        .find(|(known, _)| Some(*known) == sign)
        .map(|(_, operator)| *operator);
    let word = cursor.word("a value, or one of = != < <= > >= and a value")?;
    let (first, last) = match (word.text.split_once('-'), cursor.peek()) {
        (_, Some(dots)) if dots.is("..") => {
            cursor.take(&[".."]);
            let last = cursor.word("the end of the range")?;
            (
                value(word, word.text, kind, family)?,
                Some(value(last, last.text, kind, family)?),
            )
        }
        (Some((first, last)), _) if is_digits(first) && is_digits(last) => (
            value(word, first, kind, family)?,
            Some(value(word, last, kind, family)?),
        ),
        _ => (value(word, word.text, kind, family)?, None),
    };
    let Some(last) = last else {
        let operator = operator.unwrap_or(Operator::Equal);
        return Ok(vec![Comparison {
            and,
            operator,
            value: first,
        }]);
    };
    if !matches!(operator, None | Some(Operator::Equal)) {
        return Err(word.error(
            "a range has no other sign than `=`: expected `< FIRST || > LAST` or the like",
        ));
    }
    if first > last {
        return Err(word.error(format!(
            "the range ends at {last} before it begins at {first}"
        )));
    }
    Ok(vec![
        Comparison {
            and,
            operator: Operator::AtLeast,
            value: first,
        },
        Comparison {
            and: true,
            operator: Operator::AtMost,
            value: last,
        },
    ])
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A value of a component by number or name.
fn value(
    token: &Token<'_>,
    text: &str,
    kind: Kind,
    family: Option<Family>,
) -> Result<u32, TextError> {
    let last = domain(kind).last();
    let outside = || token.error(format!("expected {} from 0 to {last}", kind.name()));
    if let Some(number) = number(text) {
        let number = number.map_err(|()| outside())?;
        return u32::try_from(number)
            .ok()
            .filter(|number| *number <= last)
            .ok_or_else(outside);
    }
    let of_icmp = |lookup: fn(&str, Family) -> Option<u32>| match family {
        Some(family) => lookup(text, family).ok_or(None),
        None if [Family::V4, Family::V6]
            .iter()
            .any(|family| lookup(text, *family).is_some()) =>
        {
            Err(Some(
                "the number of this name depends on the family: write `family ip` or `family ip6`, or a number",
            ))
        }
        None => Err(None),
    };
    let named = match kind {
        Kind::Protocol => parse_protocol(text).map(u32::from).ok_or(None),
        Kind::Port | Kind::DestinationPort | Kind::SourcePort => names::port(text).ok_or(None),
        Kind::Dscp => names::dscp(text).ok_or(None),
        Kind::IcmpType => of_icmp(names::icmp_type),
        Kind::IcmpCode => of_icmp(names::icmp_code),
        _ => Err(None),
    };
    named.map_err(|problem| match problem {
        Some(problem) => token.error(problem),
        None => token.error(format!(
            "expected {} as a number from 0 to {last} or by a known name, another component, or `then`",
            kind.name()
        )),
    })
}

/// A number in decimal, or in hexadecimal after `0x`; `None` for what does not begin as one.
pub(super) fn number(text: &str) -> Option<Result<u64, ()>> {
    if !text.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    let hexadecimal = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let read = match hexadecimal {
        // A sign would be read as one, and a number with a leading 0 is octal to some.
        Some(digits) if digits.starts_with('+') => Err(()),
        Some(digits) => u64::from_str_radix(digits, 16).map_err(|_| ()),
        None if !is_digits(text) || (text.len() > 1 && text.starts_with('0')) => Err(()),
        None => text.parse().map_err(|_| ()),
    };
    Some(read)
}
