//! The running service puts generation after generation in force, and holds no more than before.

use super::{CONFIG, block, restart::under_traffic, site};
use crate::support::{
    layout::{BAD_4, BAD_6, Layout},
    process::Process,
    random::number_from_environment,
    say, skipped,
};

/// Generations of a run that nobody has asked for more; else a twentieth of what is asked for.
const GENERATIONS: u64 = 100;

#[test]
fn hundreds_of_generations_of_the_service_need_the_memory_of_the_first() {
    if skipped() {
        return;
    }
    let asked = number_from_environment("LEVEE_SWAPS").map(|swaps| swaps / 20);
    let generations = asked.unwrap_or(GENERATIONS).next_multiple_of(2);
    let layout = Layout::new();
    let (site, _) = site(&layout, CONFIG);
    let service = site.start();
    let process = Process::of(service.pid());
    block(&site, &[BAD_4, BAD_6]);
    let number = || {
        site.json(&["status"])["generation"]["number"]
            .as_u64()
            .unwrap()
    };
    let first = number();
    let ([warm, end], [sent, bad, good]) = under_traffic(&layout, || {
        let mut warm = process.resources();
        for generation in 1..=generations {
            let change = ["exception", "add", "203.0.113.99", "--reason", "a test"];
            let takes_back = ["exception", "remove", "203.0.113.99"];
            if generation % 2 == 1 {
                site.done(&change);
            } else {
                site.done(&takes_back);
            }
            if generation == generations / 4 {
                warm = process.resources();
            }
        }
        [warm, process.resources()]
    });
    assert_eq!(
        number(),
        first + generations,
        "each change was a generation"
    );
    assert_eq!(bad, 0, "of {sent} packets of a blocked host");
    assert!(good > 0);
    let orders = site.json(&["stats"])["orders"].clone();
    assert_eq!(orders[0]["packets"], sent, "every one was counted, once");
    assert_eq!((end.maps, end.map_memory), (warm.maps, warm.map_memory));
    // A connection that is being closed still is a file.
    assert!(end.files <= warm.files + 4, "{warm:?}, then {end:?}");
    assert!(end.mappings <= warm.mappings + 16, "{warm:?}, then {end:?}");
    assert!(
        end.memory <= warm.memory + 8 * 1_024,
        "{warm:?}, then {end:?}"
    );
    say(&format!(
        "the service put {generations} generations in force: {} KiB of its own, then {} KiB; {} KiB in maps",
        warm.memory, end.memory, end.map_memory
    ));
}
