//! `bundle`: the authority's side, without a service.

mod delta;

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use ipnet::IpNet;
use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;

pub use self::delta::{DeltaArgs, DigestArgs};
use super::{Context, read_file};
use crate::{
    cli::{
        failure::Failure,
        output::Outcome,
        text::{fields, number, time},
    },
    order::{
        FeedName, OrderInfo, hex,
        parse::{self, Kind, Manifest, ParsedLine},
        sign::{self, SignError, signatures_beside},
    },
};

/// The verbs.
#[derive(Clone, Debug, Subcommand)]
pub enum BundleCommand {
    /// Make a pair of keys: NAME.key to sign with, NAME.pub for the trust files of those who enforce
    Keygen(KeygenArgs),
    /// Sign bundles: FILE.minisig beside each, in the form of minisign
    Sign(SignArgs),
    /// Verify the signatures and the form of a bundle
    Verify(VerifyArgs),
    /// Show what a bundle says, whoever signed it
    Inspect(InspectArgs),
    /// Make the delta that leads from one snapshot to another
    Delta(DeltaArgs),
    /// Print the `state_digest` of what a snapshot and the deltas after it amount to
    Digest(DigestArgs),
}

/// The arguments of `keygen`.
#[derive(Args, Clone, Debug)]
pub struct KeygenArgs {
    /// The files' name, without `.key` and `.pub`
    name: PathBuf,
    /// A file whose first line is the password of the secret key; `-` for standard input
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Leave the secret key unencrypted, and do not warn of it
    #[arg(long, conflicts_with = "password_file")]
    no_password: bool,
    /// Replace existing files
    #[arg(long)]
    force: bool,
}

/// The arguments of `sign`.
#[derive(Args, Clone, Debug)]
pub struct SignArgs {
    /// The bundles
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The secret key
    #[arg(short = 's', long, value_name = "FILE")]
    key: PathBuf,
    /// A file whose first line is the password of the secret key; `-` for standard input
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Which signature of the bundle this is: 2 for a second key's, in FILE.2.minisig
    #[arg(long, default_value_t = 1)]
    number: usize,
}

/// The arguments of `verify`.
#[derive(Args, Clone, Debug)]
pub struct VerifyArgs {
    /// The bundle
    file: PathBuf,
    /// A public key
    #[arg(short = 'p', long = "public-key", value_name = "FILE", required = true)]
    public_keys: Vec<PathBuf>,
    /// A signature; by default FILE.minisig, FILE.2.minisig and so on, as far as they exist
    #[arg(short = 'x', long = "signature", value_name = "FILE")]
    signatures: Vec<PathBuf>,
}

/// The arguments of `inspect`.
#[derive(Args, Clone, Debug)]
pub struct InspectArgs {
    /// The bundle
    file: PathBuf,
}

pub(super) fn run(context: &Context, command: BundleCommand) -> Result<Outcome, Failure> {
    match command {
        BundleCommand::Keygen(args) => keygen(context, &args),
        BundleCommand::Sign(args) => sign(context, &args),
        BundleCommand::Verify(args) => verify(context, args),
        BundleCommand::Inspect(args) => inspect(context, &args),
        BundleCommand::Delta(args) => delta::delta(context, &args),
        BundleCommand::Digest(args) => delta::digest(context, &args),
    }
}

#[derive(Serialize)]
struct MadeKey {
    secret_key: PathBuf,
    public_key_file: PathBuf,
    public_key: String,
    key_id: String,
}

