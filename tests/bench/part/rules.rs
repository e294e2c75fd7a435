//! Rules by their number: what a packet costs that none of them matches, that the first matches and that
//! the last does, beside the same rules in nftables.

use std::{net::Ipv4Addr, rc::Rc};

use anyhow::Result;

use crate::{
    bench::{Bench, Case},
    levee::Levee,
    lists::{List, Prefixes},
    load::{Load, OTHER_PORT, Port, Version, frame},
    nft::{Hook, Nft},
    object::Object,
    stand::{Contender, Fate, Stand, Traffic},
    support::random::Random,
};

pub(crate) const PART: &str = "rules";
/// As many as there can be.
pub(crate) const MOST: usize = 1_024;
/// Traffic that no rule matches.
pub(crate) const NONE: &str = "none matches";
/// Traffic that the last rule matches.
pub(crate) const LAST: &str = "the last matches";
/// Traffic that the first rule matches.
const FIRST: &str = "the first matches";

/// The first octet of the sources that the first rule matches.
const FIRST_SOURCES: u8 = 44;

/// A rule, as an operator of either would write it.
struct Written {
    levee: String,
    nft: String,
}

/// Rules that are in force at once, in the order of their evaluation.
struct Set {
    name: String,
    rules: Vec<Written>,
}

pub(crate) fn run(bench: &mut Bench, levee: &mut Levee) -> Result<()> {
    let mut random = bench.random(7);
    let mut sets: Vec<Set> = [0, 1, 64, MOST]
        .map(|count| Set::usual(count, &mut random))
        .into();
    sets.push(Set::near_misses());
    for set in &sets {
        one(bench, levee, set)?;
    }
    Ok(())
}

fn one(bench: &mut Bench, levee: &mut Levee, set: &Set) -> Result<()> {
    let texts = set
        .rules
        .iter()
        .map(|rule| format!("{} then drop", rule.levee));
    let texts: Vec<String> = texts.collect();
    levee.publish_guards(&texts, None)?;
    let first = List {
        v4: Prefixes(vec![(u32::from_be_bytes([FIRST_SOURCES, 0, 0, 0]), 8)]),
        ..List::default()
    };
    let clean = first.clean_v4(&mut bench.random(2));
    let mut matched = clean.clone();
    for source in &mut matched {
        source[0] = FIRST_SOURCES;
    }
    let wire = Rc::clone(&bench.wire);
    let object = Object::load(&[("SOURCES", u32::try_from(clean.len())?)], &[])?;
    let mut stand = Stand::new(&wire, object, levee, &[])?;
    let rules = set.rules.iter();
    let rules = rules
        .map(|rule| format!("{} counter drop", rule.nft))
        .collect();
    stand.nft = Some(Nft::with_rules(&wire, Hook::Ingress, rules)?);

    let mut kinds = vec![(NONE, Port::Usual, &clean, Fate::Passed)];
    if set.rules.len() > 1 {
        kinds.push((FIRST, Port::Usual, &matched, Fate::Listed));
    }
    if !set.rules.is_empty() {
        kinds.push((LAST, Port::Other, &clean, Fate::Listed));
    }
    let traffic = |(name, port, sources, fate): &(&'static str, Port, &Vec<_>, Fate)| {
        Ok(Traffic {
            name,
            load: Load::new(&wire, Version::V4, *port, sources)?,
            fate: *fate,
        })
    };
    let mut traffics = kinds.iter().map(traffic).collect::<Result<Vec<_>>>()?;
    let names: Vec<&str> = kinds.iter().map(|(name, ..)| *name).collect();
    let plan = [
        (Contender::Levee, &names[..]),
        (Contender::Nft(Hook::Ingress), &names[..]),
    ];
    let case = Case {
        part: PART,
        list: &set.name,
        entries: set.rules.len(),
        series: None,
    };
    for _ in 0..bench.rounds {
        bench.live_round(case, &mut stand, &plan, &mut traffics)?;
        for (name, port, sources, fate) in &kinds {
            stand.object.set_sources(sources)?;
            let frame = frame(Version::V4, *port);
            let runners = [Contender::Levee];
            bench.run_round(case, &mut stand, &runners, (name, *fate), &frame)?;
        }
    }
    stand.end()?;
    bench.report.show(PART, &set.name);
    Ok(())
}

