//! Lists of tests of bits: the bitmask operators of RFC 8955, 4.2.1.2.

use super::numeric::{OperatorsError, alternatives, check_count, check_value};

/// The bits of a fragment component, RFC 8955, 4.2.2.12, and RFC 8956, 3.6.
pub mod fragment {
    use filter_common::packet::FragmentBits;

    /// The header forbids fragments. IPv4 only.
    pub const DONT_FRAGMENT: u16 = FragmentBits::DONT_FRAGMENT as u16;
    /// A fragment other than the first: its offset is not 0.
    pub const IS_FRAGMENT: u16 = FragmentBits::IS_FRAGMENT as u16;
    /// The first of several: its offset is 0, and more follow.
    pub const FIRST_FRAGMENT: u16 = FragmentBits::FIRST_FRAGMENT as u16;
    /// The last of several: its offset is not 0, and none follows.
    pub const LAST_FRAGMENT: u16 = FragmentBits::LAST_FRAGMENT as u16;
}

/// The fields whose bits are tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bits {
    /// The 12 bits beside the data offset of a TCP header.
    TcpFlags,
    /// What a header says of fragments, see [`fragment`].
    Fragment,
}

impl Bits {
    /// All bits that there are.
    #[must_use]
    pub const fn all(self) -> u16 {
        match self {
            Self::TcpFlags => 0xfff,
            Self::Fragment => 0xf,
        }
    }
}

/// One test of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bit {
    /// Whether it holds together with the one before, instead of in its place. Binds tighter than `or`.
    pub and: bool,
    /// Whether the result is turned round.
    pub not: bool,
    /// Whether all bits of the value must be set, instead of any.
    pub all: bool,
    /// The bits that are looked at.
    pub value: u16,
}

impl Bit {
    /// Whether a field with this content passes.
    #[must_use]
    pub const fn accepts(self, content: u16) -> bool {
        let found = content & self.value;
        let holds = if self.all {
            found == self.value
        } else {
            found != 0
        };
        holds != self.not
    }
}

/// Tests of the bits of one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bitmask {
    bits: Bits,
    tests: Box<[Bit]>,
}

impl Bitmask {
    /// A component. The first test has nothing before it, so its `and` is dropped.
    pub fn new(bits: Bits, mut tests: Vec<Bit>) -> Result<Self, OperatorsError> {
        check_count(tests.len())?;
        for test in &tests {
            check_value(u32::from(test.value), u32::from(bits.all()))?;
        }
        tests[0].and = false;
        Ok(Self {
            bits,
            tests: tests.into_boxed_slice(),
        })
    }

    /// The field.
    #[must_use]
    pub const fn bits(&self) -> Bits {
        self.bits
    }

    /// The tests, at least one.
    #[must_use]
    pub const fn tests(&self) -> &[Bit] {
        &self.tests
    }

    /// Whether a field with this content passes.
    #[must_use]
    pub fn accepts(&self, content: u16) -> bool {
        alternatives(&self.tests, |test| test.and)
            .any(|all| all.iter().all(|test| test.accepts(content)))
    }

    /// The bits that any test looks at.
    #[must_use]
    pub fn looks_at(&self) -> u16 {
        self.tests.iter().fold(0, |bits, test| bits | test.value)
    }
}
