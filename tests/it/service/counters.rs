//! Counters by slot say whose order it was, whatever happens to the slot: a random life of orders that
//! come and go, of crashes, and of moves to other maps, beside a model that counts packets by hand.

use std::{
    collections::BTreeMap,
    net::{IpAddr, UdpSocket},
};

use filter_common::abi::STABLE_SINCE;

use super::{CONFIG, site, upgrade::instances};
use crate::support::{
    bpffs::set_abi,
    daemon::{Daemon, Site},
    layout::{CUSTOMER_4, GOOD_4, Layout},
    random::Random,
    say, skipped,
};
/// What is done, and what is sent after each step.
const STEPS: usize = 40;
const HOSTS: usize = 6;

/// Who is listed by which order, and what each order has dropped so far.
#[derive(Debug, Default)]
struct Model {
    /// The order that lists a host, by host.
    listed: BTreeMap<usize, String>,
    dropped: BTreeMap<String, u64>,
    next: usize,
}

fn host(number: usize) -> String {
    format!("203.0.113.{}", 100 + number)
}

/// Makes an order for a host, or takes it back.
fn change(site: &Site<'_>, model: &mut Model, number: usize) {
    if let Some(order) = model.listed.remove(&number) {
        site.done(&["order", "withdraw", &order]);
        return;
    }
    model.next += 1;
    let reference = model.next.to_string();
    let arguments = [
        "order",
        "add",
        "--issuer",
        "x",
        "--until",
        "1d",
        "--reference",
    ];
    let host = host(number);
    site.done(&[&arguments[..], &[&reference, &host]].concat());
    model.listed.insert(number, format!("operator:{reference}"));
}

/// The hosts, and behind them one that nobody lists.
struct Wire {
    senders: Vec<UdpSocket>,
    receiver: UdpSocket,
    number: u32,
}

impl Wire {
    fn new(layout: &Layout) -> Self {
        let hosts = (0..HOSTS).map(host).chain([GOOD_4.to_owned()]);
        let socket = |host: String| layout.upstream.udp(host.parse().unwrap(), 0);
        Self {
            senders: hosts.map(socket).collect(),
            receiver: layout.customer.udp(CUSTOMER_4.parse().unwrap(), 0),
            number: 0,
        }
    }

    /// Sends one packet from each host to the customer, who gets those that nobody lists. What is sent
    /// first arrives first, so once the last has come, no other will.
    fn send(&mut self, model: &mut Model) {
        self.number += 1;
        let mark = self.number.to_be_bytes();
        let to = self.receiver.local_addr().unwrap();
        for sender in &self.senders {
            sender.send_to(&mark, to).unwrap();
        }
        let mut arrived = Vec::new();
        let good: IpAddr = GOOD_4.parse().unwrap();
        while arrived.last() != Some(&good) {
            let mut buffer = [0; 4];
            let (_, from) = self.receiver.recv_from(&mut buffer).unwrap();
            assert_eq!(buffer, mark, "a packet that was late");
            arrived.push(from.ip());
        }
        for number in 0..HOSTS {
            let host = host(number);
            let passed = arrived.contains(&host.parse().unwrap());
            match model.listed.get(&number) {
                Some(order) => {
                    assert!(!passed, "{order} lists {host}");
                    *model.dropped.entry(order.clone()).or_default() += 1;
                }
                None => assert!(passed, "nobody lists {host}"),
            }
        }
    }
}

/// Ends the service, if it runs.
fn kill(service: &mut Option<Daemon>) {
    if let Some(service) = service.take() {
        service.kill();
    }
}

fn counted(site: &Site<'_>, arguments: &[&str]) -> BTreeMap<String, u64> {
    let stats = site.json(&[&["stats"], arguments].concat());
    let orders = stats["orders"].as_array().unwrap().iter();
    orders
        .map(|order| {
            let id = order["id"].as_str().unwrap().to_owned();
            (id, order["packets"].as_u64().unwrap())
        })
        .filter(|(_, packets)| *packets > 0)
        .collect()
}

#[test]
fn each_order_is_credited_with_its_own_drops_whatever_becomes_of_its_slot() {
    if skipped() {
        return;
    }
    let seed = Random::seed("LEVEE_SEED", 0x5107);
    let mut random = Random::new(seed);
    let layout = Layout::new();
    let (site, _) = site(&layout, CONFIG);
    let config = site.config();
    let on_pins = ["--config", config.to_str().unwrap()];
    let mut wire = Wire::new(&layout);
    let mut model = Model::default();
    let mut service = Some(site.start());
    let mut capacity = 5_000;
    for step in 0..STEPS {
        let what = match random.below(8) {
            0 => {
                kill(&mut service);
                "killed"
            }
            1 => {
                kill(&mut service);
                capacity = 15_000 - capacity;
                let limits = format!("[capacity]\nipv4 = {capacity}\nipv6 = {capacity}\n");
                site.configure(&format!("{CONFIG}{limits}"));
                "another capacity"
            }
            2 => {
                kill(&mut service);
                let newest = *instances(&site).last().unwrap();
                set_abi(&site.pins().join(newest.to_string()), STABLE_SINCE);
                "an older version"
            }
            _ => {
                service.get_or_insert_with(|| site.start());
                change(&site, &mut model, random.below(HOSTS));
                "a change"
            }
        };
        wire.send(&mut model);
        let arguments: &[&str] = if service.is_some() { &[] } else { &on_pins };
        let counted = counted(&site, arguments);
        assert_eq!(counted, model.dropped, "step {step}, {what}, seed {seed}");
    }
    say(&format!(
        "{} orders on one after the other's slots over {STEPS} steps, seed {seed}",
        model.next
    ));
}