impl Set {
    /// Between a first and a last rule, which are for the load, others for what does not come.
    fn new(name: String, count: usize, mut other: impl FnMut(usize) -> Written) -> Self {
        let mut rules = Vec::new();
        if count > 1 {
            rules.push(Written {
                levee: format!("dst 198.41.0.0/20 src {FIRST_SOURCES}.0.0.0/8"),
                nft: format!("ip daddr 198.41.0.0/20 ip saddr {FIRST_SOURCES}.0.0.0/8"),
            });
        }
        rules.extend((0..count.saturating_sub(2)).map(&mut other));
        if count > 0 {
            rules.push(Written {
                levee: format!("sport = {OTHER_PORT} length <= 100"),
                nft: format!("udp sport {OTHER_PORT} ip length <= 100"),
            });
        }
        Self { name, rules }
    }

    /// Such as a network has.
    fn usual(count: usize, random: &mut Random) -> Self {
        let name = match count {
            0 => "no rule".to_owned(),
            1 => "1 rule".to_owned(),
            count => format!("{count} rules"),
        };
        Self::new(name, count, |number| usual(number, random))
    }

    /// Of which each agrees with the load in all but one thing, by turns in the port and in the length, so
    /// that no word of any set of rules is empty before the last of them is read.
    fn near_misses() -> Self {
        Self::new(format!("{MOST} near misses"), MOST, |number| {
            let (port, length) = if number.is_multiple_of(2) {
                (40_001, "<= 100")
            } else {
                (40_000, ">= 1000")
            };
            let low = 1_000 + number;
            Written {
                levee: format!("dport = 53 sport = {low} || = {port} length {length}"),
                nft: format!("udp dport 53 udp sport {{ {low}, {port} }} ip length {length}"),
            }
        })
    }
}

/// A rule against what is usually seen, by turns of each kind; most are for a network inside.
fn usual(number: usize, random: &mut Random) -> Written {
    const REFLECTORS: [u16; 6] = [19, 123, 389, 1_900, 3_702, 11_211];
    // Above the destination of the load, so that the first rule stays the first.
    let [block, third] = [number / 256, number % 256].map(|part| u8::try_from(part).unwrap_or(0));
    let host = Ipv4Addr::new(200 + block, random.byte(), third, random.byte());
    let network = Ipv4Addr::from_bits(host.to_bits() & !0xff);
    let source = Ipv4Addr::new(45, random.byte(), 0, 0);
    let reflector = random.pick(&REFLECTORS);
    let low = 1_024 + number;
    let high = low + 400;
    let length = 400 + number;
    let (levee, nft) = match number % 8 {
        0 => (
            format!("dst {network}/24 proto = udp sport = {reflector} length >= {length}"),
            format!("ip daddr {network}/24 udp sport {reflector} ip length >= {length}"),
        ),
        1 => (
            format!("dst {host}/32 proto = tcp dport = 80 || = 443 tcp flags syn,!ack"),
            format!("ip daddr {host} tcp dport {{ 80, 443 }} tcp flags & (syn | ack) == syn"),
        ),
        2 => (
            format!("dst {network}/24 proto = udp dport {low}..{high}"),
            format!("ip daddr {network}/24 udp dport {low}-{high}"),
        ),
        3 => (
            format!("dst {network}/24 src {source}/16"),
            format!("ip daddr {network}/24 ip saddr {source}/16"),
        ),
        4 => (
            format!("dst {host}/32 icmp type 8 length > {length}"),
            format!("ip daddr {host} icmp type echo-request ip length > {length}"),
        ),
        5 => (
            format!("dst {network}/24 proto = udp fragment is-fragment"),
            format!("ip daddr {network}/24 ip protocol udp ip frag-off & 0x1fff != 0"),
        ),
        6 => (
            format!("src {source}/16 proto = udp dport = {low}"),
            format!("ip saddr {source}/16 udp dport {low}"),
        ),
        _ => (
            format!("proto = udp sport = {reflector} length = {length}"),
            format!("udp sport {reflector} ip length {length}"),
        ),
    };
    Written { levee, nft }
}
