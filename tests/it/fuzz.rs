//! What the fuzzer checks holds of each file of its corpora, and of changes of it.

use std::{
    fs,
    panic::{catch_unwind, resume_unwind},
    path::Path,
};

use crate::support::{random::Random, say};

/// Changed inputs that a target is run on, beside its corpus.
const CHANGED: usize = 1_500;
/// Bytes of an input that is changed: the longer ones test limits, and nothing but.
const CHANGED_BYTES_MAX: usize = 16 << 10;

/// Runs a target's body on each file of its corpus, and on so many changes of these, the same in every run.
fn run(target: &str, body: fn(&[u8]), changed: usize) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let mut paths: Vec<_> = fs::read_dir(corpus.join(target))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "the corpus of {target} is empty");
    let mut seeds = Vec::new();
    for path in paths {
        let input = fs::read(&path).unwrap();
        judge(&path.display().to_string(), &input, body);
        seeds.push(input);
    }
    seeds.retain(|seed| seed.len() <= CHANGED_BYTES_MAX);
    let seed = Random::seed("LEVEE_SEED", 0xf022);
    for number in 0..changed {
        let mut random = Random::new(seed.wrapping_add(number as u64));
        let input = change(&seeds, &mut random);
        judge(&format!("change {number}, seed {seed}"), &input, body);
    }
}

/// Runs a body, and says on which input it failed.
fn judge(name: &str, input: &[u8], body: fn(&[u8])) {
    if let Err(failure) = catch_unwind(|| body(input)) {
        say(&format!("{name}: b\"{}\"", input.escape_ascii()));
        resume_unwind(failure);
    }
}

/// One of the inputs with one to four things done to it.
pub(crate) fn change(seeds: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut input = random.pick(seeds).clone();
    for _ in 0..=random.below(4) {
        let other = random.pick(seeds);
        change_once(&mut input, other, random);
    }
    input
}

fn change_once(input: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    const ODD: [&str; 16] = [
        "\n",
        "\r\n",
        "\0",
        "\u{1b}[2J",
        "\"",
        "\\u0000",
        "0",
        "-1",
        "18446744073709551616",
        "1e999",
        "/0",
        "/129",
        "0.0.0.0",
        "::",
        ",",
        "{}",
    ];
    let at = random.below(input.len() + 1);
    let to = (at + random.below(12)).min(input.len());
    match random.below(8) {
        0 if at < input.len() => input[at] ^= 1 << random.below(8),
        1 if at < input.len() => input[at] = random.byte(),
        2 => drop(input.drain(at..to)),
        3 => input.truncate(at),
        4 => drop(input.splice(at..to, random.pick(&ODD).bytes())),
        5 => {
            let part = input[at..to].to_vec();
            drop(input.splice(at..at, part));
        }
        6 => {
            // A line of another input, in place of one or between two.
            let lines: Vec<_> = other.split_inclusive(|byte| *byte == b'\n').collect();
            if !lines.is_empty() {
                let line = random.pick(&lines).to_vec();
                let start = input[..at].iter().rposition(|byte| *byte == b'\n');
                let start = start.map_or(0, |before| before + 1);
                let end = input[start..].iter().position(|byte| *byte == b'\n');
                let end = end.map_or(input.len(), |end| start + end + 1);
                let end = if random.one_in(2) { end } else { start };
                drop(input.splice(start..end, line));
            }
        }
        _ => {
            // A digit for a digit, so that numbers stay numbers.
            let digits: Vec<_> = (0..input.len())
                .filter(|i| input[*i].is_ascii_digit())
                .collect();
            if !digits.is_empty() {
                input[*random.pick(&digits)] = b'0' + random.byte() % 10;
            }
        }
    }
}

#[test]
fn the_parser_holds_on_its_corpus() {
    run("packet", levee_tests::fuzz::packet, 20 * CHANGED);
}

#[test]
fn the_capture_reader_holds_on_its_corpus() {
    run("capture", levee_tests::fuzz::capture, CHANGED);
}

#[test]
fn admission_holds_on_its_corpus() {
    run("bundle", levee_tests::fuzz::bundle, CHANGED);
}

#[test]
fn admission_of_deltas_holds_on_its_corpus() {
    run("delta", levee_tests::fuzz::delta, CHANGED);
}

#[test]
fn the_trust_file_holds_on_its_corpus() {
    run("trust", levee_tests::fuzz::trust, CHANGED);
}

#[test]
fn plain_lists_hold_on_their_corpus() {
    run("plain", levee_tests::fuzz::plain, 4 * CHANGED);
}

#[test]
fn drop_in_json_lines_holds_on_its_corpus() {
    run("drop_json", levee_tests::fuzz::drop_json, 4 * CHANGED);
}

#[test]
fn lists_of_letters_hold_on_their_corpus() {
    run("letter", levee_tests::fuzz::letter, 4 * CHANGED);
}

#[test]
fn the_configuration_holds_on_its_corpus() {
    run("config", levee_tests::fuzz::config, CHANGED);
}

#[test]
fn the_audit_log_holds_on_its_corpus() {
    run("audit", levee_tests::fuzz::audit, CHANGED / 5);
}

#[test]
fn receipts_hold_on_their_corpus() {
    run("receipt", levee_tests::fuzz::receipt, 4 * CHANGED);
}
