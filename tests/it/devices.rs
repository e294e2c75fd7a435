//! Devices above others: VLANs, and bonds of two cables. A kernel that cannot make one skips its test.

use std::{net::IpAddr, time::Duration};

use filter_ctl::kernel::{
    attach::{Attached, Mode, attach},
    object::embedded,
};

use crate::support::{
    kernel::Kernel,
    layout::{BAD_4, CUSTOMER_4, ETH, GOOD_4, Layout, UP},
    netns::{Namespace, PATIENCE},
    packet::{Flow, Frame, Tag},
    rules::{Rule, Rules},
    skip, skipped,
    tap::Tap,
    wait_for,
};

/// The router's address in the VLAN.
const INSIDE: &str = "198.18.7.1";

/// Makes devices; says so if this kernel has none of the kind.
fn cannot_make(place: &Namespace, kind: &str, commands: &str) -> bool {
    let result = place.try_ip(commands);
    if let Err(complaint) = &result {
        skip(None, &format!("cannot make a {kind}: {}", complaint.trim()));
    }
    result.is_err()
}

/// Puts the program there, with a number of its own. A switch of modes is none of these tests' business.
fn filter(kernel: &mut Kernel, place: &Namespace, interface: &str, number: u32, mode: Mode) {
    let Kernel { pins, instance, .. } = kernel;
    let object = embedded().unwrap();
    let attached = place.run(|| attach(pins, instance, object, interface, number, mode));
    assert_eq!(attached.unwrap(), Attached::New, "{interface}");
}

/// Packets that the program with this number has seen.
fn packets(kernel: &Kernel, number: u32) -> u64 {
    let counters = kernel.instance.verdict_counters(number).unwrap();
    counters.iter().map(|counted| counted.counter.packets).sum()
}

/// A listed host that sends through a VLAN device is blocked: wherever the program is, and whether the
/// tag stands in the frame or beside it, as cards and kernels like to have it.
#[test]
fn a_blocked_host_is_blocked_on_a_vlan_device() {
    if skipped() {
        return;
    }
    for (under, mode) in [
        (true, Mode::Native),
        (true, Mode::Generic),
        (false, Mode::Generic),
    ] {
        let layout = Layout::new();
        let make = |parent: &str| {
            format!("link add link {parent} name vlan7 type vlan id 7\nlink set vlan7 up\n")
        };
        if cannot_make(&layout.router, "VLAN device", &make(UP)) {
            return;
        }
        layout
            .router
            .ip(&format!("address add {INSIDE}/24 dev vlan7"));
        layout.upstream.ip(&make(ETH));
        layout.upstream.ip(&format!(
            "address add 198.18.7.2/24 dev vlan7\n\
             neighbor add {INSIDE} lladdr 02:00:00:00:01:01 dev vlan7 nud permanent"
        ));
        let inside: IpAddr = INSIDE.parse().unwrap();
        let there = layout.router.udp(inside, 0);
        let [bad, good]: [IpAddr; 2] = [BAD_4, GOOD_4].map(|address| address.parse().unwrap());
        let from = [bad, good].map(|address| layout.upstream.udp(address, 0));
        // One queue all the way: what was sent first arrives first.
        let first = || {
            for socket in &from {
                socket.send_to(b"x", there.local_addr().unwrap()).unwrap();
            }
            there.recv_from(&mut [0; 8]).unwrap().1.ip()
        };
        assert_eq!(first(), bad, "nothing is attached yet");
        assert_eq!(there.recv_from(&mut [0; 8]).unwrap().1.ip(), good);

        let mut kernel = Kernel::with(&Rules::new([Rule::new(BAD_4, 1)]));
        let interface = if under { UP } else { "vlan7" };
        filter(&mut kernel, &layout.router, interface, 0, mode);
        assert_eq!(first(), good, "{interface}, {mode:?}");
        assert_eq!(kernel.snapshot().slots[&1].packets, 1);
        assert_eq!(packets(&kernel, 0), 2, "{interface}, {mode:?}");

        // With the tag in the frame, as a raw socket writes it.
        let port = there.local_addr().unwrap().port();
        let wire = Tap::open(&layout.upstream, ETH);
        for from in [BAD_4, GOOD_4] {
            let flow = Flow::udp(from, INSIDE, [4_000, port]);
            wire.send(&Layout::inbound(&flow, b"x").tagged(&[Tag::q(7)]).bytes());
        }
        let from = there.recv_from(&mut [0; 8]).unwrap().1.ip();
        assert_eq!(from, good, "{interface}, {mode:?}");
        assert_eq!(kernel.snapshot().slots[&1].packets, 2);
    }
}

