//! Samples are bounded whatever comes: under a flood at full speed on several CPUs each dropped packet is a sample,
//! or was one too many, or was lost, and all three are counted. And none shows an address inside, whoever dropped
//! the packet.

use std::{
    thread,
    time::{Duration, Instant},
};

use filter_common::{
    limit::{CLASSES, Limit},
    sample::{RING_BYTES, Sample},
    verdict::Reason,
};
use filter_ctl::{
    kernel::{attach::LoadedProgram, object::embedded, samples::SampleSettings},
    policy::perimeter::{HostGroup, Perimeter},
};

use crate::support::{
    bpffs::samples_in,
    kernel::Kernel,
    packet::{Flow, octets},
    rules::{Rule, Rules, parse, traffic_rules},
    say, skipped,
    timed::{LIMITS, compiled},
};

/// Programs that run at once, each on a CPU of its own where there are as many.
const SENDERS: usize = 2;

fn blocked() -> Vec<u8> {
    Flow::udp("203.0.113.7", "192.0.2.9", [40_000, 53])
        .frame(&[0; 20])
        .bytes()
}

/// Drops a packet as often as it goes for so long, while `read` is called; how many there were, and how long it
/// took.
fn flood(kernel: &Kernel, time: Duration, mut read: impl FnMut()) -> (u64, Duration) {
    const BURST: u32 = 20_000;
    let frame = blocked();
    let began = Instant::now();
    let sent = thread::scope(|scope| {
        let senders = [(); SENDERS].map(|()| {
            let mut program =
                LoadedProgram::load(&kernel.instance, embedded().unwrap(), 0).unwrap();
            let frame = &frame;
            scope.spawn(move || {
                let mut sent = 0;
                while began.elapsed() < time {
                    program.test_run_repeated(frame, BURST).unwrap();
                    sent += u64::from(BURST);
                }
                sent
            })
        });
        while !senders.iter().all(thread::ScopedJoinHandle::is_finished) {
            read();
            thread::sleep(Duration::from_millis(1));
        }
        senders.map(|sender| sender.join().unwrap()).iter().sum()
    });
    read();
    (sent, began.elapsed())
}

fn sampling(per_second: u32) -> Kernel {
    let kernel = Kernel::with(&Rules::new([Rule::new("203.0.113.7", 1)]));
    let settings = SampleSettings {
        per_second,
        ..SampleSettings::default()
    };
    kernel.instance.set_sampling(settings).unwrap();
    kernel
}

#[test]
fn a_flood_at_full_speed_makes_no_more_samples_than_were_asked_for() {
    const RATE: u64 = 200;
    if skipped() {
        return;
    }
    let kernel = sampling(u32::try_from(RATE).unwrap());
    let ring = kernel.pins.instance(1);
    let mut made = 0;
    let (sent, time) = flood(&kernel, Duration::from_secs(3), || {
        made += samples_in(&ring).len() as u64;
    });
    assert_eq!(kernel.snapshot().packets(Reason::Order), sent);
    // A second's worth was there at the beginning; a tick more or less, and a packet of each CPU.
    let seconds = u64::try_from(time.as_millis()).unwrap().div_ceil(1_000);
    let most = RATE + RATE * seconds + 2 * SENDERS as u64;
    assert!(
        (RATE..=most).contains(&made),
        "{made} samples in {time:?}, at most {most}"
    );
    let tallies = kernel.instance.meters().unwrap().read_tallies().unwrap();
    assert_eq!(tallies.samples_lost, 0, "somebody read them");
    assert_eq!(made + tallies.samples_over_rate, sent);
    say(&format!(
        "{made} samples of {sent} packets that were dropped in {time:?}"
    ));
}

#[test]
fn samples_that_nobody_reads_in_time_are_lost_and_counted_and_every_packet_is_dropped() {
    if skipped() {
        return;
    }
    let kernel = sampling(u32::MAX);
    let (sent, _) = flood(&kernel, Duration::from_secs(1), || {});
    assert_eq!(kernel.snapshot().packets(Reason::Order), sent);
    let kept = samples_in(&kernel.pins.instance(1)).len() as u64;
    let tallies = kernel.instance.meters().unwrap().read_tallies().unwrap();
    // In the ring each has eight bytes more.
    let most = RING_BYTES / (size_of::<Sample>() + 8);
    assert!(
        kept > 0 && kept <= most as u64,
        "{kept} samples in the ring, which has room for {most}"
    );
    assert!(tallies.samples_lost > 0, "{tallies:?}");
    let made = sent - tallies.samples_over_rate;
    assert_eq!(kept + tallies.samples_lost, made, "{tallies:?}");
}

/// A rule that drops, one that is monitored, and a limit.
fn guarded() -> Perimeter {
    Perimeter {
        rules: traffic_rules([(0, "dport = 53 then drop"), (1, "dport = 54 then monitor")]),
        groups: vec![HostGroup {
            name: "inside".to_owned(),
            networks: vec![parse("192.0.2.0/24"), parse("2001:db8:7::/48")],
            limits: [Limit::packets(1, 1); CLASSES],
            ..HostGroup::default()
        }],
        ..Perimeter::default()
    }
}

#[test]
fn what_rules_and_limits_drop_or_would_drop_shows_no_address_inside() {
    if skipped() {
        return;
    }
    let mut kernel = Kernel::empty(LIMITS);
    kernel.publish_compiled(compiled(guarded()).table);
    let settings = SampleSettings {
        per_second: 1_000,
        ..SampleSettings::default()
    };
    kernel.instance.set_sampling(settings).unwrap();
    for (from, to, inside) in [
        ("203.0.113.7", "192.0.2.9", &["192.0.2.9"][..]),
        ("2001:db8:1::7", "2001:db8:7::9", &["2001:db8:7::9"]),
        // Whoever claims to come from inside shows no address there either.
        ("192.0.2.77", "192.0.2.9", &["192.0.2.77", "192.0.2.9"]),
        (
            "2001:db8:7::77",
            "2001:db8:7::9",
            &["2001:db8:7::77", "2001:db8:7::9"],
        ),
    ] {
        for port in [53, 54, 55] {
            let frame = Flow::udp(from, to, [40_000, port]).frame(&[0; 20]).bytes();
            // The first packet is within the limit.
            for _ in 0..4 {
                kernel.program.test_run(&frame).unwrap();
            }
            let samples = samples_in(&kernel.pins.instance(1));
            assert!(samples.len() >= 3, "{from} to {to}, port {port}");
            for sample in &samples {
                for inside in inside {
                    let address = octets(inside.parse().unwrap());
                    let found = sample.windows(address.len()).any(|bytes| bytes == address);
                    assert!(!found, "{inside}, port {port}: {sample:02x?}");
                }
            }
        }
    }
}
