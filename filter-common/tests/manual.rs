//! The manual says what the code does: every reason, every policy with its default, every limit of a
//! packet.

use filter_common::{
    limits::{
        CLAUSES_MAX, CLAUSES_PER_CELL_MAX, HEADER_WINDOW, HOST_GROUPS_MAX, ICMP_MESSAGE_MAX,
        INTERFACES_MAX, IPV6_EXTENSIONS_MAX, MPLS_LABELS_MAX, PLACE_PREFIXES_MAX, POLICIES_MAX,
        REASONS_MAX, SLOTS_MAX, VLAN_TAGS_MAX,
    },
    policy::Policy,
    verdict::Reason,
};

const PACKETS: &str = include_str!("../../docs/packets.md");
const PERIMETER: &str = include_str!("../../docs/perimeter.md");
const LIMITS: &str = include_str!("../../docs/limits.md");

/// The cells of the table row of a page that begins with this name.
fn row<'a>(page: &'a str, name: &str) -> Vec<&'a str> {
    let start = format!("| `{name}` |");
    let mut rows = page.lines().filter(|line| line.starts_with(&start));
    let row = rows.next().unwrap_or_else(|| panic!("`{name}` has no row"));
    assert_eq!(rows.next(), None, "`{name}` has two rows");
    row.trim_matches('|').split('|').map(str::trim).collect()
}

#[test]
fn every_reason_is_explained_with_what_it_does() {
    for reason in Reason::all() {
        if matches!(reason, Reason::Policy(_)) {
            continue;
        }
        let cells = row(PACKETS, reason.name());
        let verdict = if reason.can_drop() { "drop" } else { "pass" };
        assert_eq!(cells[1], verdict, "{}", reason.name());
    }
}

#[test]
fn every_policy_has_its_default_its_risk_and_its_reference() {
    let mut listed = Vec::new();
    for policy in Policy::ALL {
        let cells = row(PERIMETER, policy.name());
        assert_eq!(cells[1], policy.default_action().name(), "{policy:?}");
        assert!(cells[2].ends_with('.') && cells[3].ends_with('.'));
        assert_eq!(cells[4], policy.reference(), "{policy:?}");
        listed.push(PERIMETER.find(&format!("\n| `{}` |", policy.name())));
    }
    assert!(listed.is_sorted(), "in the order in which they decide");
}

#[test]
fn limits_have_the_values_of_the_code() {
    for (name, value) in [
        ("VLAN_TAGS_MAX", VLAN_TAGS_MAX),
        ("MPLS_LABELS_MAX", MPLS_LABELS_MAX),
        ("IPV6_EXTENSIONS_MAX", IPV6_EXTENSIONS_MAX),
        ("HEADER_WINDOW", HEADER_WINDOW),
        ("ICMP_MESSAGE_MAX", ICMP_MESSAGE_MAX),
        ("REASONS_MAX", REASONS_MAX as usize),
        ("POLICIES_MAX", POLICIES_MAX as usize),
        ("HOST_GROUPS_MAX", HOST_GROUPS_MAX),
        ("INTERFACES_MAX", INTERFACES_MAX),
        ("CLAUSES_MAX", CLAUSES_MAX),
        ("CLAUSES_PER_CELL_MAX", CLAUSES_PER_CELL_MAX),
        ("SLOTS_MAX", SLOTS_MAX),
        ("PLACE_PREFIXES_MAX", PLACE_PREFIXES_MAX),
    ] {
        let cell = row(LIMITS, name)[1];
        let digits = cell.chars().take_while(|c| c.is_ascii_digit() || *c == ',');
        let number: String = digits.filter(char::is_ascii_digit).collect();
        assert_eq!(number, value.to_string(), "{name}");
    }
}
