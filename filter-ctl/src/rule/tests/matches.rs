//! Which packets a rule means.

use filter_common::{address::Family, settings::Role};

use super::matching;
use crate::rule::Fields;

fn tcp() -> Fields {
    Fields {
        family: Family::V4,
        role: Role::Upstream,
        source: "198.51.100.7".parse().unwrap(),
        destination: "192.0.2.1".parse().unwrap(),
        protocol: Some(6),
        ports: Some([40_000, 443]),
        icmp: None,
        flags: Some(0x002),
        length: 60,
        dscp: 46,
        fragment: 1,
        label: None,
    }
}

fn icmpv6() -> Fields {
    Fields {
        family: Family::V6,
        source: "2001:db8:1::1".parse().unwrap(),
        destination: "2001:db8:2::1".parse().unwrap(),
        protocol: Some(58),
        ports: None,
        icmp: Some([128, 0]),
        flags: None,
        fragment: 0,
        label: Some(0xabcde),
        ..tcp()
    }
}

#[test]
fn every_component_matches_what_it_says_and_not_what_lies_beside_it() {
    for (fields, yes, no) in [
        (tcp(), "family ip any", "family ip6 any"),
        (tcp(), "role upstream any", "role customer any"),
        (tcp(), "dst 192.0.2.0/24", "dst 192.0.3.0/24"),
        (tcp(), "src 198.51.100.0/24", "src 192.0.2.0/24"),
        (tcp(), "proto tcp", "proto != tcp"),
        (tcp(), "port 443", "port 444"),
        (tcp(), "port 40000", "port > 40000"),
        (tcp(), "port 443 && 443", "port 443 && 40000"),
        (tcp(), "dport 443", "dport 40000"),
        (tcp(), "sport 40000", "sport 443"),
        (tcp(), "dport true", "dport false"),
        (tcp(), "dport > 442 && < 444", "dport < 443 || > 443"),
        (tcp(), "dport 1 || > 2 && < 444", "dport 1 || > 2 && < 443"),
        (tcp(), "tcp flags syn", "tcp flags syn,ack"),
        (tcp(), "tcp flags syn,!ack", "tcp flags !syn"),
        (tcp(), "tcp flags any(syn,ack)", "tcp flags all(syn,ack)"),
        (tcp(), "tcp flags !all(syn,ack)", "tcp flags none(syn,ack)"),
        (
            tcp(),
            "tcp flags 0x002/0xfff",
            "tcp flags 0x002/0x003 && ack",
        ),
        (tcp(), "length <= 60", "length > 60"),
        (tcp(), "dscp ef", "dscp 0..45"),
        (tcp(), "fragment dont-fragment", "fragment !dont-fragment"),
        (
            tcp(),
            "fragment none(is-fragment,first-fragment)",
            "fragment is-fragment",
        ),
        (icmpv6(), "label 0xabcde", "label < 0xabcde"),
        (
            icmpv6(),
            "family ip6 icmp type echo-request",
            "family ip6 icmp type echo-reply",
        ),
        (
            icmpv6(),
            "icmp type 128 icmp code 0",
            "icmp type 128 icmp code 1",
        ),
        (icmpv6(), "dst 2001:db8:2::/48", "dst 2001:db8:1::/48"),
    ] {
        assert!(matching(yes).matches(&fields), "{yes}");
        assert!(!matching(no).matches(&fields), "{no}");
    }
}

#[test]
fn what_is_unknown_matches_nothing_not_even_true() {
    let later = Fields {
        fragment: 2,
        ports: None,
        flags: None,
        ..tcp()
    };
    let misread = Fields {
        ports: Some([40_000, 443]),
        flags: Some(0x002),
        ..later
    };
    for text in [
        "port true",
        "dport true",
        "sport != 1",
        "tcp flags !ack",
        "tcp flags all(0)",
    ] {
        assert!(matching(text).matches(&tcp()), "{text}");
        assert!(!matching(text).matches(&later), "{text}");
        assert!(!matching(text).matches(&misread), "{text}");
    }
    assert!(!matching("label true").matches(&tcp()));
    assert!(matching("proto tcp fragment is-fragment").matches(&later));
    let no_protocol = Fields {
        protocol: None,
        ..later
    };
    assert!(!matching("proto true").matches(&no_protocol));
}

#[test]
fn ports_are_of_tcp_and_udp_flags_of_tcp_and_icmp_of_the_family() {
    let sctp = Fields {
        protocol: Some(132),
        ..tcp()
    };
    let udp = Fields {
        protocol: Some(17),
        ..tcp()
    };
    assert!(matching("dport 443").matches(&udp));
    assert!(!matching("dport 443").matches(&sctp));
    assert!(!matching("tcp flags syn").matches(&udp));
    let icmp_in_v6 = Fields {
        protocol: Some(1),
        ..icmpv6()
    };
    assert!(matching("icmp type true").matches(&icmpv6()));
    assert!(!matching("icmp type true").matches(&icmp_in_v6));
}
