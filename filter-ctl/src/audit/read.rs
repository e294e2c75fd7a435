//! A file of lines, one after the other, in bounded memory.

use std::{
    fs::File,
    io::{BufRead, BufReader, ErrorKind, Read as _, Take},
    path::{Path, PathBuf},
};

use super::{AuditError, LINE_BYTES_MAX, Record};

/// A line of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its number, from 1.
    pub number: u64,
    /// Its bytes, without its end.
    pub bytes: Vec<u8>,
    /// How many bytes of the file there are up to its end.
    pub end: u64,
    /// Whether it has an end. Only the last line may have none: a crash tore it, or a hand.
    pub whole: bool,
}

/// The lines of a file as long as it was when it was opened.
#[derive(Debug)]
pub struct Lines {
    path: PathBuf,
    reader: BufReader<Take<File>>,
    number: u64,
    end: u64,
}

impl Lines {
    /// Opens a file; `None` if there is none.
    pub fn open(path: &Path) -> Result<Option<Self>, AuditError> {
        let io_error = |action| AuditError::at(action, path);
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(io_error("open")(source)),
        };
        let length = file.metadata().map_err(io_error("inspect"))?.len();
        Ok(Some(Self {
            path: path.to_owned(),
            reader: BufReader::new(file.take(length)),
            number: 0,
            end: 0,
        }))
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes that are still to be read from the file.
    pub(super) fn left(&self) -> u64 {
        self.reader.get_ref().limit()
    }

    /// The next line; `None` at the end. A line beyond [`LINE_BYTES_MAX`] is an error; what follows
    /// in it is read as a line of its own.
    pub fn next_line(&mut self) -> Result<Option<Line>, AuditError> {
        let mut bytes = Vec::new();
        let limit = LINE_BYTES_MAX as u64 + 1;
        let read = BufRead::read_until(&mut self.reader.by_ref().take(limit), b'\n', &mut bytes)
            .map_err(AuditError::at("read", &self.path))?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        self.end += read as u64;
        let whole = bytes.last() == Some(&b'\n');
        if whole {
            bytes.pop();
        } else if read > LINE_BYTES_MAX {
            return Err(self.damaged(format!("it is longer than {LINE_BYTES_MAX} bytes")));
        }
        Ok(Some(Line {
            number: self.number,
            bytes,
            end: self.end,
            whole,
        }))
    }

    fn damaged(&self, what: String) -> AuditError {
        AuditError::Damaged {
            path: self.path.clone(),
            line: self.number,
            what,
        }
    }
}

/// The records of a log, one after the other. What is no record is an error, after which the next one can
/// be read.
#[derive(Debug)]
pub struct Records(Lines);

impl Records {
    /// Opens the log below a state directory; `None` if there is none.
    pub fn open(state_dir: &Path) -> Result<Option<Self>, AuditError> {
        Ok(Lines::open(&state_dir.join(super::FILE))?.map(Self))
    }

    /// The next record; `None` at the end.
    pub fn next_record(&mut self) -> Result<Option<Record>, AuditError> {
        let Some(line) = self.0.next_line()? else {
            return Ok(None);
        };
        Record::parse(self.0.path(), line.number, &line.bytes).map(Some)
    }
}
