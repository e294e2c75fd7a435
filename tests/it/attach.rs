//! The program stays on its interfaces: replaced without a gap, never taken off by anything but
//! `detach`, and never put where it cannot stay.

mod names;

use std::{
    net::IpAddr,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use aya::programs::links::{FdLink, PinnedLink};
use filter_ctl::kernel::{
    KernelError,
    attach::{Attached, Mode, attach, detach, is_attached},
    object::embedded,
};

use crate::support::{
    kernel::Kernel,
    layout::{BAD_4, BAD_6, CUSTOMER_4, CUSTOMER_6, GOOD_4, GOOD_6, Layout, UP},
    netns::{Namespace, PATIENCE},
    packet::Flow,
    rules::{Rule, Rules},
    skipped,
    tap::Tap,
};

/// The rules that all these tests have in force.
fn kernel() -> Kernel {
    Kernel::with(&Rules::new([Rule::new(BAD_4, 1), Rule::new(BAD_6, 2)]))
}

impl Kernel {
    fn attach(
        &mut self,
        place: &Namespace,
        object: &[u8],
        interface: &str,
        mode: Mode,
    ) -> Result<Attached, KernelError> {
        self.attach_as(0, place, object, interface, mode)
    }

    /// For the interface of another number.
    fn attach_as(
        &mut self,
        number: u32,
        place: &Namespace,
        object: &[u8],
        interface: &str,
        mode: Mode,
    ) -> Result<Attached, KernelError> {
        let Self { pins, instance, .. } = self;
        place.run(|| attach(pins, instance, object, interface, number, mode))
    }

    fn is_attached(&self, place: &Namespace, interface: &str, mode: Mode) -> bool {
        let pins = &self.pins;
        place.run(|| is_attached(pins, interface, mode).unwrap())
    }

    /// The pinned link of an interface: its number, and that of the program in it.
    fn link(&self, interface: &str, mode: Mode) -> (u32, u32) {
        let pinned = PinnedLink::from_pin(self.pins.link(mode, interface)).unwrap();
        let info = FdLink::from(pinned).info().unwrap();
        (info.id(), info.program_id())
    }
}

/// The same program as another object: an ELF file may have bytes behind its end.
fn other_object(mark: u8) -> Vec<u8> {
    let mut object = embedded().unwrap().to_vec();
    object.extend([mark; 8]);
    object
}

/// Frames from upstream, and what of them reaches the customer.
struct Wire {
    near: Tap,
    far: Tap,
    number: u32,
}

impl Wire {
    fn new(layout: &Layout) -> Self {
        Self {
            near: layout.tap_upstream(),
            far: layout.tap_customer(),
            number: 0,
        }
    }

    /// Sends a frame of the listed hosts and one of their neighbours, in this order, and waits for
    /// the latter. True if the former came through as well.
    fn leaks(&mut self) -> bool {
        let mut leaked = false;
        for [bad, good, customer] in [[BAD_4, GOOD_4, CUSTOMER_4], [BAD_6, GOOD_6, CUSTOMER_6]] {
            self.number += 1;
            let mark = self.number.to_be_bytes();
            for from in [bad, good] {
                let flow = Flow::udp(from, customer, [4_000, 5_000]);
                self.near.send(&Layout::inbound(&flow, &mark).bytes());
            }
            let [bad, good] = [bad, good].map(|address| address.parse().ok());
            // One queue all the way: what was sent first arrives first.
            self.far.expect(PATIENCE, |frame| {
                let is_marked = frame.windows(4).any(|window| window == mark);
                leaked |= is_marked && source(frame) == bad;
                is_marked && source(frame) == good
            });
        }
        leaked
    }
}

/// The sender of an untagged IP frame.
fn source(frame: &[u8]) -> Option<IpAddr> {
    match frame.get(12..14)? {
        [0x08, 0x00] => Some(<[u8; 4]>::try_from(frame.get(26..30)?).ok()?.into()),
        [0x86, 0xdd] => Some(<[u8; 16]>::try_from(frame.get(22..38)?).ok()?.into()),
        _ => None,
    }
}

fn is_attached_and_replaced_in(mode: Mode) {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let router = &layout.router;
    let mut wire = Wire::new(&layout);
    let mut kernel = kernel();
    assert!(wire.leaks(), "nothing is attached yet");
    assert!(!kernel.is_attached(router, UP, mode));

    let object = embedded().unwrap();
    let attached = kernel.attach(router, object, UP, mode).unwrap();
    assert_eq!(attached, Attached::New);
    assert!(kernel.is_attached(router, UP, mode));
    assert_eq!(kernel.pins.links().unwrap(), [(mode, UP.to_owned())]);
    assert!(!wire.leaks());

    let (link, program) = kernel.link(UP, mode);
    let attached = kernel.attach(router, object, UP, mode).unwrap();
    assert_eq!(attached, Attached::Kept);
    assert_eq!(kernel.link(UP, mode), (link, program), "left alone");

    let attached = kernel.attach(router, &other_object(1), UP, mode).unwrap();
    assert_eq!(attached, Attached::Replaced);
    let (same, other) = kernel.link(UP, mode);
    assert_eq!(same, link, "the link is replaced, not made anew");
    assert_ne!(other, program);
    assert!(!wire.leaks());

    let drops = kernel.snapshot().slots;
    assert_eq!((drops[&1].packets, drops[&2].packets), (2, 2));

    assert!(detach(&kernel.pins, UP).unwrap());
    assert!(!kernel.is_attached(router, UP, mode));
    assert!(kernel.pins.links().unwrap().is_empty());
    assert!(wire.leaks());
    assert!(!detach(&kernel.pins, UP).unwrap(), "nothing is left");
}

#[test]
fn native_is_attached_replaced_and_detached() {
    is_attached_and_replaced_in(Mode::Native);
}

#[test]
fn generic_is_attached_replaced_and_detached() {
    is_attached_and_replaced_in(Mode::Generic);
}

#[test]
fn replacing_under_traffic_lets_nothing_through() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let mut wire = Wire::new(&layout);
    let mut kernel = kernel();
    let object = embedded().unwrap();
    kernel
        .attach(&layout.router, object, UP, Mode::Native)
        .unwrap();
    let stop = AtomicBool::new(false);
    let rounds = thread::scope(|scope| {
        let stop = &stop;
        let traffic = scope.spawn(move || {
            let mut rounds = 0_u64;
            while !stop.load(Ordering::Relaxed) {
                assert!(!wire.leaks(), "in round {rounds}");
                rounds += 1;
            }
            rounds
        });
        for mark in 0..12 {
            let object = other_object(mark);
            let attached = kernel.attach(&layout.router, &object, UP, Mode::Native);
            assert_eq!(attached.unwrap(), Attached::Replaced);
        }
        stop.store(true, Ordering::Relaxed);
        traffic.join().unwrap()
    });
    let drops = kernel.snapshot().slots;
    assert_eq!((drops[&1].packets, drops[&2].packets), (rounds, rounds));
}

