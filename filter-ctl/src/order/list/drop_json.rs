//! Spamhaus DROP as JSON lines: `{"cidr":"192.0.2.0/24","sblid":"SBL1","rir":"apnic"}`, and at the end
//! `{"type":"metadata","timestamp":1,"size":S,"records":N,...}`.
//!
//! The last line is what shows that the list is whole: `records` is the number of lines before it, `size` of
//! their bytes. Without it, or with other numbers, the list is refused.

use ipnet::IpNet;
use serde::Deserialize;

use super::{Expected, LINE_BYTES_MAX, ListError, not_an_entry, parse_net, push};

const EXPECTED: &str = "a JSON object with `cidr`, or at the end one with `type` \"metadata\", \
                        `records` and `size`";
const END: &str = "a last line with `type` \"metadata\", `records` and `size`";

/// A line. Other fields are the publisher's, who may add to them.
#[derive(Deserialize)]
#[serde(untagged)]
enum Line<'a> {
    Metadata {
        #[serde(rename = "type")]
        kind: &'a str,
        records: u64,
        size: u64,
    },
    Entry {
        cidr: &'a str,
    },
}

pub(super) fn parse(bytes: &[u8], expected: Expected) -> Result<Vec<IpNet>, ListError> {
    let mut nets = Vec::new();
    let mut is_whole = false;
    let (mut lines, mut offset) = (1, 0);
    for (number, raw) in (1..).zip(bytes.split_inclusive(|byte| *byte == b'\n')) {
        let start = offset;
        lines = number;
        offset += raw.len();
        let line = raw.trim_ascii();
        if line.is_empty() {
            continue;
        }
        let refused = || not_an_entry(number, line, EXPECTED);
        if is_whole || line.len() > LINE_BYTES_MAX {
            return Err(refused());
        }
        match serde_json::from_slice(line) {
            Ok(Line::Entry { cidr }) => {
                let net = parse_net(cidr).ok_or_else(refused)?;
                push(&mut nets, net, number, expected.entries_max)?;
            }
            Ok(Line::Metadata {
                kind: "metadata",
                records,
                size,
            }) => {
                is_whole = true;
                compare(number, "records", records, nets.len())?;
                compare(number, "bytes before it (`size`)", size, start)?;
            }
            // The last line of what was cut off is most often half an entry.
            Err(_) if number > 1 && !raw.ends_with(b"\n") => break,
            Ok(Line::Metadata { .. }) | Err(_) => return Err(refused()),
        }
    }
    if is_whole {
        Ok(nets)
    } else {
        Err(ListError::Truncated {
            line: lines,
            expected: END,
        })
    }
}

fn compare(line: usize, what: &'static str, announced: u64, found: usize) -> Result<(), ListError> {
    let (announced, found) = (u128::from(announced), found as u128);
    if announced == found {
        return Ok(());
    }
    Err(ListError::Count {
        line,
        what,
        announced,
        found,
    })
}
