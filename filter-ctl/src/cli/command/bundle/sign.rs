//! `keygen` and `sign`: an authority's keys and signatures.

use std::{
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use super::{Context, check_form, read_file, sign_failure};
use crate::{
    cli::{failure::Failure, output::Outcome, text::fields},
    order::sign,
};

/// The arguments of `keygen`.
#[derive(Args, Clone, Debug)]
pub struct KeygenArgs {
    /// The files' name, without `.key` and `.pub`
    pub(super) name: PathBuf,
    /// A file whose first line is the password of the secret key; `-` for standard input
    #[arg(long, value_name = "FILE")]
    pub(super) password_file: Option<PathBuf>,
    /// Leave the secret key unencrypted, and do not warn of it
    #[arg(long, conflicts_with = "password_file")]
    pub(super) no_password: bool,
    /// Replace existing files
    #[arg(long)]
    pub(super) force: bool,
}

/// The arguments of `sign`.
#[derive(Args, Clone, Debug)]
pub struct SignArgs {
    /// The bundles
    #[arg(required = true, value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
    /// The secret key
    #[arg(short = 's', long, value_name = "FILE")]
    pub(super) key: PathBuf,
    /// A file whose first line is the password of the secret key; `-` for standard input
    #[arg(long, value_name = "FILE")]
    pub(super) password_file: Option<PathBuf>,
    /// Which signature of the bundle this is: 2 for a second key's, in FILE.2.minisig
    #[arg(long, default_value_t = 1)]
    pub(super) number: usize,
}

#[derive(Serialize)]
struct MadeKey {
    secret_key: PathBuf,
    public_key_file: PathBuf,
    public_key: String,
    key_id: String,
}

pub(super) fn keygen(context: &Context, args: &KeygenArgs) -> Result<Outcome, Failure> {
    let password = password(args.password_file.as_deref())?;
    let made = sign::keygen(&args.name, password.as_deref(), args.force)
        .map_err(|error| sign_failure(&error))?;
    let key = MadeKey {
        secret_key: made.secret,
        public_key_file: made.public,
        public_key: made.public_key,
        key_id: made.key.to_string(),
    };
    let outcome = context.document(&key, || {
        fields(
            0,
            &[
                ("Secret key", key.secret_key.display().to_string()),
                ("Public key", key.public_key_file.display().to_string()),
                ("Key id", key.key_id.clone()),
                (
                    "For trust files",
                    format!("public_key = \"{}\"", key.public_key),
                ),
            ],
        )
    })?;
    if password.is_some() || args.no_password {
        return Ok(outcome);
    }
    Ok(outcome.with_note(
        "the secret key is not encrypted: keep it where only the signer can read it, or make one \
         with --password-file",
    ))
}

pub(super) fn sign(context: &Context, args: &SignArgs) -> Result<Outcome, Failure> {
    let password = password(args.password_file.as_deref())?;
    let mut written = Vec::new();
    for file in &args.files {
        // What no one can admit is not signed.
        check_form(file, &read_file(file)?)?;
        let (key, now) = (args.key.as_path(), Timestamp::now());
        let path = sign::sign_file(file, key, password.as_deref(), args.number, now);
        written.push(path.map_err(|error| sign_failure(&error))?);
    }
    context.document(&written, || {
        let lines = written.iter().map(|path| format!("{}\n", path.display()));
        lines.collect()
    })
}

/// The first line of a file.
pub(super) fn password(file: Option<&Path>) -> Result<Option<String>, Failure> {
    let Some(file) = file else { return Ok(None) };
    let text = if file == Path::new("-") {
        let mut text = String::new();
        io::stdin().lock().read_to_string(&mut text).map(|_| text)
    } else {
        fs::read_to_string(file)
    };
    let text = text.map_err(|error| {
        Failure::invalid(
            "cannot_read",
            format!("cannot read {}: {error}", file.display()),
        )
    })?;
    match text.lines().next() {
        Some(password) if !password.is_empty() => Ok(Some(password.to_owned())),
        _ => Err(Failure::invalid(
            "no_password",
            format!(
                "the first line of {} is empty: expected the password",
                file.display()
            ),
        )),
    }
}
