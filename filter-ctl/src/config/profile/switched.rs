//! Settings that a host group can switch off, where its profile has switched them on.

use std::fmt;

/// What stands for nothing, where a profile would set something.
const NONE: &str = "none";

/// Something, or expressly nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switched<T> {
    /// `none`.
    Off,
    /// This.
    On(T),
}

impl<T> Switched<T> {
    /// Reads `none`, or else what `read` reads.
    pub(in crate::config) fn parse<E>(
        text: &str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Self, E> {
        if text == NONE {
            Ok(Self::Off)
        } else {
            read(text).map(Self::On)
        }
    }

    /// What it is, unless it is off.
    #[must_use]
    pub const fn on(&self) -> Option<&T> {
        match self {
            Self::Off => None,
            Self::On(value) => Some(value),
        }
    }
}

impl<T: fmt::Display> fmt::Display for Switched<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str(NONE),
            Self::On(value) => value.fmt(f),
        }
    }
}
