//! From orders to live, and what controller and kernel need for it: the real binary, timed from outside.

use std::{
    fs,
    os::fd::{AsFd as _, AsRawFd as _},
    path::Path,
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use aya::maps::MapData;
use jiff::{SignedDuration, Timestamp};

use crate::{
    bench::{Bench, Case},
    levee,
    lists::List,
    support::{
        authority::{Authority, Bundle},
        courier::Courier,
        daemon::{Daemon, Site},
    },
    wire::RECEIVER,
};

pub(crate) const PART: &str = "controller";

/// The feed of the order that is pushed.
const PUSHED: &str = "ncsc";
/// For how long the service is watched doing nothing.
const IDLE: Duration = Duration::from_secs(10);
/// How long it may still be busy with what came before.
const SETTLE: Duration = Duration::from_secs(3);

/// Where the figures go.
struct Notes<'a> {
    bench: &'a mut Bench,
    case: Case<'a>,
}

impl Notes<'_> {
    fn add(&mut self, series: &str, what: &str, unit: &'static str, value: f64) {
        let key = self.case.key(series, what, unit);
        self.bench.report.add(key, value);
    }
}

pub(crate) fn run(bench: &mut Bench) -> Result<()> {
    let hosts = if bench.quick { 100_000 } else { 1_000_000 };
    let mut random = bench.random(4);
    let list = List::random(hosts, &mut random).with_random_v6(hosts / 4, &mut random);
    let name = format!("{} and {} IPv6 prefixes", list.name, list.v6.0.len());
    let case = Case {
        part: PART,
        list: &name,
        entries: list.v4.0.len() + list.v6.0.len(),
        series: None,
    };
    let wire = Rc::clone(&bench.wire);
    let site = Site::new(&wire.receiver);
    let authority = Authority::new(&site, "authority");
    trust(&site, &authority, case.entries)?;
    let courier = Courier {
        site: &site,
        network: &wire.receiver,
    };
    courier.certify();
    let listener = courier.section(PUSHED);
    site.configure(&format!(
        "[[interface]]\nname = \"{RECEIVER}\"\nrole = \"upstream\"\nmode = \"native\"\n\
         [[feed]]\nname = \"cert\"\n[[feed]]\nname = \"{PUSHED}\"\n{listener}"
    ));
    let mut bundle = Bundle::new(0, &[]);
    bundle.entries = lines(&list);

    let mut notes = Notes { bench, case };
    from_memory(&mut notes, &bundle, &site, &authority)?;
    let service = site.start();
    notes.add("controller, empty", "resident", "MiB", resident(&service)?);
    from_outside(&mut notes, &mut bundle, &site, &authority);
    pushed(&mut notes, &courier, &authority)?;
    at_rest(&mut notes, &service, &site)?;
    service.terminate();
    // The program's link goes with the pins.
    drop(site);
    bench.report.show(PART, &name);
    Ok(())
}

/// What the commands take, bundles and letters, as an operator sees it.
fn from_outside(
    notes: &mut Notes<'_>,
    bundle: &mut Bundle,
    site: &Site<'_>,
    authority: &Authority,
) {
    for round in 0..notes.bench.rounds {
        bundle.seq = round as u64 + 10;
        let path = authority.sign(site, "cert.jsonl", bundle);
        let path = path.to_string_lossy().into_owned();
        let time = timed(|| site.done(&["order", "apply", &path]));
        notes.add(
            "from signed bytes",
            "`order apply`, timed outside",
            "ms",
            time,
        );
    }
    for round in 0..notes.bench.rounds {
        let reference = format!("L-{round}/2026");
        let address = format!("93.184.216.{round}");
        let letter = ["order", "add", "--reference", &reference, "--until", "30d"];
        let time = timed(|| site.done(&[&letter[..], &[&address]].concat()));
        notes.add("one more order", "`order add`, timed outside", "ms", time);
    }
}

/// A pushed order of another feed on top of all that: by the clock of who pushes, and from its receipt.
fn pushed(notes: &mut Notes<'_>, courier: &Courier<'_>, authority: &Authority) -> Result<()> {
    for round in 0..notes.bench.rounds {
        let mut bundle = Bundle::new(round as u64 + 1, &[&format!("93.184.217.{round}")]);
        bundle.feed = PUSHED;
        let path = authority.sign(courier.site, "pushed.jsonl", &bundle);
        let mut answer = None;
        let time = timed(|| answer = Some(courier.push(PUSHED, &path)));
        let answer = answer.context("no answer")?.json();
        ensure!(answer["status"] == "enforced", "not enforced: {answer}");
        notes.add("a pushed order", "curl, timed outside", "ms", time);
        let url = answer["url"].as_str().context("no receipt")?;
        let receipt = courier.get(url).json();
        let at = |name: &str| -> Result<Timestamp> {
            let time = receipt[name].as_str().context("a receipt without times")?;
            time.parse().context("a time")
        };
        let took = at("enforced_at")?.duration_since(at("received_at")?);
        let took = took.as_secs_f64() * 1_000.0;
        notes.add(
            "a pushed order",
            "receipt, received to enforced",
            "ms",
            took,
        );
    }
    Ok(())
}

