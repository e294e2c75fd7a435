//! A snapshot of the service, from which all reads are answered.

use std::net::IpAddr;

use crate::{
    http::wire::{Explanation, NeverBlockEntry, OrderDetail, OrderSummary, Status},
    order::OrderId,
};

/// The snapshot.
#[derive(Debug)]
pub struct View {
    status: Status,
}

impl View {
    /// x
    #[must_use]
    pub fn status(&self) -> Status {
        self.status.clone()
    }
    /// x
    #[must_use]
    pub fn explain(&self, _address: IpAddr) -> Explanation {
        unreachable!()
    }
    /// x
    #[must_use]
    pub fn orders(&self) -> Vec<OrderSummary> {
        unreachable!()
    }
    /// x
    #[must_use]
    pub fn order(&self, _id: &OrderId) -> Option<OrderDetail> {
        unreachable!()
    }
    /// x
    #[must_use]
    pub fn exceptions(&self) -> Vec<NeverBlockEntry> {
        unreachable!()
    }
}
