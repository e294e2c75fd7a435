//! The matcher table, part two: what keeps a match from dropping: never-block, monitor, deadlines.

use filter_common::{table::Scope, verdict::Reason};

use super::cases::{Case, Names, case, pass};
use crate::support::{
    kernel::Outcome,
    rules::{Rule, Rules},
};

pub(super) fn never_block_cases(n: &Names) -> Vec<Case> {
    let out = [n.bad, n.inside];
    let rules = || Rules::new([Rule::new(n.bad, 1), Rule::new(n.inside_net, 2)]);
    let never = Outcome::pass(Reason::NeverBlock);
    let only_bad = || Rules::new([Rule::new(n.bad, 1)]);
    vec![
        case(
            "a listed end that is protected",
            only_bad().never_block(n.bad, Scope::Lists),
            out,
            pass(),
        ),
        case(
            "a listed destination that is protected",
            only_bad().never_block(n.net, Scope::Lists),
            [n.inside, n.bad],
            pass(),
        ),
        case(
            "protection of one end does not protect the other",
            rules().never_block(n.bad, Scope::Lists),
            out,
            Outcome::drop(2),
        ),
        case(
            "a listed source cannot reach a protected destination",
            rules().never_block(n.inside, Scope::Lists),
            out,
            Outcome::drop(1),
        ),
        case(
            "scope all, source",
            rules().never_block(n.bad, Scope::All),
            out,
            never.clone(),
        ),
        case(
            "scope all, destination",
            rules().never_block(n.inside, Scope::All),
            out,
            never.clone(),
        ),
        case(
            "the stronger scope wins inside",
            rules()
                .never_block(n.net, Scope::Lists)
                .never_block(n.bad, Scope::All),
            out,
            never.clone(),
        ),
        case(
            "the stronger scope wins outside",
            rules()
                .never_block(n.net, Scope::All)
                .never_block(n.bad, Scope::Lists),
            out,
            never,
        ),
    ]
}

pub(super) fn monitor_cases(n: &Names) -> Vec<Case> {
    let out = [n.bad, n.inside];
    vec![
        case(
            "a monitored entry",
            Rules::new([Rule::new(n.bad, 1).monitor()]),
            out,
            pass().would(&[1]),
        ),
        case(
            "a monitored entry under an enforced one",
            Rules::new([Rule::new(n.bad, 1).monitor(), Rule::new(n.net, 2)]),
            out,
            Outcome::drop(2).would(&[1]),
        ),
        case(
            "a monitored source and an enforced destination",
            Rules::new([Rule::new(n.bad, 1).monitor(), Rule::new(n.inside, 2)]),
            out,
            Outcome::drop(2).would(&[1]),
        ),
        case(
            "an enforced entry over a monitored one",
            Rules::new([Rule::new(n.bad, 1), Rule::new(n.net, 2).monitor()]),
            out,
            Outcome::drop(1),
        ),
        case(
            "a monitored entry that does not match",
            Rules::new([Rule::new(n.bad, 1).only_to().monitor()]),
            out,
            pass(),
        ),
        case(
            "a monitoring interface counts what it would drop",
            Rules::new([
                Rule::new(n.bad, 1),
                Rule::new(n.net, 2),
                Rule::new(n.inside, 3),
            ])
            .monitoring(),
            out,
            pass().would(&[1]).decided(),
        ),
        case(
            "a monitoring interface counts monitored entries on the way",
            Rules::new([
                Rule::new(n.bad, 1).monitor(),
                Rule::new(n.net, 2),
                Rule::new(n.inside, 3),
            ])
            .monitoring(),
            out,
            pass().would(&[1, 2]).decided(),
        ),
        case(
            "never-block is no match of a monitoring interface",
            Rules::new([Rule::new(n.bad, 1)])
                .monitoring()
                .never_block(n.bad, Scope::Lists),
            out,
            pass(),
        ),
    ]
}

pub(super) fn deadline_cases(n: &Names) -> Vec<Case> {
    let out = [n.bad, n.inside];
    // The compiler rounds up to the hour.
    let past = jiff::Timestamp::now().as_second() - 3_601;
    vec![
        case(
            "an entry whose time has passed",
            Rules::new([Rule::new(n.bad, 1).until(past)]),
            out,
            pass(),
        ),
        case(
            "a time before this machine started",
            Rules::new([Rule::new(n.bad, 1).until(1)]),
            out,
            pass(),
        ),
        case(
            "a time out of the clock's reach",
            Rules::new([Rule::new(n.bad, 1).until(jiff::Timestamp::MAX.as_second())]),
            out,
            Outcome::drop(1),
        ),
        case(
            "a covering entry outlives a narrow one",
            Rules::new([Rule::new(n.bad, 1).until(past), Rule::new(n.wide, 2)]),
            out,
            Outcome::drop(2),
        ),
        case(
            "a monitored entry whose time has passed",
            Rules::new([Rule::new(n.bad, 1).until(past).monitor()]),
            out,
            pass(),
        ),
    ]
}
