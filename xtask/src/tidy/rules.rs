//! The rules about the text of one file: plain functions from text to findings.

use std::{collections::BTreeSet, ffi::OsStr, path::Path};

use super::{Finding, Severity};

/// Where to think about splitting a file, and where to have done it.
const LINES_TO_THINK: usize = 400;
const LINES_AT_MOST: usize = 600;

/// Extensions of files that people write, in which white space is looked at. Test data and licence
/// texts are left as they came.
const WRITTEN: [&str; 9] = [
    "example", "json", "md", "rs", "service", "sh", "toml", "yaml", "yml",
];

/// Words for work that was put off. In two parts each, so that this file has none of them.
const PUT_OFF: [&str; 5] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("todo", "!("),
    concat!("unimplemented", "!("),
    concat!("dbg", "!("),
];

pub(super) fn of_one_file(path: &str, text: &str) -> Vec<Finding> {
    let extension = Path::new(path)
        .extension()
        .and_then(OsStr::to_str)
        .unwrap_or_default();
    let mut findings = Vec::new();
    if extension == "rs" {
        findings.extend(module_docs(text));
        findings.extend(length(text));
        findings.extend(put_off(text));
    }
    let is_data = path.contains("/data/") || path.contains("/corpus/");
    if !is_data && WRITTEN.contains(&extension) {
        findings.extend(white_space(text));
    }
    findings
}

/// Every file says on its first line what it is for; only inner attributes may come before.
fn module_docs(text: &str) -> Option<Finding> {
    let mut open_brackets = 0;
    for line in text.lines() {
        let starts_attribute = open_brackets == 0 && line.starts_with("#![");
        if open_brackets > 0 || starts_attribute {
            open_brackets += line.matches('[').count();
            open_brackets = open_brackets.saturating_sub(line.matches(']').count());
        } else if !line.trim().is_empty() {
            let message = "the file does not start with `//!` and what it is for";
            return (!line.starts_with("//! ")).then(|| Finding::error(1, message));
        }
    }
    Some(Finding::error(1, "the file is empty"))
}

fn length(text: &str) -> Option<Finding> {
    let lines = text.lines().count();
    if lines > LINES_AT_MOST {
        let message = format!("{lines} lines; the limit is {LINES_AT_MOST}: split the file");
        Some(Finding::error(lines, message))
    } else if lines > LINES_TO_THINK {
        let message = format!("{lines} lines; is there a second subject in this file?");
        Some(Finding {
            line: lines,
            message,
            severity: Severity::Note,
        })
    } else {
        None
    }
}

fn put_off(text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (line, content) in numbered(text) {
        for word in PUT_OFF.into_iter().filter(|word| content.contains(word)) {
            let word = word.trim_end_matches('(');
            findings.push(Finding::error(
                line,
                format!("`{word}`: do it, or open an issue"),
            ));
        }
    }
    findings
}

fn white_space(text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (line, content) in numbered(text) {
        if content.contains('\t') {
            findings.push(Finding::error(line, "a tab; indent by spaces"));
        }
        if content.ends_with([' ', '\t', '\r']) {
            findings.push(Finding::error(line, "white space at the end of the line"));
        }
    }
    if !text.is_empty() && !text.ends_with('\n') {
        findings.push(Finding::error(
            text.lines().count(),
            "the last line has no end",
        ));
    }
    findings
}

/// The relative links of a Markdown text, without their fragments, each with its line.
pub(super) fn relative_links(text: &str) -> Vec<(usize, &str)> {
    let mut links = Vec::new();
    let mut in_code_block = false;
    for (line, content) in numbered(text) {
        if content.trim_start().starts_with("```") {
            in_code_block = !in_code_block;
        } else if !in_code_block {
            links.extend(link_targets(content).map(|target| (line, target)));
        }
    }
    links.retain(|(_, target)| !target.is_empty() && !has_scheme(target));
    links
}

/// The targets of `[text](target)` and of `[label]: target` outside of code.
fn link_targets(line: &str) -> impl Iterator<Item = &str> {
    // Every second piece between back-ticks is code.
    let prose = line.split('`').step_by(2);
    let inline = prose.flat_map(|prose| {
        prose
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split([')', ' ']).next())
    });
    let label = line
        .starts_with('[')
        .then(|| line.split_once("]: "))
        .flatten();
    let defined = label.and_then(|(_, target)| target.split(' ').next());
    inline.chain(defined).map(|target| {
        let target = target.trim_start_matches('<').trim_end_matches('>');
        target.split('#').next().unwrap_or_default()
    })
}

