//! A table: a line of column names, then rows.
//!
//! Fields are separated by commas, semicolons or tabs, whichever the first line has. A field may be in
//! double quotes, with a double quote in it doubled; it may then hold separators and line breaks. Blank
//! lines, and lines before the column names that begin with `#`, are passed over. A row must have as many
//! fields as there are columns.

use super::{
    indicator::Kind,
    list::{ListError, ParsedList, exempting_word},
};
use crate::order::field::excerpt;

/// The names of columns that hold addresses, in lower case.
const KNOWN_COLUMNS: [&str; 18] = [
    "ip",
    "ip_address",
    "ipaddress",
    "ip address",
    "address",
    "addr",
    "ioc",
    "indicator",
    "prefix",
    "network",
    "cidr",
    "dst_ip",
    "dest_ip",
    "destination_ip",
    "src_ip",
    "source_ip",
    "remote_ip",
    "địa chỉ ip",
];

/// The names of columns without which an address is not what its row means, in lower case.
const CHANGING_COLUMNS: [&str; 16] = [
    "netmask",
    "mask",
    "subnet_mask",
    "wildcard",
    "prefixlen",
    "prefix_length",
    "prefix_len",
    "cidr_len",
    "masklen",
    "bits",
    "end",
    "end_ip",
    "ip_end",
    "last_ip",
    "range_end",
    "to_ip",
];

/// Whether the first line that says something names a known column.
pub(super) fn is_table(text: &str) -> bool {
    let (_, text) = skip_comments(text);
    let header = Rows::new(text, 1).next();
    matches!(header, Some(Ok((_, names))) if names.iter().any(|name| is_known(name)))
}

/// Reads a table into a list.
pub(super) fn read(
    text: &str,
    column: Option<&str>,
    list: &mut ParsedList,
) -> Result<(), ListError> {
    let (skipped, text) = skip_comments(text);
    let mut rows = Rows::new(text, skipped + 1);
    let Some(header) = rows.next() else {
        let line = skipped + 1;
        let problem = "an empty table: expected a line of column names".to_owned();
        return Err(ListError::Row { line, problem });
    };
    let (_, names) = header?;
    let index = choose(&names, column)?;
    for row in rows {
        let (line, fields) = row?;
        if fields.len() != names.len() {
            let (found, expected) = (fields.len(), names.len());
            let problem = format!("a row of {found} fields: expected {expected}");
            return Err(ListError::Row { line, problem });
        }
        let row = fields.join(" ");
        if let Some(word) = exempting_word(&row) {
            return Err(ListError::Exempts { line, word });
        }
        let field = fields[index].trim();
        if field.is_empty() {
            list.refuse(line, row.trim(), Kind::Other);
        } else {
            list.read_text(line, field)?;
        }
    }
    Ok(())
}

/// The text after blank lines and `#` comments at its beginning, and their number.
fn skip_comments(mut text: &str) -> (u64, &str) {
    let mut skipped = 0;
    while let Some(line) = text.lines().next() {
        let line = line.trim_start();
        if !line.is_empty() && !line.starts_with('#') {
            break;
        }
        skipped += 1;
        text = text.split_once('\n').map_or("", |(_, rest)| rest);
    }
    (skipped, text)
}

fn is_known(name: &str) -> bool {
    KNOWN_COLUMNS
        .iter()
        .any(|known| name.trim().eq_ignore_ascii_case(known))
}

fn choose(names: &[String], column: Option<&str>) -> Result<usize, ListError> {
    let wanted = |name: &(usize, &String)| match column {
        Some(column) => name.1.trim().to_lowercase() == column.trim().to_lowercase(),
        None => is_known(name.1),
    };
    let found: Vec<_> = names.iter().enumerate().filter(wanted).collect();
    let changing = names.iter().find(|name| {
        let is_one = |other: &&str| name.trim().eq_ignore_ascii_case(other);
        column.is_none() && CHANGING_COLUMNS.iter().any(is_one)
    });
    if let ([(index, _)], None) = (&found[..], changing) {
        return Ok(*index);
    }
    if let Some(name) = changing {
        let name = excerpt(name.trim());
        let problem = format!(
            "column `{name}` says that the addresses are prefixes or ranges: expected a table with prefixes in CIDR \
             form, or --column to read one column as it is"
        );
        return Err(ListError::Row { line: 1, problem });
    }
    let problem = match (column, found.len()) {
        (Some(column), 0) => format!("the table has no column `{}`", excerpt(column)),
        (Some(column), _) => format!("the table has several columns `{}`", excerpt(column)),
        (None, 0) => "the table has no column with a known name".to_owned(),
        (None, _) => "the table has several columns with addresses".to_owned(),
    };
    let names: Vec<_> = names
        .iter()
        .map(|name| format!("`{}`", excerpt(name.trim())))
        .collect();
    let columns = names.join(", ");
    Err(ListError::Column { problem, columns })
}

/// The rows of a table, each with the line it begins on.
struct Rows<'a> {
    rest: &'a str,
    line: u64,
    separator: char,
}

impl<'a> Rows<'a> {
    fn new(text: &'a str, line: u64) -> Self {
        let header = text.lines().next().unwrap_or_default();
        let count = |separator: &char| header.matches(*separator).count();
        // Of those that occur equally often the last is taken: the comma.
        let separator = ['\t', ';', ',']
            .into_iter()
            .max_by_key(count)
            .unwrap_or(',');
        Self {
            rest: text,
            line,
            separator,
        }
    }

    fn row(&mut self) -> Result<Vec<String>, &'static str> {
        let mut fields = vec![String::new()];
        let mut quoted = false;
        let mut closed = false;
        let mut chars = self.rest.char_indices().peekable();
        let mut end = self.rest.len();
        while let Some((at, c)) = chars.next() {
            let Some(field) = fields.last_mut() else {
                return Err("no field");
            };
            if c == '\n' {
                self.line += 1;
            }
            if quoted {
                if c != '"' {
                    field.push(c);
                } else if chars.next_if(|(_, next)| *next == '"').is_some() {
                    field.push('"');
                } else {
                    (quoted, closed) = (false, true);
                }
            } else if c == '\n' {
                end = at + 1;
                break;
            } else if c == self.separator {
                closed = false;
                fields.push(String::new());
            } else if c == '"' && !closed && field.trim().is_empty() {
                field.clear();
                quoted = true;
            } else if closed && !c.is_whitespace() {
                return Err("text after a closing quote: expected a separator");
            } else if !closed {
                field.push(c);
            }
        }
        if quoted {
            return Err("a quote that is not closed: expected `\"`");
        }
        self.rest = &self.rest[end..];
        Ok(fields)
    }
}

impl Iterator for Rows<'_> {
    type Item = Result<(u64, Vec<String>), ListError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.rest.is_empty() {
                return None;
            }
            let line = self.line;
            match self.row() {
                Ok(fields) if fields.iter().all(|field| field.trim().is_empty()) => {}
                Ok(fields) => return Some(Ok((line, fields))),
                Err(problem) => {
                    self.rest = "";
                    let problem = problem.to_owned();
                    return Some(Err(ListError::Row { line, problem }));
                }
            }
        }
    }
}
