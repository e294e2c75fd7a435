//! `audit`: who did what, and on which input, read from the files and without a service.

mod evidence;

use std::{
    collections::VecDeque,
    io,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use jiff::Timestamp;

pub use self::evidence::EvidenceArgs;
use super::Context;
use crate::{
    appliance::Appliance,
    audit::{
        self, AuditError, Record,
        checkpoint::public_key,
        read::Records,
        verify::{Verified, verify, verify_against},
    },
    cli::{
        failure::Failure,
        offline,
        output::{Ended, Format, Outcome, Stream},
        sanitize,
        text::{count, fields, number, optional_time, time},
    },
    config::DEFAULT_PATH,
    exit::Exit,
    order::field::parse_since,
};

/// The most records that `-n` can ask for.
const LAST_MAX: u64 = 10_000;

/// The verbs.
#[derive(Clone, Debug, Subcommand)]
pub enum AuditCommand {
    /// Print records, oldest first
    Show(ShowArgs),
    /// Check every record and every signed checkpoint
    Verify(VerifyArgs),
    /// List what was received and is kept, or show one of it
    Evidence(EvidenceArgs),
}

/// Where the log is.
#[derive(Args, Clone, Debug)]
pub struct PlaceArgs {
    /// The configuration that says where the state is
    #[arg(long, value_name = "FILE", default_value = DEFAULT_PATH)]
    config: PathBuf,
    /// Where the service keeps its state; overrides the configuration
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
}

/// The arguments of `show`.
#[derive(Args, Clone, Debug)]
pub struct ShowArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// Only records of this time or later: a time such as 2026-11-25T08:00:00Z, a date (the beginning of that
    /// day), or how long ago, such as 12h
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only records of actors whose name has this in it
    #[arg(long)]
    actor: Option<String>,
    /// Only records of this action, such as `order_add`
    #[arg(long)]
    action: Option<String>,
    /// Only the last so many of them
    #[arg(short = 'n', long = "last", value_name = "NUMBER",
        value_parser = clap::value_parser!(u64).range(1..=LAST_MAX))]
    last: Option<u64>,
}

/// The arguments of `verify`.
#[derive(Args, Clone, Debug)]
pub struct VerifyArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// The appliance's public key; by default the one in the state directory. A copy that was kept elsewhere
    /// is worth more
    #[arg(short = 'p', long, value_name = "FILE")]
    public_key: Option<PathBuf>,
    /// A copy of `audit.checkpoints` that was kept elsewhere, in place of the one in the state directory; it may be
    /// older than the log
    #[arg(long, value_name = "FILE")]
    checkpoints: Option<PathBuf>,
}

impl PlaceArgs {
    fn state_dir(&self) -> PathBuf {
        let given = self.state_dir.clone();
        given.unwrap_or_else(|| offline::state_dir(&self.config))
    }
}

pub(super) fn run(context: &Context, command: AuditCommand) -> Result<Outcome, Failure> {
    match command {
        AuditCommand::Show(args) => show(context.format, &args),
        AuditCommand::Verify(args) => check(context, &args),
        AuditCommand::Evidence(args) => evidence::run(context, &args),
    }
}

fn show(format: Format, args: &ShowArgs) -> Result<Outcome, Failure> {
    Ended::outcome(show_in(&mut Stream::stdout(), format, args))
}

fn show_in(stream: &mut Stream, format: Format, args: &ShowArgs) -> Result<Outcome, Ended> {
    let since = args.since()?;
    let state_dir = args.place.state_dir();
    let mut records = Records::open(&state_dir)
        .map_err(|error| failure(&error))?
        .ok_or_else(|| no_log(&state_dir))?;
    let mut kept = VecDeque::new();
    let mut damaged = 0_u64;
    loop {
        let record = match records.next_record() {
            Ok(None) => break,
            Ok(Some(record)) => record,
            Err(error @ AuditError::Damaged { .. }) => {
                damaged += 1;
                if damaged <= audit::verify::DAMAGES_MAX as u64 {
                    stream.note(&error.to_string());
                }
                continue;
            }
            Err(error) => return Err(failure(&error).into()),
        };
        if !args.wants(since, &record) {
            continue;
        }
        match args.last {
            None => print(stream, format, &record)?,
            Some(last) => {
                if kept.len() as u64 == last {
                    kept.pop_front();
                }
                kept.push_back(record);
            }
        }
    }
    for record in &kept {
        print(stream, format, record)?;
    }
    stream.flush()?;
    let outcome = Outcome::raw(String::new());
    if damaged == 0 {
        return Ok(outcome);
    }
    let lines = count(damaged, "line is", "lines are");
    let note = format!("{lines} no audit record; see `filter-ctl audit verify`");
    Ok(outcome.with_note(note).with_exit(Exit::Refused))
}

