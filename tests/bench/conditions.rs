//! Under what conditions was measured: a figure without them says nothing.

use std::fs;

use anyhow::{Context as _, Result, ensure};

use crate::{bench::Bench, wire::RECEIVING_PROCESSOR};

/// Notes the conditions; an error if nothing can be measured under them.
pub(crate) fn note(bench: &mut Bench) -> Result<()> {
    let stats = read("/proc/sys/kernel/bpf_stats_enabled")?;
    ensure!(
        stats == "0",
        "kernel.bpf_stats_enabled is {stats}: it adds its own cost to each run; set it to 0"
    );
    ensure!(
        read("/proc/sys/net/core/bpf_jit_enable")? != "0",
        "net.core.bpf_jit_enable is 0: an interpreted program says nothing about a compiled one"
    );
    let processors = thread_count()?;
    ensure!(
        processors > RECEIVING_PROCESSOR,
        "the bench takes two processors: one that sends and one that receives"
    );
    let report = &mut bench.report;
    report.condition(
        "date",
        jiff::Timestamp::now().strftime("%Y-%m-%d").to_string(),
    );
    report.condition("processor", format!("{}, {processors} of them", model()?));
    report.condition("kernel", read("/proc/sys/kernel/osrelease")?);
    report.condition("mitigations", mitigations()?);
    report.condition("bpf_stats", "off");
    report.condition("load at the start", read("/proc/loadavg")?);
    report.condition("seed", bench.seed.to_string());
    report.condition("rounds", bench.rounds.to_string());
    report.condition("frames sent for a figure", bench.frames.to_string());
    Ok(())
}

fn read(path: &str) -> Result<String> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
    Ok(text.trim().to_owned())
}

fn thread_count() -> Result<usize> {
    Ok(std::thread::available_parallelism()?.get())
}

fn model() -> Result<String> {
    let text = read("/proc/cpuinfo")?;
    let field = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let [name, family, model] = ["model name", "cpu family", "model\t"].map(field);
    let or = |value: Option<String>| value.unwrap_or_else(|| "?".to_owned());
    Ok(format!(
        "{} (family {}, model {})",
        or(name),
        or(family),
        or(model)
    ))
}

/// What the kernel does against speculation, where it does or could do anything.
fn mitigations() -> Result<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/sys/devices/system/cpu/vulnerabilities")? {
        let entry = entry?;
        let text = fs::read_to_string(entry.path())?;
        if text.trim() != "Not affected" {
            let name = entry.file_name().to_string_lossy().into_owned();
            found.push(format!("{name}: {}", text.trim()));
        }
    }
    found.sort();
    Ok(found.join("; "))
}