/// What the service needs when nothing happens.
fn at_rest(notes: &mut Notes<'_>, service: &Daemon, site: &Site<'_>) -> Result<()> {
    std::thread::sleep(SETTLE);
    notes.add("controller", "resident", "MiB", resident(service)?);
    notes.add(
        "controller",
        "resident at most",
        "MiB",
        status(service, "VmHWM:")?,
    );
    let before = processor_time(service)?;
    std::thread::sleep(IDLE);
    let busy = processor_time(service)?.saturating_sub(before);
    let share = 100.0 * busy.as_secs_f64() / IDLE.as_secs_f64();
    notes.add("controller", "idle, of a core", "%", share);
    notes.add(
        "kernel maps",
        "both generations",
        "MiB",
        maps(&site.pins())?,
    );
    Ok(())
}

/// From verified orders in memory: policy, tables, kernel.
fn from_memory(
    notes: &mut Notes<'_>,
    bundle: &Bundle,
    site: &Site<'_>,
    authority: &Authority,
) -> Result<()> {
    let path = authority.sign(site, "memory.jsonl", bundle);
    let order = levee::verified(&path, &site.path("trust.toml"))?;
    ensure!(
        order.entries().len() == notes.case.entries,
        "entries were refused"
    );
    let mut levee = levee::Levee::new()?;
    for _ in 0..notes.bench.rounds {
        let time = milliseconds(levee.enforce(&order)?);
        notes.add("from verified orders", "policy, tables, kernel", "ms", time);
    }
    Ok(())
}

/// A trust file by which so many entries are in the key's scope.
fn trust(site: &Site<'_>, authority: &Authority, entries: usize) -> Result<()> {
    let text = format!(
        "[[key]]\nname = \"cert-2026\"\npublic_key = \"{}\"\n\n\
         [[feed]]\nname = \"{PUSHED}\"\nkeys = [\"cert-2026\"]\n\n\
         [[feed]]\nname = \"cert\"\nkeys = [\"cert-2026\"]\n\n\
         [feed.scope]\nentries_max = {entries}\n",
        authority.public_key
    );
    fs::write(site.path("trust.toml"), text).context("cannot write the trust file")
}

/// The entries of a list, as lines of a bundle.
fn lines(list: &List) -> Vec<String> {
    let until = Timestamp::now() + SignedDuration::from_hours(24);
    let v4 = list
        .v4
        .0
        .iter()
        .map(|(address, length)| format!("{}/{length}", std::net::Ipv4Addr::from(*address)));
    let v6 = list
        .v6
        .0
        .iter()
        .map(|(address, length)| format!("{}/{length}", std::net::Ipv6Addr::from(*address)));
    let numbered = v4.chain(v6).enumerate();
    numbered
        .map(|(number, net)| {
            format!("\"id\":\"e{number}\",\"net\":\"{net}\",\"until\":\"{until}\"")
        })
        .collect()
}

fn timed<T>(call: impl FnOnce() -> T) -> f64 {
    let start = Instant::now();
    call();
    milliseconds(start.elapsed())
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

/// Memory of a process that is in use, in MiB.
fn resident(service: &Daemon) -> Result<f64> {
    status(service, "VmRSS:")
}

fn status(service: &Daemon, field: &str) -> Result<f64> {
    let path = format!("/proc/{}/status", service.pid());
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix(field));
    let word = line.and_then(|line| line.split_whitespace().next());
    let kibibytes: f64 = word
        .with_context(|| format!("{path} has no {field}"))?
        .parse()?;
    Ok(kibibytes / 1_024.0)
}

/// The run time of all threads of a process.
fn processor_time(service: &Daemon) -> Result<Duration> {
    let mut sum = 0;
    for entry in fs::read_dir(format!("/proc/{}/task", service.pid()))? {
        // A thread may end between the two.
        let Ok(text) = fs::read_to_string(entry?.path().join("schedstat")) else {
            continue;
        };
        let first = text.split_whitespace().next().unwrap_or_default();
        sum += first.parse::<u64>().context("schedstat is not a number")?;
    }
    Ok(Duration::from_nanos(sum))
}

/// What the kernel charges for all maps that are pinned below a directory, in MiB.
fn maps(directory: &Path) -> Result<f64> {
    let mut sum = 0.0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sum += maps(&entry.path())?;
            continue;
        }
        let pin = MapData::from_pin(entry.path())
            .with_context(|| format!("cannot open {}", entry.path().display()))?;
        let path = format!("/proc/self/fdinfo/{}", pin.fd().as_fd().as_raw_fd());
        let text = fs::read_to_string(&path)?;
        let field = |name| text.lines().find_map(|line| line.strip_prefix(name));
        // Links are pinned beside the maps.
        if field("map_type:").is_none() {
            continue;
        }
        let bytes = field("memlock:").with_context(|| format!("{path} has no memlock"))?;
        let bytes: f64 = bytes.trim().parse()?;
        sum += bytes / f64::from(1 << 20);
    }
    Ok(sum)
}
