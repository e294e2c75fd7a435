//! Limits, meters and samples: what a packet costs that goes to a host group, and one that is dropped while
//! samples are made.

use std::rc::Rc;

use anyhow::Result;

use crate::{
    bench::{Bench, Case},
    levee::{Group, Levee},
    lists::List,
    load::{Load, Port, Version, frame},
    object::Object,
    stand::{Contender, Fate, Stand, Traffic},
};

pub(crate) const PART: &str = "groups";
/// Where the load goes, with a bucket for each address.
const OWN: &str = "198.41.0.0/20";
/// The same with more addresses than there are buckets, so that they take turns.
const SHARED: &str = "198.32.0.0/11";
/// Far more than the load there is.
const AMPLE: u64 = 100_000_000;
/// Samples of each reason in a second, as the configuration has it by default.
const SAMPLES: u32 = 20;

/// What is in force, and what becomes of the load.
struct State {
    name: &'static str,
    rules: &'static [&'static str],
    group: Option<Group>,
    samples: u32,
    fate: Fate,
}

const NOTHING: State = State {
    name: "no host group",
    rules: &[],
    group: None,
    samples: 0,
    fate: Fate::Passed,
};

const fn group(network: &'static str, per_second: Option<u64>) -> Group {
    Group {
        network,
        per_second,
    }
}

const STATES: [State; 9] = [
    NOTHING,
    State {
        name: "a host group: the meter",
        group: Some(group(OWN, None)),
        ..NOTHING
    },
    State {
        name: "its limit as well, a bucket for each address",
        group: Some(group(OWN, Some(AMPLE))),
        ..NOTHING
    },
    State {
        name: "its limit as well, addresses that take turns",
        group: Some(group(SHARED, Some(AMPLE))),
        ..NOTHING
    },
    State {
        name: "over the limit, a bucket for each address",
        group: Some(group(OWN, Some(1))),
        fate: Fate::OverLimit,
        ..NOTHING
    },
    State {
        name: "over the limit, addresses that take turns",
        group: Some(group(SHARED, Some(1))),
        fate: Fate::OverLimit,
        ..NOTHING
    },
    State {
        name: "a rule drops, no host group",
        rules: RULE,
        fate: Fate::Listed,
        ..NOTHING
    },
    State {
        name: "a rule drops, and the host group is metered",
        rules: RULE,
        group: Some(group(OWN, None)),
        fate: Fate::Listed,
        ..NOTHING
    },
    State {
        name: "a rule drops, and samples are made",
        rules: RULE,
        samples: SAMPLES,
        fate: Fate::Listed,
        ..NOTHING
    },
];

const RULE: &[&str] = &["dst 198.41.0.0/20 proto = udp then drop"];

pub(crate) fn run(bench: &mut Bench, levee: &mut Levee) -> Result<()> {
    let clean = List::default().clean_v4(&mut bench.random(2));
    let wire = Rc::clone(&bench.wire);
    let object = Object::load(&[("SOURCES", u32::try_from(clean.len())?)], &[])?;
    let mut stand = Stand::new(&wire, object, levee, &[])?;
    stand.object.set_sources(&clean)?;
    let frame = frame(Version::V4, Port::Usual);
    let mut traffics = [Traffic {
        name: "live",
        load: Load::new(&wire, Version::V4, Port::Usual, &clean)?,
        fate: Fate::Passed,
    }];
    for _ in 0..bench.rounds {
        for state in &STATES {
            let rules: Vec<String> = state.rules.iter().map(|rule| (*rule).to_owned()).collect();
            stand.levee.publish_guards(&rules, state.group)?;
            stand.levee.set_samples(state.samples)?;
            traffics[0].fate = state.fate;
            let case = Case {
                part: PART,
                list: "no list",
                entries: 0,
                series: Some(state.name),
            };
            let plan = [(Contender::Levee, &["live"] as &[&str])];
            bench.live_round(case, &mut stand, &plan, &mut traffics)?;
            let runners = [Contender::Levee];
            let what = ("without an interface", state.fate);
            bench.run_round(case, &mut stand, &runners, what, &frame)?;
        }
    }
    stand.levee.set_samples(0)?;
    stand.end()?;
    bench.report.show(PART, "no list");
    Ok(())
}
