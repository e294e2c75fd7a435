//! What a command leaves on standard output and standard error.
//!
//! The only place that prints. A reader that has gone away, as in `filter-ctl order list | head`, is no
//! error.

use std::io::{self, BufWriter, StdoutLock, Write};

use clap::ValueEnum;
use serde::Serialize;

use super::{failure::Failure, sanitize};
use crate::exit::Exit;

/// Bytes of a stream that are collected before they are written.
const STREAM_BUFFER: usize = 1 << 16;

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON document.
    Json,
}

/// What a command has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// For standard output: whole lines.
    pub stdout: String,
    /// For standard error: a sentence each.
    pub notes: Vec<String>,
    /// The exit code.
    pub exit: Exit,
}

impl Outcome {
    /// A document, or the text for it.
    pub fn document(
        format: Format,
        document: &impl Serialize,
        text: impl FnOnce() -> String,
    ) -> Result<Self, Failure> {
        let stdout = match format {
            Format::Text => sanitize::lines(&text()).into_owned(),
            Format::Json => json(document)?,
        };
        Ok(Self::raw(stdout))
    }

    /// Text that is printed as it is.
    #[must_use]
    pub const fn raw(stdout: String) -> Self {
        Self {
            stdout,
            notes: Vec::new(),
            exit: Exit::Done,
        }
    }

    /// The same, with a note.
    #[must_use]
    pub fn with_note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// The same, with an exit code.
    #[must_use]
    pub const fn with_exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }
}

/// A document as it is printed.
pub fn json(document: &impl Serialize) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(document)
        .map_err(|error| Failure::failed("json", error.to_string()))?;
    Ok(sanitize::json(&text).into_owned() + "\n")
}

/// What is printed while a command goes on: lines without end, in bounded memory.
#[derive(Debug)]
pub struct Stream {
    stdout: BufWriter<StdoutLock<'static>>,
    line: Vec<u8>,
}

impl Stream {
    /// To standard output and standard error.
    #[must_use]
    pub fn stdout() -> Self {
        Self {
            stdout: BufWriter::with_capacity(STREAM_BUFFER, io::stdout().lock()),
            line: Vec::new(),
        }
    }

    /// Text; whoever made it has taken care of what came from outside.
    pub fn text(&mut self, text: &str) -> io::Result<()> {
        self.stdout.write_all(text.as_bytes())
    }

    /// A document on one line.
    pub fn json(&mut self, document: &impl Serialize) -> io::Result<()> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, document)?;
        let text = str::from_utf8(&self.line).map_err(io::Error::other)?;
        self.stdout.write_all(sanitize::json(text).as_bytes())?;
        self.stdout.write_all(b"\n")
    }

    /// A sentence for standard error.
    pub fn note(&mut self, note: &str) {
        // There is nobody to tell that standard error is closed.
        let _ = writeln!(io::stderr(), "filter-ctl: {}", sanitize::lines(note));
    }

    /// Hands over what was printed so far.
    pub fn flush(&mut self) -> io::Result<()> {
        self.stdout.flush()
    }
}

/// Why a command that prints while it goes on ended early.
#[derive(Debug)]
pub enum Ended {
    /// It failed.
    Failed(Failure),
    /// What it says cannot be printed.
    Output(io::Error),
}

impl Ended {
    /// What such a command has done. A reader that has gone away has seen enough.
    pub fn outcome(result: Result<Outcome, Self>) -> Result<Outcome, Failure> {
        match result {
            Ok(outcome) => Ok(outcome),
            Err(Self::Failed(failure)) => Err(failure),
            Err(Self::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
                Ok(Outcome::raw(String::new()))
            }
            Err(Self::Output(error)) => Err(Failure::failed(
                "output",
                format!("cannot write the result: {error}"),
            )),
        }
    }
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// Prints what came of a command.
#[must_use]
pub fn print(format: Format, result: Result<Outcome, Failure>) -> Exit {
    let outcome = match result {
        Ok(outcome) => outcome,
        Err(failure) => failed(format, failure),
    };
    match write(&outcome, &mut io::stdout().lock(), &mut io::stderr().lock()) {
        Ok(()) => outcome.exit,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
        Err(_) => Exit::Failed,
    }
}

fn failed(format: Format, failure: Failure) -> Outcome {
    let Failure { exit, refusal } = failure;
    let stdout = match format {
        Format::Text => String::new(),
        Format::Json => json(&refusal).unwrap_or_default(),
    };
    Outcome {
        stdout,
        notes: vec![refusal.error],
        exit,
    }
}

fn write(outcome: &Outcome, stdout: &mut impl Write, stderr: &mut impl Write) -> io::Result<()> {
    let Outcome {
        stdout: text,
        notes,
        exit: _,
    } = outcome;
    for note in notes {
        writeln!(stderr, "filter-ctl: {}", sanitize::lines(note))?;
    }
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_a_sentence_and_with_json_a_document_too() {
        let failure = Failure::refused("held", "no \x1b[31m way");
        let outcome = failed(Format::Text, failure.clone());
        let (mut out, mut err) = (Vec::new(), Vec::new());
        write(&outcome, &mut out, &mut err).unwrap();
        assert_eq!(out, b"");
        assert_eq!(err, b"filter-ctl: no \\u{1b}[31m way\n");
        assert_eq!(outcome.exit, Exit::Refused);
        assert_eq!(
            failed(Format::Json, failure).stdout,
            "{\n  \"kind\": \"refused\",\n  \"code\": \"held\",\n  \"error\": \"no \\u001b[31m \
             way\"\n}\n"
        );
    }
}
