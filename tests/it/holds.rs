//! Guard rails that hold entries, against a plain model of them.

use std::{collections::BTreeMap, net::Ipv4Addr, sync::Arc};

use filter_ctl::{
    order::{
        FeedName, OrderId, OrderInfo, VerifiedOrder,
        list::ListFormat,
        verify::{ListTerms, admit_list},
    },
    policy::{
        HoldReason, RuleSet, WithheldReason,
        hold::{Approval, Decision, Guarded, HoldPolicy, SeenTerms},
        merge::{FeedPolicy, PolicyInput, ShortestPrefix, Withdrawal, merge},
    },
};
use ipnet::{IpNet, Ipv4Net};
use jiff::Timestamp;
use proptest::{collection::vec, prelude::*};

/// A few prefixes that often overlap.
fn net() -> impl Strategy<Value = IpNet> {
    (0..64_u32, 22..=32_u8).prop_map(|(bits, length)| {
        let address = Ipv4Addr::from_bits(0x1401_0000 | bits << 4);
        Ipv4Net::new(address, length).unwrap().trunc().into()
    })
}

fn reasons() -> impl Strategy<Value = Vec<HoldReason>> {
    proptest::sample::subsequence(HoldReason::ALL.to_vec(), 0..=3)
}

fn source(nets: &[IpNet], now: Timestamp) -> Arc<VerifiedOrder> {
    let terms = ListTerms {
        format: ListFormat::Plain,
        ttl_seconds: 3_600,
        shortest_ipv4: 0,
        shortest_ipv6: 0,
        entries_max: 1_000,
        can_be_empty: true,
        order: OrderInfo {
            reference: "1".into(),
            issuer: "x".into(),
            basis: "".into(),
            reason: "".into(),
        },
    };
    let lines: Vec<String> = nets.iter().map(IpNet::to_string).collect();
    let text = lines.join("\n") + "\n";
    admit_list(&feed(), &text.as_bytes().to_vec().into(), &terms, None, now)
        .unwrap()
        .order
}

fn feed() -> FeedName {
    FeedName::try_from("list".to_owned()).unwrap()
}

fn order() -> OrderId {
    OrderId {
        feed: feed(),
        reference: "1".into(),
    }
}

fn overlaps(net: &IpNet, guarded: &[IpNet]) -> bool {
    guarded
        .iter()
        .any(|other| other.contains(net) || net.contains(other))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn what_is_held_is_not_enforced_before_all_its_reasons_are_approved_and_a_withdrawal_waits_for_nothing(
        nets in vec(net(), 1..12),
        (own, shared) in (vec(net(), 0..3), vec(net(), 0..3)),
        (shortest, own_space, shared_infrastructure) in (0..33_u8, any::<bool>(), any::<bool>()),
        decided in vec((net(), proptest::option::of(reasons())), 0..8),
        withdrawn in vec(net(), 0..3),
    ) {
        let now: Timestamp = "2026-11-25T00:00:00Z".parse().unwrap();
        let hold = HoldPolicy {
            shortest: ShortestPrefix { v4: shortest, v6: 0 },
            own_space,
            shared_infrastructure,
        };
        let guarded = Arc::new(Guarded::new(&own, &shared));
        let feeds = BTreeMap::from([(feed(), FeedPolicy { monitor: false, hold })]);
        let sources = [source(&nets, now)];
        // All entries of such a list mean the same packets.
        let seen = SeenTerms::of(sources[0].entries().at(0).terms);
        // One decision about each entry, as the service keeps them.
        let decided: BTreeMap<IpNet, Option<Vec<HoldReason>>> = decided.into_iter().collect();
        let approvals: Vec<Approval> = decided.iter().map(|(net, approved)| Approval {
            order: order(),
            entry: net.to_string().into(),
            net: *net,
            decision: approved.clone().map_or(Decision::Rejected, |reasons| {
                Decision::Approved(reasons, seen.clone())
            }),
        }).collect();
        let withdrawals: Vec<Withdrawal> = withdrawn.iter().map(|net| Withdrawal {
            order: order(),
            entry: Some(net.to_string().into()),
        }).collect();
        let input = PolicyInput {
            sources: &sources,
            feeds: &feeds,
            never_block: &[],
            never_block_changes: None,
            withdrawals: &withdrawals,
            guarded: &guarded,
            approvals: &approvals,
            now,
        };
        let rules = merge(&input, &RuleSet::default());
        let enforced: Vec<IpNet> = rules.rules().map(|rule| rule.entry.net).collect();
        let why: BTreeMap<IpNet, WithheldReason> =
            rules.withheld().map(|entry| (entry.net, entry.why)).collect();
        for net in &nets {
            let mut reasons = Vec::new();
            if net.prefix_len() < shortest {
                reasons.push(HoldReason::ShortPrefix);
            }
            if own_space && overlaps(net, &own) {
                reasons.push(HoldReason::OwnSpace);
            }
            if shared_infrastructure && net.prefix_len() < 32 && overlaps(net, &shared) {
                reasons.push(HoldReason::SharedInfrastructure);
            }
            let decision = decided.get(net);
            let expected = if withdrawn.contains(net) {
                Some(WithheldReason::Withdrawn)
            } else if decision == Some(&None) {
                Some(WithheldReason::Rejected)
            } else {
                let approved = decision.cloned().flatten().unwrap_or_default();
                // All of them have to be approved; the first is told.
                let missing = reasons.iter().any(|reason| !approved.contains(reason));
                missing.then(|| WithheldReason::Held(reasons[0]))
            };
            prop_assert_eq!(enforced.contains(net), expected.is_none(), "{} {:?}", net, expected);
            let found = why.get(net).copied();
            let is_same = match (found, expected) {
                (Some(WithheldReason::Held(_)), Some(WithheldReason::Held(_))) => true,
                (found, expected) => found == expected,
            };
            prop_assert!(is_same, "{}: {:?}, expected {:?}", net, found, expected);
        }
    }
}