/// Two cables to one router, which has bonded its ends.
struct Bond {
    router: Namespace,
    far: [Namespace; 2],
}

const CABLES: [&str; 2] = ["port0", "port1"];

impl Bond {
    /// `None`, and says so, if the kernel has no bonds.
    fn new() -> Option<Self> {
        let bond = Self {
            router: Namespace::new("router"),
            far: [Namespace::new("left"), Namespace::new("right")],
        };
        // In turn over both cables, so that frames are taken from both.
        if cannot_make(
            &bond.router,
            "bond",
            "link add bond0 type bond mode balance-rr\n",
        ) {
            return None;
        }
        for (index, (far, port)) in bond.far.iter().zip(CABLES).enumerate() {
            let [near_mac, far_mac] = [1, 2].map(|end| format!("02:00:00:00:0{index}:0{end}"));
            bond.router.cable(port, &near_mac, far, ETH, &far_mac);
            bond.router.ip(&format!(
                "link set {port} down\nlink set {port} master bond0\nlink set {port} up\n"
            ));
        }
        bond.router.ip("link set bond0 mtu 9000 up\n");
        Some(bond)
    }

    /// Sends a frame of a listed host and one of its neighbour over one of the cables.
    fn send(&self, cable: usize) {
        let wire = Tap::open(&self.far[cable], ETH);
        for from in [BAD_4, GOOD_4] {
            wire.send(&frame(from).bytes());
        }
    }
}

fn frame(from: &str) -> Frame {
    // To everybody, because the bond chooses its address itself.
    Flow::udp(from, CUSTOMER_4, [4_000, 5_000])
        .frame(b"x")
        .to([0xff; 6])
}

/// Waits until programs have seen these numbers of packets.
fn expect(kernel: &Kernel, counted: &[(u32, u64)]) {
    let is = || {
        counted
            .iter()
            .all(|(number, count)| packets(kernel, *number) == *count)
    };
    let found = || {
        counted
            .iter()
            .map(|(number, _)| packets(kernel, *number))
            .collect::<Vec<_>>()
    };
    wait_for(PATIENCE, || is().then_some(()))
        .unwrap_or_else(|| panic!("expected {counted:?}, found {:?}", found()));
}

#[test]
fn a_program_on_a_bond_sees_both_cables() {
    if skipped() {
        return;
    }
    for mode in Mode::ALL {
        let Some(bond) = Bond::new() else {
            return;
        };
        let mut kernel = Kernel::with(&Rules::new([Rule::new(BAD_4, 1)]));
        filter(&mut kernel, &bond.router, "bond0", 5, mode);
        let behind = Tap::open(&bond.router, "bond0");
        for (cable, so_far) in [(0, 2), (1, 4)] {
            bond.send(cable);
            expect(&kernel, &[(5, so_far)]);
            let arrived = behind.receive(PATIENCE);
            assert_eq!(
                arrived,
                Some(frame(GOOD_4).bytes()),
                "{mode:?}, cable {cable}"
            );
        }
        assert_eq!(behind.receive(Duration::ZERO), None);
        assert_eq!(kernel.snapshot().slots[&1].packets, 2, "{mode:?}");
    }
}

#[test]
fn programs_on_the_cables_of_a_bond_count_apart() {
    if skipped() {
        return;
    }
    for mode in Mode::ALL {
        let Some(bond) = Bond::new() else {
            return;
        };
        let mut kernel = Kernel::with(&Rules::new([Rule::new(BAD_4, 1)]));
        for (number, port) in [(3, CABLES[0]), (4, CABLES[1])] {
            filter(&mut kernel, &bond.router, port, number, mode);
        }
        bond.send(0);
        expect(&kernel, &[(3, 2), (4, 0)]);
        bond.send(1);
        bond.send(1);
        expect(&kernel, &[(3, 2), (4, 4)]);
        assert_eq!(kernel.snapshot().slots[&1].packets, 3, "{mode:?}");
    }
}
