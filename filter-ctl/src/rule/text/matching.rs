//! Clauses: which components there are, of which family, on which side.

use filter_common::{address::Family, settings::Role};
use ipnet::IpNet;

use super::{
    super::{Bits, Kind, Matching, bitmask::fragment},
    TextError,
    cursor::Cursor,
    flags, numbers,
    token::Token,
};
use crate::order::field::parse_net;

/// What a clause is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Subject {
    Any,
    Family,
    Role,
    Component(Kind),
}

/// A clause that is not yet read.
struct Clause<'a> {
    subject: Subject,
    name: &'a Token<'a>,
    body: Cursor<'a>,
}

const FAMILIES: [(&str, Family); 6] = [
    ("ip", Family::V4),
    ("ip6", Family::V6),
    ("ipv4", Family::V4),
    ("ipv6", Family::V6),
    ("inet", Family::V4),
    ("inet6", Family::V6),
];
const ROLES: [(&str, Role); 2] = [("upstream", Role::Upstream), ("customer", Role::Customer)];

/// Reads a match.
pub(super) fn read(cursor: Cursor<'_>) -> Result<Matching, TextError> {
    let clauses = clauses(cursor)?;
    let is_component = |clause: &&Clause<'_>| matches!(clause.subject, Subject::Component(_));
    let component = clauses.iter().find(is_component);
    let any = clauses.iter().find(|clause| clause.subject == Subject::Any);
    match (component, any) {
        (None, None) => {
            let expected = "a component, such as `dst 192.0.2.0/24`; or `any` for every packet";
            return Err(cursor.last().unexpected(expected));
        }
        (Some(component), Some(_)) => {
            let problem = "`any` is every packet: expected no component beside it";
            return Err(component.name.error(problem));
        }
        (Some(_), None) | (None, Some(_)) => {}
    }
    let mut matching = Matching::default();
    // What names and bits mean depends on the family, and the clause that it follows from may come last.
    let mut family = Implied::default();
    for clause in &clauses {
        place(clause, &mut matching, &mut family)?;
    }
    matching.family = family.0.map(|(family, _)| family);
    for clause in &clauses {
        list(clause, &mut matching)?;
    }
    matching.check().map_err(|contradiction| {
        let part_of_it = Subject::Component(contradiction.kind());
        let clause = clauses.iter().find(|clause| clause.subject == part_of_it);
        match clause {
            Some(clause) => clause.name.error(contradiction.to_string()),
            None => TextError::new(1, "", contradiction.to_string()),
        }
    })?;
    Ok(matching)
}

fn clauses(mut cursor: Cursor<'_>) -> Result<Vec<Clause<'_>>, TextError> {
    let mut clauses: Vec<Clause<'_>> = Vec::new();
    while !cursor.is_at_end() {
        let Some((subject, name)) = subject(&mut cursor) else {
            let names: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
            let expected = format!("any, family, role, or a component: {}", names.join(", "));
            return Err(cursor.unexpected(&expected));
        };
        if clauses.iter().any(|clause| clause.subject == subject) {
            return Err(
                name.error("is given twice: expected one list of values, such as `= 80 || = 443`")
            );
        }
        let body =
            cursor.until(|rest| rest.peek().is_some_and(|next| next.is(";")) || begins(*rest));
        cursor.take(&[";"]);
        clauses.push(Clause {
            subject,
            name,
            body,
        });
    }
    Ok(clauses)
}

fn begins(mut cursor: Cursor<'_>) -> bool {
    subject(&mut cursor).is_some()
}

/// The name of a clause that comes next, which is read.
fn subject<'a>(cursor: &mut Cursor<'a>) -> Option<(Subject, &'a Token<'a>)> {
    let others = [
        ("any", Subject::Any),
        ("family", Subject::Family),
        ("role", Subject::Role),
    ];
    let of_kind = |kind: Kind| {
        kind.names()
            .iter()
            .map(move |name| (*name, Subject::Component(kind)))
    };
    let names = Kind::ALL.into_iter().flat_map(of_kind).chain(others);
    for (name, subject) in names {
        let mut ahead = *cursor;
        if let Some(token) = ahead.take_words(name) {
            // `any(syn,fin)` is a test of bits.
            if subject == Subject::Any && ahead.peek().is_some_and(|next| next.is("(")) {
                return None;
            }
            *cursor = ahead;
            return Some((subject, token));
        }
    }
    None
}

/// The family that clauses ask for, and the first that does.
#[derive(Default)]
struct Implied<'a>(Option<(Family, &'a Token<'a>)>);

impl<'a> Implied<'a> {
    fn put(&mut self, family: Family, by: &'a Token<'a>) -> Result<(), TextError> {
        match self.0 {
            None => self.0 = Some((family, by)),
            Some((other, _)) if other == family => {}
            Some((other, first)) => {
                let name = |family| match family {
                    Family::V4 => "IPv4",
                    Family::V6 => "IPv6",
                };
                let problem = format!(
                    "this is of {} only, and `{}` in column {} of {}: no packet is of both families",
                    name(family),
                    first.text,
                    first.column,
                    name(other)
                );
                return Err(by.error(problem));
            }
        }
        Ok(())
    }
}

