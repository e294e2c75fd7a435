//! Lists of tests of bits: `syn,!ack`, `0x02/0x12`, `all(syn,fin) || none(ack)`.

use super::{
    super::{Bit, Bitmask, Bits},
    TextError,
    cursor::Cursor,
    names,
    numbers::number,
    token::Token,
};

/// A form of test, and the operator that it is.
pub(super) struct Form {
    pub(super) name: &'static str,
    pub(super) all: bool,
    pub(super) not: bool,
}

/// The forms with brackets. `!` before `all` makes the fourth.
pub(super) const FORMS: [Form; 3] = [
    Form {
        name: "all",
        all: true,
        not: false,
    },
    Form {
        name: "any",
        all: false,
        not: false,
    },
    Form {
        name: "none",
        all: false,
        not: true,
    },
];

/// Reads the list of one component.
pub(super) fn read(
    name: &Token<'_>,
    bits: Bits,
    mut cursor: Cursor<'_>,
) -> Result<Bitmask, TextError> {
    let mut tests = Vec::new();
    let mut and = false;
    loop {
        let mut read = test(&mut cursor, bits)?;
        read[0].and = and;
        tests.append(&mut read);
        and = match cursor.take(&["&&", "||"]) {
            Some(sign) => sign == "&&",
            None if cursor.is_at_end() => break,
            None => {
                let expected = "`||`, `&&`, another component, or `then`";
                return Err(cursor.unexpected(expected));
            }
        };
    }
    Bitmask::new(bits, tests).map_err(|error| name.error(error.to_string()))
}

/// One test, as one operator or two that hold together.
fn test(cursor: &mut Cursor<'_>, bits: Bits) -> Result<Vec<Bit>, TextError> {
    let mut ahead = *cursor;
    let turned = ahead.take(&["!"]).is_some();
    for Form { name, all, not } in FORMS {
        let mut inside = ahead;
        if inside.take(&[name]).is_some() && inside.take(&["("]).is_some() {
            if turned && !all {
                return Err(ahead.unexpected("`all(` after `!`: `none` is the contrary of `any`"));
            }
            let value = union(&mut inside, bits)?;
            *cursor = inside;
            let not = not || turned;
            return Ok(vec![Bit {
                and: false,
                not,
                all,
                value,
            }]);
        }
    }
    if ahead
        .peek()
        .is_some_and(|word| word.is_word && word.text.contains('/'))
    {
        if turned {
            return Err(ahead
                .unexpected("no `!` before a value and its mask: write `!all(..)` or `none(..)`"));
        }
        return value_and_mask(cursor, bits);
    }
    names(cursor, bits)
}

/// `syn,ack` up to the closing bracket, as bits.
fn union(cursor: &mut Cursor<'_>, bits: Bits) -> Result<u16, TextError> {
    let mut value = 0;
    loop {
        let word = cursor.word("a bit, by name or as a number")?;
        value |= match names::bit(word.text, bits) {
            Some(bit) => bit,
            None => self::value(word, word.text, bits)?,
        };
        if cursor.take(&[")"]).is_some() {
            return Ok(value);
        }
        if cursor.take(&[","]).is_none() {
            return Err(cursor.unexpected("`,` or `)`"));
        }
    }
}

/// `0x02/0x12`: those bits of the mask that are in the value are set, the others are not.
fn value_and_mask(cursor: &mut Cursor<'_>, bits: Bits) -> Result<Vec<Bit>, TextError> {
    let word = cursor.word("a value and its mask")?;
    let (value, mask) = word.text.split_once('/').unwrap_or((word.text, ""));
    let (value, mask) = (
        self::value(word, value, bits)?,
        self::value(word, mask, bits)?,
    );
    if mask == 0 {
        return Err(word.error("a mask of 0 asks for nothing: expected the bits to look at"));
    }
    if value & !mask != 0 {
        return Err(word.error("the value has bits that the mask has not, so no packet can match"));
    }
    Ok(set_and_clear(value, mask & !value))
}

/// `syn,!ack`: all of these at once.
fn names(cursor: &mut Cursor<'_>, bits: Bits) -> Result<Vec<Bit>, TextError> {
    let (mut set, mut clear) = (0, 0);
    loop {
        let turned = cursor.take(&["!"]).is_some();
        let expected = "a bit by name, a value with its mask such as 0x02/0x12, or one of all(..), any(..), none(..)";
        let word = cursor.word(expected)?;
        let bit = names::bit(word.text, bits)
            .ok_or_else(|| word.error(format!("expected {expected}")))?;
        if turned {
            clear |= bit;
        } else {
            set |= bit;
        }
        if set & clear != 0 {
            return Err(
                word.error("this bit is to be set and not to be set, so no packet can match")
            );
        }
        if cursor.peek().is_none_or(|next| !next.is(",")) {
            return Ok(set_and_clear(set, clear));
        }
        if bits == Bits::Fragment {
            let expected =
                "`||` for one of them or `&&` for all of them: `,` could be read as either";
            return Err(cursor.unexpected(expected));
        }
        cursor.take(&[","]);
    }
}

fn set_and_clear(set: u16, clear: u16) -> Vec<Bit> {
    let mut tests = Vec::new();
    if set != 0 {
        tests.push(Bit {
            and: false,
            not: false,
            all: true,
            value: set,
        });
    }
    if clear != 0 {
        tests.push(Bit {
            and: set != 0,
            not: true,
            all: false,
            value: clear,
        });
    }
    tests
}

fn value(token: &Token<'_>, text: &str, bits: Bits) -> Result<u16, TextError> {
    let last = bits.all();
    let value = number(text)
        .and_then(Result::ok)
        .and_then(|number| u16::try_from(number).ok());
    value.filter(|value| *value <= last).ok_or_else(|| {
        token.error(format!(
            "expected names of bits, or numbers up to {last:#x}"
        ))
    })
}
