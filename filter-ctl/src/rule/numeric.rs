//! Lists of comparisons of a number: the numeric operators of RFC 8955, 4.2.1.1.

use super::OPERATORS_MAX;

/// The fields whose values are compared, by how far they go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    /// 8 bits: protocol, ICMP type and code.
    Octet,
    /// 16 bits: ports, packet length.
    Word,
    /// 6 bits: DSCP.
    Dscp,
    /// 20 bits: flow label.
    Label,
}

impl Domain {
    /// The largest value.
    #[must_use]
    pub const fn last(self) -> u32 {
        match self {
            Self::Octet => 0xff,
            Self::Word => 0xffff,
            Self::Dscp => 0x3f,
            Self::Label => 0xf_ffff,
        }
    }
}

/// How a number is compared, by the bits `lt`, `gt` and `eq` of the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Operator {
    /// Never.
    False = 0,
    /// `=`
    Equal = 1,
    /// `>`
    Greater = 2,
    /// `>=`
    AtLeast = 3,
    /// `<`
    Less = 4,
    /// `<=`
    AtMost = 5,
    /// `!=`
    NotEqual = 6,
    /// Always, where the field is known.
    True = 7,
}

impl Operator {
    /// All of them, by their bits.
    pub const ALL: [Self; 8] = [
        Self::False,
        Self::Equal,
        Self::Greater,
        Self::AtLeast,
        Self::Less,
        Self::AtMost,
        Self::NotEqual,
        Self::True,
    ];

    /// Whether a field with this content passes.
    #[must_use]
    pub const fn accepts(self, content: u32, value: u32) -> bool {
        match self {
            Self::False => false,
            Self::Equal => content == value,
            Self::Greater => content > value,
            Self::AtLeast => content >= value,
            Self::Less => content < value,
            Self::AtMost => content <= value,
            Self::NotEqual => content != value,
            Self::True => true,
        }
    }

    /// Whether the value plays no part.
    #[must_use]
    pub const fn is_constant(self) -> bool {
        matches!(self, Self::False | Self::True)
    }

    /// The values that pass, as at most two ranges, either of which may be empty.
    const fn ranges(self, value: u32, last: u32) -> [Option<(u32, u32)>; 2] {
        let below = match value {
            0 => None,
            _ => Some((0, value - 1)),
        };
        let above = if value < last {
            Some((value + 1, last))
        } else {
            None
        };
        match self {
            Self::False => [None, None],
            Self::Equal => [Some((value, value)), None],
            Self::Greater => [above, None],
            Self::AtLeast => [Some((value, last)), None],
            Self::Less => [below, None],
            Self::AtMost => [Some((0, value)), None],
            Self::NotEqual => [below, above],
            Self::True => [Some((0, last)), None],
        }
    }
}

/// One comparison of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// Whether it holds together with the one before, instead of in its place. Binds tighter than `or`.
    pub and: bool,
    /// How.
    pub operator: Operator,
    /// With what; 0 for an operator that needs none.
    pub value: u32,
}

/// Comparisons of one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numeric {
    domain: Domain,
    comparisons: Box<[Comparison]>,
}

/// Operators that are no component.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OperatorsError {
    /// There are none.
    #[error("expected at least one value")]
    None,
    /// There are too many.
    #[error("{0} operators: expected at most {OPERATORS_MAX}; split the rule")]
    TooMany(usize),
    /// A value that the field cannot have.
    #[error("{value} is outside the field: expected 0 to {last}")]
    Outside {
        /// The value.
        value: u32,
        /// The largest.
        last: u32,
    },
}

impl Numeric {
    /// A component. The first comparison has nothing before it, so its `and` is dropped, and so are values that
    /// play no part.
    pub fn new(domain: Domain, mut comparisons: Vec<Comparison>) -> Result<Self, OperatorsError> {
        let last = domain.last();
        check_count(comparisons.len())?;
        for comparison in &mut comparisons {
            if comparison.operator.is_constant() {
                comparison.value = 0;
            }
            check_value(comparison.value, last)?;
        }
        comparisons[0].and = false;
        Ok(Self {
            domain,
            comparisons: comparisons.into_boxed_slice(),
        })
    }

    /// What values the field can have.
    #[must_use]
    pub const fn domain(&self) -> Domain {
        self.domain
    }

    /// The comparisons, at least one.
    #[must_use]
    pub const fn comparisons(&self) -> &[Comparison] {
        &self.comparisons
    }

    /// Whether a value passes, comparison by comparison.
    #[must_use]
    pub fn accepts(&self, value: u32) -> bool {
        alternatives(&self.comparisons, |one| one.and)
            .any(|all| all.iter().all(|one| one.operator.accepts(value, one.value)))
    }

    /// The values that pass: ranges from first to last, sorted, with a value between any two that does not pass.
    #[must_use]
    pub fn ranges(&self) -> Vec<(u32, u32)> {
        let last = self.domain.last();
        let mut ranges = Vec::new();
        for all in alternatives(&self.comparisons, |one| one.and) {
            let mut common = vec![(0, last)];
            for one in all {
                let passing = one.operator.ranges(one.value, last);
                common = intersection(&common, passing.into_iter().flatten());
            }
            ranges.append(&mut common);
        }
        ranges.sort_unstable();
        ranges.dedup_by(|next, kept| {
            let joined = next.0 <= kept.1 + 1;
            if joined {
                kept.1 = kept.1.max(next.1);
            }
            joined
        });
        ranges
    }
}

/// What two sets of ranges have in common.
fn intersection(
    ranges: &[(u32, u32)],
    others: impl Iterator<Item = (u32, u32)>,
) -> Vec<(u32, u32)> {
    let cut = |other: (u32, u32)| {
        let pairs = ranges.iter();
        pairs.map(move |range| (range.0.max(other.0), range.1.min(other.1)))
    };
    let pairs = others.flat_map(cut);
    pairs.filter(|(first, last)| first <= last).collect()
}

/// The runs of operators that all must hold; one of the runs suffices.
pub(super) fn alternatives<T>(
    operators: &[T],
    and: impl Fn(&T) -> bool,
) -> impl Iterator<Item = &[T]> {
    operators.chunk_by(move |_, next| and(next))
}

pub(super) const fn check_count(count: usize) -> Result<(), OperatorsError> {
    match count {
        0 => Err(OperatorsError::None),
        1..=OPERATORS_MAX => Ok(()),
        _ => Err(OperatorsError::TooMany(count)),
    }
}

pub(super) const fn check_value(value: u32, last: u32) -> Result<(), OperatorsError> {
    if value <= last {
        Ok(())
    } else {
        Err(OperatorsError::Outside { value, last })
    }
}
