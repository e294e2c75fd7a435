//! What a packet costs under Levee, beside others in the same run: what `cargo xtask bench` runs.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "its purpose")]

#[path = "../bench-ebpf/src/candidates/mod.rs"]
mod candidates;
mod lists;
mod load;
mod measure;
#[path = "../bench-ebpf/src/names.rs"]
mod names;
mod object;
mod structures;
#[path = "../it/support/mod.rs"]
mod support;
mod sys;
mod wire;

use std::{collections::BTreeMap, process::ExitCode};

use anyhow::{Result, ensure};

use crate::{
    lists::List,
    load::{Load, Version},
    measure::{Rounds, batch},
    support::random::Random,
    wire::Wire,
};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let wire = Wire::new();
    for size in [1_000, 10_000, 100_000, 1_000_000] {
        let mut random = Random::new(1);
        let list = List::random(size, &mut random);
        let hit = list.listed_v4(&mut random);
        let miss = list.clean_v4(&mut random);
        let mut object = structures::filled(&list, 1)?;
        let names = ["empty", "parse", "rows", "buckets", "hash", "lpm"];
        for name in names {
            object.verify(name)?;
        }
        let mut loads = [
            Load::new(&wire, Version::V4, &hit)?,
            Load::new(&wire, Version::V4, &miss)?,
        ];
        let mut results: BTreeMap<(usize, usize), Rounds> = BTreeMap::new();
        for _ in 0..3 {
            for (index, name) in names.iter().enumerate() {
                let link = object.attach(name, &wire)?;
                for (which, load) in loads.iter_mut().enumerate() {
                    batch(&wire, load, 1_000_000)?;
                    let before = object.counts()?;
                    let batch = batch(&wire, load, 5_000_000)?;
                    let counts = object.counts()?.since(before);
                    ensure!(batch.dropped == batch.frames, "{name}: {batch:?}");
                    if !["empty", "parse"].contains(name) {
                        let [hits, misses] = if which == 0 {
                            [batch.frames, 0]
                        } else {
                            [0, batch.frames]
                        };
                        ensure!(
                            (counts.hits, counts.misses, counts.odd) == (hits, misses, 0),
                            "{name} {which}: {counts:?} {batch:?}"
                        );
                    }
                    results.entry((index, which)).or_default().add(batch.cost());
                }
                object.detach(name, link)?;
            }
        }
        for (index, name) in names.iter().enumerate() {
            let show = |which| {
                let rounds = &results[&(index, which)];
                let [low, high] = rounds.range();
                format!("{:6.0} ({low:.0}..{high:.0})", rounds.median())
            };
            println!(
                "{size:>8} {name:<8} hit {:<22} miss {:<22}",
                show(0),
                show(1)
            );
        }
    }
    Ok(())
}
