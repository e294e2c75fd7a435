//! A receipt, for people.

use super::{fields, number};
use crate::receipt::Receipt;

/// Entries that are listed; `-o json` has all that the receipt has.
const LISTED_MAX: usize = 20;

/// All of a receipt.
#[must_use]
pub fn text(receipt: &Receipt) -> String {
    let counts = receipt.entries;
    // What is absent is not shown.
    let bundle = match (receipt.epoch, receipt.seq) {
        (Some(epoch), Some(seq)) => format!("epoch {epoch}, seq {seq}"),
        _ => String::new(),
    };
    let entries = format!(
        "{} received, {} enforced, {} not as asked",
        number(counts.received),
        number(counts.enforced),
        number(counts.not_enforced)
    );
    let refusal = receipt.refusal.as_ref();
    let refusal = refusal.map(|refusal| format!("{}: {}", refusal.code, refusal.error));
    let generation = receipt.generation.map(|generation| generation.to_string());
    let at = |time: Option<jiff::Timestamp>| time.map(|time| time.to_string()).unwrap_or_default();
    let bypass = if receipt.bypass {
        "on: everything passed"
    } else {
        ""
    };
    let interfaces = match receipt.enforcing_interfaces {
        Some(0) => "none enforces: nothing is dropped",
        _ => "",
    };
    let mut text = fields(
        0,
        &[
            ("receipt", receipt.receipt.clone()),
            ("status", receipt.status.name().to_owned()),
            ("refused", refusal.unwrap_or_default()),
            ("feed", format!("{} ({})", receipt.feed, receipt.mode)),
            ("bundle", bundle),
            ("received", receipt.received_at.to_string()),
            ("admitted", at(receipt.admitted_at)),
            ("enforced", at(receipt.enforced_at)),
            ("generation", generation.unwrap_or_default()),
            ("entries", entries),
            ("kill switch", bypass.to_owned()),
            ("interfaces", interfaces.to_owned()),
            ("signed by", receipt.appliance_key.clone()),
        ],
    );
    for entry in receipt.not_enforced.iter().take(LISTED_MAX) {
        let reason = entry.reason.as_deref().unwrap_or("");
        let line = format!("  {} {} {} {reason}", entry.entry, entry.net, entry.status);
        text.push_str(line.trim_end());
        text.push('\n');
    }
    let more = counts.not_enforced.saturating_sub(LISTED_MAX as u64);
    if more > 0 {
        let line = format!("  and {} more, see -o json\n", number(more));
        text.push_str(&line);
    }
    text
}
