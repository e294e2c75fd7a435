//! Rules: what a packet looks like and where it goes decides, not who is listed (RFC 8955, RFC 8956).
//!
//! Every rule has a *rank*, and the first whose every component matches decides. Instead of asking one rule
//! after the other, each *dimension* of a packet (its destination, its protocol, its ports and so on) is
//! looked up once and yields the set of rules that it does not speak against, [`RuleBits`]; the rules that
//! match are in all of these sets, so the first is the lowest bit of their intersection. A word of each set
//! tells which of its words are not empty, so that most words are never read, and a packet costs about the
//! same with one rule and with a thousand.
//!
//! - [`key`]: the dimensions, and which values of a packet the controller has to say the set for;
//! - [`bits`](self::set): a set of rules;
//! - [`record`]: what a rule does;
//! - [`walk`]: from a packet to the rule that decides.

mod key;
mod record;
mod set;
mod walk;

pub use key::{
    DIMENSIONS, Dimension, FIELD_CLASSES, FIELDS, Field, family_role_protocol, flow_label_number,
    tos_fragment,
};
pub use record::{RuleAction, RuleRecord};
pub use set::{RULE_WORDS, RuleBits, RuleSetHeader};
pub use walk::{Found, RuleTables, Sets};
