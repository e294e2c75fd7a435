//! What the parts of the bench share.

use std::{path::PathBuf, rc::Rc};

use anyhow::Result;

use crate::{
    report::{Key, Report},
    stand::{Contender, Fate, Stand, Traffic},
    support::random::Random,
    wire::Wire,
};

/// The runs of a program without an interface whose mean time is one figure.
const RUNS: u32 = 500_000;

/// A run of the bench.
pub(crate) struct Bench {
    pub(crate) wire: Rc<Wire>,
    pub(crate) report: Report,
    /// Where all random numbers of the run come from.
    pub(crate) seed: u64,
    /// How often each figure is measured.
    pub(crate) rounds: usize,
    /// Frames that are sent for one figure.
    pub(crate) frames: u32,
    /// Whether only small lists are tried.
    pub(crate) quick: bool,
    /// Where real lists may be.
    pub(crate) data: Option<PathBuf>,
}

/// A list as it is named in the figures.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case<'a> {
    pub(crate) part: &'static str,
    pub(crate) list: &'a str,
    pub(crate) entries: usize,
    /// What the figures are called, where that is not the contender's name.
    pub(crate) series: Option<&'a str>,
}

impl Case<'_> {
    pub(crate) fn key(&self, series: &str, traffic: &str, unit: &'static str) -> Key {
        Key {
            part: self.part,
            series: self.series.unwrap_or(series).to_owned(),
            list: self.list.to_owned(),
            entries: self.entries,
            traffic: traffic.to_owned(),
            unit,
        }
    }
}

impl Bench {
    /// A generator of its own for each use, so that one part does not change the numbers of another.
    pub(crate) fn random(&self, use_of: u64) -> Random {
        Random::new(self.seed.wrapping_mul(1_000_003).wrapping_add(use_of))
    }

    /// The sizes of made-up lists.
    pub(crate) fn sizes(&self) -> &'static [usize] {
        if self.quick {
            &[1_000, 100_000]
        } else {
            &[1_000, 10_000, 100_000, 1_000_000]
        }
    }

    /// Sends traffics through contenders, as planned by their names: one round.
    pub(crate) fn live_round(
        &mut self,
        case: Case<'_>,
        stand: &mut Stand<'_>,
        plan: &[(Contender, &[&str])],
        traffics: &mut [Traffic],
    ) -> Result<()> {
        for (contender, names) in plan {
            stand.install(*contender)?;
            let mut traffics = traffics
                .iter_mut()
                .filter(|traffic| names.contains(&traffic.name));
            let result: Result<()> = traffics.try_for_each(|traffic| {
                let cost = stand.cost(*contender, traffic, self.frames)?;
                let key = case.key(contender.name(), traffic.name, "ns");
                self.report.add(key, cost);
                Ok(())
            });
            // Also after a failure, so that the next one does not find the interface taken.
            stand.remove(*contender)?;
            result?;
        }
        Ok(())
    }

    /// Runs each contender without an interface, over the sources that were set: one round.
    pub(crate) fn run_round(
        &mut self,
        case: Case<'_>,
        stand: &mut Stand<'_>,
        contenders: &[Contender],
        (name, fate): (&'static str, Fate),
        frame: &[u8],
    ) -> Result<()> {
        for contender in contenders {
            let cost = stand.run(*contender, frame, fate, RUNS)?;
            let key = case.key(contender.name(), name, "ns run");
            self.report.add(key, f64::from(cost));
        }
        Ok(())
    }
}
