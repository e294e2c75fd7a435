//! From the file to a [`Config`].
//!
//! Every problem is reported at once, with its line and key, so that a file is repaired in one go.

use std::{
    fmt, fs, io,
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::Deserialize as _;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    Config,
    hold::{SharedError, read_shared},
    validate,
};
use crate::policy::hold::Guarded;

/// A configuration that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What is allowed and probably not meant.
    pub warnings: Vec<Problem>,
}

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

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {}: {source}; name another with --config", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What it says cannot be used.
    #[error("the configuration {} cannot be used{}", .path.display(), listed(.problems))]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Everything that is wrong with it.
        problems: Vec<Problem>,
    },
    /// A file that it names cannot be used.
    #[error(transparent)]
    Shared(#[from] SharedError),
}

fn listed(problems: &[Problem]) -> String {
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

/// Reads and checks the file, and those of shared infrastructure that it names.
pub fn load(path: &Path) -> Result<Loaded, ConfigError> {
    let text = fs::read_to_string(path).map_err(|source| ConfigError::Read {
        path: path.to_owned(),
        source,
    })?;
    let mut loaded = parse(&text).map_err(|problems| ConfigError::Invalid {
        path: path.to_owned(),
        problems,
    })?;
    let config = &mut loaded.config;
    let shared = read_shared(&config.shared_infrastructure)?;
    config.guarded = Arc::new(Guarded::new(&config.own_space, &shared));
    Ok(loaded)
}

/// Checks the text of a file.
pub fn parse(text: &str) -> Result<Loaded, Vec<Problem>> {
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
        .filter_map(|piece| Config::deserialize(toml::Deserializer::from(piece)).err())
        .map(|error| source.problem(&error))
        .collect();
    if !mistyped.is_empty() {
        return Err(sorted(mistyped));
    }
    let config = Config::deserialize(toml::Deserializer::from(document.clone()))
        .map_err(|error| vec![source.problem(&error)])?;
    let validate::Findings { problems, warnings } = validate::validate(&config);
    let locate = |findings: Vec<validate::Finding>| {
        sorted(
            findings
                .into_iter()
                .map(|finding| source.locate(&finding))
                .collect(),
        )
    };
    if problems.is_empty() {
        Ok(Loaded {
            config,
            warnings: locate(warnings),
        })
    } else {
        Err(locate(problems))
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
    fn locate(&self, finding: &validate::Finding) -> Problem {
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

#[cfg(test)]
mod tests;
