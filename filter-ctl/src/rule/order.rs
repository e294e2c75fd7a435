//! Which rule is asked first: RFC 8955, 5.1, with RFC 8956, 4; and the bytes that this follows from.
//!
//! Component by component, in the order of their types. The rule that has the lower type first comes first, and
//! the one that has more components before the one that has fewer. Prefixes: the longer of two that overlap, else
//! the lower. Others: by the bytes of their operators and values; where one begins with the other, the longer.
//!
//! The RFCs order the rules of one family. Here IPv4 prefixes come before IPv6 prefixes, which no packet can tell,
//! and rules that are equal but for family and role go from the narrower to the wider: with a family before
//! without, and then with a role before without.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, btree_map::Entry},
    iter::zip,
};

use filter_common::{address::Family, settings::Role};
use ipnet::IpNet;

use super::{
    Bit, Bitmask, Comparison, Kind, Matching, Numeric, Part, Rule, RuleId, numeric::Domain,
};

/// The end of a list of operators.
const END: u8 = 0x80;
/// Together with the one before.
const AND: u8 = 0x40;
/// A bit test is turned round.
const NOT: u8 = 0x02;
/// All bits of a test must be set.
const MATCH: u8 = 0x01;
/// The length of an NLRI from which it takes two bytes to say.
const LONG: usize = 240;

/// A rule that has the same match as another, so that one of them would never be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("rule {known} has the same match as {id}, so one of them would never be asked: remove one")]
pub struct Duplicate {
    /// The rule.
    pub id: RuleId,
    /// The other, which was there before.
    pub known: RuleId,
}

/// Rules in the order in which they are asked, which is the same whatever order they come in.
#[derive(Clone, Debug, Default)]
pub struct Ranking(BTreeMap<Precedence, Rule>);

impl Ranking {
    /// Puts a rule into its place, unless another has the same match.
    pub fn insert(&mut self, rule: Rule) -> Result<(), Duplicate> {
        match self.0.entry(Precedence::of(&rule.matching)) {
            Entry::Vacant(place) => {
                place.insert(rule);
                Ok(())
            }
            Entry::Occupied(place) => Err(Duplicate {
                known: place.get().id.clone(),
                id: rule.id,
            }),
        }
    }

    /// The rules, the first one first.
    #[must_use]
    pub fn into_rules(self) -> Vec<Rule> {
        self.0.into_values().collect()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The match as an NLRI: what a BGP speaker sends for it, in the shortest form. Family and role are no part of it.
#[must_use]
pub fn nlri(matching: &Matching) -> Vec<u8> {
    let components = components(matching);
    let bytes: Vec<u8> = components.iter().flat_map(Component::encoded).collect();
    let mut nlri = match u8::try_from(bytes.len()) {
        Ok(length) if bytes.len() < LONG => vec![length],
        // At most 13 components of OPERATORS_MAX operators: far from the 4,095 bytes that can be said.
        _ => {
            let [high, low] = u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_be_bytes();
            vec![0xf0 | high, low]
        }
    };
    nlri.extend(bytes);
    nlri
}

/// The place of a match among others. Equal for equal matches only.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Precedence {
    components: Vec<Component>,
    family: Option<Family>,
    role: Option<Role>,
}

impl Precedence {
    fn of(matching: &Matching) -> Self {
        Self {
            components: components(matching),
            family: matching.family,
            role: matching.role,
        }
    }

