//! The figures: said as they come, summed up at the end, and written down for whoever makes tables and
//! plots of them.

use std::{fmt, fs, path::Path};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

/// What a figure is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    /// The part of the bench.
    pub(crate) part: &'static str,
    /// Who was measured.
    pub(crate) series: String,
    /// The list in force.
    pub(crate) list: String,
    /// Its length.
    pub(crate) entries: usize,
    /// What was done to them.
    pub(crate) traffic: String,
    /// The unit: `ns` a packet, live; `ns run` for a run without an interface; and others.
    pub(crate) unit: &'static str,
}

/// The values of several rounds, sorted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rounds(Vec<f64>);

impl Rounds {
    fn add(&mut self, value: f64) {
        self.0.push(value);
        self.0.sort_unstable_by(f64::total_cmp);
    }

    /// The value in the middle; of an even number the lower.
    pub(crate) fn median(&self) -> f64 {
        let middle = self.0.len().saturating_sub(1) / 2;
        self.0.get(middle).copied().unwrap_or(f64::NAN)
    }

    /// The least and the greatest.
    pub(crate) fn range(&self) -> [f64; 2] {
        [self.0.first(), self.0.last()].map(|end| end.copied().unwrap_or(f64::NAN))
    }
}

impl fmt::Display for Rounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [low, high] = self.range();
        write!(
            f,
            "{:.1} ({low:.1}..{high:.1}, {} rounds)",
            self.median(),
            self.0.len()
        )
    }
}

/// All figures of a run.
#[derive(Debug, Default)]
pub(crate) struct Report {
    conditions: Vec<(&'static str, String)>,
    figures: Vec<(Key, Rounds)>,
    goals: Vec<Value>,
}

impl Report {
    /// Notes under what conditions was measured.
    pub(crate) fn condition(&mut self, name: &'static str, value: impl Into<String>) {
        let value = value.into();
        println!("{name}: {value}");
        self.conditions.push((name, value));
    }

    /// Adds the value of one round.
    pub(crate) fn add(&mut self, key: Key, value: f64) {
        let mut known = self.figures.iter_mut();
        if let Some((_, rounds)) = known.find(|(known, _)| *known == key) {
            rounds.add(value);
        } else {
            self.figures.push((key, Rounds(vec![value])));
        }
    }

    /// The figures, in the order in which they first came.
    pub(crate) fn figures(&self) -> &[(Key, Rounds)] {
        &self.figures
    }

    /// Prints what a part has found for a list.
    pub(crate) fn show(&self, part: &str, list: &str) {
        println!("\n{part}, {list}");
        let mine = self.figures.iter();
        for (key, rounds) in mine.filter(|(key, _)| key.part == part && key.list == list) {
            let Key {
                series,
                traffic,
                unit,
                ..
            } = key;
            println!("  {series:<28} {traffic:<34} {unit:<7} {rounds}");
        }
    }

    /// Notes whether a goal was reached.
    pub(crate) fn goal(&mut self, goal: Value) {
        self.goals.push(goal);
    }

    /// Writes all of it to a file, and whether it is all that a complete run finds.
    pub(crate) fn write(&self, path: &Path, complete: bool) -> Result<()> {
        let conditions = self.conditions.iter();
        let figures = self.figures.iter().map(|(key, rounds)| {
            let [low, high] = rounds.range();
            json!({
                "part": key.part,
                "series": key.series,
                "list": key.list,
                "entries": key.entries,
                "traffic": key.traffic,
                "unit": key.unit,
                "median": rounds.median(),
                "low": low,
                "high": high,
                "rounds": rounds.0.len(),
            })
        });
        let document = json!({
            "complete": complete,
            "conditions": conditions.map(|(name, value)| json!({"name": name, "value": value})).collect::<Vec<_>>(),
            "figures": figures.collect::<Vec<_>>(),
            "goals": self.goals,
        });
        fs::write(path, format!("{document:#}\n"))
            .with_context(|| format!("cannot write {}", path.display()))
    }
}
