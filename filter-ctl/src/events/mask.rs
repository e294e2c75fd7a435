//! What may be shown of a sample.
//!
//! The kernel has cut the address inside to its network, unless a capture of whole addresses is open. Everybody
//! else sees it cut all the same: every sample goes through [`mask`] before it is shown. Here own space counts as
//! inside as well, wherever a packet came from, and the hardware address of the end inside is cut to its maker.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use filter_common::sample::{MASKED_V4, MASKED_V6, Sample, SampleFlags};

use crate::policy::hold::Guarded;

/// Where the Ethernet header has the two hardware addresses, the parts that tell one device from another.
const DESTINATION_DEVICE: std::ops::Range<usize> = 3..6;
const SOURCE_DEVICE: std::ops::Range<usize> = 9..12;

/// The sample as it may be shown.
#[must_use]
pub fn mask(sample: &Sample, guarded: &Guarded) -> Sample {
    let mut masked = *sample;
    let is_own = |address: Option<IpAddr>| address.is_some_and(|ip| guarded.is_own(ip));
    let [source, destination] = addresses(sample).map(is_own);
    if source {
        masked.flags |= SampleFlags::SOURCE_INSIDE;
    }
    if destination {
        masked.flags |= SampleFlags::DESTINATION_INSIDE;
    }
    masked.mask();
    masked.flags &= !SampleFlags::WHOLE;
    if masked.flags & SampleFlags::SOURCE_INSIDE != 0 {
        masked.link[SOURCE_DEVICE].fill(0);
    }
    if masked.flags & SampleFlags::DESTINATION_INSIDE != 0 {
        masked.link[DESTINATION_DEVICE].fill(0);
    }
    masked
}

/// Source and destination, where there is an IP header.
#[must_use]
pub fn addresses(sample: &Sample) -> [Option<IpAddr>; 2] {
    let v4 = |at: usize| {
        let bytes = sample.ip.get(at..)?.first_chunk::<4>()?;
        Some(Ipv4Addr::from(*bytes).into())
    };
    let v6 = |at: usize| {
        let bytes = sample.ip.get(at..)?.first_chunk::<16>()?;
        Some(Ipv6Addr::from(*bytes).into())
    };
    match sample.ip_length {
        20 => [v4(12), v4(16)],
        40 => [v6(8), v6(24)],
        _ => [None, None],
    }
}

/// An address of a masked sample as it is shown: the network of one that is inside.
#[must_use]
pub fn shown(address: IpAddr, inside: bool) -> String {
    let bits = match address {
        IpAddr::V4(_) => MASKED_V4,
        IpAddr::V6(_) => MASKED_V6,
    };
    if inside {
        format!("{address}/{bits}")
    } else {
        address.to_string()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A sample of TCP from and to these, over an Ethernet header; nothing is masked.
    pub(crate) fn sample(source: &str, destination: &str, flags: u32) -> Sample {
        let mut sample = Sample {
            time: 1,
            generation: 1,
            interface: 0,
            reason: 16,
            slot: 0,
            flags,
            frame_length: 74,
            vlan: 0,
            link_length: 14,
            ip_length: 20,
            transport_length: 20,
            protocol: 6,
            reserved: 0,
            link: [0x11; 64],
            ip: [0; 40],
            transport: [0x22; 20],
            padding: [0; 4],
        };
        match [source, destination].map(|text| text.parse().unwrap()) {
            [IpAddr::V4(source), IpAddr::V4(destination)] => {
                sample.ip[..4].copy_from_slice(&[0x45, 0, 0, 60]);
                sample.ip[9] = 6;
                sample.ip[10..12].copy_from_slice(&[0xab, 0xcd]);
                sample.ip[12..16].copy_from_slice(&source.octets());
                sample.ip[16..20].copy_from_slice(&destination.octets());
                sample.link[12..14].copy_from_slice(&[8, 0]);
            }
            [IpAddr::V6(source), IpAddr::V6(destination)] => {
                sample.ip_length = 40;
                sample.ip[..8].copy_from_slice(&[0x60, 0, 0, 0, 0, 40, 6, 64]);
                sample.ip[8..24].copy_from_slice(&source.octets());
                sample.ip[24..].copy_from_slice(&destination.octets());
                sample.link[12..14].copy_from_slice(&[0x86, 0xdd]);
            }
            _ => panic!("two families"),
        }
        sample
    }

    #[test]
    fn an_address_inside_is_cut_even_where_the_kernel_left_it_whole() {
        let flags = SampleFlags::WHOLE | SampleFlags::DESTINATION_INSIDE;
        let masked = mask(
            &sample("203.0.113.7", "192.0.2.2", flags),
            &Guarded::default(),
        );
        let [source, destination] = addresses(&masked).map(Option::unwrap);
        assert_eq!(shown(source, false), "203.0.113.7");
        assert_eq!(shown(destination, true), "192.0.2.0/24");
        assert_eq!(masked.flags & SampleFlags::WHOLE, 0);
        assert_eq!(masked.ip[10..12], [0, 0], "the checksum would tell");
        assert_eq!(masked.transport[16..18], [0, 0]);
        assert_eq!(masked.link[..6], [0x11, 0x11, 0x11, 0, 0, 0]);
        assert_eq!(masked.link[6..12], [0x11; 6], "the end outside is whole");
        let v6 = sample(
            "2001:db8:200::2",
            "2001:db8:bad::7",
            SampleFlags::SOURCE_INSIDE,
        );
        let [source, _] = addresses(&mask(&v6, &Guarded::default())).map(Option::unwrap);
        assert_eq!(shown(source, true), "2001:db8:200::/48");
    }

    #[test]
    fn own_space_is_inside_wherever_it_comes_from() {
        let own = Guarded::new(&["192.0.2.0/24".parse().unwrap()], &[]);
        let spoofed = sample("192.0.2.9", "203.0.113.7", 0);
        let masked = mask(&spoofed, &own);
        assert_ne!(masked.flags & SampleFlags::SOURCE_INSIDE, 0);
        assert_eq!(addresses(&masked)[0], Some("192.0.2.0".parse().unwrap()));
        assert_eq!(mask(&masked, &own), masked, "twice is as good as once");
    }
}
