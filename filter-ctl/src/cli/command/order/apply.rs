//! `order apply`: a bundle that an authority signed.

use std::path::{Path, PathBuf};

use clap::Args;

use super::exit_of;
use crate::{
    cli::{
        command::{Context, feed::parse_feed, read_file},
        failure::Failure,
        output::Outcome,
        text,
    },
    http::{client::Bundle, wire::ApplyReport},
    order::{
        FeedName,
        sign::{signature_path, signatures_beside},
    },
};

/// The arguments.
#[derive(Args, Clone, Debug)]
pub struct ApplyArgs {
    /// The bundles
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// A detached signature; by default FILE.minisig, FILE.2.minisig and so on, as far as they exist
    #[arg(long = "signature", value_name = "FILE")]
    signatures: Vec<PathBuf>,
    /// The feed that the bundle has to be of
    #[arg(long, value_name = "NAME", value_parser = parse_feed)]
    feed: Option<FeedName>,
}

pub(super) fn run(context: &Context, args: &ApplyArgs) -> Result<Outcome, Failure> {
    if args.files.len() > 1 && !args.signatures.is_empty() {
        return Err(Failure::invalid(
            "ambiguous_signature",
            "--signature goes with one bundle only: apply the others by themselves",
        ));
    }
    let mut all = Outcome::raw(String::new());
    for file in &args.files {
        match apply(context, args, file).and_then(|report| {
            let text = context.document(&report, || text::order::report(&report))?;
            Ok((exit_of(&report), text))
        }) {
            Ok((exit, one)) => {
                all.stdout += &one.stdout;
                all.exit = all.exit.max(exit);
            }
            // Bundles of a feed follow each other: after a refused one the next makes no sense.
            Err(failure) if all.stdout.is_empty() => return Err(failure),
            Err(failure) => return stopped(context, all, file, &failure),
        }
    }
    Ok(all)
}

/// What was done before a bundle could not be applied, and why it could not.
fn stopped(
    context: &Context,
    mut done: Outcome,
    file: &Path,
    failure: &Failure,
) -> Result<Outcome, Failure> {
    let refusal = context.document(&failure.refusal, String::new)?;
    done.stdout += &refusal.stdout;
    done.exit = failure.exit;
    Ok(done.with_note(format!("{}: {}", file.display(), failure.refusal.error)))
}

fn apply(context: &Context, args: &ApplyArgs, file: &Path) -> Result<ApplyReport, Failure> {
    let paths = if args.signatures.is_empty() {
        signatures_beside(file)
    } else {
        args.signatures.clone()
    };
    let bytes = read_file(file)?;
    if paths.is_empty() {
        return Err(Failure::invalid(
            "no_signature",
            format!(
                "{} has no signature: {} does not exist; name it with --signature",
                file.display(),
                signature_path(file, 1).display()
            ),
        ));
    }
    let signatures = paths
        .iter()
        .map(|path| read_file(path))
        .collect::<Result<Vec<_>, _>>()?;
    let bundle = Bundle {
        feed: args.feed.as_ref(),
        bytes: &bytes,
        signatures: &signatures,
    };
    Ok(context
        .service
        .ask(async |client| client.apply(&bundle).await)?)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{
        cli::{output::Format, service::Service},
        exit::Exit,
    };

    #[test]
    fn a_bundle_without_a_signature_says_what_was_looked_for() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("ncsc-42.jsonl");
        let context = Context {
            format: Format::Text,
            service: Service::new(&directory.path().join("none.sock")),
        };
        let args = ApplyArgs {
            files: vec![file.clone()],
            signatures: Vec::new(),
            feed: None,
        };
        let failure = run(&context, &args).unwrap_err();
        assert_eq!(
            (failure.exit, &*failure.refusal.code),
            (Exit::Usage, "cannot_read")
        );

        fs::write(&file, "{}\n").unwrap();
        let failure = run(&context, &args).unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        let text = failure.refusal.error;
        assert!(
            text.contains("ncsc-42.jsonl.minisig does not exist"),
            "{text}"
        );

        fs::write(signature_path(&file, 1), "x").unwrap();
        let failure = run(&context, &args).unwrap_err();
        assert_eq!(failure.exit, Exit::Unreachable);
    }
}
