//! Good and blocked traffic, both ways, plain and wrapped, and what became of it.

use std::{net::IpAddr, time::Duration};

use crate::{
    orders::is_listed,
    support::{
        layout::{BAD_4, BAD_6, CUSTOMER_4, CUSTOMER_6, GOOD_4, GOOD_6, Layout},
        packet::Flow,
        wrapping::{self, Link},
    },
};

/// Packets of each kind.
const PACKETS: usize = 5;
/// How long a packet may take that is on its way.
const PATIENCE: Duration = Duration::from_millis(300);

/// The wrappings that are shown, by the names that the tests have for them.
const WRAPPINGS: [&str; 4] = [
    "802.1Q",
    "802.1ad + 802.1Q",
    "PPPoE in QinQ",
    "MPLS of three labels",
];

/// Whether the second order is in force.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blocked {
    Yes,
    No,
}

/// Sends everything and prints what came through; false if anything was not as ordered.
pub(crate) fn table(layout: &Layout, blocked: Blocked) -> bool {
    println!(
        "           {:<56} {:>4}  {:>7}  expected",
        "traffic", "sent", "arrived"
    );
    let mut good = true;
    for (remote, customer) in [
        (GOOD_4, CUSTOMER_4),
        (BAD_4, CUSTOMER_4),
        (GOOD_6, CUSTOMER_6),
        (BAD_6, CUSTOMER_6),
    ] {
        let [remote, customer]: [IpAddr; 2] = [remote, customer].map(|text| text.parse().unwrap());
        let dropped = blocked == Blocked::Yes && is_listed(remote);
        let mut report = |what: String, arrived: usize| {
            let right = arrived == if dropped { 0 } else { PACKETS };
            let expected = if dropped { "dropped" } else { "passed" };
            let mark = if right { "" } else { "  WRONG" };
            println!("           {what:<56} {PACKETS:>4}  {arrived:>7}  {expected}{mark}");
            good &= right;
        };
        report(
            format!("{remote} -> {customer}, forwarded"),
            inbound(layout, remote, customer),
        );
        report(
            format!("{customer} -> {remote}, forwarded"),
            outbound(layout, remote, customer),
        );
        for link in wrapping::links() {
            if WRAPPINGS.contains(&link.name) {
                let arrived = wrapped(layout, remote, customer, &link);
                report(format!("{remote} -> {customer}, {}", link.name), arrived);
            }
        }
    }
    good
}

/// UDP from upstream, through the router's kernel, to the customer.
fn inbound(layout: &Layout, remote: IpAddr, customer: IpAddr) -> usize {
    let sender = layout.upstream.udp(remote, 0);
    let receiver = layout.customer.udp(customer, 0);
    let to = receiver.local_addr().unwrap();
    send_and_count(
        || {
            sender.send_to(b"levee", to).unwrap();
        },
        &receiver,
    )
}

/// UDP from the customer to upstream.
fn outbound(layout: &Layout, remote: IpAddr, customer: IpAddr) -> usize {
    let sender = layout.customer.udp(customer, 0);
    let receiver = layout.upstream.udp(remote, 0);
    let to = receiver.local_addr().unwrap();
    send_and_count(
        || {
            sender.send_to(b"levee", to).unwrap();
        },
        &receiver,
    )
}

fn send_and_count(mut send: impl FnMut(), receiver: &std::net::UdpSocket) -> usize {
    for _ in 0..PACKETS {
        send();
    }
    receiver.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut buffer = [0; 64];
    (0..PACKETS)
        .take_while(|_| receiver.recv(&mut buffer).is_ok())
        .count()
}

/// Wrapped frames, written to the wire and observed behind the filter. The router has no interfaces for
/// what is in them, so they go no further.
fn wrapped(layout: &Layout, remote: IpAddr, customer: IpAddr, link: &Link) -> usize {
    let wire = layout.tap_upstream();
    let behind = layout.router_tap();
    let flow = Flow::udp(&remote.to_string(), &customer.to_string(), [40_000, 53]);
    let frame = link.frame(flow.ethertype(), flow.packet(b"levee"));
    let frame = Layout::from_upstream(frame).bytes();
    for _ in 0..PACKETS {
        wire.send(&frame);
    }
    let same = |seen: &[u8]| seen == frame;
    (0..PACKETS)
        .take_while(|_| behind.find(PATIENCE, same).is_some())
        .count()
}
