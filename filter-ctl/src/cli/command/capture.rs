//! `capture`: samples as a file that Wireshark opens.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufReader, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use clap::Args;
use serde::Serialize;

use super::Context;
use crate::{
    capture::Reader,
    cli::{failure::Failure, output::Outcome, text},
    http::wire::{CAPTURE_PACKETS_MAX, CAPTURE_SECONDS_MAX, CaptureRequest},
};

/// The mode of a new file: what it holds is for whoever asked for it.
const FILE_MODE: u32 = 0o600;

/// The arguments.
#[derive(Args, Clone, Debug)]
pub struct CaptureArgs {
    /// The pcapng file to write, or `-` for standard output
    #[arg(short, long, value_name = "FILE")]
    write: PathBuf,
    /// End after so many seconds
    #[arg(long, value_name = "NUMBER", default_value_t = 10,
        value_parser = clap::value_parser!(u32).range(1..=i64::from(CAPTURE_SECONDS_MAX)))]
    seconds: u32,
    /// End after so many packets
    #[arg(long, value_name = "NUMBER", default_value_t = 10_000,
        value_parser = clap::value_parser!(u32).range(1..=i64::from(CAPTURE_PACKETS_MAX)))]
    packets: u32,
    /// Only packets of this reason, such as `order`
    #[arg(long)]
    reason: Option<String>,
    /// Leave addresses inside whole; takes root or group `levee-admin`, and goes to the audit log
    #[arg(long)]
    whole_addresses: bool,
}

/// What was written.
#[derive(Debug, Serialize)]
struct Report {
    file: String,
    packets: u64,
}

pub(super) fn run(context: &Context, args: &CaptureArgs) -> Result<Outcome, Failure> {
    let request = CaptureRequest {
        seconds: args.seconds,
        packets: args.packets,
        reason: args.reason.clone(),
        whole_addresses: args.whole_addresses,
    };
    if args.write == Path::new("-") {
        let mut stdout = io::stdout().lock();
        receive(context, &request, |part| {
            stdout.write_all(part)?;
            stdout.flush()
        })?
        .map_err(|error| cannot_write(&args.write, &error))?;
        return Ok(Outcome::raw(String::new()));
    }
    to_file(context, &request, &args.write)
}

fn to_file(context: &Context, request: &CaptureRequest, path: &Path) -> Result<Outcome, Failure> {
    let is_new = !path.exists();
    let failed = |error: io::Error| cannot_write(path, &error);
    // Opened before anything is asked for, and emptied only once there is something to write.
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(FILE_MODE)
        .open(path)
        .map_err(failed)?;
    let mut is_empty = false;
    let received = receive(context, request, |part| {
        if !is_empty {
            file.set_len(0)?;
            is_empty = true;
        }
        file.write_all(part)
    });
    if is_new && !is_empty {
        // Whoever made it meanwhile has lost an empty file.
        let _gone = fs::remove_file(path);
    }
    received?.map_err(failed)?;
    let report = Report {
        file: path.display().to_string(),
        packets: count(path)?,
    };
    context.document(&report, || {
        let packets = text::count(report.packets, "packet", "packets");
        format!("{packets} in {}\n", report.file)
    })
}

fn receive(
    context: &Context,
    request: &CaptureRequest,
    take: impl FnMut(&[u8]) -> io::Result<()>,
) -> Result<io::Result<()>, Failure> {
    let received = context
        .service
        .ask(async |client| client.capture(request, take).await);
    Ok(received?)
}

/// The packets in a file that was just written. It is read back for that, so that one that broke off is not said
/// to be there.
fn count(path: &Path) -> Result<u64, Failure> {
    let broken = |error: &dyn std::fmt::Display| {
        Failure::failed("capture", format!("{}: {error}", path.display()))
    };
    let file = File::open(path).map_err(|error| broken(&error))?;
    let mut reader = Reader::new(BufReader::new(file)).map_err(|error| broken(&error))?;
    let mut packets = 0;
    while let Some(record) = reader.next().map_err(|error| broken(&error))? {
        packets = record.number;
    }
    Ok(packets)
}

fn cannot_write(path: &Path, error: &io::Error) -> Failure {
    Failure::failed(
        "cannot_write",
        format!("cannot write {}: {error}", path.display()),
    )
}
