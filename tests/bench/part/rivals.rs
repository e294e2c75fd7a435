//! Drops of listed sources beside those who do the same job: every source of the list in use.

use std::rc::Rc;

use anyhow::Result;

use crate::{
    bench::{Bench, Case},
    levee::{Levee, Switches},
    lists::List,
    load::{Load, Port, Version},
    nft::{Hook, Nft},
    stand::{Contender, Fate, Stand, Traffic},
    structures::{self, Structure},
    xdp_filter::{ADDRESSES_MAX, XdpFilter},
};

pub(crate) const PART: &str = "rivals";
/// The size at which xdp-filter can take part, and one at which it cannot.
pub(crate) const SIZES: [usize; 2] = [8_192, 1_000_000];

pub(crate) fn run(bench: &mut Bench, levee: &mut Levee) -> Result<()> {
    let sizes = if bench.quick { &SIZES[..1] } else { &SIZES[..] };
    for size in sizes {
        one(bench, levee, *size)?;
    }
    Ok(())
}

fn one(bench: &mut Bench, levee: &mut Levee, size: usize) -> Result<()> {
    let mut random = bench.random(size as u64);
    let list = List::random(size, &mut random);
    levee.publish(
        &list,
        Switches {
            places: true,
            ..Switches::default()
        },
    )?;
    let object = structures::filled(&list, &[Structure::Lpm])?;
    let wire = Rc::clone(&bench.wire);
    let mut stand = Stand::new(&wire, object, levee, &["lpm"])?;
    let hooks = [Hook::Ingress, Hook::Prerouting];
    stand.nft = Some(Nft::with_set(&wire, &list, &hooks)?);
    let sources = list.listed_v4(&mut random);
    let mut traffics = [Traffic {
        name: "listed",
        load: Load::new(&wire, Version::V4, Port::Usual, &sources)?,
        fate: Fate::Listed,
    }];
    let mut contenders = vec![
        Contender::Program("empty"),
        Contender::Levee,
        Contender::Program("lpm"),
        Contender::Nft(Hook::Ingress),
        Contender::Nft(Hook::Prerouting),
    ];
    if size <= ADDRESSES_MAX {
        stand.xdp_filter = Some(XdpFilter::new(&list)?);
        contenders.push(Contender::XdpFilter);
    }
    let listed: &[&str] = &["listed"];
    let plan: Vec<_> = contenders
        .iter()
        .map(|contender| (*contender, listed))
        .collect();
    let case = Case {
        part: PART,
        list: &list.name,
        entries: size,
        series: None,
    };
    for _ in 0..bench.rounds {
        bench.live_round(case, &mut stand, &plan, &mut traffics)?;
    }
    stand.end()?;
    bench.report.show(PART, &list.name);
    Ok(())
}
