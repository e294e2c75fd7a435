//! Levee's steps, switched on in turn by what is published: nothing is built for it.

use std::rc::Rc;

use anyhow::Result;

use crate::{
    bench::{Bench, Case},
    levee::{Levee, Switches},
    lists::{List, Source},
    load::{Load, Port, Version, frame},
    object::Object,
    stand::{Contender, Fate, Stand, Traffic},
};

pub(crate) const PART: &str = "steps";

/// Traffic whose way through the network stack is in the figures.
pub(crate) const PASSED: &str = "passed on to the stack";

/// A step that is switched on, with all before it.
struct Step {
    name: &'static str,
    bypass: bool,
    orders: bool,
    switches: Switches,
}

const STEPS: [Step; 5] = [
    Step {
        name: "1 kill switch on: entry and counters",
        bypass: true,
        orders: false,
        switches: Switches {
            places: false,
            port_zero: false,
            tunnels: false,
        },
    },
    Step {
        name: "2 headers and policies, empty tables",
        bypass: false,
        orders: false,
        switches: Switches {
            places: false,
            port_zero: true,
            tunnels: false,
        },
    },
    Step {
        name: "3 never-block and special space",
        bypass: false,
        orders: false,
        switches: Switches {
            places: true,
            port_zero: true,
            tunnels: false,
        },
    },
    Step {
        name: "4 orders",
        bypass: false,
        orders: true,
        switches: Switches {
            places: true,
            port_zero: true,
            tunnels: false,
        },
    },
    Step {
        name: "5 a look into tunnels",
        bypass: false,
        orders: true,
        switches: Switches {
            places: true,
            port_zero: true,
            tunnels: true,
        },
    },
];

pub(crate) fn run(bench: &mut Bench, levee: &mut Levee) -> Result<()> {
    let size = bench.sizes().last().copied().unwrap_or_default();
    let mut random = bench.random(3);
    let list = List::random(size, &mut random).with_random_v6(size / 4, &mut random);
    let clean = list.clean_v4(&mut random);
    let wire = Rc::clone(&bench.wire);
    let object = Object::load(&[("SOURCES", u32::try_from(clean.len())?)], &[])?;
    let mut stand = Stand::new(&wire, object, levee, &["touch"])?;
    stand.object.set_sources(&clean)?;
    for _ in 0..bench.rounds {
        round(bench, &mut stand, &list, &clean)?;
    }
    bench.report.show(PART, &list.name);
    Ok(())
}

fn round(bench: &mut Bench, stand: &mut Stand<'_>, list: &List, clean: &[Source]) -> Result<()> {
    let wire = Rc::clone(&bench.wire);
    let empty = List::default();
    let frame = frame(Version::V4, Port::Usual);
    let passed = [PASSED];
    let stopped = ["dropped for its port"];
    let mut traffics = [
        Traffic {
            name: passed[0],
            load: Load::new(&wire, Version::V4, Port::Usual, clean)?,
            fate: Fate::Passed,
        },
        Traffic {
            name: stopped[0],
            load: Load::new(&wire, Version::V4, Port::Zero, clean)?,
            fate: Fate::Unlisted,
        },
    ];
    let case = |series: &'static str| Case {
        part: PART,
        list: &list.name,
        entries: list.v4.0.len(),
        series: Some(series),
    };
    let nothing = case("0 an empty XDP program");
    let plan: [(Contender, &[&str]); 2] = [
        (Contender::Program("pass"), &passed),
        (Contender::Program("empty"), &stopped),
    ];
    bench.live_round(nothing, stand, &plan, &mut traffics)?;
    let runner = [Contender::Program("empty")];
    bench.run_round(
        nothing,
        stand,
        &runner,
        ("without an interface", Fate::Passed),
        &frame,
    )?;
    // What any program pays that waits for the first bytes of a frame.
    let touch = [(Contender::Program("touch"), &stopped as &[&str])];
    bench.live_round(
        case("0 a program that reads the headers"),
        stand,
        &touch,
        &mut traffics,
    )?;
    for step in &STEPS {
        let orders = if step.orders { list } else { &empty };
        stand.levee.publish(orders, step.switches)?;
        stand.levee.set_bypass(step.bypass);
        let case = case(step.name);
        let both = [passed[0], stopped[0]];
        let names: &[&str] = if step.bypass { &passed } else { &both };
        let plan = [(Contender::Levee, names)];
        bench.live_round(case, stand, &plan, &mut traffics)?;
        let runner = [Contender::Levee];
        bench.run_round(
            case,
            stand,
            &runner,
            ("without an interface", Fate::Passed),
            &frame,
        )?;
        stand.levee.set_bypass(false);
    }
    Ok(())
}