#[test]
fn the_link_outlives_the_controller() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let mut wire = Wire::new(&layout);
    let mut kernel = kernel();
    let object = embedded().unwrap();
    kernel
        .attach(&layout.router, object, UP, Mode::Native)
        .unwrap();
    let Kernel {
        instance,
        program,
        publisher,
        pins,
        bpffs,
        ..
    } = kernel;
    drop((instance, program, publisher, pins));
    assert!(!wire.leaks());
    // With the last pin the program goes.
    drop(bpffs);
    let gone = crate::support::wait_for(Duration::from_secs(5), || wire.leaks().then_some(()));
    assert!(gone.is_some(), "the test leaves a program behind");
}

#[test]
fn a_change_of_mode_is_refused() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let mut wire = Wire::new(&layout);
    let object = embedded().unwrap();
    for [mode, other] in [[Mode::Native, Mode::Generic], [Mode::Generic, Mode::Native]] {
        let mut kernel = kernel();
        kernel.attach(&layout.router, object, UP, mode).unwrap();
        let link = kernel.link(UP, mode);
        match kernel.attach(&layout.router, object, UP, other) {
            Err(KernelError::ModeChange {
                name,
                attached,
                wanted,
            }) => {
                assert_eq!(
                    (&name[..], attached, wanted),
                    (UP, mode.name(), other.name())
                );
            }
            result => panic!("{result:?}"),
        }
        assert_eq!(kernel.link(UP, mode), link, "what was in force stays");
        assert!(!wire.leaks());
        // After a detach it is a free choice.
        detach(&kernel.pins, UP).unwrap();
        let attached = kernel.attach(&layout.router, object, UP, other);
        assert_eq!(attached.unwrap(), Attached::New);
        detach(&kernel.pins, UP).unwrap();
    }
}

/// Where only the pin is removed, the kernel takes the program off at leisure: it goes on dropping for
/// a moment, and whoever attaches in it finds the interface occupied.
#[test]
fn what_is_detached_is_off_at_once() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let mut wire = Wire::new(&layout);
    let mut kernel = kernel();
    let object = embedded().unwrap();
    for round in 0..10 {
        for mode in Mode::ALL {
            let attached = kernel.attach(&layout.router, object, UP, mode);
            assert_eq!(attached.unwrap(), Attached::New, "round {round}");
            assert!(detach(&kernel.pins, UP).unwrap());
            assert!(wire.leaks(), "round {round}");
        }
    }
}

#[test]
fn an_interface_that_carries_another_program_is_refused_by_name() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let object = embedded().unwrap();
    for theirs in Mode::ALL {
        let mut stranger = kernel();
        stranger.attach(&layout.router, object, UP, theirs).unwrap();
        let link = stranger.link(UP, theirs);
        for ours in Mode::ALL {
            let mut kernel = kernel();
            match kernel.attach(&layout.router, object, UP, ours) {
                Err(KernelError::Occupied(name)) => assert_eq!(name, UP),
                result => panic!("{ours:?} beside {theirs:?}: {result:?}"),
            }
            assert!(kernel.pins.links().unwrap().is_empty());
        }
        assert_eq!(stranger.link(UP, theirs), link, "theirs is left alone");
        detach(&stranger.pins, UP).unwrap();
    }
}

#[test]
fn an_interface_that_comes_back_is_attached_again() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let router = &layout.router;
    let object = embedded().unwrap();
    for mode in Mode::ALL {
        let mut kernel = kernel();
        kernel.attach(router, object, UP, mode).unwrap();
        let (link, _) = kernel.link(UP, mode);
        router.ip(&format!("link delete {UP}"));
        assert!(!kernel.is_attached(router, UP, mode));
        match kernel.attach(router, object, UP, mode) {
            Err(KernelError::NoInterface(name)) => assert_eq!(name, UP),
            result => panic!("{result:?}"),
        }
        layout.connect_upstream();
        assert!(
            !kernel.is_attached(router, UP, mode),
            "a link of the old one"
        );
        let attached = kernel.attach(router, object, UP, mode);
        assert_eq!(attached.unwrap(), Attached::New);
        assert_ne!(kernel.link(UP, mode).0, link);
        assert!(!Wire::new(&layout).leaks());
        detach(&kernel.pins, UP).unwrap();
    }
}
