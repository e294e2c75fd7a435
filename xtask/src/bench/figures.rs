//! What the bench has found, as it wrote it down.

use anyhow::{Context as _, Result};
use serde_json::Value;

/// A figure: the median of some rounds, and their range.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Figure {
    pub(super) part: String,
    pub(super) series: String,
    pub(super) list: String,
    pub(super) entries: u64,
    pub(super) traffic: String,
    pub(super) unit: String,
    pub(super) median: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

/// A goal, and what was found.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Goal {
    pub(super) what: String,
    pub(super) bound: String,
    pub(super) found: f64,
    pub(super) unit: String,
    pub(super) reached: bool,
}

/// All of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Results {
    /// Whether the run was.
    pub(super) complete: bool,
    pub(super) conditions: Vec<(String, String)>,
    pub(super) figures: Vec<Figure>,
    pub(super) goals: Vec<Goal>,
}

impl Results {
    pub(super) fn parse(text: &str) -> Result<Self> {
        let document: Value = serde_json::from_str(text).context("the results are not JSON")?;
        Ok(Self {
            complete: truth_of(&document, "complete")?,
            conditions: list(&document, "conditions", |item| {
                Ok((text_of(item, "name")?, text_of(item, "value")?))
            })?,
            figures: list(&document, "figures", |item| {
                Ok(Figure {
                    part: text_of(item, "part")?,
                    series: text_of(item, "series")?,
                    list: text_of(item, "list")?,
                    entries: item["entries"].as_u64().context("`entries` is no number")?,
                    traffic: text_of(item, "traffic")?,
                    unit: text_of(item, "unit")?,
                    median: number_of(item, "median")?,
                    low: number_of(item, "low")?,
                    high: number_of(item, "high")?,
                })
            })?,
            goals: list(&document, "goals", |item| {
                Ok(Goal {
                    what: text_of(item, "what")?,
                    bound: text_of(item, "goal")?,
                    found: number_of(item, "found")?,
                    unit: text_of(item, "unit")?,
                    reached: truth_of(item, "reached")?,
                })
            })?,
        })
    }
}

fn list<T>(document: &Value, name: &str, read: impl Fn(&Value) -> Result<T>) -> Result<Vec<T>> {
    let items = document[name]
        .as_array()
        .with_context(|| format!("the results have no list `{name}`"))?;
    items.iter().map(read).collect()
}

fn text_of(item: &Value, name: &str) -> Result<String> {
    let text = item[name].as_str();
    Ok(text
        .with_context(|| format!("`{name}` is no text"))?
        .to_owned())
}

fn number_of(item: &Value, name: &str) -> Result<f64> {
    item[name]
        .as_f64()
        .with_context(|| format!("`{name}` is no number"))
}

fn truth_of(item: &Value, name: &str) -> Result<bool> {
    item[name]
        .as_bool()
        .with_context(|| format!("`{name}` is no truth value"))
}
