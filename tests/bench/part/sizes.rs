//! Levee by the size of the list: what a clean packet costs, and what a drop does, beside the kernel's
//! trie and an nftables set of the same addresses.

use std::rc::Rc;

use anyhow::Result;

use crate::{
    bench::{Bench, Case},
    levee::{Levee, Switches},
    lists::{List, skewed},
    load::{Load, Port, Version, frame},
    nft::{Hook, Nft},
    stand::{Contender, Fate, Stand, Traffic},
    structures::{self, Structure},
};

pub(crate) const PART: &str = "sizes";

/// So many IPv4 prefixes come with one of IPv6.
const V4_FOR_ONE_V6: usize = 4;

pub(crate) fn run(bench: &mut Bench, levee: &mut Levee) -> Result<()> {
    let sizes = [&[0], bench.sizes()].concat();
    for size in sizes {
        let mut random = bench.random(size as u64);
        let list =
            List::random(size, &mut random).with_random_v6(size / V4_FOR_ONE_V6, &mut random);
        one(bench, levee, &list)?;
    }
    Ok(())
}

fn one(bench: &mut Bench, levee: &mut Levee, list: &List) -> Result<()> {
    let mut random = bench.random(2);
    levee.publish(
        list,
        Switches {
            places: true,
            port_zero: true,
            ..Switches::default()
        },
    )?;
    let object = structures::filled(list, &[Structure::Lpm])?;
    let wire = Rc::clone(&bench.wire);
    let mut stand = Stand::new(&wire, object, levee, &["lpm"])?;

    let load = |version, sources: &_| Load::new(&wire, version, Port::Zero, sources);
    let clean = list.clean_v4(&mut random);
    let listed = list.listed_v4(&mut random);
    let mut traffics = vec![
        Traffic {
            name: "clean",
            load: load(Version::V4, &clean)?,
            fate: Fate::Unlisted,
        },
        Traffic {
            name: "clean, skewed",
            load: load(Version::V4, &skewed(&clean, &mut random)?)?,
            fate: Fate::Unlisted,
        },
        Traffic {
            name: "clean IPv6",
            load: load(Version::V6, &list.clean_v6(&mut random))?,
            fate: Fate::Unlisted,
        },
    ];
    let mut plan: Vec<(Contender, &[&str])> = vec![
        (Contender::Program("empty"), &["clean"]),
        (
            Contender::Levee,
            &[
                "clean",
                "clean, skewed",
                "clean IPv6",
                "listed",
                "listed, skewed",
                "listed IPv6",
            ],
        ),
    ];
    if !listed.is_empty() {
        traffics.extend([
            Traffic {
                name: "listed",
                load: load(Version::V4, &listed)?,
                fate: Fate::Listed,
            },
            Traffic {
                name: "listed, skewed",
                load: load(Version::V4, &skewed(&listed, &mut random)?)?,
                fate: Fate::Listed,
            },
            Traffic {
                name: "listed IPv6",
                load: load(Version::V6, &list.listed_v6(&mut random))?,
                fate: Fate::Listed,
            },
        ]);
        plan.push((
            Contender::Program("lpm"),
            &["clean", "clean IPv6", "listed", "listed IPv6"],
        ));
        plan.push((Contender::Nft(Hook::Ingress), &["listed"]));
    }
    if !listed.is_empty() {
        stand.nft = Some(Nft::with_set(&wire, list, &[Hook::Ingress])?);
    }
    let case = Case {
        part: PART,
        list: &list.name,
        entries: list.v4.0.len(),
        series: None,
    };
    let frame = frame(Version::V4, Port::Usual);
    let runners = [Contender::Program("empty"), Contender::Levee];
    for _ in 0..bench.rounds {
        bench.live_round(case, &mut stand, &plan, &mut traffics)?;
        stand.object.set_sources(&clean)?;
        bench.run_round(case, &mut stand, &runners, ("clean", Fate::Passed), &frame)?;
        if !listed.is_empty() {
            stand.object.set_sources(&listed)?;
            bench.run_round(case, &mut stand, &runners, ("listed", Fate::Listed), &frame)?;
        }
    }
    stand.end()?;
    bench.report.show(PART, &list.name);
    Ok(())
}
