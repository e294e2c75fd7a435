//! The plot: what a packet costs, by the size of the list; both axes logarithmic.

use std::fmt::Write as _;

use super::figures::{Figure, Results};

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 440.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 210.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = 56.0;

/// Ticks of the cost, in nanoseconds.
const COSTS: [f64; 7] = [50.0, 100.0, 200.0, 500.0, 1_000.0, 2_000.0, 5_000.0];
/// Decades of the size that are drawn; an empty list stands in the place of one entry.
const DECADES: u32 = 6;
/// Where the first decade with a list is.
const FIRST_DECADE: u32 = 3;

/// A line of the plot.
struct Line {
    series: &'static str,
    traffic: &'static str,
    label: &'static str,
    color: &'static str,
}

const LINES: [Line; 5] = [
    Line {
        series: "empty XDP program",
        traffic: "clean",
        label: "empty XDP program",
        color: "#777777",
    },
    Line {
        series: "Levee",
        traffic: "clean",
        label: "Levee, clean packet",
        color: "#0072b2",
    },
    Line {
        series: "Levee",
        traffic: "listed",
        label: "Levee, drop",
        color: "#d55e00",
    },
    Line {
        series: "LPM trie",
        traffic: "listed",
        label: "LPM trie, drop",
        color: "#cc79a7",
    },
    Line {
        series: "nftables, netdev ingress",
        traffic: "listed",
        label: "nftables ingress, drop",
        color: "#009e73",
    },
];

/// The plot as an SVG file.
pub(super) fn svg(results: &Results) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <title>Cost of a packet by the size of the list</title>\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#ffffff\"/>\n"
    );
    text(
        &mut svg,
        [LEFT, 22.0],
        "start",
        "Cost of a packet on live traffic, nanoseconds; bars: all rounds",
    );
    axes(&mut svg);
    let mut labels = Vec::new();
    for line in &LINES {
        let figures = results.figures.iter();
        let mut points: Vec<&Figure> = figures
            .filter(|figure| figure.part == "sizes" && figure.unit == "ns")
            .filter(|figure| figure.series == line.series && figure.traffic == line.traffic)
            .collect();
        points.sort_by_key(|figure| figure.entries);
        if let Some(last) = points.last() {
            labels.push((y(last.median), line));
            draw(&mut svg, line, &points);
        }
    }
    place(&mut labels);
    for (at, line) in labels {
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" fill=\"{}\">{}</text>",
            WIDTH - RIGHT + 12.0,
            at + 4.0,
            line.color,
            line.label
        );
    }
    svg.push_str("</svg>\n");
    svg
}

fn axes(svg: &mut String) {
    let [left, right] = [LEFT, WIDTH - RIGHT];
    let bottom = HEIGHT - BOTTOM;
    for cost in COSTS {
        let at = y(cost);
        let _ = writeln!(
            svg,
            "<path d=\"M{left} {at:.1}H{right}\" stroke=\"#dddddd\"/>"
        );
        text(svg, [left - 8.0, at + 4.0], "end", &grouped(cost));
    }
    let sizes = [0]
        .into_iter()
        .chain((FIRST_DECADE..=DECADES).map(|decade| 10_u64.pow(decade)));
    for size in sizes {
        let at = x(size);
        let _ = writeln!(svg, "<path d=\"M{at:.1} {bottom}v5\" stroke=\"#333333\"/>");
        #[expect(clippy::cast_precision_loss, reason = "a million at most")]
        text(svg, [at, bottom + 20.0], "middle", &grouped(size as f64));
    }
    let _ = writeln!(
        svg,
        "<path d=\"M{left} {TOP}V{bottom}H{right}\" fill=\"none\" stroke=\"#333333\"/>"
    );
    let middle = f64::midpoint(left, right);
    text(
        svg,
        [middle, HEIGHT - 14.0],
        "middle",
        "IPv4 hosts on the list, and a quarter as many IPv6 prefixes",
    );
}

fn draw(svg: &mut String, line: &Line, points: &[&Figure]) {
    let path: Vec<String> = points
        .iter()
        .map(|point| format!("{:.1} {:.1}", x(point.entries), y(point.median)))
        .collect();
    let color = line.color;
    let _ = writeln!(
        svg,
        "<path d=\"M{}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"2\"/>",
        path.join("L")
    );
    for point in points {
        let [at, median, low, high] = [
            x(point.entries),
            y(point.median),
            y(point.low),
            y(point.high),
        ];
        let _ = writeln!(
            svg,
            "<circle cx=\"{at:.1}\" cy=\"{median:.1}\" r=\"3\" fill=\"{color}\"/>\
             <path d=\"M{at:.1} {low:.1}V{high:.1}\" stroke=\"{color}\"/>"
        );
    }
}

/// Moves labels apart that would stand on each other.
fn place(labels: &mut [(f64, &Line)]) {
    const LINE_HEIGHT: f64 = 15.0;
    labels.sort_by(|one, other| one.0.total_cmp(&other.0));
    for index in 1..labels.len() {
        let least = labels[index - 1].0 + LINE_HEIGHT;
        labels[index].0 = labels[index].0.max(least);
    }
}

fn text(svg: &mut String, [x, y]: [f64; 2], anchor: &str, text: &str) {
    let _ = writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"#333333\">{text}</text>"
    );
}

/// Where a size is. The empty list stands a decade before the first.
fn x(entries: u64) -> f64 {
    let first = f64::from(FIRST_DECADE - 1);
    #[expect(clippy::cast_precision_loss, reason = "a million at most")]
    let decade = if entries == 0 {
        first
    } else {
        (entries as f64).log10().max(first)
    };
    let share = (decade - first) / (f64::from(DECADES) - first);
    LEFT + 20.0 + share * (WIDTH - RIGHT - LEFT - 30.0)
}

/// Where a cost is.
fn y(cost: f64) -> f64 {
    let [low, high] = [COSTS[0], COSTS[COSTS.len() - 1]].map(f64::log10);
    let share = (cost.log10() - low) / (high - low);
    HEIGHT - BOTTOM - share.clamp(0.0, 1.0) * (HEIGHT - BOTTOM - TOP)
}

/// A whole number with its thousands apart.
fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_costs_stand_where_their_decades_are() {
        let places = [0, 1_000, 10_000, 100_000, 1_000_000].map(x);
        let steps: Vec<f64> = places.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(
            steps.iter().all(|step| (step - steps[0]).abs() < 1e-9),
            "{steps:?}"
        );
        assert!((y(50.0) - (HEIGHT - BOTTOM)).abs() < 1e-9);
        assert!((y(5_000.0) - TOP).abs() < 1e-9);
        assert!((y(500.0) - f64::midpoint(y(50.0), y(5_000.0))).abs() < 1e-9);
    }

    #[test]
    fn labels_do_not_stand_on_each_other() {
        let mut labels = vec![(10.0, &LINES[0]), (8.0, &LINES[1]), (60.0, &LINES[2])];
        place(&mut labels);
        let places: Vec<f64> = labels.iter().map(|(at, _)| *at).collect();
        assert!(
            places.windows(2).all(|pair| pair[1] - pair[0] >= 15.0),
            "{places:?}"
        );
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(["0", "1,000", "1,000,000"], [0.0, 1e3, 1e6].map(grouped));
    }
}
