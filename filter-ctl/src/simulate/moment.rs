//! What of the stored orders and decisions was in force at a moment.
//!
//! Only here are entries left out that began later: the service enforces what it has admitted, whatever
//! its clock says, for a clock that was set back must not take protection away.

use std::sync::Arc;

use jiff::Timestamp;

use crate::{
    daemon::{desired::Sources, local::Local},
    order::VerifiedOrder,
};

/// The orders without the entries that began after `at`.
pub(super) fn sources_at(sources: Sources, at: Timestamp) -> Sources {
    let as_of = |order: Arc<VerifiedOrder>| Arc::new(Arc::unwrap_or_clone(order).as_of(at));
    let sources = sources.into_iter();
    sources.map(|(key, order)| (key, as_of(order))).collect()
}

/// The operators' decisions without those that were made after `at`.
pub(super) fn local_at(mut local: Local, at: Timestamp) -> Local {
    local.exceptions.retain(|exception| exception.at <= at);
    local.withdrawals.retain(|withdrawal| withdrawal.at <= at);
    local.rules.rules.retain(|added| added.at <= at);
    local.feeds_off.retain(|off| off.at <= at);
    local.pauses.retain(|pause| pause.at <= at);
    for record in &mut local.approvals {
        record.approved.retain(|person| person.at <= at);
        record.rejected = record.rejected.take().filter(|person| person.at <= at);
    }
    local
}
