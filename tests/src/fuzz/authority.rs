//! The authority of the fuzz targets: one fixed key, so that an input means the same in every run, and a
//! moment at which its bundles are judged.

use std::{path::Path, sync::LazyLock};

use filter_ctl::order::{
    sign::{read_secret_key, sign},
    trust::TrustFile,
};
use jiff::{Timestamp, tz::TimeZone};

/// The public half of `fuzz/fuzz.key`, which protects nothing.
pub(super) const PUBLIC_KEY: &str = "RWQtVLJhlgnJWBbgYuvHV10Plic3Pg6iyKypcd/00j4mGQKzoIUlf6Qz";

/// Something that signs bytes: the text of a signature file.
type Signer = Box<dyn Fn(&[u8]) -> String + Send + Sync>;

pub(super) static UTC: TimeZone = TimeZone::UTC;

static SIGNER: LazyLock<Signer> = LazyLock::new(|| {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/fuzz.key");
    let key = read_secret_key(&path, None).expect("the fuzzer's key");
    Box::new(move |bytes| sign(bytes, &key, "fuzz").expect("a signature"))
});

/// A trust file with a root, of which the feed `cert` may ask for little.
pub(super) static TRUST: LazyLock<TrustFile> = LazyLock::new(|| {
    let text = format!(
        "version = 1\n[root]\nkeys = ['fuzz']\n[[key]]\nname = 'fuzz'\npublic_key = '{PUBLIC_KEY}'\n\
         [[feed]]\nname = 'cert'\nkeys = ['fuzz']\n[feed.scope]\nentries_max = 8\naddresses_max = 600\n"
    );
    TrustFile::parse(&text).expect("a trust file")
});

/// The signature of these bytes.
pub(super) fn signature(bytes: &[u8]) -> String {
    SIGNER(bytes)
}

/// When bundles are judged.
pub(super) fn now() -> Timestamp {
    "2026-11-23T09:00:00Z".parse().expect("a time")
}
