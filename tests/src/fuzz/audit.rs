//! The readers of the audit log and of receipts, on any bytes.

use std::{
    fs,
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
};

use filter_ctl::{
    audit::{
        self,
        checkpoint::{self, public_key},
        verify::verify,
    },
    receipt::{Receipt, ReceiptStatus},
};

use super::check_said;

/// Between the log and its checkpoints in an input.
const BETWEEN: &[u8] = b"\n--\n";

/// A directory that is gone with it.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("levee-fuzz-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).expect("a directory");
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // What is left behind in the directory for such things does no harm.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Reads `data` as a log and its checkpoints, with `\n--\n` between them.
///
/// # Panics
///
/// Where something does not hold that must of any.
pub fn audit(data: &[u8]) {
    let at = data
        .windows(BETWEEN.len())
        .position(|bytes| bytes == BETWEEN);
    let (log, checkpoints) = at.map_or((data, &b""[..]), |at| {
        (&data[..=at], &data[at + BETWEEN.len()..])
    });
    let directory = Directory::new();
    let key = format!(
        "untrusted comment: minisign public key\n{}\n",
        super::authority::PUBLIC_KEY
    );
    fs::write(directory.0.join("appliance.pub"), key).expect("written");
    let key = public_key(&directory.0.join("appliance.pub")).expect("a key");
    let found = |log: &[u8]| {
        fs::write(directory.0.join(audit::FILE), log).expect("written");
        fs::write(directory.0.join(checkpoint::FILE), checkpoints).expect("written");
        verify(&directory.0, &key).expect("files that can be read")
    };
    let whole = found(log);
    assert_eq!(whole.intact, whole.damages.is_empty());
    for damage in &whole.damages {
        check_said(&damage.what);
    }
    if whole.intact && whole.sealed > 0 {
        check_tampering(log, whole.sealed, |log| found(log).intact);
    }
    // A start judges it as well, and leaves a log that can be appended to, or says what is wrong.
    found(log);
    match audit::Audit::open(&directory.0) {
        Ok(mut log) => {
            let event = audit::Event::new("fuzz", "fuzz", "");
            log.append(event).expect("appended");
            drop(log);
            audit::Audit::open(&directory.0).expect("what was mended stays so");
        }
        Err(error) => check_said(&error.to_string()),
    }
}

/// Up to the last checkpoint no bit can be changed, no line taken out, doubled or moved.
fn check_tampering(log: &[u8], sealed: u64, mut intact: impl FnMut(&[u8]) -> bool) {
    let lines: Vec<&[u8]> = log.split_inclusive(|byte| *byte == b'\n').collect();
    let sealed = usize::try_from(sealed).expect("lines in memory");
    let end: usize = lines[..sealed].iter().map(|line| line.len()).sum();
    for at in [0, end / 3, end / 2, end - 1] {
        let mut changed = log.to_vec();
        changed[at] ^= 1;
        assert!(!intact(&changed), "byte {at} was changed");
        assert!(!intact(&log[..at]), "the log was cut after {at} bytes");
    }
    let without: Vec<u8> = lines[1..].concat();
    assert!(!intact(&without), "the first line was taken out");
    let doubled = [&lines[..1], &lines[..]].concat().concat();
    assert!(!intact(&doubled), "the first line was doubled");
    if sealed > 1 {
        let mut moved = lines.clone();
        moved.swap(0, sealed - 1);
        assert!(!intact(&moved.concat()), "two lines were exchanged");
    }
}

/// Reads `data` as a receipt.
///
/// # Panics
///
/// Where something does not hold that must of any.
pub fn receipt(data: &[u8]) {
    let Ok(receipt) = serde_json::from_slice::<Receipt>(data) else {
        return;
    };
    let text = serde_json::to_vec(&receipt).expect("a document");
    let again: Receipt = serde_json::from_slice(&text).expect("what was read can be written");
    assert_eq!(again, receipt);
    let enforced = [ReceiptStatus::Enforced, ReceiptStatus::Partial].contains(&receipt.status);
    assert!(
        !(enforced && again.replaces(&receipt)),
        "what was enforced stays said"
    );
}
