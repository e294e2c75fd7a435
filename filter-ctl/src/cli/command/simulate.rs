//! `simulate`: what would become of the packets of a capture.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use clap::Args;
use jiff::Timestamp;

use super::{Context, run::config_failure};
use crate::{
    capture::{CaptureError, Reader},
    cli::{
        failure::Failure,
        output::{Ended, Format, Outcome, Stream},
        text,
    },
    config::{
        DEFAULT_PATH,
        load::{Loaded, load},
    },
    exit::Exit,
    kernel::KernelError,
    order::field::parse_until,
    simulate::{
        packet::{Options, Simulation},
        scene::{Choice, Scene, SceneError},
        state,
        wire::{LastLine, Summary},
    },
};

/// The arguments.
#[derive(Args, Clone, Debug)]
pub struct SimulateArgs {
    /// A pcap or pcapng file; `-` for standard input
    #[arg(value_name = "CAPTURE")]
    capture: PathBuf,
    /// The configuration to judge by; it need not be the one in force
    #[arg(long, value_name = "FILE", default_value = DEFAULT_PATH)]
    config: PathBuf,
    /// The interface the packets come in on; else the first of the configuration
    #[arg(long, value_name = "IF")]
    interface: Option<String>,
    /// As of when orders hold: a time, a date (the end of that day), or from now, such as 30d
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Let the XDP program judge too, over maps of its own, and compare
    #[arg(long)]
    kernel: bool,
    /// Judge packets that the snap length cut, if all their headers are there
    #[arg(long)]
    cut_headers: bool,
    /// Print the summary only
    #[arg(long)]
    summary: bool,
}

pub(super) fn run(context: &Context, args: &SimulateArgs) -> Result<Outcome, Failure> {
    let mut stream = Stream::stdout();
    Ended::outcome(simulate(context.format, args, &mut stream))
}

fn simulate(format: Format, args: &SimulateArgs, stream: &mut Stream) -> Result<Outcome, Ended> {
    let scene = scene(args, stream)?;
    let options = Options {
        kernel: args.kernel,
        cut_headers: args.cut_headers,
    };
    let mut capture = open(&args.capture)?;
    let mut simulation = Simulation::new(scene, options).map_err(|error| kernel_failure(&error))?;
    let failure = loop {
        let record = match capture.next() {
            Ok(Some(record)) => record,
            Ok(None) => break None,
            // What was whole has been judged, and is summed up; that it was not all is said after it.
            Err(error) => break Some(capture_failure(&args.capture, &error)),
        };
        let judged = simulation
            .judge(&record)
            .map_err(|error| kernel_failure(&error))?;
        if let Some(difference) = &judged.difference {
            stream.note(difference);
        }
        if !args.summary {
            match format {
                Format::Text => stream.text(&text::simulate::line(&judged.line))?,
                Format::Json => stream.json(&judged.line)?,
            }
        }
    };
    let refusal = failure.as_ref().map(|failure| failure.refusal.clone());
    let summary = simulation.summary(refusal);
    let outcome = ending(&summary, failure);
    match format {
        Format::Text => {
            if !args.summary {
                stream.text("\n")?;
            }
            stream.text(&text::simulate::summary(&summary))?;
        }
        Format::Json => stream.json(&LastLine { summary })?,
    }
    stream.flush()?;
    Ok(outcome)
}

/// What is said after the summary, and the exit code.
fn ending(summary: &Summary, failure: Option<Failure>) -> Outcome {
    let mut outcome = Outcome::raw(String::new());
    let differences = summary.kernel.as_ref().map_or(0, |k| k.differences);
    if differences > 0 {
        outcome = outcome.with_exit(Exit::Failed).with_note(format!(
            "host and kernel judged {} differently, which is a fault of Levee: please report it with \
             the capture",
            text::count(differences, "packet", "packets")
        ));
    }
    if let Some(Failure { exit, refusal }) = failure {
        outcome = outcome.with_exit(exit).with_note(refusal.error);
    }
    outcome
}

