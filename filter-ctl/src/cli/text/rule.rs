//! The text of `rule list`.

use super::{
    bytes, number, optional_time, outside,
    table::{Side, Table},
};
use crate::http::wire::RuleEntry;

/// A line for each rule, in the order in which they are asked.
#[must_use]
pub fn list(rules: &[RuleEntry]) -> String {
    if rules.is_empty() {
        return "No rule is in force.\n".to_owned();
    }
    let mut table = Table::new(&[
        ("RANK", Side::Right),
        ("ID", Side::Left),
        ("MATCHED", Side::Right),
        ("DROPPED", Side::Right),
        ("BYTES", Side::Right),
        ("SINCE", Side::Left),
        ("UNTIL", Side::Left),
        ("BY", Side::Left),
        ("RULE", Side::Left),
    ]);
    for rule in rules {
        table.row([
            rule.rank.to_string(),
            rule.id.to_string(),
            number(rule.matched.packets),
            number(rule.dropped.packets),
            bytes(rule.dropped.bytes),
            optional_time(rule.since),
            optional_time(rule.until),
            outside(rule.by.as_deref().unwrap_or(&rule.origin)).into_owned(),
            rule.text.clone(),
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
        let mut configured = samples::rule_entry();
        (configured.since, configured.until, configured.by) = (None, None, None);
        configured.origin = "configuration".to_owned();
        configured.rank = 2;
        assert_eq!(
            list(&[samples::rule_entry(), configured]),
            "\
RANK  ID   MATCHED  DROPPED     BYTES  SINCE                 UNTIL                 BY                RULE
   1  ntp   12,345   12,000  12.00 MB  2026-11-23 08:00:04Z  2026-11-23 10:00:04Z  alice (uid 1000)  proto = udp sport = 123 length >= 468 then drop
   2  ntp   12,345   12,000  12.00 MB  -                     -                     configuration     proto = udp sport = 123 length >= 468 then drop
"
        );
        assert_eq!(list(&[]), "No rule is in force.\n");
    }
}
