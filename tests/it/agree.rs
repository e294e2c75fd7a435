//! The kernel decides as the host does, and both as the plain list of rules says.
//!
//! Random frames in every wrapping, recorded frames and damaged ones, of either family, in one buffer
//! and in two, over random perimeters. The verdict is compared for each frame; reason, slot and what
//! would have been dropped by the sums of the counters over a batch.
//!
//! `LEVEE_AGREE_PACKETS` sets the number of frames per source and `LEVEE_SEED` the seed, which a failure
//! prints. `cargo xtask agree` runs millions.

mod comparison;
mod lookups;

use filter_common::{
    packet::{Classified, classify},
    settings::Tunnels,
};

use crate::support::{
    capture, generate,
    host::ends,
    random::{Random, number_from_environment},
    rules::{Rule, Rules},
    skip, skipped,
};
use comparison::{Comparison, Trial};

const BATCH: usize = 2_000;
const RULES: usize = 250;

/// How many frames are tried before the random rules are replaced by others, at most.
const PER_ROUND: usize = 25_000;

/// How often they are replaced, at least.
const ROUNDS: usize = 8;

/// Frames of each source.
fn packets() -> usize {
    let number = number_from_environment("LEVEE_AGREE_PACKETS").unwrap_or(20_000);
    usize::try_from(number).unwrap()
}

/// Compares frames that `next` makes, under perimeters around the rules that `rules` makes. Each `source`
/// has numbers of its own.
fn compare(
    what: &str,
    source: u64,
    count: usize,
    mut rules: impl FnMut(&mut Random) -> Rules,
    mut next: impl FnMut(&mut Random, &Rules) -> Vec<u8>,
) {
    let seed = Random::seed("LEVEE_SEED", 0x1e7e_e000);
    let mut random = Random::new(seed.wrapping_add(source));
    let mut comparison = Comparison::new(seed);
    let can_split = comparison.kernel.can_split();
    let rounds = ROUNDS.max(count.div_ceil(PER_ROUND));
    let mut left = count;
    for round in 0..rounds {
        let mut rules = rules(&mut random);
        generate::perimeter(&mut random, &mut rules);
        comparison.publish(rules, round % 2 == 1);
        let mut of_round = left.min(count.div_ceil(rounds));
        left -= of_round;
        while of_round > 0 {
            let size = of_round.min(BATCH);
            let batch: Vec<Trial> = (0..size)
                .map(|_| {
                    let frame = next(&mut random, &comparison.rules);
                    Trial::new(frame, &mut random, can_split)
                })
                .collect();
            comparison.compare(&batch);
            of_round -= size;
        }
    }
    comparison.finish(what);
}

fn random_frames(v6: bool) {
    if skipped() {
        return;
    }
    let what = if v6 { "random IPv6" } else { "random IPv4" };
    compare(
        what,
        u64::from(v6),
        packets(),
        |random| generate::rules(random, v6, RULES),
        |random, rules| generate::frames::frame(random, rules, v6),
    );
}

#[test]
fn kernel_and_host_agree_on_random_ipv4() {
    random_frames(false);
}

#[test]
fn kernel_and_host_agree_on_random_ipv6() {
    random_frames(true);
}

/// Every recorded frame once, and mutations of them up to the number that is asked for.
#[test]
fn kernel_and_host_agree_on_recorded_and_mutated_traffic() {
    if skipped() {
        return;
    }
    let mut frames = capture::frames();
    frames.retain(|frame| frame.len() >= 18);
    if frames.is_empty() {
        skip(None, "there are no captures beside the checkout");
        return;
    }
    let listed = rules_for(&frames);
    let mut recorded = frames.iter();
    compare(
        "recorded and mutated",
        2,
        (2 * frames.len()).max(packets()),
        |_| listed.clone(),
        |random, _| {
            if let Some(frame) = recorded.next() {
                return frame.clone();
            }
            let index = random.below(frames.len());
            generate::damage::mutate(random, &frames[index])
        },
    );
}

/// Lists every third sender, some for a protocol or port only.
fn rules_for(frames: &[Vec<u8>]) -> Rules {
    let mut senders = Vec::new();
    for frame in frames {
        if let Classified::Ip(packet) = classify(&frame[..], Tunnels::NONE).content() {
            let [sender, _] = ends(&packet.outer);
            if senders.len() < 900 && !senders.contains(&sender) {
                senders.push(sender);
            }
        }
    }
    let listed = senders.iter().step_by(3).zip(1_u32..);
    let rules: Vec<Rule> = listed
        .map(|(sender, slot)| {
            let rule = Rule::new(&sender.to_string(), slot);
            match slot % 5 {
                0 => rule.protocol(17),
                1 => rule.ports(0, 1_023),
                2 => rule.monitor(),
                _ => rule,
            }
        })
        .collect();
    Rules::new(rules)
}
