//! The bench's own eBPF programs, loaded.

use std::{fs, os::fd::AsFd as _};

use anyhow::{Context as _, Result, bail};
use aya::{
    Ebpf, EbpfLoader,
    maps::{Map, MapData, PerCpuArray, PerCpuValues, ProgramArray},
    programs::{ProgramFd, Xdp, XdpMode, xdp::XdpLinkId},
    util::nr_cpus,
};

use crate::{
    lists::Source,
    names::{Cursor, count},
    sys,
    wire::{RECEIVER, Wire},
};

/// The programs over maps of their own.
pub(crate) struct Object {
    ebpf: Ebpf,
}

/// What a program has found for the frames it saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) misses: u64,
    pub(crate) hits: u64,
    pub(crate) odd: u64,
}

impl Counts {
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            misses: self.misses - before.misses,
            hits: self.hits - before.hits,
            odd: self.odd - before.odd,
        }
    }
}

impl Object {
    /// Loads the object, with maps of these sizes and constants of these values.
    pub(crate) fn load(sizes: &[(&str, u32)], constants: &[(&str, u32)]) -> Result<Self> {
        let path = std::env::var_os("LEVEE_BENCH_OBJECT")
            .context("LEVEE_BENCH_OBJECT is not set: run `cargo xtask bench`")?;
        let bytes =
            fs::read(&path).with_context(|| format!("cannot read {}", path.to_string_lossy()))?;
        let mut loader = EbpfLoader::new();
        for (map, size) in sizes {
            loader.map_max_entries(map, (*size).max(1));
        }
        for (constant, value) in constants {
            loader.override_global(constant, value, true);
        }
        let ebpf = loader
            .load(&bytes)
            .context("cannot load the bench's programs")?;
        Ok(Self { ebpf })
    }

    /// Writes the first elements of an array.
    pub(crate) fn fill<T: Copy>(&self, map: &str, values: &[T]) -> Result<()> {
        sys::fill_array(self.map(map)?.fd().as_fd(), values)
            .with_context(|| format!("cannot fill {map}"))
    }

    /// Gives the frames that come next these sources, the first first.
    pub(crate) fn set_sources(&mut self, sources: &[Source]) -> Result<()> {
        self.fill("SOURCES", sources)?;
        let cursor = Cursor {
            sources: u32::try_from(sources.len())?,
            ..Cursor::default()
        };
        let map = self
            .ebpf
            .map_mut("CURSOR")
            .context("there is no map CURSOR")?;
        let mut cursors: PerCpuArray<_, Cursor> = map.try_into()?;
        let processors = nr_cpus().map_err(|(_, error)| error)?;
        let values = vec![cursor; processors];
        Ok(cursors.set(0, PerCpuValues::try_from(values)?, 0)?)
    }

    /// Puts elements into a table of the kernel.
    pub(crate) fn insert<K: Copy, V: Copy>(
        &self,
        map: &str,
        keys: &[K],
        values: &[V],
    ) -> Result<()> {
        if keys.is_empty() {
            return Ok(());
        }
        sys::update_batch(self.map(map)?.fd().as_fd(), keys, values)
            .with_context(|| format!("cannot fill {map}"))
    }

    /// What its programs have found so far.
    pub(crate) fn counts(&self) -> Result<Counts> {
        let map = self.ebpf.map("COUNTS").context("there is no map COUNTS")?;
        let counts: PerCpuArray<_, u64> = map.try_into()?;
        let sum = |index| -> Result<u64> { Ok(counts.get(&index, 0)?.iter().sum()) };
        Ok(Counts {
            misses: sum(count::MISS)?,
            hits: sum(count::HIT)?,
            odd: sum(count::ODD)?,
        })
    }

    /// Has the kernel verify a program.
    pub(crate) fn verify(&mut self, name: &str) -> Result<()> {
        let program = self.program(name)?;
        program
            .load()
            .with_context(|| format!("the kernel refuses the program {name}"))
    }

    /// A program.
    pub(crate) fn program(&mut self, name: &str) -> Result<&mut Xdp> {
        let program = self.ebpf.program_mut(name);
        let program = program.with_context(|| format!("there is no program {name}"))?;
        Ok(program.try_into()?)
    }

    /// Puts a verified program on the receiving interface.
    pub(crate) fn attach(&mut self, name: &str, wire: &Wire) -> Result<XdpLinkId> {
        let program = self.program(name)?;
        wire.receiver
            .run(|| program.attach(RECEIVER, XdpMode::Driver))
            .with_context(|| format!("cannot attach {name}"))
    }

    /// Takes it off again.
    pub(crate) fn detach(&mut self, name: &str, link: XdpLinkId) -> Result<()> {
        self.program(name)?
            .detach(link)
            .with_context(|| format!("cannot detach {name}"))
    }

    /// Runs a program so often by BPF_PROG_TEST_RUN, over another source each time; the mean time of a
    /// run, in whole nanoseconds.
    pub(crate) fn run(&mut self, program: &ProgramFd, frame: &[u8], times: u32) -> Result<u32> {
        let map = self.ebpf.map_mut("UNDER_TEST");
        let mut under_test: ProgramArray<_> =
            map.context("there is no map UNDER_TEST")?.try_into()?;
        under_test.set(0, program, 0)?;
        let run = self.program("run")?.fd()?;
        sys::run_repeatedly(run.as_fd(), frame, times).context("cannot run a program")
    }

    fn map(&self, name: &str) -> Result<&MapData> {
        match self.ebpf.map(name) {
            Some(Map::Array(data) | Map::HashMap(data) | Map::LpmTrie(data)) => Ok(data),
            Some(_) => bail!("{name} is a map of another kind"),
            None => bail!("there is no map {name}"),
        }
    }
}
