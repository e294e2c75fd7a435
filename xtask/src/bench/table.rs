//! The generated part of docs/benchmarks.md.

use std::fmt::Write as _;

use anyhow::{Result, bail};

use super::figures::{Figure, Results};

/// Between these lines stands what is generated.
const MARKERS: [&str; 2] = ["<!-- bench: begin -->", "<!-- bench: end -->"];

/// The parts of the bench, with their titles.
const PARTS: [(&str, &str); 8] = [
    ("steps", "Step by step"),
    ("sizes", "By the size of the list"),
    ("rivals", "Drops beside others"),
    ("rules", "Rules by their number"),
    ("groups", "Limits, meters and samples"),
    ("structures", "Lookup structures"),
    ("controller", "From orders to live"),
    ("goodput", "Good traffic under load"),
];

/// Puts the tables between the markers of a page.
pub(super) fn insert(page: &str, results: &Results) -> Result<String> {
    let [begin, end] = MARKERS;
    let Some((before, rest)) = page.split_once(begin) else {
        bail!("the page has no line {begin}");
    };
    let Some((_, after)) = rest.split_once(end) else {
        bail!("the page has no line {end}");
    };
    Ok(format!("{before}{begin}\n{}{end}{after}", text(results)))
}

fn text(results: &Results) -> String {
    let mut text = String::from("\n### Conditions\n\n| | |\n|---|---|\n");
    for (name, value) in &results.conditions {
        row(&mut text, &[name.clone(), value.clone()]);
    }
    if !results.goals.is_empty() {
        text.push_str("\n### Goals\n\n| what | goal | found | |\n|---|---|---|---|\n");
    }
    for goal in &results.goals {
        let found = format!("{} {}", rounded(goal.found), goal.unit);
        let verdict = if goal.reached {
            "reached"
        } else {
            "**missed**"
        };
        row(
            &mut text,
            &[
                goal.what.clone(),
                goal.bound.clone(),
                found,
                verdict.to_owned(),
            ],
        );
    }
    for (part, title) in PARTS {
        let mine = results.figures.iter().filter(|figure| figure.part == part);
        let mine: Vec<&Figure> = mine.collect();
        if mine.is_empty() {
            continue;
        }
        let _ = write!(text, "\n### {title}\n");
        let (live, rest): (Vec<_>, Vec<_>) =
            mine.into_iter().partition(|figure| figure.unit == "ns");
        let (runs, rest): (Vec<_>, Vec<_>) =
            rest.into_iter().partition(|figure| figure.unit == "ns run");
        table(&mut text, "Live traffic, nanoseconds a packet:", &live);
        table(&mut text, "Without an interface, nanoseconds a run:", &runs);
        table(&mut text, "", &rest);
    }
    text.push('\n');
    text
}

/// A table with a column for each list.
fn table(text: &mut String, title: &str, figures: &[&Figure]) {
    if figures.is_empty() {
        return;
    }
    let lists = distinct(figures.iter().map(|figure| figure.list.as_str()));
    let rows = distinct(figures.iter().map(|figure| name(figure)));
    text.push('\n');
    if !title.is_empty() {
        let _ = write!(text, "{title}\n\n");
    }
    let heads = lists.iter().map(|list| (*list).to_owned());
    row(
        text,
        &[String::new()].into_iter().chain(heads).collect::<Vec<_>>(),
    );
    let _ = writeln!(text, "|---|{}", "---:|".repeat(lists.len()));
    for of_row in rows {
        let mut cells = vec![of_row.clone()];
        for list in &lists {
            let mut both = figures.iter().filter(|figure| figure.list == *list);
            let figure = both.find(|figure| name(figure) == of_row);
            cells.push(figure.map_or_else(String::new, |figure| cell(figure)));
        }
        row(text, &cells);
    }
}

fn name(figure: &Figure) -> String {
    let Figure {
        series,
        traffic,
        unit,
        ..
    } = figure;
    match unit.as_str() {
        "ns" | "ns run" => format!("{series}, {traffic}"),
        unit => format!("{series}: {traffic}, {unit}"),
    }
}

fn cell(figure: &Figure) -> String {
    let [median, low, high] = [figure.median, figure.low, figure.high].map(rounded);
    if low == high {
        median
    } else {
        format!("{median} ({low} to {high})")
    }
}

/// With as many digits as mean something.
fn rounded(value: f64) -> String {
    if value.abs() < 10.0 {
        format!("{value:.2}")
    } else {
        format!("{value:.0}")
    }
}

fn row(text: &mut String, cells: &[String]) {
    let _ = writeln!(text, "| {} |", cells.join(" | "));
}

/// Each value once, in the order in which they first come.
fn distinct<T: PartialEq>(values: impl Iterator<Item = T>) -> Vec<T> {
    let mut found = Vec::new();
    for value in values {
        if !found.contains(&value) {
            found.push(value);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(series: &str, list: &str, median: f64) -> Figure {
        Figure {
            part: "sizes".to_owned(),
            series: series.to_owned(),
            list: list.to_owned(),
            entries: 1,
            traffic: "clean".to_owned(),
            unit: "ns".to_owned(),
            median,
            low: median - 1.0,
            high: median + 1.0,
        }
    }

    #[test]
    fn figures_stand_under_their_lists_and_the_rest_of_the_page_stays() {
        let results = Results {
            figures: vec![
                figure("a", "small", 50.0),
                figure("a", "large", 70.0),
                figure("b", "large", 8.25),
            ],
            ..Results::default()
        };
        let page = "before\n<!-- bench: begin -->\nold\n<!-- bench: end -->\nafter\n";
        let page = insert(page, &results).expect("a page with markers");
        assert!(
            page.starts_with("before\n<!-- bench: begin -->\n"),
            "{page}"
        );
        assert!(page.ends_with("<!-- bench: end -->\nafter\n"), "{page}");
        assert!(!page.contains("old"), "{page}");
        for line in [
            "|  | small | large |",
            "| a, clean | 50 (49 to 51) | 70 (69 to 71) |",
            "| b, clean |  | 8.25 (7.25 to 9.25) |",
        ] {
            assert!(page.contains(line), "{line} in {page}");
        }
        assert_eq!(insert(&page, &results).expect("once more"), page);
    }

    #[test]
    fn a_page_without_markers_is_refused() {
        assert!(insert("nothing", &Results::default()).is_err());
        assert!(insert("<!-- bench: begin -->", &Results::default()).is_err());
    }
}
