//! `audit evidence`: the inputs that something was decided on.

use std::path::{Path, PathBuf};

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use super::{Context, PlaceArgs};
use crate::{
    cli::{
        failure::Failure,
        output::Outcome,
        sanitize,
        text::{
            fields, number,
            table::{Side, Table},
            time,
        },
    },
    evidence::{
        self,
        note::{self, Note, Outcome as Became},
    },
    exit::Exit,
    order::{Input, hex, sign::signatures_beside},
};

/// The arguments of `evidence`.
#[derive(Args, Clone, Debug)]
pub struct EvidenceArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// The SHA-256 of one input, as receipts and the audit log name it; without it all are listed
    #[arg(value_name = "SHA256", value_parser = parse_digest)]
    sha256: Option<Digest>,
}

/// The SHA-256 of an input.
#[derive(Clone, Copy, Debug)]
struct Digest([u8; 32]);

fn parse_digest(text: &str) -> Result<Digest, String> {
    let digest = hex::decode_digest(text).map(Digest);
    digest.ok_or_else(|| "expected a SHA-256: 64 hexadecimal digits".to_owned())
}

/// The document of one input.
#[derive(Serialize)]
struct Shown {
    path: PathBuf,
    /// Whether the bytes are still those of the SHA-256.
    intact: bool,
    signatures: Vec<PathBuf>,
    #[serde(flatten)]
    note: Note,
}

/// The document of all of them, by when they were seen first.
#[derive(Serialize)]
struct Listed {
    evidence: Vec<Note>,
    damaged: Vec<String>,
}

pub(super) fn run(context: &Context, args: &EvidenceArgs) -> Result<Outcome, Failure> {
    let directory = args.place.state_dir().join(evidence::DIRECTORY);
    match args.sha256 {
        None => list(context, &directory),
        Some(Digest(sha256)) => show(context, &directory, &sha256),
    }
}

fn list(context: &Context, directory: &Path) -> Result<Outcome, Failure> {
    let mut listed = Listed {
        evidence: Vec::new(),
        damaged: Vec::new(),
    };
    for note in note::notes(directory).map_err(|error| failure(&error))? {
        match note {
            Ok(note) => listed.evidence.push(note),
            Err(error) => listed.damaged.push(error.to_string()),
        }
    }
    listed
        .evidence
        .sort_unstable_by_key(|note| (note.first_seen, note.sha256));
    let outcome = context.document(&listed, || table(&listed.evidence))?;
    if listed.damaged.is_empty() {
        return Ok(outcome);
    }
    let damaged = listed.damaged.join("\n");
    Ok(outcome.with_note(damaged).with_exit(Exit::Refused))
}

fn table(notes: &[Note]) -> String {
    if notes.is_empty() {
        return "nothing is kept\n".to_owned();
    }
    let mut table = Table::new(&[
        ("FIRST SEEN", Side::Left),
        ("BYTES", Side::Right),
        ("OF", Side::Left),
        ("BECAME", Side::Left),
        ("SHA256", Side::Left),
    ]);
    for note in notes {
        let last = note.outcomes.last().map(became).unwrap_or_default();
        table.row([
            time(note.first_seen),
            number(note.bytes),
            sanitize::line(&note.subject).into_owned(),
            last,
            hex::encode(&note.sha256),
        ]);
    }
    table.render(0)
}

fn show(context: &Context, directory: &Path, sha256: &[u8; 32]) -> Result<Outcome, Failure> {
    let note = Note::read(directory, sha256).map_err(|error| failure(&error))?;
    let digest = hex::encode(sha256);
    let note = note.ok_or_else(|| {
        let error = format!(
            "{} has no {digest}: it was not kept, or has gone",
            directory.display()
        );
        Failure::not_found("no_evidence", error)
    })?;
    let path = directory.join(&digest);
    let input = Input::kept(&path).map_err(|error| failure(&error))?;
    let shown = Shown {
        intact: input.is_some_and(|input| input.sha256() == *sha256),
        signatures: signatures_beside(&path),
        path,
        note,
    };
    let outcome = context.document(&shown, || text(&shown))?;
    Ok(if shown.intact {
        outcome
    } else {
        outcome.with_exit(Exit::Refused)
    })
}

fn text(shown: &Shown) -> String {
    let Shown {
        path,
        intact,
        signatures,
        note,
    } = shown;
    let state = if *intact { "intact" } else { "DAMAGED" };
    let mut text = fields(
        0,
        &[
            ("Path", path.display().to_string()),
            ("Bytes", format!("{}, {state}", number(note.bytes))),
            ("Signatures", signatures.len().to_string()),
            ("Of", sanitize::line(&note.subject).into_owned()),
            ("First seen", time(note.first_seen)),
        ],
    );
    for outcome in &note.outcomes {
        let line = line(outcome.at, outcome);
        text += &format!("{}\n", sanitize::line(&line));
    }
    text
}

fn line(at: Timestamp, outcome: &Became) -> String {
    let error = outcome.error.as_deref().unwrap_or_default();
    let text = format!(
        "{} {} by {} {error}",
        time(at),
        became(outcome),
        outcome.from
    );
    text.trim_end().to_owned()
}

fn became(outcome: &Became) -> String {
    match &outcome.code {
        Some(code) => format!("{} ({code})", outcome.what.name()),
        None => outcome.what.name().to_owned(),
    }
}

fn failure(error: &dyn std::fmt::Display) -> Failure {
    Failure::failed("evidence", error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cli::{output::Format, service::Service},
        config::DEFAULT_PATH,
        evidence::{
            Evidence,
            note::{Became as What, Kind, Seen},
        },
        http::samples::time,
    };

    #[test]
    fn what_is_kept_is_listed_and_shown_and_damage_is_seen() {
        let directory = tempfile::tempdir().unwrap();
        let mut kept = Evidence::new(directory.path());
        let input = Input::from(b"abc".to_vec());
        let at = time("2026-11-25T08:00:00Z");
        let mut outcome = Became::new(at, "push \u{1b}[2J", What::Refused);
        outcome.code = Some("rollback".to_owned());
        let seen = Seen {
            kind: Kind::Bundle,
            subject: "ncsc".to_owned(),
            at: outcome,
        };
        kept.keep(&input, &[b"signature".to_vec()], seen).unwrap();
        let context = Context {
            format: Format::Text,
            service: Service::new(Path::new("/nonexistent")),
        };
        let look = |sha256: Option<[u8; 32]>| {
            let args = EvidenceArgs {
                place: PlaceArgs {
                    config: DEFAULT_PATH.into(),
                    state_dir: Some(directory.path().to_owned()),
                },
                sha256: sha256.map(Digest),
            };
            run(&context, &args)
        };
        let listed = look(None).unwrap().stdout;
        let digest = hex::encode(&input.sha256());
        assert!(listed.contains(&digest) && listed.contains("refused (rollback)"));
        let shown = look(Some(input.sha256())).unwrap();
        assert_eq!(shown.exit, Exit::Done);
        assert!(shown.stdout.contains("3, intact"), "{}", shown.stdout);
        assert!(!shown.stdout.contains('\u{1b}'));

        std::fs::write(directory.path().join("evidence").join(digest), "abd").unwrap();
        let shown = look(Some(input.sha256())).unwrap();
        assert_eq!(shown.exit, Exit::Refused);
        assert!(shown.stdout.contains("DAMAGED"), "{}", shown.stdout);
        assert_eq!(look(Some([0; 32])).unwrap_err().refusal.code, "no_evidence");
    }
}
