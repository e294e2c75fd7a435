//! The trust file in force.
//!
//! It is kept below the state directory with its signatures, so that a start knows what was in force
//! before: a file that was swapped meanwhile has to follow it by the rules of [`succeed`], or the one that
//! is kept stays in force.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{
    engine::{Engine, failed, invalid},
    handle::Answer,
    start::TrustFileError,
};
use crate::{
    audit::Event,
    config::Config,
    durable,
    http::wire::{TrustFeedStatus, TrustKeyStatus, TrustRoot, TrustStatus},
    order::{
        FeedName, hex,
        sign::signatures_beside,
        trust::{
            TRUST_BYTES_MAX, TrustError, TrustFile,
            succeed::{SuccessionError, Successor, UntrustedTrust, succeed},
        },
        verify::{Mark, ReadmitAlarm, authority_alarms},
    },
};

/// The directory below the state directory.
const DIRECTORY: &str = "trust";
/// The file in it.
const FILE: &str = "in-force.json";
/// How long before the file expires an alarm is raised.
const EXPIRING: SignedDuration = SignedDuration::from_hours(14 * 24);
/// Bytes of a signature that are read; a longer one is refused as malformed.
const SIGNATURE_READ_MAX: u64 = (16 << 10) + 1;
/// Bytes of the kept file; a longer one is damaged. JSON may take six bytes for one of the text.
const KEPT_BYTES_MAX: u64 = 8 << 20;

/// What is kept of the trust file in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InForce {
    #[serde(with = "hex::digest")]
    sha256: [u8; 32],
    taken_at: Timestamp,
    by: String,
    /// The names of the root keys that signed it; none where it was trusted as installed.
    signers: Vec<String>,
    text: String,
    signatures: Vec<String>,
}

/// The trust file in force, as far as it is known.
#[derive(Debug)]
pub(super) enum Kept {
    /// There has been none.
    Nothing,
    /// This one.
    InForce(Box<InForce>),
    /// There is one, and it cannot be read. Nobody is trusted until it is mended.
    Lost(String),
}

/// A trust file that may come into force.
#[derive(Debug)]
pub(super) struct Candidate {
    untrusted: UntrustedTrust,
    successor: Successor,
}

impl Kept {
    /// Reads what is kept.
    fn load(state_dir: &Path) -> (Self, TrustFile) {
        let path = state_dir.join(DIRECTORY).join(FILE);
        let lost = |problem: String| {
            let cure = format!(
                "{}: {problem}; nobody is trusted until it is put back, or until it is removed after the \
                 trust file itself was compared with its signed copy; then reload",
                path.display()
            );
            (Self::Lost(cure), TrustFile::default())
        };
        let text = match read_limited(&path, KEPT_BYTES_MAX) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return (Self::Nothing, TrustFile::default());
            }
            Err(error) => return lost(error.to_string()),
        };
        let in_force: InForce = match serde_json::from_str(&text) {
            Ok(in_force) => in_force,
            Err(error) => return lost(format!("damaged: {error}")),
        };
        if digest(&in_force.text) != in_force.sha256 {
            return lost("the text has another SHA-256 than is noted beside it".to_owned());
        }
        match TrustFile::parse(&in_force.text) {
            Ok(trust) => (Self::InForce(Box::new(in_force)), trust),
            Err(error) => lost(error.to_string()),
        }
    }
}

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}

impl Engine {
    /// Reads the trust file at a start. One that may not follow the one in force is an alarm.
    pub(super) fn load_trust(&mut self) {
        (self.kept_trust, self.trust) = Kept::load(&self.config.state_dir);
        let config = self.config.clone();
        let taken = self
            .judge_trust(&config)
            .and_then(|candidate| match candidate {
                Some(candidate) => self.keep_trust(candidate, "filter-ctl"),
                None => Ok(()),
            });
        if let Err(refusal) = taken {
            let stays = match &self.kept_trust {
                Kept::InForce(_) => "the trust file in force before stays in force",
                Kept::Nothing | Kept::Lost(_) => "until this is mended no bundle is admitted",
            };
            let subject = self.config.trust_file.display().to_string();
            let message = format!("{} ({}); {stays}", refusal.error, refusal.code);
            self.raise("trust_file", subject, message);
        }
    }

    /// Whether the trust file may come into force; `None` where it is in force already.
    pub(super) fn judge_trust(&mut self, config: &Config) -> Answer<Option<Candidate>> {
        if let Kept::Lost(_) = self.kept_trust {
            (self.kept_trust, self.trust) = Kept::load(&self.config.state_dir);
        }
        let current = match &self.kept_trust {
            Kept::Lost(problem) => return Err(failed("trust_state_damaged", problem.clone())),
            Kept::Nothing => None,
            Kept::InForce(_) => Some(&self.trust),
        };
        let untrusted = read_untrusted(&config.trust_file)
            .map_err(|error| invalid("trust_file", error.to_string()))?;
        if let Kept::InForce(in_force) = &self.kept_trust
            && in_force.text == untrusted.text
        {
            return Ok(None);
        }
        let successor = succeed(current, &untrusted, self.now()).map_err(|error| {
            let path = config.trust_file.display();
            let code = match &error {
                SuccessionError::Malformed(_) => "trust_file",
                error => error.code(),
            };
            invalid(code, format!("{path}: {error}"))
        })?;
        Ok(Some(Candidate {
            untrusted,
            successor,
        }))
    }

