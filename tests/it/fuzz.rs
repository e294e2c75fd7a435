//! What the fuzzer checks holds of each file of its corpora.

use std::{fs, path::Path};

use crate::support::say;

/// Runs a target's body on each file of its corpus.
fn run(target: &str, body: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let mut paths: Vec<_> = fs::read_dir(corpus.join(target))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "the corpus of {target} is empty");
    for path in paths {
        // The harness shows it when the body panics, and only then.
        say(&path.display().to_string());
        body(&fs::read(&path).unwrap());
    }
}

#[test]
fn the_parser_holds_on_its_corpus() {
    run("packet", levee_tests::fuzz::packet);
}

#[test]
fn the_capture_reader_holds_on_its_corpus() {
    run("capture", levee_tests::fuzz::capture);
}

#[test]
fn the_syntax_of_rules_holds_on_its_corpus() {
    run("rule", levee_tests::fuzz::rule);
}
