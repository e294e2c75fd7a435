//! Interfaces are renamed, and swap their names: the program stays with the interface, and its settings
//! with the name.

use filter_common::verdict::{Action, Reason};
use filter_ctl::kernel::{
    KernelError,
    attach::{Attached, Mode, detach},
    links::put_in_place,
    object::embedded,
};

use super::{Wire, kernel, other_object};
use crate::support::{
    kernel::Kernel,
    layout::{DOWN, Layout, UP},
    skip, skipped,
};

/// Whether the kernel renames no interface that is up; says so. To take it down would take its addresses
/// and neighbours as well, and with them the traffic that shows that the program is still there.
fn renames_only_what_is_down(layout: &Layout) -> bool {
    let to_and_fro = format!("link set {UP} name aside\nlink set aside name {UP}");
    let refused = layout.router.try_ip(&to_and_fro).is_err();
    if refused {
        skip(
            None,
            "needs Linux 6.2, which renames interfaces that are up",
        );
    }
    refused
}

/// A name may pass from one interface to another; the one that had it stays protected.
#[test]
fn a_renamed_interface_keeps_its_program() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    if renames_only_what_is_down(&layout) {
        return;
    }
    let router = &layout.router;
    let mut wire = Wire::new(&layout);
    let mut kernel = kernel();
    let object = embedded().unwrap();
    kernel.attach(router, object, UP, Mode::Native).unwrap();
    let link = kernel.link(UP, Mode::Native);
    router.ip(&format!("link set {UP} name old0\nlink add {UP} type veth"));
    assert!(!kernel.is_attached(router, UP, Mode::Native));
    let attached = kernel.attach(router, object, UP, Mode::Native);
    assert_eq!(attached.unwrap(), Attached::New);
    assert!(kernel.is_attached(router, "old0", Mode::Native));
    assert_eq!(kernel.link("old0", Mode::Native), link, "the same link");
    assert!(!wire.leaks());
    // Under its new name it can be replaced and detached.
    let attached = kernel.attach(router, &other_object(1), "old0", Mode::Native);
    assert_eq!(attached.unwrap(), Attached::Replaced);
    assert!(detach(&kernel.pins, "old0").unwrap());
    assert!(wire.leaks());
}

#[test]
fn interfaces_that_swap_names_keep_their_programs() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    if renames_only_what_is_down(&layout) {
        return;
    }
    let router = &layout.router;
    let mut wire = Wire::new(&layout);
    let mut kernel = kernel();
    let object = embedded().unwrap();
    let links = [UP, DOWN].map(|name| {
        kernel.attach(router, object, name, Mode::Native).unwrap();
        kernel.link(name, Mode::Native).0
    });
    router.ip(&format!(
        "link set {UP} name aside\nlink set {DOWN} name {UP}\nlink set aside name {DOWN}"
    ));
    for (name, link) in [(UP, links[1]), (DOWN, links[0])] {
        let attached = kernel.attach(router, &other_object(1), name, Mode::Native);
        assert_eq!(attached.unwrap(), Attached::Replaced, "{name}");
        assert_eq!(kernel.link(name, Mode::Native).0, link, "{name}");
        assert!(!wire.leaks());
    }
}

/// The number of an interface is part of its program: with it come its role, its action and its counters.
#[test]
fn interfaces_that_swap_names_swap_their_numbers() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    if renames_only_what_is_down(&layout) {
        return;
    }
    let router = &layout.router;
    let mut wire = Wire::new(&layout);
    let mut kernel = kernel();
    let object = embedded().unwrap();
    let numbered = [UP, DOWN].into_iter().zip(0..);
    for (name, number) in numbered.clone() {
        let attached = kernel.attach_as(number, router, object, name, Mode::Native);
        assert_eq!(attached.unwrap(), Attached::New);
    }
    assert!(!wire.leaks());
    let drops = |kernel: &Kernel, interface: u32| {
        let counted = kernel
            .instance
            .verdict_counter(interface, Reason::Order, Action::Drop);
        counted.unwrap().packets
    };
    let [before, none] = [0, 1].map(|interface| drops(&kernel, interface));
    assert_eq!((before > 0, none), (true, 0), "from upstream");
    router.ip(&format!(
        "link set {UP} name aside\nlink set {DOWN} name {UP}\nlink set aside name {DOWN}"
    ));
    for (name, number) in numbered.clone() {
        let attached = kernel.attach_as(number, router, object, name, Mode::Native);
        assert_eq!(attached.unwrap(), Attached::Replaced, "{name}");
    }
    for (name, number) in numbered {
        let attached = kernel.attach_as(number, router, object, name, Mode::Native);
        assert_eq!(attached.unwrap(), Attached::Kept, "{name} once is enough");
    }
    // Unlike the settings, the interface that leads upstream now has the other name.
    assert!(!wire.leaks());
    assert_eq!(drops(&kernel, 0), before, "number 0 is the other interface");
    assert_eq!(drops(&kernel, 1), before);
}

