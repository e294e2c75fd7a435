//! An authority: a key, and the bundles it signs.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use filter_ctl::order::sign::{keygen, sign_file};
use jiff::{SignedDuration, Timestamp};

use super::daemon::Site;

/// An authority with one key, which a service may trust.
pub(crate) struct Authority {
    key: PathBuf,
    /// The base64 line of its public key.
    pub(crate) public_key: String,
}

/// A bundle before it is signed.
#[derive(Clone, Debug)]
pub(crate) struct Bundle {
    pub(crate) feed: &'static str,
    pub(crate) reference: &'static str,
    pub(crate) seq: u64,
    pub(crate) issued_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    /// Whether it is a rehearsal.
    pub(crate) test: bool,
    /// The entry lines, without braces.
    pub(crate) entries: Vec<String>,
}

impl Bundle {
    /// A good one of the feed `cert`: both addresses and prefixes are blocked for a day.
    pub(crate) fn new(seq: u64, nets: &[&str]) -> Self {
        let now = Timestamp::now();
        let mut bundle = Self {
            feed: "cert",
            reference: "7/2026",
            seq,
            issued_at: now,
            expires_at: now + SignedDuration::from_hours(24),
            test: false,
            entries: Vec::new(),
        };
        for net in nets {
            bundle.block(net, SignedDuration::from_hours(24));
        }
        bundle
    }

    /// Adds an entry that ends so long from now.
    pub(crate) fn block(&mut self, net: &str, time: SignedDuration) {
        let (number, until) = (self.entries.len(), Timestamp::now() + time);
        self.entries.push(format!(
            "\"id\":\"e{number}\",\"net\":\"{net}\",\"until\":\"{until}\""
        ));
    }

    /// The bytes that are signed.
    pub(crate) fn text(&self) -> String {
        let Self {
            feed,
            reference,
            seq,
            issued_at,
            expires_at,
            test,
            entries,
        } = self;
        let mut text = format!(
            "{{\"type\":\"levee-bundle\",\"version\":1,\"feed\":\"{feed}\",\"epoch\":1,\"seq\":{seq},\
             \"kind\":\"snapshot\",\"issued_at\":\"{issued_at}\",\"expires_at\":\"{expires_at}\",\
             \"test\":{test},\
             \"entries\":{},\"order\":{{\"reference\":\"{reference}\",\"issuer\":\"CERT\",\
             \"basis\":\"law\",\"reason\":\"botnet\"}}}}\n",
            entries.len()
        );
        for entry in entries {
            writeln!(text, "{{{entry}}}").unwrap();
        }
        text
    }
}

impl Authority {
    /// Makes a key below the site's directory.
    pub(crate) fn new(site: &Site<'_>, name: &str) -> Self {
        let files = keygen(&site.path(name), None, false).unwrap();
        let public = fs::read_to_string(&files.public).unwrap();
        Self {
            key: files.secret,
            public_key: public.lines().last().unwrap().to_owned(),
        }
    }

    /// Makes the service trust this key, and no other, for the feed `cert`.
    pub(crate) fn trusted(self, site: &Site<'_>) -> Self {
        let trust = format!(
            "[[key]]\nname = \"cert-2026\"\npublic_key = \"{}\"\n\n\
             [[feed]]\nname = \"cert\"\nkeys = [\"cert-2026\"]\n",
            self.public_key
        );
        fs::write(site.path("trust.toml"), trust).unwrap();
        self
    }

    /// Writes a bundle and its signature; returns the bundle's path.
    pub(crate) fn sign(&self, site: &Site<'_>, name: &str, bundle: &Bundle) -> PathBuf {
        let path = site.path(name);
        fs::write(&path, bundle.text()).unwrap();
        self.sign_file(&path);
        path
    }

    /// Writes the signature of a file beside it.
    pub(crate) fn sign_file(&self, path: &Path) {
        self.countersign(path, 1);
    }

    /// Writes the signature of that number beside a file; returns where.
    pub(crate) fn countersign(&self, path: &Path, number: usize) -> PathBuf {
        sign_file(path, &self.key, None, number, Timestamp::now()).unwrap()
    }
}