fn has_scheme(target: &str) -> bool {
    target.contains("://") || target.starts_with("mailto:")
}

/// The metric names that a text mentions anywhere.
pub(super) fn metric_names(text: &str) -> BTreeSet<&str> {
    let is_name_part = |character: char| character.is_ascii_alphanumeric() || character == '_';
    text.split(|character| !is_name_part(character))
        .filter(|name| is_metric(name))
        .collect()
}

/// The metric names that stand in Rust code as whole string literals, each with its line.
pub(super) fn quoted_metric_names(text: &str) -> Vec<(usize, &str)> {
    numbered(text)
        .flat_map(|(line, content)| {
            content
                .split('"')
                .skip(1)
                .step_by(2)
                .map(move |literal| (line, literal))
        })
        .filter(|(_, literal)| is_metric(literal))
        .collect()
}

fn is_metric(name: &str) -> bool {
    name.strip_prefix("levee_").is_some_and(|rest| {
        !rest.is_empty()
            && rest
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    })
}

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.split_terminator('\n'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, text: &str, expected: &[(usize, &str)]) {
        let findings = of_one_file(path, text);
        let found: Vec<_> = findings
            .iter()
            .filter(|finding| finding.severity == Severity::Error)
            .map(|finding| (finding.line, finding.message.as_str()))
            .collect();
        assert_eq!(found, expected, "{path}: {text:?}");
    }

    #[test]
    fn files_start_with_their_purpose() {
        let missing = [(1, "the file does not start with `//!` and what it is for")];
        check("a.rs", "//! What it is.\n", &[]);
        check(
            "a.rs",
            "#![no_std]\n#![expect(\n    x[y],\n)]\n\n//! What it is.\n",
            &[],
        );
        check("a.rs", "use std::fmt;\n//! Too late.\n", &missing);
        check("a.rs", "// Not documentation.\n", &missing);
        check("a.rs", "//!\n", &missing);
        check("a.rs", "#![no_std]\n", &[(1, "the file is empty")]);
    }

    #[test]
    fn long_files_are_split() {
        let lines = |count: usize| format!("//! Long.\n{}", "x\n".repeat(count - 1));
        check("a.rs", &lines(600), &[]);
        check(
            "a.rs",
            &lines(601),
            &[(601, "601 lines; the limit is 600: split the file")],
        );
        assert_eq!(length(&lines(400)), None);
        assert_eq!(
            length(&lines(401)).map(|finding| finding.severity),
            Some(Severity::Note)
        );
    }

    #[test]
    fn nothing_is_put_off() {
        let text = format!("//! X.\n// {}: later\n{}x)\n", PUT_OFF[0], PUT_OFF[4]);
        let found: Vec<_> = put_off(&text).iter().map(|finding| finding.line).collect();
        assert_eq!(found, [2, 3]);
    }

    #[test]
    fn white_space_is_clean() {
        check("a.toml", "a\tb\n", &[(1, "a tab; indent by spaces")]);
        check(
            "a.md",
            "text \n",
            &[(1, "white space at the end of the line")],
        );
        check("a.md", "text", &[(1, "the last line has no end")]);
        check("LICENSE-MIT", "\tas it came ", &[]);
        check("tests/data/list.json", "{ }\t", &[]);
    }

    #[test]
    fn links_of_markdown() {
        let text = "See [a](b.md#part), [c](https://example.org), [d](#here) and `[e](f)`.\n\
                    ```\n[g](h)\n```\n![i](<j.png>) [k](l \"title\")\n[m]: ../n.md\n";
        let expected = [(1, "b.md"), (5, "j.png"), (5, "l"), (6, "../n.md")];
        assert_eq!(relative_links(text), expected);
    }

    #[test]
    fn names_of_metrics() {
        let names = metric_names("`levee_a_total{x}` and levee_ and level_b");
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["levee_a_total"]);
        let code = "a(\"levee_a\", \"levee b\");\nb(\"not levee_c\")\n";
        assert_eq!(quoted_metric_names(code), [(1, "levee_a")]);
    }
}
