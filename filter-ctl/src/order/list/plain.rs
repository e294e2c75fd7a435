//! One prefix or address a line.
//!
//! Comments begin with `#` or `;`. FireHOL's header `# Entries : N subnets, M unique IPs` (of an ipset `N
//! unique IPs`) is checked where there is one. After the prefix only the number of a Spamhaus listing may
//! follow, `; SBL123`. The last line ends as all others do: of `203.0.113.0/24` cut off after 13 bytes a
//! prefix would be left, and a far larger one.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::{Expected, LINE_BYTES_MAX, ListError, not_an_entry, parse_net, push};

const EXPECTED: &str =
    "an address or a prefix such as 203.0.113.0/24, or a comment that begins with # or ;";

/// What a header says of the list.
#[derive(Clone, Copy)]
struct Announced {
    line: usize,
    subnets: Option<u128>,
    addresses: u128,
}

pub(super) fn parse(bytes: &[u8], expected: Expected) -> Result<Vec<IpNet>, ListError> {
    let mut nets = Vec::new();
    let mut announced = None;
    let mut lines = 0;
    for (number, line) in (1..).zip(bytes.split_inclusive(|byte| *byte == b'\n')) {
        lines = number;
        let refused = || not_an_entry(number, line, EXPECTED);
        if line.len() > LINE_BYTES_MAX {
            return Err(refused());
        }
        let text = std::str::from_utf8(line).map_err(|_| refused())?.trim();
        if let Some(comment) = text.strip_prefix(['#', ';']) {
            if let Some(value) = entries_header(comment) {
                let header = counts(number, value).ok_or_else(refused)?;
                announced = Some(header);
            }
        } else if !text.is_empty() {
            let net = entry(text).ok_or_else(refused)?;
            push(&mut nets, net, number, expected.entries_max)?;
        }
    }
    if !bytes.is_empty() && !bytes.ends_with(b"\n") {
        return Err(ListError::Truncated {
            line: lines,
            expected: "an end of line after the last entry",
        });
    }
    match announced {
        Some(announced) => check(&announced, &nets)?,
        None if nets.is_empty() && !expected.can_be_empty => return Err(ListError::Empty),
        None => {}
    }
    Ok(nets)
}

/// A prefix, and what may come after it.
fn entry(text: &str) -> Option<IpNet> {
    let Some((net, comment)) = text.split_once(';') else {
        return parse_net(text);
    };
    let number = comment.trim().strip_prefix("SBL")?;
    let is_listing = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    is_listing.then(|| parse_net(net.trim_end())).flatten()
}

/// The value of the header `Entries`, if a comment is that.
fn entries_header(comment: &str) -> Option<&str> {
    let (key, value) = comment.split_once(':')?;
    (key.trim() == "Entries").then(|| value.trim())
}

/// `N subnets, M unique IPs`, or `M unique IPs`.
fn counts(line: usize, value: &str) -> Option<Announced> {
    let (subnets, addresses) = match value.split_once(',') {
        Some((subnets, addresses)) => (Some(number_of(subnets, "subnets")?), addresses),
        None => (None, value),
    };
    Some(Announced {
        line,
        subnets,
        addresses: number_of(addresses, "unique IPs")?,
    })
}

fn number_of(text: &str, unit: &str) -> Option<u128> {
    text.trim().strip_suffix(unit)?.trim_end().parse().ok()
}

fn check(announced: &Announced, nets: &[IpNet]) -> Result<(), ListError> {
    let wrong = |what, announced_count, found| {
        Err(ListError::Count {
            line: announced.line,
            what,
            announced: announced_count,
            found,
        })
    };
    if let Some(subnets) = announced.subnets
        && subnets != nets.len() as u128
    {
        return wrong("subnets", subnets, nets.len() as u128);
    }
    let addresses = addresses(nets);
    if announced.addresses != addresses {
        return wrong("unique IPs", announced.addresses, addresses);
    }
    Ok(())
}

/// How many different addresses the prefixes hold; past 2^128 - 1 it stays there.
fn addresses(nets: &[IpNet]) -> u128 {
    let (mut v4, mut v6) = (Vec::new(), Vec::new());
    for net in nets {
        match net {
            IpNet::V4(net) => v4.push(*net),
            IpNet::V6(net) => v6.push(*net),
        }
    }
    let v4 = Ipv4Net::aggregate(&v4);
    let v6 = Ipv6Net::aggregate(&v6);
    let v4 = v4.iter().map(|net| 1_u128 << (32 - net.prefix_len()));
    let v6 = v6
        .iter()
        .map(|net| 1_u128.checked_shl((128 - net.prefix_len()).into()));
    let all = v4.chain(v6.map(|size| size.unwrap_or(u128::MAX)));
    all.fold(0, u128::saturating_add)
}
