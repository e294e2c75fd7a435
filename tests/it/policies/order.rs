//! Of several policies that apply to a packet, the lowest number decides.

use filter_common::{
    policy::{Policies, Policy, PolicyAction},
    settings::{Enforcement, Role},
    verdict::Reason,
};

use super::{all, put, rules, samples::Case};
use crate::support::{
    kernel::{Kernel, SMALL},
    packet::{Flow, Frame, Tcp, V4, link::ethertype, number, tcp},
    skipped,
    traffic::{HOST_4, PEER_4},
};

const ODD: [Policy; 3] = [Policy::TtlZero, Policy::TcpSynFin, Policy::Ipv4Options];

/// One packet to which three policies apply.
fn case() -> Case {
    let [from, to] = [HOST_4, PEER_4].map(|end| end.parse().unwrap());
    let flow = Flow::udp(HOST_4, PEER_4, [40_000, 80]).protocol(number::TCP);
    let segment = Tcp::new(tcp::SYN | tcp::FIN)
        .options(&tcp::SYN_OPTIONS)
        .segment(&flow, &[]);
    let header = V4 {
        ttl: 0,
        ..V4::new(from, to, number::TCP).header_words(7)
    };
    let mut odd = Policies::NONE;
    for policy in ODD {
        odd.add(policy);
    }
    Case {
        policy: ODD[0],
        name: "three oddities".to_owned(),
        frame: Frame::new(ethertype::IPV4, header.packet(&segment)).bytes(),
        packet: None,
        ends: Some([from.into(), to.into()]),
        odd,
        reason: Reason::Clean,
    }
}

#[test]
fn of_several_policies_the_lowest_number_decides() {
    if skipped() {
        return;
    }
    let case = case();
    let mut kernel = Kernel::empty(SMALL);
    for first in PolicyAction::ALL {
        for second in PolicyAction::ALL {
            for third in PolicyAction::ALL {
                let actions = [*first, *second, *third];
                let action = |policy: Policy| {
                    let known = ODD.iter().position(|odd| *odd == policy);
                    // Those that do not apply are of no account.
                    known.map_or(PolicyAction::Drop, |index| actions[index])
                };
                for enforcement in [Enforcement::Enforce, Enforcement::Monitor] {
                    let mut rules = rules(enforcement, Role::Upstream);
                    put(&mut rules, Role::Upstream, all(action));
                    kernel.publish(&rules);
                    let monitors = enforcement == Enforcement::Monitor;
                    let outcome = super::expected(&case, monitors, action);
                    let drop = actions
                        .iter()
                        .position(|action| *action == PolicyAction::Drop);
                    if let (Some(index), false) = (drop, monitors) {
                        assert_eq!(outcome.reason, Reason::Policy(ODD[index]), "{actions:?}");
                    } else {
                        assert_eq!(outcome.reason, Reason::Policy(ODD[0]), "{actions:?}");
                    }
                    kernel.check(&format!("{actions:?}"), &case.frame, &outcome);
                }
            }
        }
    }
}
