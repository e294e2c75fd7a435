//! A limit lets pass what it says, whatever comes, and each destination its own.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Mutex,
    time::{Duration, Instant},
};

use filter_common::{
    limit::{CLASSES, Class, Limit, Tick, Use},
    verdict::{Action, Reason},
};
use filter_ctl::{
    kernel::{attach::LoadedProgram, object::embedded},
    policy::perimeter::{HostGroup, Perimeter},
};

use crate::support::{
    kernel::Kernel,
    packet::{Flow, Frame, Tcp, V4, V6, number, tcp},
    rules::parse,
    skipped,
    timed::{LIMITS, Timed, compiled},
};

pub(crate) const SECOND: u64 = 1_000;

/// A group of these networks, with one limit for a class.
fn limited(networks: &[&str], class: Class, limit: Limit) -> Perimeter {
    let mut limits = [Limit::NONE; CLASSES];
    limits[class as usize] = limit;
    Perimeter {
        groups: vec![HostGroup {
            name: "inside".to_owned(),
            networks: networks.iter().map(|net| parse(net)).collect(),
            limits,
            ..HostGroup::default()
        }],
        ..Perimeter::default()
    }
}

/// As the configuration has it: a tenth of a second at once.
fn packets(per_second: u64) -> Limit {
    Limit::packets(per_second, per_second / 10)
}

fn udp(destination: &str) -> Vec<u8> {
    let source = if destination.contains(':') {
        "2001:db8::1"
    } else {
        "203.0.113.7"
    };
    Flow::udp(source, destination, [40_000, 9])
        .frame(&[0; 30])
        .bytes()
}

fn ipv4(packet: &[u8]) -> Vec<u8> {
    Frame::new(0x0800, packet).bytes()
}

/// How much passes of so many packets per second in so many seconds, sent evenly.
fn passed(timed: &mut Timed, frame: &[u8], per_second: u64, seconds: u64) -> u64 {
    passed_of(timed, &[frame.to_vec()], per_second, seconds)
}

/// The same of packets that take turns.
pub(crate) fn passed_of(
    timed: &mut Timed,
    frames: &[Vec<u8>],
    per_second: u64,
    seconds: u64,
) -> u64 {
    let before = timed.passed();
    let mut turns = frames.iter().cycle();
    let mut sent = 0;
    for millisecond in 0..seconds * SECOND {
        timed.at(1_000_000 + millisecond);
        let due = per_second * (millisecond + 1) / SECOND;
        for frame in turns.by_ref().take(usize::try_from(due - sent).unwrap()) {
            timed.passes(frame);
        }
        sent = due;
    }
    timed.passed() - before
}

pub(crate) fn assert_near(passed: u64, expected: u64, what: &str) {
    let off = passed.abs_diff(expected);
    assert!(
        off * 20 <= expected,
        "{what}: {passed} passed, expected {expected} within 5 %"
    );
}

#[test]
fn a_limit_lets_its_rate_pass_to_five_percent_over_ten_seconds() {
    if skipped() {
        return;
    }
    // One that has a line of its own, and one that takes turns.
    for (network, destination) in [
        ("192.0.2.0/24", "192.0.2.9"),
        ("10.0.0.0/8", "10.1.2.3"),
        ("2001:db8:7::/48", "2001:db8:7::9"),
    ] {
        for rate in [1_000, 7_777, 20_000] {
            let mut timed = Timed::new(limited(&[network], Class::Udp, packets(rate)));
            let frame = udp(destination);
            let got = passed(&mut timed, &frame, 4 * rate, 10);
            assert_near(
                got,
                10 * rate,
                &format!("{destination} at {rate}/s, four times as much sent"),
            );
            let dropped = timed.dropped(Reason::LimitUdp);
            assert_eq!(dropped + got, 40 * rate, "every packet is counted once");
        }
    }
}

#[test]
fn what_keeps_its_limit_loses_nothing() {
    if skipped() {
        return;
    }
    for rate in [1_000, 7_777] {
        let mut timed = Timed::new(limited(&["192.0.2.0/24"], Class::Udp, packets(rate)));
        let got = passed(&mut timed, &udp("192.0.2.9"), rate, 10);
        assert_eq!(got, 10 * rate);
    }
}

#[test]
fn a_limit_in_bits_counts_frames_of_every_length() {
    if skipped() {
        return;
    }
    for length in [30, 400, 1_400] {
        let frame = Flow::udp("203.0.113.7", "192.0.2.9", [40_000, 9])
            .frame(&vec![0; length])
            .bytes();
        let bytes = frame.len() as u64;
        let rate = 2_000 * bytes;
        let limit = Limit::bytes(rate, rate / 10);
        let mut timed = Timed::new(limited(&["192.0.2.0/24"], Class::Udp, limit));
        let got = passed(&mut timed, &frame, 8_000, 10);
        assert_near(got, 20_000, &format!("frames of {bytes} bytes"));
    }
}

