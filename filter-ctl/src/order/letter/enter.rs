//! The entering of a letter, as a new order or into the one that exists.

use std::collections::HashMap;

use ipnet::IpNet;
use jiff::{Timestamp, civil::Date};

use super::{EnterError, Indicator, OperatorEntry, OperatorOrder};
use crate::order::{
    Direction, OrderInfo, PortRange, RefusalReason,
    field::{self, PortError, excerpt},
    parse::{self, TEXT_BYTES_MAX},
    trust::{Scope, UNTIL_DAYS_MAX},
    verify::{furthest_until, judge_until},
};

/// Entries of one order; more are refused.
pub const OPERATOR_ENTRIES_MAX: usize = 1_000_000;
/// Bytes of a user's name; a longer one is refused.
pub const USER_NAME_BYTES_MAX: usize = 256;

/// The guard rails of operators' orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LetterLimits {
    /// The shortest IPv4 prefix.
    pub shortest_ipv4: u8,
    /// The shortest IPv6 prefix.
    pub shortest_ipv6: u8,
    /// The furthest `until`, in days from when it is entered.
    pub until_max_days: u16,
    /// The most entries of one order.
    pub entries_max: usize,
}

impl Default for LetterLimits {
    fn default() -> Self {
        let Scope {
            shortest_ipv4,
            shortest_ipv6,
            ..
        } = Scope::default();
        Self {
            shortest_ipv4,
            shortest_ipv6,
            until_max_days: UNTIL_DAYS_MAX,
            entries_max: OPERATOR_ENTRIES_MAX,
        }
    }
}

/// What an operator enters at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// The order: its number, authority, basis and reason.
    pub info: OrderInfo,
    /// The user of the control socket's peer.
    pub uid: u32,
    /// That user's name, if it has one; else empty.
    pub user: String,
    /// When it is entered.
    pub entered_at: Timestamp,
    /// By when the authority expects a report.
    pub deadline: Option<Timestamp>,
    /// The date of the letter.
    pub date: Option<Date>,
    /// What is to be blocked.
    pub entries: Vec<LetterEntry>,
    /// What is asked for and cannot be done.
    pub not_enforceable: Vec<Indicator>,
}

/// One entry as an operator gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LetterEntry {
    /// The prefix, without host bits.
    pub net: IpNet,
    /// Which packets.
    pub direction: Direction,
    /// An IP protocol number; `None` for all.
    pub protocol: Option<u8>,
    /// Empty for all. Only with a protocol that has ports.
    pub ports: Vec<PortRange>,
    /// From when on it is no longer enforced; an entry without is refused.
    pub until: Option<Timestamp>,
}

/// An entry of a letter that is not enforced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedLetterEntry {
    /// Which, counted from 0, of [`Letter::entries`].
    pub index: usize,
    /// The prefix.
    pub net: IpNet,
    /// Why.
    pub reason: RefusalReason,
}

/// What entering a letter came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entered {
    /// The order as it is now.
    pub order: OperatorOrder,
    /// How many entries are new.
    pub added: usize,
    /// How many were there and have the new `until`.
    pub renewed: usize,
    /// What is not enforced. If it was in force before, it stays so, with its old `until`.
    pub refused: Vec<RefusedLetterEntry>,
}

/// What makes two entries the same.
pub(super) type Key = (IpNet, Direction, Option<u8>, Box<[PortRange]>);

