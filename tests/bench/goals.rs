//! The goals, beside what was found.

use serde_json::json;

use crate::{
    part::{controller, goodput, rivals, sizes, steps},
    report::{Key, Report},
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
    let find = |part: &str, accepts: &dyn Fn(&Key) -> bool| {
        let mut mine = report
            .figures()
            .iter()
            .filter(|(key, _)| key.part == part && accepts(key));
        mine.next().map(|(_, rounds)| rounds.median())
    };
    let step = |number: &str, unit: &str, traffic: &str| {
        find(steps::PART, &|key| {
            key.entries == FULL_V4
                && key.series.starts_with(number)
                && key.unit == unit
                && key.traffic == traffic
        })
    };
    let run = |number| step(number, "ns run", "without an interface");
    let live = |number| step(number, "ns", "dropped for its port");
    let size = |entries: usize, unit: &str| {
        find(sizes::PART, &|key| {
            key.series == "Levee"
                && key.entries == entries
                && key.unit == unit
                && key.traffic == "clean"
        })
    };
    let rival = |entries: usize, name: &str| {
        find(rivals::PART, &|key| {
            key.series == name && key.entries == entries
        })
    };
    let [small, large] = rivals::SIZES;
    let times = |entries, name| Some(rival(entries, name)? / rival(entries, "Levee")?);
    let difference = |more: Option<f64>, less: Option<f64>| Some(more? - less?);
    let ratio = |more: Option<f64>, less: Option<f64>| Some(more? / less?);
    let control = |series: &str, traffic: &str| {
        find(controller::PART, &|key| {
            key.entries == FULL && key.series == series && key.traffic.starts_with(traffic)
        })
    };
    let rate = |series: &str| {
        find(goodput::PART, &|key| {
            key.series.starts_with(series) && key.unit == "/s"
        })
    };
    let goal = |what, bound, unit, found| Goal {
        what,
        bound,
        unit,
        found,
    };
    vec![
        goal(
            "lookups of orders and never-block, without an interface",
            Bound::AtMost(30.0),
            "ns",
            difference(run("4"), run("2")),
        ),
        goal(
            "the whole path over an empty program, without an interface",
            Bound::AtMost(100.0),
            "ns",
            difference(run("4"), run("0")),
        ),
        goal(
            "the whole path over an empty program, live",
            Bound::AtMost(100.0),
            "ns",
            difference(live("4"), live("0")),
        ),
        goal(
            "a clean packet, 1,000,000 entries over 1,000, live",
            Bound::AtMost(1.15),
            "times",
            ratio(size(1_000_000, "ns"), size(1_000, "ns")),
        ),
        goal(
            "a clean packet, 1,000,000 entries over 1,000, without an interface",
            Bound::AtMost(1.15),
            "times",
            ratio(size(1_000_000, "ns run"), size(1_000, "ns run")),
        ),
        goal(
            "drops, 1,000,000 in use: nftables ingress takes longer",
            Bound::AtLeast(3.0),
            "times",
            times(large, "nftables, netdev ingress"),
        ),
        goal(
            "the same, the ambition",
            Bound::AtLeast(5.0),
            "times",
            times(large, "nftables, netdev ingress"),
        ),
        goal(
            "drops, 1,000,000 in use: the kernel's LPM trie takes longer",
            Bound::AtLeast(8.0),
            "times",
            times(large, "LPM trie"),
        ),
        goal(
            "drops, 8,192 in use: xdp-filter takes longer",
            Bound::AtLeast(1.0),
            "times",
            times(small, "xdp-filter"),
        ),
        goal(
            "drops, 8,192 in use: nftables ingress takes longer",
            Bound::AtLeast(4.0),
            "times",
            times(small, "nftables, netdev ingress"),
        ),
        goal(
            "live from verified orders in memory",
            Bound::AtMost(500.0),
            "ms",
            control("from verified orders", ""),
        ),
        goal(
            "live from signed bytes",
            Bound::AtMost(2_000.0),
            "ms",
            control("from signed bytes", ""),
        ),
        goal(
            "one more order on top",
            Bound::AtMost(100.0),
            "ms",
            control("one more order", ""),
        ),
        goal(
            "kernel memory, both generations",
            Bound::AtMost(128.0),
            "MiB",
            control("kernel maps", ""),
        ),
        goal(
            "controller memory",
            Bound::AtMost(300.0),
            "MiB",
            control("controller", "resident"),
        ),
        goal(
            "controller, idle",
            Bound::AtMost(1.0),
            "% of a core",
            control("controller", "idle"),
        ),
        goal(
            "answers at 0.75 of what the filter can drop, of the undisturbed",
            Bound::AtLeast(0.9),
            "times",
            ratio(rate(goodput::UNDER_LOAD), rate("undisturbed")),
        ),
    ]
}
