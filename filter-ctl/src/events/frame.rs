//! From a sample to a frame that a capture file can hold.
//!
//! A sample has the link header and the fixed parts of IP and transport header. What lay between them, options
//! and extension headers, is not there, so the headers are made to follow each other: the frame decodes, is shorter
//! than it was, and the length beside it in the file says how long it was.

use filter_common::{packet::protocol, sample::Sample};

const ETHERTYPE_IPV4: [u8; 2] = [0x08, 0x00];
const ETHERTYPE_IPV6: [u8; 2] = [0x86, 0xdd];
const IPV4: usize = 20;
const IPV6: usize = 40;
/// Words of 32 bits of an IPv4 or TCP header without options.
const WORDS: u8 = 5;

/// The frame's first bytes.
#[must_use]
pub fn frame(sample: &Sample) -> Vec<u8> {
    let mut frame = link(sample);
    let transport = transport(sample);
    let options = removed_tcp_options(sample);
    match usize::from(sample.ip_length) {
        IPV4 => frame.extend(ipv4(sample, options)),
        IPV6 => frame.extend(ipv6(sample, options, !transport.is_empty())),
        _ => return frame,
    }
    frame.extend(transport);
    frame
}

/// The link header, or a plain Ethernet header in place of one that was too long to be kept.
fn link(sample: &Sample) -> Vec<u8> {
    let kept = usize::from(sample.link_length);
    if let Some(link) = sample.link.get(..kept)
        && kept > 0
    {
        return link.to_vec();
    }
    let mut link = vec![0; 12];
    link.extend(match usize::from(sample.ip_length) {
        IPV6 => ETHERTYPE_IPV6,
        _ => ETHERTYPE_IPV4,
    });
    link
}

/// The IPv4 header without options, with its checksum.
fn ipv4(sample: &Sample, tcp_options: u16) -> Vec<u8> {
    let mut header = sample.ip[..IPV4].to_vec();
    let words = header[0] & 0x0f;
    let options = u16::from(words.saturating_sub(WORDS)) * 4;
    shorten(&mut header[2..4], options + tcp_options);
    header[0] = header[0] & 0xf0 | WORDS;
    header[10..12].fill(0);
    let checksum = checksum(&header);
    header[10..12].copy_from_slice(&checksum.to_be_bytes());
    header
}

/// The IPv6 header, followed at once by the transport header, if there is one.
fn ipv6(sample: &Sample, tcp_options: u16, has_transport: bool) -> Vec<u8> {
    let mut header = sample.ip[..IPV6].to_vec();
    if has_transport && let Ok(protocol) = u8::try_from(sample.protocol) {
        header[6] = protocol;
    }
    shorten(&mut header[4..6], tcp_options);
    header
}

fn transport(sample: &Sample) -> Vec<u8> {
    const DATA_OFFSET: usize = 12;
    let kept = usize::from(sample.transport_length);
    let mut header = sample.transport.get(..kept).unwrap_or_default().to_vec();
    if is_tcp(sample)
        && let Some(offset) = header.get_mut(DATA_OFFSET)
    {
        *offset = WORDS << 4 | *offset & 0x0f;
    }
    header
}

/// Bytes of TCP options that are left out.
fn removed_tcp_options(sample: &Sample) -> u16 {
    if !is_tcp(sample) {
        return 0;
    }
    u16::from((sample.transport[12] >> 4).saturating_sub(WORDS)) * 4
}

fn is_tcp(sample: &Sample) -> bool {
    sample.transport_length == 20 && sample.protocol == u16::from(protocol::TCP)
}

/// Takes bytes off a length in network order.
fn shorten(field: &mut [u8], bytes: u16) {
    if let [high, low] = field {
        let length = u16::from_be_bytes([*high, *low]).saturating_sub(bytes);
        [*high, *low] = length.to_be_bytes();
    }
}

/// The checksum of RFC 1071.
fn checksum(header: &[u8]) -> u16 {
    let words = header.as_chunks::<2>().0.iter();
    let sum: u32 = words.map(|word| u32::from(u16::from_be_bytes(*word))).sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let folded = (folded & 0xffff) + (folded >> 16);
    !u16::try_from(folded).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::mask::tests::sample;

    #[test]
    fn options_are_taken_out_and_the_header_is_whole_again() {
        let mut sample = sample("203.0.113.7", "192.0.2.0", 0);
        sample.ip[0] = 0x48;
        sample.ip[2..4].copy_from_slice(&100_u16.to_be_bytes());
        sample.transport[12] = 0x82;
        let frame = frame(&sample);
        assert_eq!(frame.len(), 14 + 20 + 20);
        let ip = &frame[14..34];
        assert_eq!(ip[0], 0x45);
        assert_eq!(ip[2..4], (100_u16 - 12 - 12).to_be_bytes());
        assert_eq!(checksum(ip), 0, "the sum over a right header");
        assert_eq!(frame[34 + 12], 0x52);
    }

    #[test]
    fn extension_headers_are_left_out_where_what_is_behind_them_is_known() {
        let mut sample = sample("2001:db8:bad::7", "2001:db8:200::", 0);
        sample.ip[6] = 0;
        assert_eq!(frame(&sample)[14 + 6], 6);
        sample.transport_length = 0;
        assert_eq!(frame(&sample)[14 + 6], 0, "of a fragment, say");
        assert_eq!(frame(&sample).len(), 14 + 40);
    }

    #[test]
    fn a_link_header_that_was_too_long_becomes_a_plain_one() {
        let mut sample = sample("2001:db8:bad::7", "2001:db8:200::", 0);
        sample.link_length = 65;
        let frame = frame(&sample);
        assert_eq!(
            frame[..14],
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x86, 0xdd]
        );
        assert_eq!(frame[14] >> 4, 6);
    }

    #[test]
    fn a_frame_without_ip_is_its_link_header() {
        let mut sample = sample("203.0.113.7", "192.0.2.0", 0);
        (sample.ip_length, sample.transport_length) = (0, 0);
        assert_eq!(frame(&sample), sample.link[..14]);
    }
}
