//! Oddities of TCP.

use filter_common::policy::Policy::{
    self, TcpBadOffset, TcpFinRst, TcpFinWithoutAck, TcpNull, TcpSynFin, TcpSynRst, TcpSynWithData,
    TcpSynWithoutOptions, TcpXmas,
};

use super::Table;
use crate::support::packet::{
    Tcp, number,
    tcp::{ACK, CWR, ECE, FIN, PSH, RST, SYN, SYN_OPTIONS, URG},
};

pub(super) fn add(table: &mut Table) {
    flags(table);
    openings(table);
    offsets(table);
}

impl Table {
    /// The same segment over either family.
    fn tcp(&mut self, policy: Policy, name: &str, header: &Tcp, payload: usize, odd: &[Policy]) {
        for flow in self.flows().map(|flow| flow.protocol(number::TCP)) {
            let segment = header.segment(&flow, &vec![0; payload]);
            let name = format!("{name}, flags {:#04x}", header.flags);
            self.segment(policy, &name, &flow, &segment, odd);
        }
    }

    /// Flags, with options and without data.
    fn flags(&mut self, policy: Policy, flags: u8, odd: &[Policy]) {
        self.tcp(policy, "", &Tcp::new(flags).options(&SYN_OPTIONS), 0, odd);
    }
}

fn flags(table: &mut Table) {
    let cases: &[(Policy, u8, &[Policy])] = &[
        (TcpNull, 0, &[TcpNull]),
        (TcpNull, ECE | CWR, &[TcpNull]),
        (TcpNull, PSH, &[]),
        (TcpNull, URG, &[]),
        (TcpNull, ACK, &[]),
        (TcpXmas, FIN | PSH | URG, &[TcpXmas]),
        (TcpXmas, FIN | PSH | URG | ECE | CWR, &[TcpXmas]),
        (TcpXmas, FIN | PSH | URG | ACK, &[]),
        (TcpXmas, PSH | URG, &[]),
        (TcpXmas, FIN | URG, &[TcpFinWithoutAck]),
        (TcpSynFin, SYN | FIN, &[TcpSynFin]),
        (TcpSynFin, SYN | FIN | ACK, &[TcpSynFin]),
        (TcpSynFin, SYN | FIN | PSH | URG, &[TcpSynFin]),
        (
            TcpSynFin,
            SYN | FIN | RST,
            &[TcpSynFin, TcpSynRst, TcpFinRst],
        ),
        (TcpSynFin, 0xff, &[TcpSynFin, TcpSynRst, TcpFinRst]),
        (TcpSynFin, SYN, &[]),
        (TcpSynFin, SYN | ACK, &[]),
        (TcpSynFin, FIN | ACK, &[]),
        (TcpSynRst, SYN | RST, &[TcpSynRst]),
        (TcpSynRst, SYN | RST | ACK, &[TcpSynRst]),
        (TcpSynRst, RST, &[]),
        (TcpSynRst, SYN | ACK, &[]),
        (TcpFinRst, FIN | RST, &[TcpFinRst]),
        (TcpFinRst, FIN | RST | ACK, &[TcpFinRst]),
        (TcpFinRst, FIN | RST | PSH | URG, &[TcpFinRst]),
        (TcpFinRst, RST | ACK, &[]),
        (TcpFinRst, FIN | ACK, &[]),
        (TcpFinWithoutAck, FIN, &[TcpFinWithoutAck]),
        (TcpFinWithoutAck, FIN | PSH, &[TcpFinWithoutAck]),
        (TcpFinWithoutAck, FIN | ECE, &[TcpFinWithoutAck]),
        (TcpFinWithoutAck, FIN | ACK, &[]),
        (TcpFinWithoutAck, FIN | PSH | ACK, &[]),
        (TcpFinWithoutAck, FIN | PSH | URG, &[TcpXmas]),
        (TcpFinWithoutAck, FIN | RST, &[TcpFinRst]),
    ];
    for (policy, flags, odd) in cases {
        table.flags(*policy, *flags, odd);
    }
}

fn openings(table: &mut Table) {
    let bare = Tcp::new(SYN);
    let full = Tcp::new(SYN).options(&SYN_OPTIONS);
    let answer = Tcp::new(SYN | ACK);
    let ecn = Tcp::new(SYN | ECE | CWR);
    let both = [TcpSynWithData, TcpSynWithoutOptions];
    table.tcp(TcpSynWithData, "data", &full, 1, &[TcpSynWithData]);
    table.tcp(TcpSynWithData, "data alone", &bare, 400, &both);
    table.tcp(TcpSynWithData, "no data", &full, 0, &[]);
    table.tcp(TcpSynWithData, "an answer", &answer, 100, &[]);
    table.tcp(
        TcpSynWithoutOptions,
        "no option",
        &bare,
        0,
        &[TcpSynWithoutOptions],
    );
    table.tcp(
        TcpSynWithoutOptions,
        "with ECN",
        &ecn,
        0,
        &[TcpSynWithoutOptions],
    );
    let four = Tcp::new(SYN).options(&SYN_OPTIONS[..4]);
    table.tcp(TcpSynWithoutOptions, "one option", &four, 0, &[]);
    table.tcp(TcpSynWithoutOptions, "an answer", &answer, 0, &[]);
    table.tcp(TcpSynWithoutOptions, "an ACK", &Tcp::new(ACK), 0, &[]);
}

fn offsets(table: &mut Table) {
    for words in 0..5 {
        let name = format!("{words} words");
        let header = Tcp::new(ACK).words(words);
        table.tcp(TcpBadOffset, &name, &header, 20, &[TcpBadOffset]);
    }
    for (words, payload, odd) in [
        (5, 0, false),
        (6, 3, true),
        (6, 4, false),
        (15, 39, true),
        (15, 40, false),
    ] {
        let odd: &[_] = if odd { &[TcpBadOffset] } else { &[] };
        let name = format!("{words} words in {} bytes", 20 + payload);
        table.tcp(
            TcpBadOffset,
            &name,
            &Tcp::new(ACK).words(words),
            payload,
            odd,
        );
        // Not only where the segment acknowledges.
        table.tcp(
            TcpBadOffset,
            &name,
            &Tcp::new(RST).words(words),
            payload,
            odd,
        );
    }
}
