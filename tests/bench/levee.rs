//! Levee itself: its maps, its program and its compiler, by the controller's own library.
//!
//! The only file of the bench that knows that library.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use aya::{
    Ebpf, EbpfLoader,
    programs::{ProgramFd, Xdp},
};
use filter_common::{
    abi::{PROGRAM, global, map},
    limit::{CLASSES, Limit},
    policy::{Policy, PolicyAction},
    settings::{Enforcement, InterfaceSettings, Role, Tunnels},
    verdict::{Action, Reason},
};
use filter_ctl::{
    kernel::{
        attach::{Mode, attach, detach},
        clock::boot_clock,
        instance::Instance,
        object::embedded,
        pins::PinDir,
        samples::SampleSettings,
        sync::Publisher,
    },
    order::{
        Direction, EntriesBuilder, FeedName, OrderId, OrderInfo, Terms, UntrustedOrder,
        VerifiedOrder,
        sign::signatures_beside,
        trust::TrustFile,
        verify::{self, Admission, admit},
    },
    policy::{
        Perimeter, RuleList, RuleOrder, RuleSet,
        merge::{PolicyInput, merge},
        perimeter::HostGroup,
        special_space::special_space,
        special_use,
        traffic::TrafficRule,
    },
    table::{
        RowsV4,
        compile::{Capacity, compile},
        slots::SlotLedger,
    },
};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use crate::{
    lists::List,
    object::Counts,
    support::{bpffs::Bpffs, rules::traffic_rules},
    wire::{RECEIVER, Wire},
};

/// The default configuration: a million IPv4 and a quarter of a million IPv6 prefixes.
const CAPACITY: Capacity = Capacity {
    v4_prefixes: 1 << 20,
    v6_prefixes: 1 << 18,
    limit_lines: 1 << 16,
};
/// The number under which the program counts.
const INTERFACE: u32 = 0;

/// An instance on a BPF file system of its own.
pub(crate) struct Levee {
    instance: Instance,
    publisher: Publisher,
    generation: u64,
    pins: PinDir,
    // Last, so that it is unmounted after all else is closed.
    _bpffs: Bpffs,
}

/// A loaded program.
pub(crate) struct Program {
    pub(crate) fd: ProgramFd,
    _ebpf: Ebpf,
}

/// What is switched on beside the orders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Switches {
    /// The built-in never-block list and the special-purpose address space.
    pub(crate) places: bool,
    /// A policy that drops what comes from port 0, after all lookups.
    pub(crate) port_zero: bool,
    /// A look into every tunnel.
    pub(crate) tunnels: bool,
}

/// A network inside.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Group {
    pub(crate) network: &'static str,
    /// Packets of each class that each of its addresses may have in a second.
    pub(crate) per_second: Option<u64>,
}

impl Levee {
    pub(crate) fn new() -> Result<Self> {
        let bpffs = Bpffs::mount();
        let pins = PinDir::lock(&bpffs.pins())?;
        let mut instance = Instance::create(&pins.instance(1), CAPACITY, 1)?;
        instance.finish()?;
        Ok(Self {
            instance,
            publisher: Publisher::new()?,
            generation: 0,
            pins,
            _bpffs: bpffs,
        })
    }

    /// Makes a list the generation in force.
    pub(crate) fn publish(&mut self, list: &List, switches: Switches) -> Result<()> {
        let rules = rules(list, switches)?;
        let mut settings = InterfaceSettings::new(Enforcement::Enforce, Role::Upstream);
        if switches.tunnels {
            settings = settings.looking_into(Tunnels::ALL);
        }
        self.put_in_force(&rules, settings)
    }

    fn put_in_force(&mut self, rules: &RuleSet, settings: InterfaceSettings) -> Result<()> {
        let compiled = compile(rules, &[settings], &SlotLedger::default(), CAPACITY)?;
        self.generation += 1;
        self.publisher.publish(
            &mut self.instance,
            &compiled.table,
            compiled.digest,
            boot_clock()?,
            self.generation,
        )?;
        Ok(())
    }

