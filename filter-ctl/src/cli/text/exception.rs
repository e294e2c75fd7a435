//! The text of `exception list`.

use super::{
    optional_time, outside,
    table::{Side, Table},
};
use crate::http::wire::NeverBlockEntry;

/// A line for each prefix that is never blocked.
#[must_use]
pub fn list(entries: &[NeverBlockEntry]) -> String {
    if entries.is_empty() {
        return "Nothing is exempt from being blocked.\n".to_owned();
    }
    let mut table = Table::new(&[
        ("NET", Side::Left),
        ("SCOPE", Side::Left),
        ("ORIGIN", Side::Left),
        ("UNTIL", Side::Left),
        ("BY", Side::Left),
        ("REASON", Side::Left),
    ]);
    for entry in entries {
        table.row([
            entry.net.to_string(),
            entry.scope.clone(),
            entry.origin.clone(),
            optional_time(entry.until),
            outside(entry.by.as_deref().unwrap_or_default()).into_owned(),
            outside(&entry.reason).into_owned(),
        ]);
    }
    table.render(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::samples;

    #[test]
    fn the_list() {
        let mut built_in = samples::never_block_entry();
        (built_in.until, built_in.by) = (None, None);
        built_in.origin = "built-in".to_owned();
        built_in.reason = "documentation".to_owned();
        assert_eq!(
            list(&[samples::never_block_entry(), built_in]),
            "\
NET             SCOPE  ORIGIN     UNTIL                 BY                REASON
203.0.113.0/28  lists  exception  2026-12-01 00:00:00Z  alice (uid 1000)  our resolver
203.0.113.0/28  lists  built-in   -                     -                 documentation
"
        );
    }
}
