//! Never-block space as ranges of addresses.

use ipnet::IpNet;

use super::NeverBlock;

/// How much of a prefix is never-block space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overlap {
    None,
    Part,
    Whole,
}

/// Never-block space as ranges from a first to a last address: sorted, disjoint, not adjacent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Protected {
    pub(super) v4: Vec<(u32, u32)>,
    pub(super) v6: Vec<(u128, u128)>,
}

impl Protected {
    pub(super) fn new(list: &[NeverBlock]) -> Self {
        Self::of(list.iter().map(|entry| entry.net))
    }

    /// The space of these prefixes.
    pub(super) fn of(nets: impl Iterator<Item = IpNet>) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for net in nets {
            match net {
                IpNet::V4(net) => v4.push((net.network().to_bits(), net.broadcast().to_bits())),
                IpNet::V6(net) => v6.push((net.network().to_bits(), net.broadcast().to_bits())),
            }
        }
        Self {
            v4: union(v4, |last| last.checked_add(1)),
            v6: union(v6, |last| last.checked_add(1)),
        }
    }

    /// Whether a prefix has an address in it.
    pub(super) fn overlaps(&self, net: &IpNet) -> bool {
        match net {
            IpNet::V4(net) => meets(&self.v4, net.network().to_bits(), net.broadcast().to_bits()),
            IpNet::V6(net) => meets(&self.v6, net.network().to_bits(), net.broadcast().to_bits()),
        }
    }
}

/// Whether the range from `first` to `last` meets one of these.
fn meets<A: Copy + Ord>(ranges: &[(A, A)], first: A, last: A) -> bool {
    let ahead = ranges.partition_point(|range| range.1 < first);
    ranges.get(ahead).is_some_and(|range| range.0 <= last)
}

/// The ranges without overlaps and without neighbours.
fn union<A: Copy + Ord>(mut ranges: Vec<(A, A)>, next: impl Fn(A) -> Option<A>) -> Vec<(A, A)> {
    ranges.sort_unstable();
    ranges.dedup_by(|range, before| {
        // After the last address of all comes none, and nothing begins there.
        let joins = next(before.1).is_none_or(|next| range.0 <= next);
        if joins {
            before.1 = before.1.max(range.1);
        }
        joins
    });
    ranges
}

/// Answers for prefixes that come sorted by their first address.
pub(super) struct Walk<'a, A> {
    /// The ranges that do not end before the prefix at hand.
    ahead: &'a [(A, A)],
}

impl<'a, A: Copy + Ord> Walk<'a, A> {
    pub(super) const fn new(ranges: &'a [(A, A)]) -> Self {
        Self { ahead: ranges }
    }

    /// How much of the prefix from `first` to `last` is in the ranges. `first` is not below that of the
    /// prefix asked about before.
    pub(super) fn overlap(&mut self, first: A, last: A) -> Overlap {
        while let Some((range, ahead)) = self.ahead.split_first()
            && range.1 < first
        {
            self.ahead = ahead;
        }
        // The ranges are disjoint and not adjacent: what the first does not hold whole, none does.
        match self.ahead.first() {
            Some(range) if range.0 <= first && last <= range.1 => Overlap::Whole,
            Some(range) if range.0 <= last => Overlap::Part,
            _ => Overlap::None,
        }
    }
}