    /// Makes what was admitted the generation in force, as the service does it; the time until no packet
    /// is judged by the one before.
    pub(crate) fn enforce(&mut self, order: &Arc<VerifiedOrder>) -> Result<Duration> {
        let never_block = special_use::built_in();
        let start = Instant::now();
        let input = PolicyInput {
            sources: &[Arc::clone(order)],
            feeds: &BTreeMap::new(),
            never_block: &never_block,
            never_block_changes: None,
            withdrawals: &[],
            guarded: &Arc::default(),
            approvals: &[],
            now: Timestamp::now(),
        };
        let mut rules = merge(&input, &RuleSet::default());
        rules.perimeter.special = special_space();
        let settings = InterfaceSettings::new(Enforcement::Enforce, Role::Upstream);
        self.put_in_force(&rules, settings)?;
        Ok(start.elapsed())
    }

    /// Makes rules and a host group the generation in force, with no list.
    pub(crate) fn publish_guards(&mut self, texts: &[String], group: Option<Group>) -> Result<()> {
        let places = Switches {
            places: true,
            ..Switches::default()
        };
        let mut rules = rules(&List::default(), places)?;
        rules.perimeter.rules = ranked(texts)?;
        rules.perimeter.groups = group.map(host_group).transpose()?.into_iter().collect();
        let settings = InterfaceSettings::new(Enforcement::Enforce, Role::Upstream);
        self.put_in_force(&rules, settings)
    }

    /// Makes so many samples of each reason in a second.
    pub(crate) fn set_samples(&self, per_second: u32) -> Result<()> {
        let settings = SampleSettings {
            per_second,
            ..SampleSettings::default()
        };
        Ok(self.instance.set_sampling(settings)?)
    }

    /// Switches the kill switch.
    pub(crate) fn set_bypass(&self, on: bool) {
        self.instance.set_bypass(on);
    }

    /// Puts the program on the receiving interface, as the service does.
    pub(crate) fn attach(&mut self, wire: &Wire) -> Result<()> {
        let Self { instance, pins, .. } = self;
        let object = embedded()?;
        wire.receiver
            .run(|| attach(pins, instance, object, RECEIVER, INTERFACE, Mode::Native))?;
        Ok(())
    }

    /// Takes it off again.
    pub(crate) fn detach(&self, wire: &Wire) -> Result<()> {
        let Self { pins, .. } = self;
        wire.receiver.run(|| detach(pins, RECEIVER))?;
        Ok(())
    }

    /// The program once more, over the same maps and on no interface.
    pub(crate) fn load(&self) -> Result<Program> {
        let capacity = self.instance.capacity();
        let directory = self.instance.directory().context("the maps have no pins")?;
        let [v4_rows, v6_rows, v6_deep] =
            [capacity.v4_rows(), capacity.v6_rows(), capacity.v6_deep()];
        let mut loader = EbpfLoader::new();
        loader
            .override_global(global::INTERFACE, &INTERFACE, true)
            .override_global(global::V4_ROWS_CAPACITY, &v4_rows, true)
            .override_global(global::V6_ROWS_CAPACITY, &v6_rows, true)
            .override_global(global::V6_DEEP_CAPACITY, &v6_deep, true);
        let mut names = Vec::new();
        for entry in fs::read_dir(directory)? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        for name in names.iter().filter(|name| *name != map::INFO) {
            loader.map_pin_path(name, directory.join(name));
        }
        let mut ebpf = loader
            .load(embedded()?)
            .context("cannot load Levee's object")?;
        let program = ebpf
            .program_mut(PROGRAM)
            .context("Levee's object has no program")?;
        let program: &mut Xdp = program.try_into()?;
        program
            .load()
            .context("the kernel refuses Levee's program")?;
        let fd = program.fd()?.try_clone()?;
        Ok(Program { fd, _ebpf: ebpf })
    }

