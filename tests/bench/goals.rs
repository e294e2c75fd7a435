//! The goals, beside what was found.

use serde_json::json;

use crate::{
    nft::Hook,
    part::{controller, goodput, rivals, rules, sizes, steps},
    report::{Key, Report},
    stand::Contender,
};

/// The list that the goals are about: a run with smaller lists says nothing about them.
const FULL_V4: usize = 1_000_000;
/// The same with its IPv6 prefixes.
const FULL: usize = 1_250_000;

/// What a figure must be.
#[derive(Clone, Copy, Debug)]
enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

/// A goal, and the figure it is about; `None` where that was not measured.
#[derive(Clone, Copy, Debug)]
struct Goal {
    what: &'static str,
    bound: Bound,
    unit: &'static str,
    found: Option<f64>,
}

/// Judges the goals that the figures are enough for.
pub(crate) fn judge(report: &mut Report) {
    let goals = goals(report);
    println!("\ngoals");
    for Goal {
        what,
        bound,
        unit,
        found,
    } in goals
    {
        let Some(found) = found else {
            continue;
        };
        let (reached, goal) = match bound {
            Bound::AtMost(most) => (found <= most, format!("at most {most} {unit}")),
            Bound::AtLeast(least) => (found >= least, format!("at least {least} {unit}")),
        };
        let verdict = if reached { "reached" } else { "MISSED" };
        println!("  {verdict:<8} {what}: {found:.2} {unit}, {goal}");
        report.goal(json!({
            "what": what,
            "goal": goal.trim_end(),
            "found": found,
            "unit": unit,
            "reached": reached,
        }));
    }
}

fn goals(report: &Report) -> Vec<Goal> {
    let found = Found(report);
    [
        found.of_clean_packets(),
        found.of_drops(),
        found.of_rules(),
        found.of_the_controller(),
    ]
    .concat()
}

/// The figures that goals are about.
struct Found<'a>(&'a Report);

