//! Lookup structures beside each other: one lookup of the source behind the same minimal parser.

use std::rc::Rc;

use anyhow::Result;

use crate::{
    bench::{Bench, Case},
    levee::Levee,
    lists::{List, Prefixes},
    load::{Load, Port, Version, frame},
    stand::{Contender, Fate, Stand, Traffic},
    structures::{self, Structure},
};

const PART: &str = "structures";
/// Files of the folder of real lists.
const REAL: [&str; 3] = ["ipsum.txt", "malicious-ip.txt", "rir-ipv4.txt"];

pub(crate) fn run(bench: &mut Bench, levee: &mut Levee) -> Result<()> {
    let mut lists = Vec::new();
    for size in bench.sizes() {
        lists.push(List::random(*size, &mut bench.random(*size as u64)));
    }
    if let Some(data) = &bench.data {
        for name in REAL {
            if let Some(mut list) = List::file(data, name)? {
                list.v6 = Prefixes::default();
                lists.push(list);
            }
        }
    }
    for list in &lists {
        one(bench, levee, list)?;
    }
    Ok(())
}

fn one(bench: &mut Bench, levee: &mut Levee, list: &List) -> Result<()> {
    let mut random = bench.random(1);
    let [listed, clean] = [list.listed_v4(&mut random), list.clean_v4(&mut random)];
    let structures: Vec<_> = Structure::ALL
        .into_iter()
        .filter(|structure| structure.takes(list))
        .collect();
    let object = structures::filled(list, &structures)?;
    let names: Vec<&str> = structures
        .iter()
        .map(|structure| structure.program())
        .collect();
    let names = [vec!["empty", "parse"], names].concat();
    let contenders: Vec<_> = names.iter().map(|name| Contender::Program(name)).collect();
    let both: &[&str] = &["listed", "clean"];
    let plan: Vec<_> = contenders
        .iter()
        .map(|contender| (*contender, both))
        .collect();
    let wire = Rc::clone(&bench.wire);
    let mut stand = Stand::new(&wire, object, levee, &names[1..])?;
    let load = |sources| Load::new(&wire, Version::V4, Port::Usual, sources);
    let mut traffics = [
        Traffic {
            name: "listed",
            load: load(&listed)?,
            fate: Fate::Listed,
        },
        Traffic {
            name: "clean",
            load: load(&clean)?,
            fate: Fate::Unlisted,
        },
    ];
    let case = Case {
        part: PART,
        list: &list.name,
        entries: list.v4.0.len(),
        series: None,
    };
    let frame = frame(Version::V4, Port::Usual);
    for _ in 0..bench.rounds {
        bench.live_round(case, &mut stand, &plan, &mut traffics)?;
        for (sources, what) in [
            (&listed, ("listed", Fate::Listed)),
            (&clean, ("clean", Fate::Unlisted)),
        ] {
            stand.object.set_sources(sources)?;
            bench.run_round(case, &mut stand, &contenders, what, &frame)?;
        }
    }
    bench.report.show(PART, &list.name);
    Ok(())
}
