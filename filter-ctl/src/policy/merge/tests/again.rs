//! What was judged once is not judged again, and comes out the same.

use super::*;

fn moment() -> impl Strategy<Value = Moment> {
    (
        any::<[bool; 3]>(),
        0..3usize,
        vec(0..5usize, 0..3),
        any::<bool>(),
        -3..4i64,
    )
}

fn some_entries() -> impl Strategy<Value = Vec<Entry>> {
    let lengths = prop_oneof![20..=32u8, Just(32)];
    vec((0..16u32, lengths, 0..2u32, -2..3i64), 0..12).prop_map(|entries| {
        let entries = entries.into_iter().enumerate();
        entries
            .map(|(n, (host, length, order, hours))| {
                let address = (0xc633_6400 | host).into();
                let net = ipnet::Ipv4Net::new_assert(address, length).trunc();
                entry(&format!("e{n}"), &net.to_string(), order, hours)
            })
            .collect()
    })
}

proptest! {
    #[test]
    fn what_was_judged_before_makes_no_difference(
        entries in [some_entries(), some_entries(), some_entries()],
        moments in vec(moment(), 1..8),
    ) {
        let [one, two, three] = entries;
        let all = [
            source("a", &["1", "2"], one),
            source("b", &["1", "2"], two),
            source("b", &["3", "2"], three),
        ];
        let never_block = [never("198.51.100.4/30"), never("198.51.100.0/29")];
        let withdrawal = |order: &str, entry: Option<&str>| Withdrawal {
            order: OrderId::try_from(order.to_owned()).expect("an order's name"),
            entry: entry.map(Into::into),
        };
        let withdrawals = [
            withdrawal("a:1", None),
            withdrawal("b:2", None),
            withdrawal("b:1", Some("e1")),
            withdrawal("b:3", Some("e2")),
            withdrawal("c:1", None),
        ];
        let mut before = RuleSet::default();
        for (present, protected, withdrawn, monitor, hours) in moments {
            let sources = std::iter::zip(&all, present).filter(|(_, present)| *present);
            let sources: Vec<_> = sources.map(|(source, _)| Arc::clone(source)).collect();
            let withdrawn = withdrawn.into_iter().map(|index| withdrawals[index].clone());
            let withdrawn: Vec<_> = withdrawn.collect();
            let policy = FeedPolicy { monitor, ..FeedPolicy::default() };
            let feeds = BTreeMap::from([(feed("b"), policy)]);
            let input = PolicyInput {
                feeds: &feeds,
                never_block: &never_block[..protected],
                withdrawals: &withdrawn,
                now: *NOW + SignedDuration::from_hours(hours),
                ..input(&sources)
            };
            let fresh = merge(&input);
            let rules = super::super::merge(&input, &before);
            prop_assert_eq!(&rules, &fresh);
            before = rules;
        }
    }
}

#[test]
#[ignore = "takes its time without optimisation: run with --release"]
fn a_million_entries() {
    let entries = (0..1_000_000u32)
        .map(|n| {
            let address = std::net::Ipv4Addr::from_bits(n.wrapping_mul(2_654_435_761));
            entry(&format!("e{n}"), &format!("{address}/32"), n % 100, 2)
        })
        .collect();
    let orders: Vec<String> = (0..100).map(|n| n.to_string()).collect();
    let orders: Vec<&str> = orders.iter().map(String::as_str).collect();
    let source = source("a", &orders, entries);
    let never_block = crate::policy::special_use::built_in();
    let sources = [source];
    let input = PolicyInput {
        never_block: &never_block,
        ..input(&sources)
    };
    let begun = Instant::now();
    let rules = merge(&input);
    eprintln!(
        "merge: {:?}; {} rules, {} withheld",
        begun.elapsed(),
        rules.len(),
        rules.withheld().count()
    );
    let begun = Instant::now();
    let again = super::super::merge(&input, &rules);
    eprintln!("merged again: {:?}", begun.elapsed());
    assert!(!again.is_empty());
}