    /// Puts a trust file into force, once it is on disk.
    pub(super) fn keep_trust(&mut self, candidate: Candidate, by: &str) -> Answer<()> {
        let Candidate {
            untrusted: UntrustedTrust { text, signatures },
            successor: Successor { trust, signers },
        } = candidate;
        let in_force = InForce {
            sha256: digest(&text),
            taken_at: self.now(),
            by: by.to_owned(),
            signers,
            text,
            signatures,
        };
        let stored = in_force.save(&self.config.state_dir);
        self.stored("state_not_writable", stored)?;
        let (action, before) = match &self.kept_trust {
            Kept::InForce(before) => ("trust_changed", hex::encode(&before.sha256)),
            Kept::Nothing | Kept::Lost(_) => ("trust_installed", String::new()),
        };
        let version = trust.version().map_or_else(String::new, |v| v.to_string());
        let event = Event::new(by, action, self.config.trust_file.display().to_string())
            .detail("version", version)
            .detail("before", before)
            .detail("sha256", hex::encode(&in_force.sha256))
            .detail("signers", in_force.signers.join(", "));
        self.trust = trust;
        self.kept_trust = Kept::InForce(Box::new(in_force));
        self.record(event);
        for (feed, mark) in &self.marks.clone() {
            self.judge_signers(feed, mark);
        }
        Ok(())
    }

    /// Raises and ends the alarms about those who signed what is in force of a feed.
    pub(super) fn judge_signers(&mut self, feed: &FeedName, mark: &Mark) {
        let alarms = authority_alarms(feed, mark, &self.trust);
        for code in ReadmitAlarm::AUTHORITY {
            if !alarms.iter().any(|alarm| alarm.code() == code) {
                self.clear_alarm(code, feed.as_str());
            }
        }
        for alarm in alarms {
            self.raise(alarm.code(), feed.as_str(), alarm.to_string());
        }
    }

    /// Raises and ends the alarms about the age of the trust file.
    pub(super) fn check_trust_age(&mut self, now: Timestamp) {
        let left = self.trust.expires().map(|at| (at, at.duration_since(now)));
        let (mut expired, mut expiring) = (None, None);
        match left {
            Some((at, left)) if left <= SignedDuration::ZERO => {
                expired = Some(format!(
                    "the trust file expired at {at}: no bundle is admitted until a new one is in force; \
                     what was admitted stays"
                ));
            }
            Some((at, left)) if left <= EXPIRING => {
                expiring = Some(format!(
                    "the trust file expires at {at}: from then on no bundle is admitted; put a new one \
                     into force"
                ));
            }
            Some(_) | None => {}
        }
        for (code, message) in [("trust_expired", expired), ("trust_expiring", expiring)] {
            match message {
                Some(message) => self.raise(code, "trust file", message),
                None => self.clear_alarm(code, "trust file"),
            }
        }
    }

    /// What is in force, for `trust show`.
    pub(super) fn trust_status(&self) -> TrustStatus {
        let in_force = match &self.kept_trust {
            Kept::InForce(in_force) => Some(in_force),
            Kept::Nothing | Kept::Lost(_) => None,
        };
        TrustStatus {
            sha256: in_force.map(|in_force| hex::encode(&in_force.sha256)),
            taken_at: in_force.map(|in_force| in_force.taken_at),
            by: in_force.map(|in_force| in_force.by.clone()),
            signers: in_force.map_or_else(Vec::new, |in_force| in_force.signers.clone()),
            ..describe(&self.trust)
        }
    }
}

/// What a trust file says, without when and by whom it came into force.
pub fn describe(trust: &TrustFile) -> TrustStatus {
    let names = |keys: &[usize]| -> Vec<String> {
        let names = keys.iter().map(|key| trust.keys()[*key].name.clone());
        names.collect()
    };
    TrustStatus {
        version: trust.version(),
        expires: trust.expires(),
        sha256: None,
        taken_at: None,
        by: None,
        signers: Vec::new(),
        root: trust.root().map(|root| TrustRoot {
            keys: names(&root.keys),
            threshold: root.threshold as u64,
        }),
        keys: trust.keys().iter().map(TrustKeyStatus::from).collect(),
        feeds: trust
            .feeds()
            .iter()
            .map(|feed| TrustFeedStatus {
                feed: feed.name.clone(),
                keys: names(&feed.keys),
                threshold: feed.threshold as u64,
                scope: feed.scope.clone(),
            })
            .collect(),
    }
}

impl InForce {
    fn save(&self, state_dir: &Path) -> Result<(), durable::DurableError> {
        let directory = state_dir.join(DIRECTORY);
        durable::create_directory(&directory)?;
        let path = directory.join(FILE);
        let bytes = serde_json::to_vec_pretty(self)
            .map_err(|error| durable::DurableError::at("write", &path)(io::Error::other(error)))?;
        durable::write_atomic(&path, &bytes)
    }
}

/// Reads a trust file and the signatures beside it.
pub fn read_untrusted(path: &Path) -> Result<UntrustedTrust, TrustFileError> {
    let read = |path: PathBuf, max| {
        read_limited(&path, max).map_err(|source| TrustFileError::Read { path, source })
    };
    let text = read(path.to_owned(), TRUST_BYTES_MAX as u64 + 1)?;
    if text.len() > TRUST_BYTES_MAX {
        return Err(TrustFileError::Invalid {
            path: path.to_owned(),
            source: TrustError::TooLarge(text.len()),
        });
    }
    let signatures = signatures_beside(path)
        .into_iter()
        .map(|path| read(path, SIGNATURE_READ_MAX));
    Ok(UntrustedTrust {
        text,
        signatures: signatures.collect::<Result<_, _>>()?,
    })
}

/// The text of a file, of which no more than so many bytes are read.
fn read_limited(path: &Path, max: u64) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(max).read_to_string(&mut text)?;
    Ok(text)
}