fn keygen(context: &Context, args: &KeygenArgs) -> Result<Outcome, Failure> {
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

fn sign(context: &Context, args: &SignArgs) -> Result<Outcome, Failure> {
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

#[derive(Serialize)]
struct Verified {
    signatures: Vec<VerifiedSignature>,
    bundle: Inspected,
}

#[derive(Serialize)]
struct VerifiedSignature {
    file: PathBuf,
    key_id: String,
    trusted_comment: String,
}

fn verify(context: &Context, args: VerifyArgs) -> Result<Outcome, Failure> {
    let VerifyArgs {
        file,
        public_keys,
        mut signatures,
    } = args;
    if signatures.is_empty() {
        signatures = signatures_beside(&file);
    }
    let verified = sign::verify_files(&file, &signatures, &public_keys)
        .map_err(|error| sign_failure(&error))?;
    let document = Verified {
        signatures: verified
            .into_iter()
            .map(|signature| VerifiedSignature {
                file: signature.path,
                key_id: signature.key.to_string(),
                trusted_comment: signature.trusted_comment,
            })
            .collect(),
        bundle: look_into(&file, &read_file(&file)?)?,
    };
    context.document(&document, || {
        let mut text = String::new();
        for signature in &document.signatures {
            let VerifiedSignature {
                file,
                key_id,
                trusted_comment,
            } = signature;
            let comment = format!("key {key_id}, {trusted_comment}");
            text += &fields(
                0,
                &[
                    ("Good signature", file.display().to_string()),
                    ("", comment),
                ],
            );
        }
        text + "\n" + &document.bundle.text()
    })
}

fn inspect(context: &Context, args: &InspectArgs) -> Result<Outcome, Failure> {
    let inspected = look_into(&args.file, &read_file(&args.file)?)?;
    let outcome = context.document(&inspected, || inspected.text())?;
    Ok(outcome.with_note("no signature was looked at; `filter-ctl bundle verify` does"))
}

/// What a bundle says.
#[derive(Serialize)]
struct Inspected {
    feed: FeedName,
    epoch: u64,
    seq: u64,
    /// `snapshot` or `delta`.
    kind: &'static str,
    /// Of a delta.
    #[serde(skip_serializing_if = "Option::is_none")]
    base_seq: Option<u64>,
    /// Of a delta.
    #[serde(skip_serializing_if = "Option::is_none")]
    state_digest: Option<String>,
    /// Of a delta: entries that it removes, among `entries`.
    removed: u64,
    issued_at: Timestamp,
    expires_at: Timestamp,
    test: bool,
    order: Option<OrderInfo>,
    entries: u64,
    ipv4: u64,
    ipv6: u64,
    without_until: u64,
    last_until: Option<Timestamp>,
    /// Entries by length of their prefix, such as `ipv4/32`.
    prefix_lengths: BTreeMap<String, u64>,
}

fn look_into(file: &Path, bundle: &[u8]) -> Result<Inspected, Failure> {
    let manifest = check_form(file, bundle)?;
    let (_, entries) = parse::open(bundle, &TimeZone::UTC).map_err(|e| malformed(file, &e))?;
    let Manifest {
        feed,
        epoch,
        seq,
        kind,
        issued_at,
        expires_at,
        entries: count,
        test,
        order,
    } = manifest;
    let (base_seq, state_digest) = match kind {
        Kind::Snapshot => (None, None),
        Kind::Delta {
            base_seq,
            state_digest,
        } => (Some(base_seq), Some(hex::encode(&state_digest))),
    };
    let mut inspected = Inspected {
        feed,
        epoch,
        seq,
        kind: kind.name(),
        base_seq,
        state_digest,
        removed: 0,
        issued_at,
        expires_at,
        test,
        order,
        entries: count,
        ipv4: 0,
        ipv6: 0,
        without_until: 0,
        last_until: None,
        prefix_lengths: BTreeMap::new(),
    };
    for line in entries {
        let entry = match line.map_err(|error| malformed(file, &error))? {
            ParsedLine::Add(entry) => entry,
            ParsedLine::Remove(_) => {
                inspected.removed += 1;
                continue;
            }
        };
        let family = match entry.net {
            IpNet::V4(_) => {
                inspected.ipv4 += 1;
                "ipv4"
            }
            IpNet::V6(_) => {
                inspected.ipv6 += 1;
                "ipv6"
            }
        };
        let length = format!("{family}/{}", entry.net.prefix_len());
        *inspected.prefix_lengths.entry(length).or_default() += 1;
        inspected.without_until += u64::from(entry.until.is_none());
        inspected.last_until = inspected.last_until.max(entry.until);
    }
    Ok(inspected)
}

impl Inspected {
    fn kind_text(&self) -> String {
        match (self.base_seq, &self.state_digest) {
            (Some(base), Some(digest)) => format!("{} on seq {base}, to {digest}", self.kind),
            _ => self.kind.to_owned(),
        }
    }

    fn text(&self) -> String {
        let order = self.order.as_ref();
        let of_order = |value: fn(&OrderInfo) -> &str| {
            order.map_or_else(String::new, |order| value(order).to_owned())
        };
        let lengths = self.prefix_lengths.iter();
        let lengths: Vec<String> = lengths
            .map(|(length, count)| format!("{} of {length}", number(*count)))
            .collect();
        let without_until = match self.without_until {
            0 => String::new(),
            entries => format!("{} (they will be refused)", number(entries)),
        };
        let test = if self.test {
            "yes: it enforces nothing"
        } else {
            ""
        };
        fields(
            0,
            &[
                ("Feed", self.feed.to_string()),
                ("Epoch/seq", format!("{}/{}", self.epoch, self.seq)),
                ("Kind", self.kind_text()),
                ("Test", test.to_owned()),
                ("Issued", time(self.issued_at)),
                ("Expires", time(self.expires_at)),
                ("Order", of_order(|order| &order.reference)),
                ("Issuer", of_order(|order| &order.issuer)),
                ("Basis", of_order(|order| &order.basis)),
                ("Reason", of_order(|order| &order.reason)),
                (
                    "Entries",
                    format!(
                        "{}: {} IPv4, {} IPv6{}",
                        number(self.entries),
                        number(self.ipv4),
                        number(self.ipv6),
                        match self.removed {
                            0 => String::new(),
                            removed => format!(", {} removed", number(removed)),
                        }
                    ),
                ),
                ("Lengths", lengths.join(", ")),
                ("Last until", self.last_until.map_or_else(String::new, time)),
                ("Without until", without_until),
            ],
        )
    }
}

fn check_form(file: &Path, bundle: &[u8]) -> Result<Manifest, Failure> {
    parse::check(bundle, &TimeZone::UTC).map_err(|error| malformed(file, &error))
}

fn malformed(file: &Path, error: &parse::ParseError) -> Failure {
    Failure::invalid("malformed", format!("{}: {error}", file.display()))
}

fn sign_failure(error: &SignError) -> Failure {
    match error {
        SignError::BadSignature { .. }
        | SignError::UnknownKey { .. }
        | SignError::Unsigned(_)
        | SignError::Signature(_) => Failure::refused("bad_signature", error.to_string()),
        SignError::File(_) | SignError::Crypto { .. } => {
            Failure::failed("cannot_sign", error.to_string())
        }
        _ => Failure::invalid("cannot_sign", error.to_string()),
    }
}

/// The first line of a file.
fn password(file: Option<&Path>) -> Result<Option<String>, Failure> {
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

#[cfg(test)]
mod tests;