impl Found<'_> {
    /// The median of the first figure of a part that is accepted.
    fn find(&self, part: &str, accepts: impl Fn(&Key) -> bool) -> Option<f64> {
        let mut figures = self.0.figures().iter();
        let (_, rounds) = figures.find(|(key, _)| key.part == part && accepts(key))?;
        Some(rounds.median())
    }

    fn step(&self, number: &str, unit: &str) -> Option<f64> {
        self.find(steps::PART, |key| {
            key.entries == FULL_V4
                && key.series.starts_with(number)
                && key.unit == unit
                && key.traffic != steps::PASSED
        })
    }

    fn steps(&self, more: &str, less: &str, unit: &str) -> Option<f64> {
        Some(self.step(more, unit)? - self.step(less, unit)?)
    }

    fn clean(&self, entries: usize, unit: &str) -> Option<f64> {
        self.find(sizes::PART, |key| {
            key.series == "Levee"
                && key.entries == entries
                && key.unit == unit
                && key.traffic == "clean"
        })
    }

    fn growth(&self, unit: &str) -> Option<f64> {
        Some(self.clean(FULL_V4, unit)? / self.clean(1_000, unit)?)
    }

    /// How many times as long another takes for a drop.
    fn rival(&self, entries: usize, name: &str) -> Option<f64> {
        let cost = |name: &str| {
            self.find(rivals::PART, |key| {
                key.series == name && key.entries == entries
            })
        };
        Some(cost(name)? / cost("Levee")?)
    }

    fn control(&self, series: &str, traffic: &str) -> Option<f64> {
        self.find(controller::PART, |key| {
            key.entries == FULL && key.series == series && key.traffic.starts_with(traffic)
        })
    }

    fn answers(&self, series: &str) -> Option<f64> {
        self.find(goodput::PART, |key| {
            key.series == series && key.unit == "/s"
        })
    }

    fn of_clean_packets(&self) -> Vec<Goal> {
        let [live, run] = ["ns", "ns run"];
        vec![
            at_most(
                30.0,
                "ns",
                "lookups of orders and never-block, without an interface",
                self.steps("4", "2", run),
            ),
            at_most(
                100.0,
                "ns",
                "the whole path over an empty program, without an interface",
                self.steps("4", "0", run),
            ),
            at_most(
                100.0,
                "ns",
                "the whole path over an empty program, live",
                self.steps("4", "0", live),
            ),
            at_most(
                1.15,
                "times",
                "a clean packet, 1,000,000 entries over 1,000, live",
                self.growth(live),
            ),
            at_most(
                1.15,
                "times",
                "a clean packet, 1,000,000 entries over 1,000, without an interface",
                self.growth(run),
            ),
            at_least(
                0.9,
                "times",
                "answers at 0.75 of what the filter can drop, of the undisturbed",
                self.answers(goodput::UNDER_LOAD)
                    .zip(self.answers(goodput::UNDISTURBED))
                    .map(|(loaded, undisturbed)| loaded / undisturbed),
            ),
        ]
    }

    fn of_drops(&self) -> Vec<Goal> {
        let [small, large] = rivals::SIZES;
        let ingress = Hook::Ingress.name();
        vec![
            at_least(
                3.0,
                "times",
                "drops, 1,000,000 in use: nftables ingress takes longer",
                self.rival(large, ingress),
            ),
            at_least(
                5.0,
                "times",
                "the same, the ambition",
                self.rival(large, ingress),
            ),
            at_least(
                8.0,
                "times",
                "drops, 1,000,000 in use: the kernel's LPM trie takes longer",
                self.rival(large, Contender::Program("lpm").name()),
            ),
            at_least(
                1.0,
                "times",
                "drops, 8,192 in use: xdp-filter takes longer",
                self.rival(small, Contender::XdpFilter.name()),
            ),
            at_least(
                4.0,
                "times",
                "drops, 8,192 in use: nftables ingress takes longer",
                self.rival(small, ingress),
            ),
        ]
    }

    fn of_rules(&self) -> Vec<Goal> {
        let rule = |series: &str, entries: usize, traffic: &str, unit: &str| {
            self.find(rules::PART, |key| {
                key.series == series
                    && key.entries == entries
                    && key.traffic == traffic
                    && key.unit == unit
            })
        };
        let ratio = |more: Option<f64>, less: Option<f64>| Some(more? / less?);
        let growth = |traffic, unit| {
            let cost = |entries| rule("Levee", entries, traffic, unit);
            ratio(cost(rules::MOST), cost(1))
        };
        let rival = |traffic| {
            let cost = |series| rule(series, rules::MOST, traffic, "ns");
            ratio(cost(Hook::Ingress.name()), cost("Levee"))
        };
        vec![
            at_most(
                1.5,
                "times",
                "a packet that none of 1,024 rules matches, over one rule, without an interface",
                growth(rules::NONE, "ns run"),
            ),
            at_most(
                1.5,
                "times",
                "a packet that the last of 1,024 rules drops, over one rule, live",
                growth(rules::LAST, "ns"),
            ),
            at_least(
                5.0,
                "times",
                "the last of 1,024 rules drops: nftables ingress takes longer",
                rival(rules::LAST),
            ),
        ]
    }

    fn of_the_controller(&self) -> Vec<Goal> {
        vec![
            at_most(
                500.0,
                "ms",
                "live from verified orders in memory",
                self.control("from verified orders", ""),
            ),
            at_most(
                2_000.0,
                "ms",
                "live from signed bytes",
                self.control("from signed bytes", ""),
            ),
            at_most(
                100.0,
                "ms",
                "one more order on top",
                self.control("one more order", ""),
            ),
            at_most(
                1_000.0,
                "ms",
                "a pushed order on top, by who pushes",
                self.control("a pushed order", "curl"),
            ),
            at_most(
                128.0,
                "MiB",
                "kernel memory, both generations",
                self.control("kernel maps", ""),
            ),
            at_most(
                300.0,
                "MiB",
                "controller memory",
                self.control("controller", "resident"),
            ),
            at_most(
                1.0,
                "% of a core",
                "controller, idle",
                self.control("controller", "idle"),
            ),
        ]
    }
}

const fn at_most(most: f64, unit: &'static str, what: &'static str, found: Option<f64>) -> Goal {
    Goal {
        what,
        bound: Bound::AtMost(most),
        unit,
        found,
    }
}

const fn at_least(least: f64, unit: &'static str, what: &'static str, found: Option<f64>) -> Goal {
    Goal {
        what,
        bound: Bound::AtLeast(least),
        unit,
        found,
    }
}