    /// What it has found so far: packets from listed sources, that a rule matches or that are over a limit,
    /// which it drops; others, which it passes, or drops for their port; and what should not be there.
    pub(crate) fn counts(&self) -> Result<Counts> {
        let mut counts = Counts::default();
        for counted in self.instance.verdict_counters(INTERFACE)? {
            let packets = counted.counter.packets;
            match (counted.reason, counted.action) {
                (Reason::Order | Reason::Rule | Reason::LimitUdp, Action::Drop) => {
                    counts.hits += packets;
                }
                (_, Action::Pass) | (Reason::Policy(Policy::PortZero), Action::Drop) => {
                    counts.misses += packets;
                }
                _ => counts.odd += packets,
            }
        }
        Ok(counts)
    }
}

/// The IPv4 part of Levee's own table for a list: the first stage, and the rows.
pub(crate) fn table(list: &List) -> Result<(Vec<u64>, RowsV4)> {
    let rules = rules(list, Switches::default())?;
    let compiled = compile(&rules, &[], &SlotLedger::default(), CAPACITY)?;
    Ok((compiled.table.marks_v4, compiled.table.v4))
}

/// Admits a signed bundle.
pub(crate) fn verified(bundle: &Path, trust: &Path) -> Result<Arc<VerifiedOrder>> {
    let untrusted = UntrustedOrder {
        transport_feed: None,
        bundle: fs::read(bundle)?.into(),
        signatures: signatures_beside(bundle)
            .iter()
            .map(fs::read)
            .collect::<Result<_, _>>()?,
    };
    let trust = TrustFile::parse(&fs::read_to_string(trust)?)?;
    let timezone = TimeZone::UTC;
    let context = verify::Context::new(Timestamp::now(), &timezone);
    match admit(&untrusted, &trust, &context)? {
        Admission::New(admitted) => Ok(admitted.order),
        other => bail!("the bundle was not admitted: {other:?}"),
    }
}

/// Rules of which the first and the last that are written must be evaluated first and last.
fn ranked(texts: &[String]) -> Result<Vec<TrafficRule>> {
    let rules = traffic_rules((0..).zip(texts.iter().map(String::as_str)));
    let ends = [rules.first(), rules.last()].map(|rule| rule.map(|rule| rule.record.slot));
    let last = u32::try_from(texts.len())?.checked_sub(1);
    ensure!(
        ends == [last.map(|_| 0), last],
        "the first and the last rule are not evaluated first and last"
    );
    Ok(rules)
}

fn host_group(group: Group) -> Result<HostGroup> {
    let limits = group.per_second.map_or([Limit::NONE; CLASSES], |rate| {
        [Limit::packets(rate, rate); CLASSES]
    });
    Ok(HostGroup {
        name: "inside".to_owned(),
        networks: vec![group.network.parse()?],
        limits,
        ..HostGroup::default()
    })
}

/// One order over everything on the list.
fn rules(list: &List, switches: Switches) -> Result<RuleSet> {
    let until = Timestamp::now() + SignedDuration::from_hours(24);
    let terms = || Terms {
        direction: Direction::Both,
        protocol: None,
        ports: Box::default(),
        until,
        since: Timestamp::UNIX_EPOCH,
        reason: None,
        order: 0,
    };
    let v4 = list
        .v4
        .0
        .iter()
        .map(|(address, length)| Ipv4Net::new((*address).into(), *length).map(IpNet::from));
    let v6 = list
        .v6
        .0
        .iter()
        .map(|(address, length)| Ipv6Net::new((*address).into(), *length).map(IpNet::from));
    let mut entries = EntriesBuilder::default();
    for net in v4.chain(v6) {
        entries.push("e", net?, terms());
    }
    let mut perimeter = Perimeter::default();
    let mut never_block = Vec::new();
    if switches.places {
        never_block = special_use::built_in();
        perimeter.special = special_space();
    }
    if switches.port_zero {
        perimeter.upstream.put(Policy::PortZero, PolicyAction::Drop);
    }
    Ok(RuleSet {
        orders: vec![Arc::new(RuleOrder {
            id: OrderId {
                feed: FeedName::operator(),
                reference: "1/2026".into(),
            },
            info: OrderInfo {
                reference: "1/2026".into(),
                issuer: "CERT".into(),
                basis: "law".into(),
                reason: "botnet".into(),
            },
        })],
        lists: vec![RuleList::new(entries.finish(), vec![0], false)],
        never_block,
        perimeter,
        ..RuleSet::default()
    })
}