/// Enters a letter: as a new order, or into the one that exists under its reference. The same prefix,
/// direction, protocol and ports are the same entry, which gets the new `until`.
pub fn enter(
    existing: Option<&OperatorOrder>,
    letter: &Letter,
    limits: &LetterLimits,
) -> Result<Entered, EnterError> {
    check_letter(letter)?;
    let mut order = match existing {
        Some(existing) => existing.clone(),
        None => OperatorOrder::empty(letter),
    };
    order.take_over(letter)?;
    let prefix = order.entry_prefix();
    let mut number = order.last_number();
    let mut known: HashMap<Key, usize> = order
        .entries
        .iter()
        .enumerate()
        .map(|(index, entry)| (entry.key(), index))
        .collect();
    let (mut added, mut renewed, mut refused) = (0, 0, Vec::new());
    for (index, entry) in letter.entries.iter().enumerate() {
        let key = entry.key(index)?;
        let judged = judge(entry, letter.entered_at, limits);
        if let Err(reason) = judged {
            let net = entry.net;
            refused.push(RefusedLetterEntry { index, net, reason });
        }
        if let Some(position) = known.get(&key) {
            let known = &mut order.entries[*position];
            renewed += usize::from(known.renew(judged, entry.until, letter));
            continue;
        }
        number = number.saturating_add(1);
        added += usize::from(judged.is_ok());
        known.insert(key.clone(), order.entries.len());
        let (net, direction, protocol, ports) = key;
        order.entries.push(OperatorEntry {
            id: format!("{prefix}-{number}").into(),
            net,
            direction,
            protocol,
            ports,
            until: entry.until,
            since: letter.entered_at,
            refused: judged.err(),
        });
    }
    if order.entries.len() > limits.entries_max {
        return Err(EnterError::TooManyEntries {
            reference: excerpt(&order.info.reference),
            count: order.entries.len(),
            max: limits.entries_max,
        });
    }
    Ok(Entered {
        order,
        added,
        renewed,
        refused,
    })
}

fn check_letter(letter: &Letter) -> Result<(), EnterError> {
    check_info(&letter.info)?;
    parse::check_length("user", &letter.user, USER_NAME_BYTES_MAX).map_err(EnterError::Text)?;
    if letter.entries.is_empty() && letter.not_enforceable.is_empty() {
        return Err(EnterError::NoEntries(excerpt(&letter.info.reference)));
    }
    Ok(())
}

pub(super) fn check_info(info: &OrderInfo) -> Result<(), EnterError> {
    let OrderInfo {
        reference,
        issuer,
        basis,
        reason,
    } = info;
    parse::check_text("reference", reference, TEXT_BYTES_MAX)
        .and_then(|()| parse::check_text("issuer", issuer, TEXT_BYTES_MAX))
        .and_then(|()| parse::check_length("basis", basis, TEXT_BYTES_MAX))
        .and_then(|()| parse::check_length("reason", reason, TEXT_BYTES_MAX))
        .map_err(EnterError::Text)
}

fn judge(
    entry: &LetterEntry,
    now: Timestamp,
    limits: &LetterLimits,
) -> Result<Timestamp, RefusalReason> {
    let until = judge_until(entry.until, now, furthest_until(now, limits.until_max_days))?;
    let shortest = match entry.net {
        IpNet::V4(_) => limits.shortest_ipv4,
        IpNet::V6(_) => limits.shortest_ipv6,
    };
    if entry.net.prefix_len() < shortest {
        return Err(RefusalReason::PrefixTooShort);
    }
    Ok(until)
}

impl LetterEntry {
    /// All packets from and to a prefix.
    #[must_use]
    pub const fn new(net: IpNet, until: Option<Timestamp>) -> Self {
        Self {
            net,
            direction: Direction::Both,
            protocol: None,
            ports: Vec::new(),
            until,
        }
    }

    fn key(&self, index: usize) -> Result<Key, EnterError> {
        let Self {
            net,
            direction,
            protocol,
            ports,
            until: _,
        } = self;
        let index = index + 1;
        if *net != net.trunc() {
            return Err(EnterError::HostBits { index, net: *net });
        }
        let ports = check_ports(*protocol, ports.clone());
        let ports = ports.map_err(|error| EnterError::Ports { index, error })?;
        Ok((*net, *direction, *protocol, ports))
    }
}

pub(super) fn check_ports(
    protocol: Option<u8>,
    ports: Vec<PortRange>,
) -> Result<Box<[PortRange]>, PortError> {
    if ports.is_empty() {
        return Ok(Box::default());
    }
    if !protocol.is_some_and(field::has_ports) {
        return Err(PortError::NoProtocol);
    }
    let wrong = |range: &&PortRange| range.first == 0 || range.first > range.last;
    if let Some(range) = ports.iter().find(wrong) {
        return Err(PortError::NotAPort(range.to_string()));
    }
    field::merge_ports(ports)
}
