//! Orders that an operator types in or pastes from a letter.
//!
//! - [`parse_list`]: the attached list, as text or CSV, defanged or not;
//! - [`enter`]: one letter, or one more list under the same number, into an [`OperatorOrder`];
//! - [`OperatorOrder::verified`]: what goes on to the policy.

mod csv;
mod document;
mod enter;
mod error;
mod indicator;
mod list;
#[cfg(test)]
mod tests;

pub use self::{
    document::{
        FirstEnforced, INDICATORS_MAX, Indicator, OPERATOR_ORDER_VERSION, OperatorEntry,
        OperatorOrder,
    },
    enter::{
        Entered, Letter, LetterEntry, LetterLimits, OPERATOR_ENTRIES_MAX, RefusedLetterEntry,
        USER_NAME_BYTES_MAX, enter,
    },
    error::EnterError,
    indicator::Kind,
    list::{
        Format, LIST_BYTES_MAX, LIST_LINE_BYTES_MAX, LIST_LINES_MAX, ListError, ListedNet,
        NotEnforceable, ParsedList, parse_list,
    },
};
pub use super::field::parse_until;