/// Reads a clause that the family can follow from.
fn place<'a>(
    clause: &Clause<'a>,
    matching: &mut Matching,
    family: &mut Implied<'a>,
) -> Result<(), TextError> {
    let mut body = clause.body;
    match clause.subject {
        Subject::Any => nothing_more(body),
        Subject::Family => {
            let word = body.word("ip or ip6")?;
            let named = FAMILIES.iter().find(|(name, _)| word.is(name));
            let (_, named) = named.ok_or_else(|| word.error("expected ip or ip6"))?;
            family.put(*named, word)?;
            nothing_more(body)
        }
        Subject::Role => {
            let word = body.word("upstream or customer")?;
            let named = ROLES.iter().find(|(name, _)| word.is(name));
            let (_, named) = named.ok_or_else(|| word.error("expected upstream or customer"))?;
            matching.role = Some(*named);
            nothing_more(body)
        }
        Subject::Component(kind @ (Kind::Destination | Kind::Source)) => {
            let (word, net) = prefix(body)?;
            let of = match net {
                IpNet::V4(_) => Family::V4,
                IpNet::V6(_) => Family::V6,
            };
            family.put(of, word)?;
            match kind {
                Kind::Destination => matching.destination = Some(net),
                _ => matching.source = Some(net),
            }
            Ok(())
        }
        Subject::Component(Kind::Label) => family.put(Family::V6, clause.name),
        Subject::Component(Kind::Fragment) => {
            let component = flags::read(clause.name, Bits::Fragment, body)?;
            if component.looks_at() & fragment::DONT_FRAGMENT != 0 {
                family.put(Family::V4, dont_fragment(body).unwrap_or(clause.name))?;
            }
            matching.fragment = Some(component);
            Ok(())
        }
        Subject::Component(_) => Ok(()),
    }
}

fn dont_fragment<'a>(mut body: Cursor<'a>) -> Option<&'a Token<'a>> {
    let is_named = |rest: &Cursor<'a>| rest.peek().is_some_and(|next| next.is("dont-fragment"));
    body.until(is_named);
    body.peek()
}

/// Reads a clause whose words can depend on the family.
fn list(clause: &Clause<'_>, matching: &mut Matching) -> Result<(), TextError> {
    let Subject::Component(kind) = clause.subject else {
        return Ok(());
    };
    let family = matching.family;
    let numbers = |field: &mut Option<_>| {
        *field = Some(numbers::read(clause.name, kind, family, clause.body)?);
        Ok(())
    };
    match kind {
        Kind::Destination | Kind::Source | Kind::Fragment => Ok(()),
        Kind::Protocol => numbers(&mut matching.protocol),
        Kind::Port => numbers(&mut matching.port),
        Kind::DestinationPort => numbers(&mut matching.destination_port),
        Kind::SourcePort => numbers(&mut matching.source_port),
        Kind::IcmpType => numbers(&mut matching.icmp_type),
        Kind::IcmpCode => numbers(&mut matching.icmp_code),
        Kind::Length => numbers(&mut matching.length),
        Kind::Dscp => numbers(&mut matching.dscp),
        Kind::Label => numbers(&mut matching.label),
        Kind::TcpFlags => {
            let component = flags::read(clause.name, Bits::TcpFlags, clause.body)?;
            matching.tcp_flags = Some(component);
            Ok(())
        }
    }
}

fn nothing_more(body: Cursor<'_>) -> Result<(), TextError> {
    if body.is_at_end() {
        Ok(())
    } else {
        Err(body.unexpected("a component, or `then`"))
    }
}

/// A prefix. RFC 8956 lets IPv6 prefixes begin at an offset, which no table here can look up.
fn prefix(mut body: Cursor<'_>) -> Result<(&Token<'_>, IpNet), TextError> {
    const OFFSET: &str =
        "an offset other than 0 cannot be represented: expected a prefix from bit 0";
    let word = body.word("a prefix such as 192.0.2.0/24 or 2001:db8::/48, or an address")?;
    let offset = body
        .take(&["offset"])
        .map(|_| body.word("the offset, which is 0"))
        .transpose()?;
    if offset.is_some_and(|offset| !offset.is("0")) {
        return Err(offset.unwrap_or(word).error(OFFSET));
    }
    nothing_more(body)?;
    // `/64/0` and `/64-104` are other ways to write an offset.
    let mut parts = word.text.splitn(3, '/');
    let (address, length) = (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    );
    let slash = parts.next();
    if slash.is_some_and(|offset| offset != "0") || length.contains('-') {
        return Err(word.error(OFFSET));
    }
    let without = match slash {
        None => word.text.to_owned(),
        Some(_) => format!("{address}/{length}"),
    };
    let net = parse_net(&without).map_err(|error| word.error(error.to_string()))?;
    if slash.or(offset.map(|zero| zero.text)).is_some() && matches!(net, IpNet::V4(_)) {
        return Err(word.error("IPv4 prefixes have no offset"));
    }
    Ok((word, net))
}