/// Each takes the name of the next, while nobody looks.
#[test]
fn a_ring_of_new_names_is_followed_in_one_pass() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    if renames_only_what_is_down(&layout) {
        return;
    }
    let router = &layout.router;
    let mut kernel = kernel();
    let object = embedded().unwrap();
    let names = [UP, DOWN, "x0", "x1", "x2"];
    router.ip("link add x0 type veth peer name x1\nlink add x2 type veth peer name x3");
    let links = names.map(|name| {
        kernel.attach(router, object, name, Mode::Native).unwrap();
        kernel.link(name, Mode::Native).0
    });
    let mut commands = vec![format!("link set {} name aside", names[4])];
    for pair in names.windows(2).rev() {
        commands.push(format!("link set {} name {}", pair[0], pair[1]));
    }
    commands.push(format!("link set aside name {}", names[0]));
    router.ip(&commands.join("\n"));
    router.run(|| put_in_place(&kernel.pins).unwrap());
    for (index, name) in names.into_iter().enumerate() {
        let link = links[(index + names.len() - 1) % names.len()];
        assert_eq!(kernel.link(name, Mode::Native).0, link, "{name}");
    }
}

/// The configuration follows the new name, and the link is found by it.
#[test]
fn an_interface_that_was_renamed_before_the_start_is_replaced_and_not_refused() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    if renames_only_what_is_down(&layout) {
        return;
    }
    let router = &layout.router;
    let mut wire = Wire::new(&layout);
    let mut kernel = kernel();
    let object = embedded().unwrap();
    kernel.attach(router, object, UP, Mode::Native).unwrap();
    let (link, _) = kernel.link(UP, Mode::Native);
    router.ip(&format!("link set {UP} name wan0"));
    match kernel.attach(router, object, "wan0", Mode::Generic) {
        Err(KernelError::ModeChange { name, .. }) => assert_eq!(name, "wan0"),
        result => panic!("{result:?}"),
    }
    let attached = kernel.attach(router, &other_object(1), "wan0", Mode::Native);
    assert_eq!(attached.unwrap(), Attached::Replaced);
    assert_eq!(kernel.link("wan0", Mode::Native).0, link, "the same link");
    assert_eq!(
        kernel.pins.links().unwrap(),
        [(Mode::Native, "wan0".to_owned())]
    );
    assert!(!wire.leaks());
}

/// Its number says nothing here, or is that of an interface that has nothing to do with it.
#[test]
fn a_link_in_another_namespace_is_left_alone() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let router = &layout.router;
    let mut wire = Wire::new(&layout);
    let mut kernel = kernel();
    let object = embedded().unwrap();
    router.ip("link add x0 index 900 type veth peer name x1 index 901");
    for name in [UP, "x0"] {
        kernel.attach(router, object, name, Mode::Native).unwrap();
    }
    let link = kernel.link("x0", Mode::Native);
    layout.customer.run(|| put_in_place(&kernel.pins).unwrap());
    assert_eq!(kernel.link("x0", Mode::Native), link);
    assert!(!wire.leaks());
}

/// The BPF file system reserves names with dots, which VLAN interfaces have.
#[test]
fn names_with_dots_are_pinned() {
    if skipped() {
        return;
    }
    let layout = Layout::new();
    let mut kernel = kernel();
    let object = embedded().unwrap();
    let mut name = UP.to_owned();
    for next in ["up0.100", "a.b.c", "an-interface.15"] {
        layout.router.ip(&format!(
            "link set {name} down\nlink set {name} name {next}"
        ));
        name = next.to_owned();
        let attached = kernel.attach(&layout.router, object, &name, Mode::Native);
        assert_eq!(attached.unwrap(), Attached::New, "{name}");
        assert!(kernel.is_attached(&layout.router, &name, Mode::Native));
        assert_eq!(kernel.pins.links().unwrap(), [(Mode::Native, name.clone())]);
        let record = kernel.instance.stable().interfaces().unwrap();
        assert_eq!(record, [(0, name.clone())]);
        assert!(detach(&kernel.pins, &name).unwrap());
    }
}
