//! IPv6 is filtered as IPv4 is.

use filter_common::table::Scope;

use super::{BAD, INSIDE};
use crate::{
    support::{
        kernel::{Kernel, Outcome, SMALL},
        packet::Flow,
        rules::{Rule, Rules},
        skipped,
    },
    verdicts::cases::{V4, V6, cases},
};

/// The matcher table is one table: each of its cases comes out the same for both families.
#[test]
fn d10_ipv6_is_filtered_as_ipv4_is() {
    if skipped() {
        return;
    }
    let mut kernel = Kernel::empty(SMALL);
    let [four, six] = [cases(&V4), cases(&V6)];
    assert_eq!(four.len(), six.len());
    for (four, six) in four.iter().zip(&six) {
        assert_eq!(four.name, six.name);
        let outcomes = [four, six].map(|case| {
            kernel.publish(&case.rules);
            let outcome = kernel.run(&case.flow.frame(&[0; 32]).bytes());
            assert_eq!(outcome.dropped, case.seen.dropped, "{}", case.name);
            outcome
        });
        assert_eq!(outcomes[0], outcomes[1], "{}", four.name);
    }
}

/// In one set, no entry of one family speaks of the other.
#[test]
fn d10_entries_of_one_family_leave_the_other_alone() {
    if skipped() {
        return;
    }
    for listed in 0..2 {
        let everything = ["0.0.0.0/0", "::/0"][listed];
        let mut kernel = Kernel::with(&Rules::new([Rule::new(everything, 1)]));
        for family in 0..2 {
            let frame = Flow::udp(BAD[family], INSIDE[family], [53, 4_000]).frame(&[0; 32]);
            let outcome = kernel.run(&frame.bytes());
            assert_eq!(outcome.dropped, family == listed, "{everything}, {family}");
        }
    }
    let rules = Rules::new(BAD.map(|bad| Rule::new(bad, 1)));
    let mut kernel = Kernel::with(&rules.never_block("::/0", Scope::All));
    let frame = Flow::udp(BAD[0], INSIDE[0], [53, 4_000]).frame(&[0; 32]);
    kernel.check("never-block of IPv6", &frame.bytes(), &Outcome::drop(1));
}