#[test]
fn a_limit_is_of_one_class_and_of_one_destination() {
    if skipped() {
        return;
    }
    let source: Ipv4Addr = "203.0.113.7".parse().unwrap();
    let destination: Ipv4Addr = "192.0.2.9".parse().unwrap();
    let flow = |protocol, ports| Flow {
        source: source.into(),
        destination: destination.into(),
        protocol,
        ports,
    };
    let tcp = |flags| {
        let flow = flow(number::TCP, [40_000, 443]);
        let segment = Tcp::new(flags)
            .options(&tcp::SYN_OPTIONS)
            .segment(&flow, &[]);
        ipv4(&V4::new(source, destination, number::TCP).packet(&segment))
    };
    let later = V4::new(source, destination, number::UDP).fragment(185, true);
    let later = ipv4(&later.packet(&[0; 64]));
    let frames = [
        (Class::Syn, tcp(tcp::SYN)),
        (Class::Reply, tcp(tcp::SYN | tcp::ACK)),
        (Class::Reply, tcp(tcp::RST)),
        (Class::Other, tcp(tcp::ACK)),
        (
            Class::Reflection,
            flow(number::UDP, [123, 9]).frame(&[0; 30]).bytes(),
        ),
        (
            Class::Udp,
            flow(number::UDP, [40_000, 9]).frame(&[0; 30]).bytes(),
        ),
        (
            Class::Icmp,
            flow(number::ICMP, [0, 0]).frame(&[0; 30]).bytes(),
        ),
        (Class::Fragment, later),
        (
            Class::Other,
            flow(number::GRE, [0, 0]).frame(&[0; 30]).bytes(),
        ),
    ];
    let of = |class| limited(&["192.0.2.0/24"], class, Limit::packets(10, 1));
    let mut timed = Timed::new(of(Class::Udp));
    let mut millisecond = 5_000;
    for class in Class::ALL {
        timed.publish(of(*class));
        for (of, frame) in &frames {
            millisecond += 10 * SECOND;
            timed.at(millisecond);
            let expected = if of == class { 1 } else { 5 };
            assert_eq!(
                timed.send(frame, 5),
                expected,
                "{of:?} under a limit for {class:?}"
            );
        }
    }
    timed.publish(of(Class::Udp));
    timed.at(millisecond + 10 * SECOND);
    assert_eq!(timed.send(&udp("192.0.2.9"), 5), 1);
    assert_eq!(
        timed.send(&udp("192.0.2.10"), 5),
        1,
        "another destination has its own"
    );
    assert_eq!(
        timed.send(&udp("192.0.3.10"), 5),
        5,
        "one in no group has none"
    );
}

#[test]
fn a_million_destinations_in_a_minute_take_nothing_from_each_other() {
    if skipped() {
        return;
    }
    a_million_destinations("10.0.0.0/8", "10.255.255.1", |frame, number| {
        let address = Ipv4Addr::from_bits(0x0a00_0000 | (number * 13 % 0xfe_0000));
        frame[30..34].copy_from_slice(&address.octets());
    });
}

#[test]
fn a_million_destinations_of_ipv6_in_a_minute_take_nothing_from_each_other() {
    if skipped() {
        return;
    }
    // Networks and hosts differ.
    a_million_destinations("2001:db8::/32", "2001:db8:ffff::1", |frame, number| {
        frame[42..46].copy_from_slice(&(1 << 24 | number >> 4).to_be_bytes());
        frame[50..54].copy_from_slice(&number.to_be_bytes());
    });
}

/// A packet to each of a million destinations in a minute, written by `next`, and one that gets twice its limit.
fn a_million_destinations(network: &str, victim: &str, next: fn(&mut [u8], u32)) {
    const DESTINATIONS: u32 = 1_000_000;
    const PACKETS: u64 = DESTINATIONS as u64;
    let mut timed = Timed::new(limited(&[network], Class::Udp, packets(1_000)));
    let attacked = udp(victim);
    let mut frame = attacked.clone();
    let mut lost = 0;
    for number in 0..DESTINATIONS {
        if number.is_multiple_of(100) {
            timed.at(u64::from(number) * 60 * SECOND / PACKETS);
            // 6 ms, so 6 packets keep its limit.
            timed.run(&attacked, 12);
        }
        next(&mut frame, number);
        lost += u64::from(!timed.passes(&frame));
    }
    assert!(
        lost * 10_000 <= PACKETS,
        "{lost} of {PACKETS} single packets were dropped"
    );
    let victim_passed = timed.passed() - (PACKETS - lost);
    assert_near(
        victim_passed,
        60 * 1_000,
        "the one under attack, at twice its limit",
    );
    // Every packet is in the meter of its group, and the one under attack has one of its own amid all the others.
    let meters = timed.instance.meters().unwrap().read().unwrap();
    let group = meters.groups[1];
    let sent = 12 * PACKETS / 100 + PACKETS;
    assert_eq!(group.packets[Class::Udp as usize], sent);
    assert_eq!(
        group.dropped_packets,
        sent - timed.passed(),
        "what was over a limit"
    );
    let victim: IpAddr = victim.parse().unwrap();
    let of_victim = meters.destinations.iter();
    let of_victim = of_victim.filter(|(key, _)| key.address == victim);
    let metered: u64 = of_victim
        .map(|(_, meter)| meter.packets[Class::Udp as usize])
        .sum();
    assert!(
        metered * 10 >= 12 * PACKETS / 100 * 9,
        "{metered} packets in the meter of the one under attack"
    );
}

