//! The controller of Levee.
