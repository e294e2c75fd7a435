//! What is left of good traffic while the filter's processor is busy dropping.
//!
//! One client asks one server across the cable, waits for each answer, and pauses before it asks again.
//! In a network those two have machines of their own. Here they share two processors with the load and the
//! filter; so they run at once whenever they have something to do, and the client pauses: what is left to
//! be measured is what the filter's queue does to them.

use std::{
    net::{IpAddr, Ipv4Addr, UdpSocket},
    rc::Rc,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow};

use crate::{
    bench::{Bench, Case},
    levee::{Levee, Switches},
    lists::{List, Source},
    load::{Load, Port, Version},
    object::Object,
    stand::{Contender, Fate, Stand, Traffic},
    sys,
    wire::{MACS, RECEIVER, SENDER, Wire},
};

pub(crate) const PART: &str = "goodput";

/// The part of what the filter can drop that it is offered.
const OFFERED: f64 = 0.75;
/// What the figures without a load are called.
pub(crate) const UNDISTURBED: &str = "undisturbed";
/// What the figures under that load are called.
pub(crate) const UNDER_LOAD: &str = "at 0.75 of what it can drop";
/// For how long requests are counted.
const TIME: Duration = Duration::from_secs(2);
/// The client's pause.
const PAUSE: Duration = Duration::from_micros(200);
/// How long it waits for an answer.
const PATIENCE: Duration = Duration::from_millis(100);

const SERVER: Ipv4Addr = Ipv4Addr::new(198, 41, 0, 1);
const CLIENT: Ipv4Addr = Ipv4Addr::new(198, 41, 8, 1);

pub(crate) fn run(bench: &mut Bench, levee: &mut Levee) -> Result<()> {
    let size = bench.sizes().last().copied().unwrap_or_default();
    let mut random = bench.random(5);
    let list = List::random(size, &mut random);
    levee.publish(
        &list,
        Switches {
            places: true,
            ..Switches::default()
        },
    )?;
    let sources = list.listed_v4(&mut random);
    let wire = Rc::clone(&bench.wire);
    let case = Case {
        part: PART,
        list: &list.name,
        entries: size,
        series: None,
    };

    let mut stand = Stand::new(&wire, Object::load(&[], &[])?, levee, &[])?;
    stand.install(Contender::Levee)?;
    let result = measure(bench, case, &mut stand, &sources);
    stand.remove(Contender::Levee)?;
    wire.receiver.ip(&format!("address flush dev {RECEIVER}"));
    wire.sender.ip(&format!("address flush dev {SENDER}"));
    result?;
    bench.report.show(PART, &list.name);
    Ok(())
}

fn measure(
    bench: &mut Bench,
    case: Case<'_>,
    stand: &mut Stand<'_>,
    sources: &[Source],
) -> Result<()> {
    let wire = Rc::clone(&bench.wire);
    let mut full = Traffic {
        name: "listed",
        load: Load::new(&wire, Version::V4, Port::Usual, sources)?,
        fate: Fate::Listed,
    };
    let cost = stand.cost(Contender::Levee, &mut full, bench.frames)?;
    bench
        .report
        .add(case.key("a drop", "all the load there is", "ns"), cost);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "some hundred"
    )]
    let period = (cost / OFFERED) as u32;
    let mut load = Load::paced(&wire, (Version::V4, Port::Usual), sources, period)?;
    address(&wire);
    for _ in 0..bench.rounds {
        let quiet = requests(&wire, None)?;
        let busy = requests(&wire, Some((&mut load, period)))?;
        for (series, figures) in [(UNDISTURBED, quiet), (UNDER_LOAD, busy)] {
            let mut add =
                |what, unit, figure| bench.report.add(case.key(series, what, unit), figure);
            add("answers", "/s", figures.rate);
            add("lost", "%", figures.lost);
            add("99 of 100 answers within", "us", figures.p99);
            if let Some([sent, received]) = figures.load {
                add(
                    "load that was sent, of what it can drop",
                    "%",
                    sent * cost / 1e7,
                );
                add(
                    "load that was dropped, of what was sent",
                    "%",
                    100.0 * received / sent,
                );
            }
        }
    }
    Ok(())
}