#[test]
fn limits_hold_for_the_sum_of_all_cpus() {
    const SECONDS: u64 = 10;
    if skipped() {
        return;
    }
    let mut kernel = Kernel::empty(LIMITS);
    let perimeter = limited(&["192.0.2.0/24"], Class::Udp, packets(1_000));
    let table = compiled(perimeter).table;
    kernel.publish_table(&table, [0; 32]).unwrap();
    let frame = udp("192.0.2.9");
    let began = Instant::now();
    // When a packet came last, and for how long none did: on a busy machine that takes from what passes.
    let came = Mutex::new((began, Duration::ZERO));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            let mut program =
                LoadedProgram::load(&kernel.instance, embedded().unwrap(), 0).unwrap();
            let (frame, came) = (&frame, &came);
            scope.spawn(move || {
                while began.elapsed() < Duration::from_secs(SECONDS) {
                    for _ in 0..50 {
                        program.test_run(frame).unwrap();
                    }
                    let mut came = came.lock().unwrap();
                    let gap = came.0.elapsed();
                    if gap > Duration::from_millis(50) {
                        came.1 += gap;
                    }
                    came.0 = Instant::now();
                }
            });
        }
    });
    let idle = came.lock().unwrap().1;
    let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap();
    let [least, most] = [began.elapsed().saturating_sub(idle), began.elapsed()].map(milliseconds);
    let counted = kernel.instance.verdict_counters(0).unwrap().into_iter();
    let passed = counted.filter(|counted| counted.action == Action::Pass);
    let passed: u64 = passed.map(|counted| counted.counter.packets).sum();
    assert!(
        passed * 20 >= least * 19 && passed * 20 <= most * 21,
        "{passed} passed of two CPUs at full speed, expected {least} to {most} within 5 %"
    );
}

#[test]
fn an_address_of_ipv6_has_its_limit_too() {
    if skipped() {
        return;
    }
    let source = "2001:db8::1".parse().unwrap();
    for network in ["2001:db8:7::/48", "2001:db8:7::/112"] {
        let mut timed = Timed::new(limited(&[network], Class::Icmp, Limit::packets(10, 1)));
        timed.at(5_000);
        for host in 1..4 {
            let destination = Ipv6Addr::from_bits(0x2001_0db8_0007 << 80 | host);
            let flow = Flow {
                source: IpAddr::V6(source),
                destination: destination.into(),
                protocol: number::ICMPV6,
                ports: [0, 0],
            };
            let segment = flow.segment(&[0; 20]);
            let packet = V6::new(source, destination, number::ICMPV6).packet(&segment);
            let frame = Frame::new(0x86dd, packet).bytes();
            assert_eq!(timed.send(&frame, 5), 1, "{destination} in {network}");
        }
    }
}

#[test]
fn what_another_limit_has_left_in_a_bucket_is_forgotten_within_a_burst_and_a_packet() {
    let limits = [
        Limit::packets(5, 5),
        Limit::packets(100, 10),
        Limit::packets(1_000_000, 100_000),
        Limit::bytes(125_000, 12_500),
        Limit::bytes(1_250_000_000, 125_000_000),
    ];
    let tick = |count| Tick { count, units: 12 };
    for old in limits {
        // Filled up, as a flood does, by packets of every size.
        let mut level = Use::new(0, tick(0));
        for length in [64, 1_500, 65_535].into_iter().cycle().take(400_000) {
            let cost = old.cost(length);
            level = level.with(&old, cost, tick(0)).unwrap_or(level);
        }
        for level in [level, Use::from_bits(u64::from(u32::MAX))] {
            for new in limits {
                let most = u64::from(new.burst).max(new.cost(9_216));
                let units = most.div_ceil(u64::from(new.rate));
                let then = tick(units.div_ceil(12));
                // Past 16 bits of ticks a bucket may look as if it had been touched just now.
                if then.count < 1 << 16 {
                    let passes = level.with(&new, new.cost(64), then);
                    assert!(passes.is_some(), "{old:?}, then {new:?}: {level:?}");
                }
            }
        }
    }
}
