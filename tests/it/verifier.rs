//! The program stays within what the kernel's verifier can follow.

use filter_common::abi::PROGRAM;
use filter_ctl::kernel::{attach::LoadedProgram, object::embedded};

use crate::support::{
    kernel::{Kernel, LARGE, SMALL},
    packet::Flow,
    rules::{Rule, Rules},
    say, skipped,
};

/// The verifier gives up at a million instructions. Half of that leaves room for kernels that
/// prune less than this one: the same object has cost other kernels twice as much and more.
const BUDGET: u32 = 500_000;

#[test]
fn the_program_costs_the_verifier_half_of_its_limit_at_most() {
    if skipped() {
        return;
    }
    for (name, capacity) in [("small", SMALL), ("default", LARGE)] {
        let mut kernel = Kernel::empty(capacity);
        match kernel.program.verified_instructions().unwrap() {
            Some(count) => {
                say(&format!(
                    "{PROGRAM}, {name} capacity: {count} instructions verified"
                ));
                assert!(count < BUDGET, "{count} instructions, {BUDGET} are allowed");
            }
            None => say("this kernel does not tell what it verified (before Linux 5.16)"),
        }
    }
}

#[test]
fn the_program_works_at_the_default_capacity() {
    if skipped() {
        return;
    }
    let mut kernel = Kernel::empty(LARGE);
    let rules = Rules::new([
        Rule::new("255.255.255.255", 1),
        Rule::new("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 2),
    ]);
    // Twice, so that either half has held it.
    for _ in 0..2 {
        kernel.publish(&rules);
        for (from, to, slot) in [
            ("255.255.255.255", "192.0.2.1", 1),
            ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db8::1", 2),
        ] {
            let frame = Flow::udp(from, to, [1, 2]).frame(&[]).bytes();
            assert_eq!(kernel.run(&frame).slots, [slot]);
        }
    }
}

/// Each interface has a program with its own number in it.
#[test]
fn programs_of_different_interfaces_count_apart() {
    if skipped() {
        return;
    }
    let mut rules = Rules::new([Rule::new("203.0.113.7", 1)]);
    let setting = rules.settings[0];
    let monitoring = rules.clone().monitoring().settings[0];
    rules.settings = vec![setting, monitoring, setting];
    let kernel = Kernel::with(&rules);
    let frame = Flow::udp("203.0.113.7", "192.0.2.1", [1, 2])
        .frame(&[])
        .bytes();
    for (number, drops) in [(2, true), (1, false), (31, true)] {
        let mut program =
            LoadedProgram::load(&kernel.instance, embedded().unwrap(), number).unwrap();
        assert_eq!(
            program.test_run(&frame).unwrap(),
            drops,
            "interface {number}"
        );
        let counters = kernel.instance.verdict_counters(number).unwrap();
        let packets: u64 = counters.iter().map(|counted| counted.counter.packets).sum();
        assert_eq!(packets, 1, "interface {number}");
    }
    let others = kernel.instance.verdict_counters(0).unwrap();
    assert!(others.iter().all(|counted| counted.counter.packets == 0));
}
