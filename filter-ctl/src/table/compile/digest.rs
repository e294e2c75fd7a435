//! The digest of a table.

use filter_common::{
    policy::PolicySet,
    settings::Role,
    table::{Row4, Row6},
};
use sha2::{Digest as _, Sha256};

use crate::table::{Table, TimedClause};

/// SHA-256 over all that a table says, the same on every machine and after every restart.
///
/// Deadlines enter as Unix time, so a change of the clock does not change it.
#[must_use]
pub fn digest(table: &Table) -> [u8; 32] {
    let Table {
        v4,
        v6,
        places_v4,
        places_v6,
        clauses,
        settings,
        policies,
        vlans,
    } = table;
    let mut sum = Sum {
        hash: Sha256::new(),
        buffer: Vec::with_capacity(Sum::BUFFER),
    };
    sum.bytes(b"levee table 2\n");
    // The roots follow from the rows.
    sum.section(&v4.rows, |sum, row| sum.row4(*row));
    sum.section(&v6.rows, |sum, row| sum.row6(*row));
    sum.section(&places_v4.rows, |sum, row| sum.row4(*row));
    sum.section(&places_v6.rows, |sum, row| sum.row6(*row));
    sum.section(clauses, Sum::clause);
    sum.section(settings, |sum, settings| {
        let customer = settings.role() == Role::Customer;
        sum.bytes(&[
            u8::from(settings.monitors()),
            u8::from(customer),
            u8::from(settings.has_vlans()),
            settings.tunnels().to_bits(),
        ]);
    });
    sum.section(policies, |sum, set| {
        let PolicySet {
            named,
            drop,
            monitor,
        } = *set;
        for policies in [named, drop, monitor] {
            sum.bytes(&policies.to_bits().to_le_bytes());
        }
    });
    sum.section(vlans, |sum, word| sum.bytes(&word.to_le_bytes()));
    sum.hash.update(&sum.buffer);
    sum.hash.finalize().into()
}

struct Sum {
    hash: Sha256,
    buffer: Vec<u8>,
}

impl Sum {
    const BUFFER: usize = 1 << 16;

    fn bytes(&mut self, bytes: &[u8]) {
        if self.buffer.len() + bytes.len() > Self::BUFFER {
            self.hash.update(&self.buffer);
            self.buffer.clear();
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The number of elements, then each.
    fn section<T>(&mut self, elements: &[T], each: impl Fn(&mut Self, &T)) {
        self.bytes(&(elements.len() as u64).to_le_bytes());
        for element in elements {
            each(self, element);
        }
    }

    /// An element of a few fields, joined so that the buffer is asked once.
    fn fields<const N: usize>(&mut self, fields: &[&[u8]]) {
        let mut joined = [0; N];
        let mut at = 0;
        for field in fields {
            joined[at..at + field.len()].copy_from_slice(field);
            at += field.len();
        }
        self.bytes(&joined);
    }

    fn row4(&mut self, row: Row4) {
        let Row4 { start, value } = row;
        self.fields::<8>(&[&start.to_le_bytes(), &value.to_le_bytes()]);
    }

    fn row6(&mut self, row: Row6) {
        let Row6 {
            high,
            low,
            value,
            reserved: _,
        } = row;
        let (high, low) = (high.to_le_bytes(), low.to_le_bytes());
        self.fields::<20>(&[&high, &low, &value.to_le_bytes()]);
    }

    fn clause(&mut self, clause: &TimedClause) {
        let TimedClause {
            slot,
            until,
            ports: [first, last],
            protocol,
            flags,
        } = *clause;
        let (first, last) = (first.to_le_bytes(), last.to_le_bytes());
        let (slot, until) = (slot.to_le_bytes(), until.to_le_bytes());
        self.fields::<18>(&[&slot, &until, &first, &last, &[protocol, flags]]);
    }
}
