//! From a TOML text to settings, with every problem named by line and key.
//!
//! All of them are reported at once, so that a file is repaired in one go.

use std::{
    fmt,
    fs::File,
    io::{self, Read as _},
    ops::Range,
    path::Path,
};

use serde::de::DeserializeOwned;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::validate::{Finding, Findings};

/// One thing that is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Its line, from 1, where it is known.
    pub line: Option<usize>,
    /// The setting, such as `interface.name`; empty where none can be named.
    pub key: String,
    /// What is wrong, and what is expected.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, key, message } = self;
        if let Some(line) = line {
            write!(f, "line {line}: ")?;
        }
        if !key.is_empty() {
            write!(f, "{key}: ")?;
        }
        f.write_str(message)
    }
}

/// Settings, and what is allowed among them and probably not meant.
pub(super) type Read<T> = (T, Vec<Problem>);

/// Reads the text of a file, and lets `check` look at what it says, and complete it.
pub(super) fn read<T: DeserializeOwned>(
    text: &str,
    check: impl FnOnce(&mut T) -> Findings,
) -> Result<Read<T>, Vec<Problem>> {
    let (document, errors) = DeTable::parse_recoverable(text);
    let source = Source {
        text,
        document: document.get_ref(),
    };
    if !errors.is_empty() {
        return Err(sorted(errors.iter().map(|e| source.problem(e)).collect()));
    }
    let mistyped: Vec<Problem> = pieces(&document)
        .into_iter()
        .filter_map(|piece| T::deserialize(toml::Deserializer::from(piece)).err())
        .map(|error| source.problem(&error))
        .collect();
    if !mistyped.is_empty() {
        return Err(sorted(mistyped));
    }
    let mut settings = T::deserialize(toml::Deserializer::from(document.clone()))
        .map_err(|error| vec![source.problem(&error)])?;
    let Findings { problems, warnings } = check(&mut settings);
    let locate = |findings: Vec<Finding>| {
        let found = findings.into_iter();
        sorted(found.map(|finding| source.locate(&finding)).collect())
    };
    if problems.is_empty() {
        Ok((settings, locate(warnings)))
    } else {
        Err(locate(problems))
    }
}

/// The text of a file of at most so many bytes; `None` of a longer one.
pub(super) fn text_of(path: &Path, most: u64) -> io::Result<Option<String>> {
    let mut text = String::new();
    File::open(path)?.take(most + 1).read_to_string(&mut text)?;
    Ok(Some(text).filter(|text| text.len() as u64 <= most))
}

/// What is said of a file with these problems, after its name.
pub(super) fn listed(problems: &[Problem]) -> String {
    match problems {
        [only] => format!(", {only}"),
        several => {
            let mut text = format!(" for {} reasons:", several.len());
            for problem in several {
                text.push_str("\n  ");
                text.push_str(&problem.to_string());
            }
            text
        }
    }
}

fn sorted(mut problems: Vec<Problem>) -> Vec<Problem> {
    problems.sort();
    problems.dedup();
    problems
}

/// The document in parts that are read one by one, because reading stops at its first error: each
/// setting of a table, and each element of a list.
fn pieces<'i>(document: &Spanned<DeTable<'i>>) -> Vec<Spanned<DeTable<'i>>> {
    let mut pieces = Vec::new();
    for (key, value) in document.get_ref() {
        let mut piece = |value: DeValue<'i>, span: Range<usize>| {
            let mut table = DeTable::new();
            table.insert(key.clone(), Spanned::new(span, value));
            pieces.push(Spanned::new(document.span(), table));
        };
        match value.get_ref() {
            DeValue::Array(elements) => {
                for element in elements {
                    let one = DeValue::Array([element.clone()].into_iter().collect());
                    piece(one, value.span());
                }
            }
            DeValue::Table(table) => {
                for part in self::pieces(&Spanned::new(value.span(), table.clone())) {
                    piece(DeValue::Table(part.into_inner()), value.span());
                }
            }
            _ => piece(value.get_ref().clone(), value.span()),
        }
    }
    pieces
}

/// The file, to find places in it.
struct Source<'a, 'i> {
    text: &'a str,
    document: &'a DeTable<'i>,
}

impl Source<'_, '_> {
    fn line(&self, offset: usize) -> usize {
        1 + self.text[..offset.min(self.text.len())]
            .matches('\n')
            .count()
    }

    /// What the parser complained about.
    fn problem(&self, error: &toml::de::Error) -> Problem {
        let offset = error.span().map(|span| span.start);
        Problem {
            line: offset.map(|offset| self.line(offset)),
            key: offset
                .map(|offset| key_at(self.document, offset))
                .unwrap_or_default(),
            message: error.message().trim_end().replace('\n', ": "),
        }
    }

    /// Where a setting is that validation complained about.
    fn locate(&self, finding: &Finding) -> Problem {
        let mut place: Option<Range<usize>> = None;
        let mut here: Option<&DeValue<'_>> = None;
        for step in finding.path.split('.') {
            let next = match here {
                None => self.document.get(step),
                Some(DeValue::Table(table)) => table.get(step),
                Some(DeValue::Array(array)) => {
                    step.parse().ok().and_then(|index: usize| array.get(index))
                }
                Some(_) => None,
            };
            let Some(next) = next else { break };
            place = Some(next.span());
            here = Some(next.get_ref());
        }
        let steps: Vec<&str> = finding
            .path
            .split('.')
            .filter(|step| step.parse::<usize>().is_err())
            .collect();
        Problem {
            line: place.map(|place| self.line(place.start)),
            key: steps.join("."),
            message: finding.message.clone(),
        }
    }
}

/// The setting whose value or name lies at an offset.
fn key_at(table: &DeTable<'_>, offset: usize) -> String {
    for (key, value) in table {
        let name = key.get_ref();
        let below = match value.get_ref() {
            DeValue::Table(inner) => key_at(inner, offset),
            DeValue::Array(elements) => elements
                .iter()
                .find_map(|element| match element.get_ref() {
                    DeValue::Table(inner) => Some(key_at(inner, offset)).filter(|k| !k.is_empty()),
                    _ => None,
                })
                .unwrap_or_default(),
            _ => String::new(),
        };
        if !below.is_empty() {
            return format!("{name}.{below}");
        }
        let covers = |element: &Spanned<DeValue<'_>>| element.span().contains(&offset);
        let headed = matches!(value.get_ref(), DeValue::Array(a) if a.iter().any(covers));
        if headed || key.span().contains(&offset) || value.span().contains(&offset) {
            return name.to_string();
        }
    }
    String::new()
}
