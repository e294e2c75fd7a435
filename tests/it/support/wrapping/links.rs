//! Ways over the link: tags, and what lies between them and IP.

use crate::support::packet::{
    Frame, Layer, Tag,
    between::{Mpls, Pppoe},
    wrap,
};

/// What comes before an IP header.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) name: &'static str,
    /// Whether every IP header is tried over it, and not only typical ones.
    pub(crate) typical: bool,
    tags: Vec<Tag>,
    layers: Vec<Layer>,
}

impl Link {
    fn new(name: &'static str, tags: &[Tag], layers: &[Layer]) -> Self {
        Self {
            name,
            typical: false,
            tags: tags.to_vec(),
            layers: layers.to_vec(),
        }
    }

    const fn typical(mut self) -> Self {
        self.typical = true;
        self
    }

    /// The frame of a packet.
    pub(crate) fn frame(&self, ethertype: u16, packet: Vec<u8>) -> Frame {
        wrap(&self.layers, ethertype, packet).tagged(&self.tags)
    }

    /// The bytes before the IP header.
    pub(super) fn length(&self) -> usize {
        let layers: usize = self.layers.iter().map(Layer::length).sum();
        14 + 4 * self.tags.len() + layers
    }

    /// Whether a packet with so much payload fits: what a length announces ends at 1,500 bytes.
    pub(crate) fn has_room_for(&self, payload: usize) -> bool {
        payload < 1_400 || !self.layers.contains(&Layer::Snap)
    }
}

/// All of them.
pub(crate) fn all() -> Vec<Link> {
    let mut links = tagged();
    links.extend(layered());
    links
}

fn tagged() -> Vec<Link> {
    let tags = |name, tags: &[Tag]| Link::new(name, tags, &[]);
    let old = |vlan| Tag {
        tpid: 0x9200,
        tci: vlan,
    };
    vec![
        tags("untagged", &[]).typical(),
        tags("802.1Q", &[Tag::q(100)]),
        tags("priority tag", &[Tag::q(0xe000)]),
        tags("802.1Q with priority", &[Tag::q(0xeffe)]),
        tags("802.1ad", &[Tag::ad(100)]),
        tags("802.1ad + 802.1Q", &[Tag::ad(200), Tag::q(100)]).typical(),
        tags("0x9100", &[Tag::old(200)]),
        tags("0x9100 + 802.1Q", &[Tag::old(200), Tag::q(100)]),
        tags("0x9200 + 0x9200", &[old(1), old(2)]),
        tags("three tags", &[Tag::ad(1), Tag::q(2), Tag::q(3)]),
        tags("four tags", &[Tag::ad(1), Tag::ad(2), Tag::q(3), Tag::q(4)]),
    ]
}

fn layered() -> Vec<Link> {
    let q = [Tag::q(100)];
    let qinq = [Tag::ad(200), Tag::q(100)];
    let session = || Layer::PPPOE;
    let compressed = Layer::Pppoe(Pppoe {
        compressed: true,
        ..Pppoe::SESSION
    });
    let stack = |labels: &[u32]| Layer::mpls(labels);
    let null = |labels: &[u32]| Layer::Mpls(Mpls::new(labels).null());
    let multicast = Layer::Mpls(Mpls {
        multicast: true,
        ..Mpls::new([16])
    });
    let eight = [16, 17, 18, 19, 20, 0x000f_ffff, 22, 23];
    vec![
        Link::new("PPPoE", &[], &[session()]),
        Link::new("PPPoE, short protocol", &[], &[compressed]),
        Link::new("PPPoE in 802.1Q", &q, &[session()]),
        Link::new("PPPoE in QinQ", &qinq, &[session()]).typical(),
        Link::new("MPLS", &[], &[stack(&[16])]),
        Link::new("MPLS of three labels", &[], &[stack(&[16, 3_000, 17])]).typical(),
        Link::new("MPLS of eight labels", &[], &[stack(&eight)]),
        Link::new(
            "MPLS of sixteen labels",
            &[],
            &[stack(&[eight, eight].concat())],
        ),
        Link::new("MPLS for multicast", &[], &[multicast]),
        Link::new("explicit null", &[], &[null(&[])]),
        Link::new("explicit null below a label", &[], &[null(&[16])]),
        Link::new("MPLS in 802.1Q", &q, &[stack(&[16, 17])]),
        Link::new("MPLS in QinQ", &qinq, &[stack(&[16])]),
        Link::new("MPLS in PPPoE", &[], &[session(), stack(&[16])]),
        Link::new(
            "MPLS in PPPoE in QinQ",
            &qinq,
            &[session(), stack(&[16, 17])],
        ),
        Link::new("SNAP", &[], &[Layer::Snap]),
        Link::new("SNAP in 802.1Q", &q, &[Layer::Snap]),
        Link::new("PPPoE in SNAP", &[], &[Layer::Snap, session()]),
    ]
}