impl ShowArgs {
    fn since(&self) -> Result<Option<Timestamp>, Failure> {
        let Some(since) = self.since.as_deref() else {
            return Ok(None);
        };
        let timezone = offline::time_zone(&self.place.config)
            .map_err(|error| Failure::invalid("timezone", error.to_string()))?;
        let since = parse_since(since, Timestamp::now(), &timezone)
            .map_err(|error| Failure::invalid("since", error.to_string()))?;
        Ok(Some(since))
    }

    fn wants(&self, since: Option<Timestamp>, record: &Record) -> bool {
        let Self { actor, action, .. } = self;
        since.is_none_or(|since| record.at >= since)
            && actor
                .as_ref()
                .is_none_or(|actor| record.actor.contains(actor))
            && action
                .as_ref()
                .is_none_or(|action| record.action == *action)
    }
}

fn print(stream: &mut Stream, format: Format, record: &Record) -> io::Result<()> {
    match format {
        Format::Json => stream.json(record),
        Format::Text => stream.text(&line(record)),
    }
}

/// One record on one line.
fn line(record: &Record) -> String {
    let Record {
        n,
        at,
        actor,
        action,
        object,
        details,
        prev: _,
    } = record;
    let mut text = format!("{n} {} {action} {object} by {actor}", time(*at));
    for (name, value) in details {
        text += &format!(" {name}={value:?}");
    }
    sanitize::line(&text).into_owned() + "\n"
}

fn check(context: &Context, args: &VerifyArgs) -> Result<Outcome, Failure> {
    let state_dir = args.place.state_dir();
    let path = args
        .public_key
        .clone()
        .unwrap_or_else(|| Appliance::public_path(&state_dir));
    let key = public_key(&path).ok_or_else(|| {
        Failure::invalid(
            "public_key",
            format!(
                "{} is no public key of minisign: name the appliance's with --public-key",
                path.display()
            ),
        )
    })?;
    let found = match &args.checkpoints {
        None => verify(&state_dir, &key),
        Some(kept) => verify_against(&state_dir, kept, key),
    };
    let found = found.map_err(|error| failure(&error))?;
    let outcome = context.document(&found, || verified(&found))?;
    Ok(if found.intact {
        outcome
    } else {
        outcome.with_exit(Exit::Refused)
    })
}

fn verified(found: &Verified) -> String {
    let Verified {
        records,
        checkpoints,
        sealed,
        first,
        last,
        hash,
        intact,
        damages,
        damages_total,
    } = found;
    let mut text = fields(
        0,
        &[
            (
                "Audit log",
                if *intact { "intact" } else { "DAMAGED" }.to_owned(),
            ),
            ("Records", number(*records)),
            ("Checkpoints", number(*checkpoints)),
            ("Signed up to", format!("record {}", number(*sealed))),
            ("First", optional_time(*first)),
            ("Last", optional_time(*last)),
            ("Hash", hash.clone().unwrap_or_default()),
        ],
    );
    for damage in damages {
        text += &format!(
            "{} line {}: {}\n",
            damage.file,
            damage.line,
            sanitize::line(&damage.what)
        );
    }
    let more = damages_total - damages.len() as u64;
    if more > 0 {
        text += &format!("and {}\n", count(more, "more", "more"));
    }
    text
}

fn no_log(state_dir: &Path) -> Failure {
    let path = state_dir.join(audit::FILE);
    let error = format!(
        "there is no {}: name the state directory with --state-dir",
        path.display()
    );
    Failure::not_found("no_audit_log", error)
}

fn failure(error: &AuditError) -> Failure {
    Failure::failed("audit", error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_one_line_whatever_is_in_it() {
        let record = Record {
            n: 7,
            at: "2026-11-25T08:00:00Z".parse().unwrap(),
            actor: "alice (uid 1000)".to_owned(),
            action: "withdraw".to_owned(),
            object: "order cert:7\u{1b}[2J".to_owned(),
            details: [("reason".to_owned(), "a\nb".to_owned())].into(),
            prev: String::new(),
        };
        assert_eq!(
            line(&record),
            "7 2026-11-25 08:00:00Z withdraw order cert:7\\u{1b}[2J by alice (uid 1000) \
             reason=\"a\\nb\"\n"
        );
    }
}
