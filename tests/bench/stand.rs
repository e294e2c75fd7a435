//! The stand: everything that takes packets, one at a time on the receiving interface.
//!
//! What is measured is asserted: each batch of packets must have been judged as its sources deserve, by
//! the counters of the driver and by those of whoever judged.

use anyhow::{Context as _, Result, ensure};
use aya::programs::{ProgramFd, xdp::XdpLinkId};

use crate::{
    levee::{Levee, Program},
    load::Load,
    measure::{Batch, batch},
    nft::{Hook, Nft},
    object::{Counts, Object},
    wire::{Thread, Wire},
    xdp_filter::XdpFilter,
};

/// Who takes the packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contender {
    /// A program of the bench, by name.
    Program(&'static str),
    /// Levee, attached as the service does it.
    Levee,
    /// nftables, with a set or with rules.
    Nft(Hook),
    /// xdp-filter of xdp-tools.
    XdpFilter,
}

impl Contender {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Program("empty") => "empty XDP program",
            Self::Program("lpm") => "LPM trie",
            Self::Program("hash") => "BPF hash",
            Self::Program("stretches") => "Levee's table",
            Self::Program(name) => name,
            Self::Levee => "Levee",
            Self::Nft(hook) => hook.name(),
            Self::XdpFilter => "xdp-filter",
        }
    }
}

/// What becomes of packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// They are on the list, and dropped for that.
    Listed,
    /// They are not on the list, and whoever judges finds that out before they are dropped.
    Unlisted,
    /// They go on to the network stack.
    Passed,
    /// They are dropped for being more than their destinations may have, all but a few.
    OverLimit,
}

/// Packets, and what becomes of them.
pub(crate) struct Traffic {
    pub(crate) name: &'static str,
    pub(crate) load: Load,
    pub(crate) fate: Fate,
}

/// Everything that can be put on the receiving interface.
pub(crate) struct Stand<'a> {
    pub(crate) wire: &'a Wire,
    pub(crate) object: Object,
    pub(crate) levee: &'a mut Levee,
    pub(crate) nft: Option<Nft>,
    pub(crate) xdp_filter: Option<XdpFilter>,
    levee_program: Option<Program>,
    link: Option<XdpLinkId>,
    thread: Option<Thread>,
}

impl<'a> Stand<'a> {
    /// With these programs of the bench.
    pub(crate) fn new(
        wire: &'a Wire,
        mut object: Object,
        levee: &'a mut Levee,
        programs: &[&str],
    ) -> Result<Self> {
        for name in programs.iter().chain(&["empty", "pass", "run"]) {
            object.verify(name)?;
        }
        Ok(Self {
            wire,
            object,
            levee,
            nft: None,
            xdp_filter: None,
            levee_program: None,
            link: None,
            thread: None,
        })
    }

    /// Puts a contender on the interface.
    pub(crate) fn install(&mut self, contender: Contender) -> Result<()> {
        let wire = self.wire;
        match contender {
            Contender::Program(name) => self.link = Some(self.object.attach(name, wire)?),
            Contender::Levee => self.levee.attach(wire)?,
            Contender::Nft(hook) => self.nft()?.install(hook, wire)?,
            Contender::XdpFilter => self.xdp_filter()?.install(wire)?,
        }
        self.thread = Some(wire.thread()?);
        Ok(())
    }

    /// Takes it off again.
    pub(crate) fn remove(&mut self, contender: Contender) -> Result<()> {
        let wire = self.wire;
        match contender {
            Contender::Program(name) => {
                let link = self.link.take().context("nothing is attached")?;
                self.object.detach(name, link)
            }
            Contender::Levee => self.levee.detach(wire),
            Contender::Nft(hook) => hook.remove(wire),
            Contender::XdpFilter => self.xdp_filter()?.remove(wire),
        }
    }

    /// Takes down what is not taken down by itself.
    pub(crate) fn end(self) -> Result<()> {
        self.nft.map_or(Ok(()), |nft| nft.end(self.wire))
    }

