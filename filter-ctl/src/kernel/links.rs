//! Pinned links, found by the names that their interfaces have now.
//!
//! A link belongs to an interface and not to its name, and goes on filtering there when the interface
//! gets another one. Its pin follows.

use std::{collections::BTreeMap, fs, os::fd::AsFd as _};

use aya::programs::links::PinnedLink;

use super::{
    KernelError,
    attach::Mode,
    pins::{PinDir, pins_error},
    sys::{self, LinkInfo},
};

/// A link on an interface.
pub(super) struct OnInterface {
    pub(super) link: PinnedLink,
    /// The kernel's number of the program in it.
    pub(super) program: u32,
}

/// Opens the link that is pinned under an interface's name, if it is on that interface.
pub(super) fn open(
    pins: &PinDir,
    mode: Mode,
    name: &str,
    ifindex: u32,
) -> Result<Option<OnInterface>, KernelError> {
    let path = pins.link(mode, name);
    let Some(info) = look(pins, mode, name)? else {
        return Ok(None);
    };
    if info.ifindex != ifindex {
        return Ok(None);
    }
    let link = PinnedLink::from_pin(&path)
        .map_err(|error| KernelError::aya(format!("cannot open {}", path.display()), error))?;
    let program = info.program;
    Ok(Some(OnInterface { link, program }))
}

/// What the kernel says about the link that is pinned under a name; `None` if there is none.
pub(super) fn look(pins: &PinDir, mode: Mode, name: &str) -> Result<Option<LinkInfo>, KernelError> {
    let path = pins.link(mode, name);
    if !path.exists() {
        return Ok(None);
    }
    let link = sys::open_pin(&path).map_err(pins_error("open", &path))?;
    let info = sys::link_info(link.as_fd()).map_err(pins_error("inspect", &path))?;
    Ok(Some(info))
}

/// Pins every link under the name that its interface has now, and unpins those whose interface is gone.
///
/// One pass: no more steps than links, whatever names were given to whom. Where names change in the
/// meantime, a later call does the rest.
pub fn put_in_place(pins: &PinDir) -> Result<(), KernelError> {
    let mut found = Mode::ALL.map(|_| BTreeMap::new());
    for (mode, name) in pins.links()? {
        let Some(info) = look(pins, mode, &name)? else {
            continue;
        };
        let now = match info.ifindex {
            0 => None,
            // One that has no name here lies in another network namespace, and is none of our business.
            ifindex => Some(sys::interface_name(ifindex).unwrap_or_else(|| name.clone())),
        };
        found[mode as usize].insert(name, now);
    }
    for (mode, found) in Mode::ALL.into_iter().zip(found) {
        for step in steps(found) {
            take(pins, mode, &step)?;
        }
    }
    Ok(())
}

/// One step towards every link under its name.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Unpin(String),
    Rename(String, String),
    Exchange(String, String),
}

fn take(pins: &PinDir, mode: Mode, step: &Step) -> Result<(), KernelError> {
    let at = |name: &str| pins.link(mode, name);
    match step {
        Step::Unpin(name) => fs::remove_file(at(name)).map_err(pins_error("unpin", &at(name))),
        Step::Rename(from, to) => {
            fs::rename(at(from), at(to)).map_err(pins_error("rename", &at(from)))
        }
        Step::Exchange(one, other) => {
            sys::exchange(&at(one), &at(other)).map_err(pins_error("rename", &at(one)))
        }
    }
}

/// The steps that put links where they belong: from the names of their pins to those of their
/// interfaces, `None` where that is gone.
fn steps(found: BTreeMap<String, Option<String>>) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut pinned = BTreeMap::new();
    for (name, now) in found {
        match now {
            Some(now) => drop(pinned.insert(name, now)),
            None => steps.push(Step::Unpin(name)),
        }
    }
    let names: Vec<String> = pinned.keys().cloned().collect();
    for name in names {
        // Each turn puts one link where it belongs for good.
        while let Some(now) = pinned.get(&name).filter(|now| **now != name).cloned() {
            match pinned.get(&now).cloned() {
                // Two links of one interface, which the kernel does not allow: neither is touched.
                Some(other) if other == now => break,
                Some(other) => {
                    pinned.insert(now.clone(), now.clone());
                    pinned.insert(name.clone(), other);
                    steps.push(Step::Exchange(name.clone(), now));
                }
                None => {
                    pinned.remove(&name);
                    pinned.insert(now.clone(), now.clone());
                    steps.push(Step::Rename(name.clone(), now));
                }
            }
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(links: &[(&str, Option<&str>)]) -> BTreeMap<String, Option<String>> {
        let owned = |&(pin, now): &(&str, Option<&str>)| (pin.to_owned(), now.map(str::to_owned));
        links.iter().map(owned).collect()
    }

    /// Where links are after the steps, in the file system that the steps are for.
    fn walk(found: &BTreeMap<String, Option<String>>, steps: &[Step]) -> BTreeMap<String, String> {
        let mut pins = found.clone();
        for step in steps {
            match step {
                Step::Unpin(name) => assert_eq!(pins.remove(name), Some(None), "it was gone"),
                Step::Rename(from, to) => {
                    let link = pins.remove(from).expect("something to rename");
                    assert_eq!(pins.insert(to.clone(), link), None, "nothing is replaced");
                }
                Step::Exchange(one, other) => {
                    let link = pins.insert(one.clone(), pins[other].clone());
                    pins.insert(other.clone(), link.expect("something to exchange"));
                }
            }
        }
        let there = |(name, now): (String, Option<String>)| Some((name, now?));
        pins.into_iter().filter_map(there).collect()
    }

    #[test]
    fn a_link_follows_its_interface_to_another_name() {
        let renamed = found(&[
            ("up0", Some("wan0")),
            ("gone", None),
            ("cust0", Some("cust0")),
        ]);
        assert_eq!(
            steps(renamed),
            [
                Step::Unpin("gone".to_owned()),
                Step::Rename("up0".to_owned(), "wan0".to_owned())
            ]
        );
        let swapped = found(&[("a", Some("b")), ("b", Some("a"))]);
        assert_eq!(
            steps(swapped),
            [Step::Exchange("a".to_owned(), "b".to_owned())]
        );
    }

    #[test]
    fn two_links_that_claim_one_interface_end_the_steps() {
        let twice = found(&[("a", Some("c")), ("b", Some("c")), ("c", Some("a"))]);
        assert!(steps(twice).len() <= 3);
    }

    proptest! {
        /// Any interfaces may have taken any names of each other, vanished, or got new ones.
        #[test]
        fn every_link_arrives_in_no_more_steps_than_links(
            order in Just((0..8_usize).collect::<Vec<_>>()).prop_shuffle(),
            fates in prop::collection::vec(0..4_u8, 8),
        ) {
            let name = |number: usize| format!("eth{number}");
            let fate = |(pin, now): (usize, usize)| match fates[pin] {
                0 => None,
                1 => Some(name(now + 100)),
                _ => Some(name(now)),
            };
            let found: BTreeMap<String, Option<String>> = order
                .iter()
                .enumerate()
                .map(|(pin, now)| (name(pin), fate((pin, *now))))
                .collect();
            let steps = steps(found.clone());
            prop_assert!(steps.len() <= found.len());
            let pins = walk(&found, &steps);
            prop_assert_eq!(pins.len(), found.values().flatten().count());
            prop_assert!(pins.iter().all(|(pin, now)| pin == now), "{:?}", pins);
        }
    }
}
