//! The parts of the bench: each answers one question, and can be run alone.

pub(crate) mod controller;
pub(crate) mod goodput;
pub(crate) mod groups;
pub(crate) mod rivals;
pub(crate) mod rules;
pub(crate) mod sizes;
pub(crate) mod steps;
mod structures;

use anyhow::Result;

use crate::{bench::Bench, levee::Levee};

/// A part of the bench.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Lookup structures beside each other.
    Structures,
    /// Levee's steps, switched on in turn.
    Steps,
    /// Levee by the size of the list, beside the kernel's trie and nftables.
    Sizes,
    /// Drops beside xdp-filter and nftables.
    Rivals,
    /// Rules by their number, beside the same in nftables.
    Rules,
    /// Limits, meters and samples.
    Groups,
    /// From orders to live, and what the controller and the kernel need for it.
    Controller,
    /// What is left of good traffic under load.
    Goodput,
}

impl Part {
    pub(crate) const ALL: [Self; 8] = [
        Self::Structures,
        Self::Steps,
        Self::Sizes,
        Self::Rivals,
        Self::Rules,
        Self::Groups,
        Self::Controller,
        Self::Goodput,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Structures => "structures",
            Self::Steps => "steps",
            Self::Sizes => "sizes",
            Self::Rivals => "rivals",
            Self::Rules => "rules",
            Self::Groups => "groups",
            Self::Controller => "controller",
            Self::Goodput => "goodput",
        }
    }

    pub(crate) fn run(self, bench: &mut Bench, levee: &mut Levee) -> Result<()> {
        match self {
            Self::Structures => structures::run(bench, levee),
            Self::Steps => steps::run(bench, levee),
            Self::Sizes => sizes::run(bench, levee),
            Self::Rivals => rivals::run(bench, levee),
            Self::Rules => rules::run(bench, levee),
            Self::Groups => groups::run(bench, levee),
            Self::Controller => controller::run(bench),
            Self::Goodput => goodput::run(bench, levee),
        }
    }
}
