//! What waits for a person, how many have to approve it, and the space that the guard rails look at.

use std::{io, path::PathBuf};

use ipnet::IpNet;
use serde::Deserialize;

use super::{document::text_of, never_block::net_or_address};
use crate::policy::HoldReason;

/// Bytes of a file of shared infrastructure; a longer one is refused.
pub const SHARED_BYTES_MAX: u64 = 8 << 20;
/// Prefixes in all these files; a further one is refused.
pub const SHARED_NETS_MAX: usize = 131_072;
/// Prefixes of own space; a configuration with more is refused.
pub(super) const OWN_SPACE_MAX: usize = 16_384;
/// Files of shared infrastructure; a configuration with more is refused.
pub(super) const SHARED_FILES_MAX: usize = 64;

/// The guard rails of a feed that hold entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HoldConfig {
    /// Shorter IPv4 prefixes wait; 0 for none.
    pub shorter_than_ipv4: u8,
    /// Shorter IPv6 prefixes wait; 0 for none.
    pub shorter_than_ipv6: u8,
    /// Whether what overlaps own space waits.
    pub own_space: bool,
    /// Whether what is wider than a host route and overlaps shared infrastructure waits.
    pub shared_infrastructure: bool,
}

impl Default for HoldConfig {
    fn default() -> Self {
        Self {
            shorter_than_ipv4: 24,
            shorter_than_ipv6: 48,
            own_space: true,
            shared_infrastructure: true,
        }
    }
}

/// How many persons let through what waits: 0 (nothing waits), 1 or 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ApprovalConfig {
    /// A short prefix.
    pub short_prefix: u8,
    /// What overlaps own space.
    pub own_space: u8,
    /// What overlaps shared infrastructure.
    pub shared_infrastructure: u8,
}

impl Default for ApprovalConfig {
    fn default() -> Self {
        Self {
            short_prefix: 2,
            own_space: 2,
            shared_infrastructure: 2,
        }
    }
}

impl ApprovalConfig {
    /// For one reason.
    #[must_use]
    pub const fn persons(&self, reason: HoldReason) -> u8 {
        match reason {
            HoldReason::ShortPrefix => self.short_prefix,
            HoldReason::OwnSpace => self.own_space,
            HoldReason::SharedInfrastructure => self.shared_infrastructure,
        }
    }
}

/// A file of shared infrastructure that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SharedError {
    /// It cannot be read.
    #[error("shared_infrastructure: cannot read {}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is too long.
    #[error(
        "shared_infrastructure: {} has more than {SHARED_BYTES_MAX} bytes, or all files together more than \
         {SHARED_NETS_MAX} prefixes", .0.display()
    )]
    TooLong(PathBuf),
    /// A line is none.
    #[error("{}: line {line}: {message}", .path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What is wrong, and what is expected.
        message: String,
    },
}

/// Reads the files, each with a prefix a line: plain, or CSV with a heading that names a column `prefix`, or
/// with the prefix first. Empty lines, and those that begin with `#`, are skipped.
pub(super) fn read_shared(files: &[PathBuf]) -> Result<Vec<IpNet>, SharedError> {
    let mut nets = Vec::new();
    for path in files {
        let text = text_of(path, SHARED_BYTES_MAX).map_err(|source| SharedError::Read {
            path: path.clone(),
            source,
        })?;
        let text = text.ok_or_else(|| SharedError::TooLong(path.clone()))?;
        let found = parse(&text).map_err(|(line, message)| SharedError::Line {
            path: path.clone(),
            line,
            message,
        })?;
        nets.extend(found);
        if nets.len() > SHARED_NETS_MAX {
            return Err(SharedError::TooLong(path.clone()));
        }
    }
    Ok(nets)
}

/// The prefixes, or the line that has none and what is wrong with it.
fn parse(text: &str) -> Result<Vec<IpNet>, (usize, String)> {
    let mut lines = (1..).zip(text.lines()).peekable();
    let content = |line: &str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    while lines.next_if(|(_, line)| !content(line)).is_some() {}
    let heading = lines.next_if(|(_, line)| cells(line).any(|cell| cell == "prefix"));
    let column = heading.and_then(|(_, line)| cells(line).position(|cell| cell == "prefix"));
    let column = column.unwrap_or(0);
    let mut nets = Vec::new();
    for (number, line) in lines.filter(|(_, line)| content(line)) {
        let cell = cells(line).nth(column).unwrap_or_default();
        let net: IpNet = net_or_address::<serde::de::value::Error>(cell)
            .map_err(|error| (number, error.to_string()))?;
        if net != net.trunc() {
            let message = format!("{net} has host bits: expected {}", net.trunc());
            return Err((number, message));
        }
        nets.push(net);
    }
    if nets.is_empty() {
        return Err((1, "there is no prefix in it".to_owned()));
    }
    Ok(nets)
}

fn cells(line: &str) -> impl Iterator<Item = &str> {
    line.split(',')
        .map(|cell| cell.trim().trim_matches('"').trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nets(texts: &[&str]) -> Vec<IpNet> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn plain_text_and_both_kinds_of_csv_are_read() {
        let expected = nets(&["104.16.0.0/13", "2606:4700::/32"]);
        for text in [
            "# a list\n\n104.16.0.0/13\n2606:4700::/32\n",
            "104.16.0.0/13,cdn\r\n2606:4700::/32,cdn\r\n",
            "kind,operator,prefix\ncdn,a,104.16.0.0/13\ncdn,a,\"2606:4700::/32\"\n",
        ] {
            assert_eq!(parse(text), Ok(expected.clone()), "{text}");
        }
    }

    #[test]
    fn a_broken_file_names_its_line() {
        for (text, line) in [
            ("104.16.0.0/13\nCould not connect: \n", 2),
            ("\n104.16.0.1/13\n", 2),
            ("kind,prefix\ncdn\n", 2),
            ("", 1),
            ("# nothing\n", 1),
        ] {
            assert_eq!(parse(text).map_err(|(line, _)| line), Err(line), "{text}");
        }
    }
}