    fn narrowness(&self) -> (u8, u8) {
        let family = match self.family {
            Some(Family::V4) => 0,
            Some(Family::V6) => 1,
            None => 2,
        };
        let role = match self.role {
            Some(Role::Upstream) => 0,
            Some(Role::Customer) => 1,
            None => 2,
        };
        (family, role)
    }
}

impl Ord for Precedence {
    fn cmp(&self, other: &Self) -> Ordering {
        let differing = zip(&self.components, &other.components)
            .map(|(one, two)| one.cmp(two))
            .find(|ordering| ordering.is_ne());
        let more = || other.components.len().cmp(&self.components.len());
        let narrower = || self.narrowness().cmp(&other.narrowness());
        differing.unwrap_or_else(|| more().then_with(narrower))
    }
}

impl PartialOrd for Precedence {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A component as the RFCs compare it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Component {
    kind: Kind,
    value: Value,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Prefix(IpNet),
    Operators(Vec<u8>),
}

impl Component {
    fn cmp(&self, other: &Self) -> Ordering {
        let kinds = self.kind.cmp(&other.kind);
        kinds.then_with(|| match (&self.value, &other.value) {
            (Value::Prefix(one), Value::Prefix(two)) => prefixes(one, two),
            (Value::Operators(one), Value::Operators(two)) => {
                let common = one.len().min(two.len());
                let bytes = one[..common].cmp(&two[..common]);
                bytes.then_with(|| two.len().cmp(&one.len()))
            }
            // One kind has one sort of value.
            (Value::Prefix(_), Value::Operators(_)) => Ordering::Less,
            (Value::Operators(_), Value::Prefix(_)) => Ordering::Greater,
        })
    }

    fn encoded(&self) -> Vec<u8> {
        let mut bytes = vec![self.kind as u8];
        match &self.value {
            Value::Operators(operators) => bytes.extend(operators),
            Value::Prefix(net) => {
                let pattern = usize::from(net.prefix_len().div_ceil(8));
                bytes.push(net.prefix_len());
                match net {
                    IpNet::V4(net) => bytes.extend(&net.network().octets()[..pattern]),
                    IpNet::V6(net) => {
                        let offset = 0;
                        bytes.push(offset);
                        bytes.extend(&net.network().octets()[..pattern]);
                    }
                }
            }
        }
        bytes
    }
}

fn prefixes(one: &IpNet, two: &IpNet) -> Ordering {
    if one.contains(two) || two.contains(one) {
        two.prefix_len().cmp(&one.prefix_len())
    } else {
        one.network().cmp(&two.network())
    }
}

fn components(matching: &Matching) -> Vec<Component> {
    let value = |kind| {
        Some(match matching.part(kind)? {
            Part::Prefix(net) => Value::Prefix(net),
            Part::Numbers(list) => Value::Operators(numeric(list)),
            Part::Bits(tests) => Value::Operators(bitmask(tests)),
        })
    };
    let present = Kind::ALL.into_iter().filter_map(|kind| {
        let value = value(kind)?;
        Some(Component { kind, value })
    });
    present.collect()
}

/// Operators and values; each value in the first of the widths of its field, as logarithms of bytes, that holds it.
fn numeric(component: &Numeric) -> Vec<u8> {
    let widths: &[u8] = match component.domain() {
        Domain::Octet | Domain::Dscp => &[0],
        Domain::Word => &[0, 1],
        Domain::Label => &[2],
    };
    let all = component.comparisons();
    let mut bytes = Vec::new();
    for (index, comparison) in all.iter().enumerate() {
        let Comparison {
            and,
            operator,
            value,
        } = *comparison;
        let common = head(index + 1 == all.len(), and);
        push(&mut bytes, common | operator as u8, value, widths);
    }
    bytes
}

fn bitmask(component: &Bitmask) -> Vec<u8> {
    let all = component.tests();
    let mut bytes = Vec::new();
    for (index, test) in all.iter().enumerate() {
        let Bit {
            and,
            not,
            all: matches,
            value,
        } = *test;
        let common = head(index + 1 == all.len(), and);
        let not = if not { NOT } else { 0 };
        let matches = if matches { MATCH } else { 0 };
        push(
            &mut bytes,
            common | not | matches,
            u32::from(value),
            &[0, 1],
        );
    }
    bytes
}

const fn head(is_last: bool, and: bool) -> u8 {
    let end = if is_last { END } else { 0 };
    let and = if and { AND } else { 0 };
    end | and
}

fn push(bytes: &mut Vec<u8>, operator: u8, value: u32, widths: &[u8]) {
    let holds = |width: &&u8| u64::from(value) >> (8_u32 << **width) == 0;
    let width = widths
        .iter()
        .find(holds)
        .or(widths.last())
        .copied()
        .unwrap_or(0);
    bytes.push(operator | width << 4);
    let value = value.to_be_bytes();
    bytes.extend(&value[value.len() - (1 << width)..]);
}