/// Reads configuration and state.
fn scene(args: &SimulateArgs, stream: &mut Stream) -> Result<Scene, Failure> {
    let Loaded { config, warnings } = load(&args.config).map_err(|error| config_failure(&error))?;
    let timezone = config
        .time_zone()
        .map_err(|error| Failure::invalid("timezone", error.to_string()))?;
    let now = Timestamp::now();
    let at = args
        .at
        .as_deref()
        .map(|at| parse_until(at, now, &timezone))
        .transpose()
        .map_err(|error| Failure::invalid("time", error.to_string()))?;
    for warning in warnings {
        stream.note(&warning.to_string());
    }
    let state = state::read(&config, &timezone)
        .map_err(|error| Failure::failed("state_unreadable", error.to_string()))?;
    for warning in &state.warnings {
        stream.note(warning);
    }
    let choice = Choice {
        interface: args.interface.as_deref(),
        at,
        now,
    };
    let scene = Scene::new(&config, state, choice).map_err(|error| match error {
        SceneError::Interface { .. } => Failure::invalid("unknown_interface", error.to_string()),
        SceneError::Capacity(_) => Failure::failed("capacity", error.to_string()),
        SceneError::Interfaces(_) => Failure::failed("too_many_interfaces", error.to_string()),
    })?;
    for note in &scene.notes {
        stream.note(note);
    }
    Ok(scene)
}

fn open(path: &Path) -> Result<Reader<Box<dyn Read>>, Failure> {
    let input: Box<dyn Read> = if path == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        let file = File::open(path).map_err(|error| {
            Failure::invalid(
                "cannot_read",
                format!("cannot read {}: {error}", path.display()),
            )
        })?;
        Box::new(file)
    };
    Reader::new(input).map_err(|error| capture_failure(path, &error))
}

fn capture_failure(path: &Path, error: &CaptureError) -> Failure {
    Failure::invalid("capture", format!("{}: {error}", path.display()))
}

fn kernel_failure(error: &KernelError) -> Failure {
    let hint = if error.is_denied() {
        "; run this as root, or with CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN, or leave --kernel away"
    } else {
        ""
    };
    Failure::failed("kernel", format!("--kernel: {error}{hint}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{http::wire::RefusalKind, simulate::wire::KernelSummary};

    fn summary(differences: u64) -> Summary {
        Summary {
            packets: 3,
            dropped: 1,
            passed: 2,
            undecided: 0,
            by_reason: [("clean", 2), ("order", 1)].into(),
            by_order: [("cert:7/2026".to_owned().try_into().unwrap(), 1)].into(),
            by_rule: [].into(),
            would_drop: 1,
            interface: "eth0".to_owned(),
            at: "2026-11-23T08:00:00Z".parse().unwrap(),
            kernel: Some(KernelSummary {
                compared: 2,
                not_run: 1,
                differences,
                different: vec![3],
            }),
            error: None,
        }
    }

    #[test]
    fn differences_fail_and_a_broken_capture_is_invalid() {
        assert_eq!(ending(&summary(0), None).exit, Exit::Done);
        let outcome = ending(&summary(1), None);
        assert_eq!(outcome.exit, Exit::Failed);
        assert!(outcome.notes[0].contains("judged 1 packet differently"));
        let error = Reader::new(&b""[..]).map(drop).unwrap_err();
        let failure = capture_failure(Path::new("a.pcap"), &error);
        assert_eq!(failure.refusal.kind, RefusalKind::Invalid);
        let outcome = ending(&summary(1), Some(failure));
        assert_eq!(outcome.exit, Exit::Usage);
        assert_eq!(outcome.notes.len(), 2);
        assert!(outcome.notes[1].starts_with("a.pcap: "), "{outcome:?}");
    }

    #[test]
    fn the_summary_as_text() {
        assert_eq!(
            text::simulate::summary(&summary(0)),
            "\
3 packets on eth0, orders as of 2026-11-23 08:00:00Z: 1 dropped, 2 passed, 0 undecided.
  reason  packets
  clean         2
  order         1
  order        packets
  cert:7/2026        1
1 packet would have been dropped by what is only monitored.
The program in the kernel judged 2 packets, 0 otherwise than the host.
It cannot run 1 packet: too short, or too long.
"
        );
    }
}