    /// Warms up, sends a batch, checks what became of it, and returns its cost in nanoseconds a packet.
    pub(crate) fn cost(
        &mut self,
        contender: Contender,
        traffic: &mut Traffic,
        frames: u32,
    ) -> Result<f64> {
        let thread = self.thread.context("nothing is installed")?;
        batch(self.wire, thread, &mut traffic.load, frames / 3)?;
        let before = self.counts(contender)?;
        let batch = batch(self.wire, thread, &mut traffic.load, frames)?;
        let counts = self
            .counts(contender)?
            .map(|after| after.since(before.unwrap_or_default()));
        let what = format!("{} under {}", contender.name(), traffic.name);
        check(contender, traffic.fate, batch, counts)
            .with_context(|| format!("{what}: wrong verdicts: {batch:?}, {counts:?}"))?;
        Ok(batch.cost())
    }

    /// Runs a contender without an interface, so often over the sources that were set; nanoseconds a run.
    pub(crate) fn run(
        &mut self,
        contender: Contender,
        frame: &[u8],
        fate: Fate,
        times: u32,
    ) -> Result<u32> {
        let program = self.program(contender)?;
        let before = self.counts(contender)?;
        let cost = self.object.run(&program, frame, times)?;
        let counts = self
            .counts(contender)?
            .map(|after| after.since(before.unwrap_or_default()));
        if let Some(counts) = counts {
            ensure!(
                fate.is_of(counts, times.into()),
                "{} without an interface: wrong verdicts: {counts:?}",
                contender.name()
            );
        }
        Ok(cost)
    }

    fn program(&mut self, contender: Contender) -> Result<ProgramFd> {
        match contender {
            Contender::Program(name) => Ok(self.object.program(name)?.fd()?.try_clone()?),
            Contender::Levee => {
                if self.levee_program.is_none() {
                    self.levee_program = Some(self.levee.load()?);
                }
                let program = self.levee_program.as_ref().context("just loaded")?;
                Ok(program.fd.try_clone()?)
            }
            Contender::Nft(_) | Contender::XdpFilter => {
                anyhow::bail!("{} cannot be run without an interface", contender.name())
            }
        }
    }

    /// What a contender has counted so far, if it counts.
    fn counts(&self, contender: Contender) -> Result<Option<Counts>> {
        let wire = self.wire;
        match contender {
            Contender::Program("empty" | "pass" | "parse" | "touch") | Contender::XdpFilter => {
                Ok(None)
            }
            Contender::Program(_) => self.object.counts().map(Some),
            Contender::Levee => self.levee.counts().map(Some),
            Contender::Nft(hook) => hook.counts(wire).map(Some),
        }
    }

    fn nft(&self) -> Result<&Nft> {
        self.nft.as_ref().context("there is no nftables")
    }

    fn xdp_filter(&mut self) -> Result<&mut XdpFilter> {
        self.xdp_filter.as_mut().context("there is no xdp-filter")
    }
}

/// Of a hundred packets over their limit, so many at least are dropped.
const OVER_LIMIT: u64 = 95;

impl Fate {
    /// Whether so many packets with this fate are counted so.
    fn is_of(self, counts: Counts, packets: u64) -> bool {
        let Counts { misses, hits, odd } = counts;
        let expected = match self {
            Self::Listed => [packets, 0],
            Self::Unlisted | Self::Passed => [0, packets],
            Self::OverLimit if hits * 100 >= packets * OVER_LIMIT => [hits, packets - hits],
            Self::OverLimit => return false,
        };
        [hits, misses] == expected && odd == 0
    }
}

/// Whether a batch was judged as its sources deserve.
fn check(contender: Contender, fate: Fate, batch: Batch, counts: Option<Counts>) -> Result<()> {
    let counted = counts.unwrap_or_default();
    let dropped = match (contender, fate) {
        // It drops behind the driver.
        (Contender::Nft(_), _) | (_, Fate::Passed) => 0,
        (_, Fate::OverLimit) => counted.hits,
        _ => batch.frames,
    };
    ensure!(batch.dropped == dropped, "the driver saw other drops");
    let right = match (contender, fate) {
        // It counts what its rules match.
        (Contender::Nft(_), Fate::Passed) => counted == Counts::default(),
        _ => counts.is_none() || fate.is_of(counted, batch.frames),
    };
    ensure!(right, "it counted otherwise");
    Ok(())
}
