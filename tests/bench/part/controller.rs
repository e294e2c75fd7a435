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
        daemon::{Daemon, Site},
    },
    wire::RECEIVER,
};

pub(crate) const PART: &str = "controller";

/// For how long the service is watched doing nothing.
const IDLE: Duration = Duration::from_secs(10);
/// How long it may still be busy with what came before.
const SETTLE: Duration = Duration::from_secs(3);

pub(crate) fn run(bench: &mut Bench) -> Result<()> {
    let size = if bench.quick { 100_000 } else { 1_000_000 };
    let mut random = bench.random(4);
    let list = List::random(size, &mut random).with_random_v6(size / 4, &mut random);
    let entries = list.v4.0.len() + list.v6.0.len();
    let name = format!("{} and {} IPv6 prefixes", list.name, list.v6.0.len());
    let case = Case {
        part: PART,
        list: &name,
        entries,
        series: None,
    };
    let wire = Rc::clone(&bench.wire);
    let site = Site::new(&wire.receiver);
    let authority = Authority::new(&site, "authority");
    trust(&site, &authority, entries)?;
    site.configure(&format!(
        "[[interface]]\nname = \"{RECEIVER}\"\nrole = \"upstream\"\nmode = \"native\"\n\
         [[feed]]\nname = \"cert\"\n"
    ));
    let mut bundle = Bundle::new(0, &[]);
    bundle.entries = lines(&list);

    from_memory(bench, case, &bundle, &site, &authority)?;

    let service = site.start();
    note(
        bench,
        case,
        "controller, empty",
        "resident",
        "MiB",
        resident(&service)?,
    );
    for round in 0..bench.rounds {
        bundle.seq = round as u64 + 10;
        let path = authority.sign(&site, "cert.jsonl", &bundle);
        let path = path.to_string_lossy().into_owned();
        let time = timed(|| site.done(&["order", "apply", &path]));
        note(
            bench,
            case,
            "from signed bytes",
            "`order apply`, timed outside",
            "ms",
            time,
        );
    }
    for round in 0..bench.rounds {
        let reference = format!("L-{round}/2026");
        let address = format!("93.184.216.{round}");
        let arguments = [
            "order",
            "add",
            "--reference",
            &reference,
            "--until",
            "30d",
            &address,
        ];
        let time = timed(|| site.done(&arguments));
        note(
            bench,
            case,
            "one more order",
            "`order add`, timed outside",
            "ms",
            time,
        );
    }
    std::thread::sleep(SETTLE);
    note(
        bench,
        case,
        "controller",
        "resident",
        "MiB",
        resident(&service)?,
    );
    note(
        bench,
        case,
        "controller",
        "resident at most",
        "MiB",
        status(&service, "VmHWM:")?,
    );
    let before = processor_time(&service)?;
    std::thread::sleep(IDLE);
    let busy = processor_time(&service)? - before;
    note(
        bench,
        case,
        "controller",
        "idle, of a core",
        "%",
        100.0 * busy.as_secs_f64() / IDLE.as_secs_f64(),
    );
    note(
        bench,
        case,
        "kernel maps",
        "both generations",
        "MiB",
        maps(&site.pins())?,
    );
    service.terminate();
    // The program's link goes with the pins.
    drop(site);
    bench.report.show(PART, &name);
    Ok(())
}

fn note(
    bench: &mut Bench,
    case: Case<'_>,
    series: &str,
    what: &str,
    unit: &'static str,
    value: f64,
) {
    bench.report.add(case.key(series, what, unit), value);
}

/// From verified orders in memory: policy, tables, kernel.
fn from_memory(
    bench: &mut Bench,
    case: Case<'_>,
    bundle: &Bundle,
    site: &Site<'_>,
    authority: &Authority,
) -> Result<()> {
    let path = authority.sign(site, "memory.jsonl", bundle);
    let order = levee::verified(&path, &site.path("trust.toml"))?;
    ensure!(
        order.entries().len() == case.entries,
        "entries were refused"
    );
    let mut levee = levee::Levee::new()?;
    for _ in 0..bench.rounds {
        let time = levee.enforce(&order)?;
        note(
            bench,
            case,
            "from verified orders",
            "policy, tables, kernel",
            "ms",
            milliseconds(time),
        );
    }
    Ok(())
}

/// A trust file by which so many entries are in the key's scope.
fn trust(site: &Site<'_>, authority: &Authority, entries: usize) -> Result<()> {
    let text = format!(
        "[[key]]\nname = \"cert-2026\"\npublic_key = \"{}\"\n\n\
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
