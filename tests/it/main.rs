//! Levee's promises, tested from outside.

mod spike;
