//! Callers that have not shown a good certificate yet: each address may have a few of them at a time, so that one
//! machine cannot take all places of the listener.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
};

/// Connections without a good certificate that one address, or one /64 of IPv6, may have at a time; further ones are
/// closed at once.
pub(super) const STRANGERS_PER_ADDRESS_MAX: usize = 8;

/// How many there are by address. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub(super) struct Strangers(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// One of them, for as long as this lives.
#[derive(Debug)]
pub(super) struct Stranger {
    all: Strangers,
    network: IpAddr,
}

impl Strangers {
    /// One more from this address, unless there are enough.
    pub(super) fn enter(&self, address: IpAddr) -> Option<Stranger> {
        let network = network(address);
        self.with(|counts| {
            let count = counts.entry(network).or_default();
            if *count == STRANGERS_PER_ADDRESS_MAX {
                return None;
            }
            *count += 1;
            Some(Stranger {
                all: self.clone(),
                network,
            })
        })
    }

    fn with<T>(&self, change: impl FnOnce(&mut HashMap<IpAddr, usize>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.all.with(|counts| {
            if let Some(count) = counts.get_mut(&self.network) {
                *count -= 1;
                if *count == 0 {
                    counts.remove(&self.network);
                }
            }
        });
    }
}

/// What one machine can choose its address from.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_machine_has_a_few_places_until_it_shows_a_certificate_and_others_have_theirs() {
        let strangers = Strangers::default();
        let enter = |address: &str| strangers.enter(address.parse().expect("an address"));
        for (one, same, other) in [
            ("192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2"),
            ("2001:db8::1", "2001:db8::2:3", "2001:db8:0:1::1"),
        ] {
            let mut inside: Vec<Stranger> = (0..STRANGERS_PER_ADDRESS_MAX)
                .map(|_| enter(one).expect("a place"))
                .collect();
            assert!(enter(same).is_none(), "{same}");
            assert!(enter(other).is_some(), "{other}");
            inside.pop();
            assert!(enter(same).is_some(), "{same}");
        }
        assert!(strangers.with(|counts| counts.is_empty()));
    }
}
