//! What the wire says: which generation is in force, and whether a blocked host comes through.

use std::{
    net::{IpAddr, UdpSocket},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::Duration,
};

use crate::support::layout::{BAD_4, BAD_6, CUSTOMER_4, CUSTOMER_6, GOOD_4, GOOD_6, Layout};

/// Listed by every second bundle, and by the others.
pub(super) const PROBED: [[&str; 2]; 2] = [
    ["203.0.113.40", "2001:db8:bad::40"],
    ["203.0.113.50", "2001:db8:bad::50"],
];

/// Asks the wire which generation is in force.
pub(super) struct Probes {
    /// By family: listed by either, and by none.
    senders: [[UdpSocket; 3]; 2],
    receivers: [UdpSocket; 2],
    number: u32,
}

impl Probes {
    pub(super) fn new(layout: &Layout) -> Self {
        let socket = |address: &str| layout.upstream.udp(address.parse().unwrap(), 0);
        let senders = [0, 1].map(|family| {
            let good = [GOOD_4, GOOD_6][family];
            [PROBED[0][family], PROBED[1][family], good].map(socket)
        });
        let receivers = [CUSTOMER_4, CUSTOMER_6]
            .map(|address| layout.customer.udp(address.parse().unwrap(), 0));
        Self {
            senders,
            receivers,
            number: 0,
        }
    }

    /// Which of the two is blocked, in both families.
    pub(super) fn in_force(&mut self, when: &str) -> usize {
        let [four, six] = [0, 1].map(|family| self.blocked(family));
        assert_eq!(four, six, "{when}: half a generation");
        match four {
            [true, false] => 0,
            [false, true] => 1,
            other => panic!("{when}: neither generation blocks {other:?}"),
        }
    }

    /// Which of the two listed hosts do not come through. One cable: what was sent first arrives first,
    /// so once the good one is there, the others would be.
    fn blocked(&mut self, family: usize) -> [bool; 2] {
        self.number += 1;
        let mark = self.number.to_be_bytes();
        let receiver = &self.receivers[family];
        let to = receiver.local_addr().unwrap();
        for sender in &self.senders[family] {
            sender.send_to(&mark, to).unwrap();
        }
        let addresses = [0, 1, 2].map(|host: usize| {
            let address = self.senders[family][host].local_addr().unwrap();
            address.ip()
        });
        let mut blocked = [true; 2];
        loop {
            let mut buffer = [0; 4];
            let (_, from) = receiver.recv_from(&mut buffer).unwrap();
            if buffer != mark {
                continue;
            }
            match addresses.iter().position(|address| *address == from.ip()) {
                Some(2) => return blocked,
                Some(host) => blocked[host] = false,
                None => panic!("a packet of {from}"),
            }
        }
    }
}

/// Packets of blocked hosts, all the time.
#[derive(Debug, Default)]
pub(super) struct Attack {
    pub(super) sent: AtomicU64,
    pub(super) leaked: AtomicU64,
    pub(super) stop: AtomicBool,
}

impl Attack {
    pub(super) fn run(&self, layout: &Layout) {
        let hosts = [BAD_4, BAD_6].map(|host| host.parse::<IpAddr>().unwrap());
        let pairs = hosts.map(|host| {
            let receiver = layout.customer.udp(Layout::customer_like(host), 0);
            receiver.set_nonblocking(true).unwrap();
            (layout.upstream.udp(host, 0), receiver)
        });
        while !self.stop.load(Ordering::Relaxed) {
            for (sender, receiver) in &pairs {
                sender
                    .send_to(b"x", receiver.local_addr().unwrap())
                    .unwrap();
                self.sent.fetch_add(1, Ordering::Relaxed);
                let leaked = u64::from(receiver.recv(&mut [0; 4]).is_ok());
                self.leaked.fetch_add(leaked, Ordering::Relaxed);
            }
            thread::sleep(Duration::from_micros(200));
        }
        for (_, receiver) in &pairs {
            receiver.set_nonblocking(false).unwrap();
            let wait = Some(Duration::from_millis(250));
            receiver.set_read_timeout(wait).unwrap();
            let leaked = u64::from(receiver.recv(&mut [0; 4]).is_ok());
            self.leaked.fetch_add(leaked, Ordering::Relaxed);
        }
    }
}

/// Ends the attack, also after a failure.
pub(super) struct StopWhenDropped<'a>(pub(super) &'a AtomicBool);

impl Drop for StopWhenDropped<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