/// Addresses for both ends, and neighbours that need not ask for each other.
fn address(wire: &Wire) {
    let [sender, receiver] = MACS.map(|mac| {
        let bytes: Vec<String> = mac.iter().map(|byte| format!("{byte:02x}")).collect();
        bytes.join(":")
    });
    wire.receiver.ip(&format!(
        "address add {SERVER}/20 dev {RECEIVER}\n\
         neighbor replace {CLIENT} lladdr {sender} dev {RECEIVER} nud permanent\n"
    ));
    wire.sender.ip(&format!(
        "address add {CLIENT}/20 dev {SENDER}\n\
         neighbor replace {SERVER} lladdr {receiver} dev {SENDER} nud permanent\n"
    ));
}

/// What a client saw, and what else was on the cable.
#[derive(Clone, Copy, Debug, Default)]
struct Figures {
    /// Frames a second of the load: those sent, and those that the receiver took.
    load: Option<[f64; 2]>,
    /// Answers a second.
    rate: f64,
    /// Requests without an answer, of a hundred.
    lost: f64,
    /// Microseconds within which 99 of 100 answers came.
    p99: f64,
}

/// Asks for [`TIME`], under a load with that period if there is one.
fn requests(wire: &Wire, load: Option<(&mut Load, u32)>) -> Result<Figures> {
    let server = wire.receiver.udp(IpAddr::V4(SERVER), 0);
    let to = server.local_addr()?;
    let client = wire.sender.udp(IpAddr::V4(CLIENT), 0);
    client.connect(to)?;
    client.set_read_timeout(Some(PATIENCE))?;
    server.set_read_timeout(Some(PATIENCE))?;
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let answering = scope.spawn(|| answer(&server, &over));
        let asking = scope.spawn(|| {
            // Until the load is there.
            thread::sleep(Duration::from_millis(200));
            let figures = sys::run_at_once()
                .context("cannot prefer the client")
                .and_then(|()| ask(&client));
            over.store(true, Ordering::Relaxed);
            figures
        });
        let sent = load
            .map(|(load, period)| send(wire, load, period))
            .transpose();
        let figures = asking
            .join()
            .map_err(|_| anyhow!("the client has failed"))?;
        let answered = answering
            .join()
            .map_err(|_| anyhow!("the server has failed"))?;
        answered?;
        Ok(Figures {
            load: sent?,
            ..figures?
        })
    })
}

/// Sends a load for a little longer than the client asks. Frames a second, sent and received.
#[expect(clippy::cast_precision_loss, reason = "some million frames")]
fn send(wire: &Wire, load: &mut Load, period: u32) -> Result<[f64; 2]> {
    let time = TIME + Duration::from_millis(500);
    let frames = u32::try_from(time.as_nanos() / u128::from(period.max(1)))?;
    let before = wire.received()?;
    let start = Instant::now();
    load.send(wire, frames)?;
    let seconds = start.elapsed().as_secs_f64();
    let received = wire.settled()?.frames - before.frames;
    Ok([f64::from(frames) / seconds, received as f64 / seconds])
}

fn answer(server: &UdpSocket, over: &AtomicBool) -> Result<()> {
    sys::run_at_once().context("cannot prefer the server")?;
    let mut buffer = [0; 64];
    while !over.load(Ordering::Relaxed) {
        // A time-out is the moment to look whether all is over.
        if let Ok((length, from)) = server.recv_from(&mut buffer) {
            server
                .send_to(&buffer[..length], from)
                .context("cannot answer")?;
        }
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "some thousand requests")]
fn ask(client: &UdpSocket) -> Result<Figures> {
    let start = Instant::now();
    let mut times = Vec::new();
    let mut asked = 0_u64;
    let mut buffer = [0; 64];
    while start.elapsed() < TIME {
        asked += 1;
        let sent = Instant::now();
        client.send(&asked.to_ne_bytes()).context("cannot ask")?;
        // A late answer to an earlier question is none to this one.
        while let Ok(length) = client.recv(&mut buffer) {
            if buffer[..length] == asked.to_ne_bytes() {
                times.push(sent.elapsed());
                break;
            }
        }
        thread::sleep(PAUSE);
    }
    let seconds = start.elapsed().as_secs_f64();
    times.sort_unstable();
    let answered = times.len() as u64;
    let p99 = times
        .get(times.len() * 99 / 100)
        .copied()
        .unwrap_or(PATIENCE);
    Ok(Figures {
        load: None,
        rate: answered as f64 / seconds,
        lost: 100.0 * (asked - answered) as f64 / asked as f64,
        p99: p99.as_secs_f64() * 1e6,
    })
}
