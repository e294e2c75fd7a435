//! Asks the service.

mod error;
mod exchange;

use std::{
    io,
    net::IpAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use hyper::Method;
use serde::{Serialize, de::DeserializeOwned};
use tokio::{net::UnixStream, time::timeout};

use self::exchange::{Ask, exchange, multipart, with_query};
pub use self::{error::ClientError, exchange::Bundle};
use super::{
    path,
    wire::{
        AcceptClock, AddException, AddOrder, AddRule, ApplyReport, Changed, DecideHold,
        Explanation, FeedRequest, Holds, InterfaceRequest, NeverBlockEntry, OrderDetail,
        OrderReport, OrderSummary, PanicRequest, PauseFeed, RemoveException, ReportSent, RollBack,
        RuleAdded, RuleEntry, SignedReceipt, Stats, Status, TrustStatus, Withdraw,
    },
};
use crate::{
    order::{FeedName, OrderId},
    receipt::store::ReceiptId,
    rule::RuleId,
};

/// The time to connect.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
/// The time for an answer that changes nothing.
const READ_TIME_MAX: Duration = Duration::from_secs(30);
/// The time for a change.
const CHANGE_TIME_MAX: Duration = Duration::from_mins(5);
/// The time for the kill switch, which works without the service too.
const PANIC_TIME_MAX: Duration = Duration::from_secs(5);

/// The way to the service: a new connection for each request.
#[derive(Clone, Debug)]
pub struct Client {
    socket: PathBuf,
}

impl Client {
    /// A client of the service behind that socket.
    #[must_use]
    pub fn new(socket: &Path) -> Self {
        Self {
            socket: socket.to_owned(),
        }
    }

    /// What the service looks like.
    pub async fn status(&self) -> Result<Status, ClientError> {
        self.get(path::STATUS.to_owned()).await
    }

    /// The counters.
    pub async fn stats(&self) -> Result<Stats, ClientError> {
        self.get(path::STATS.to_owned()).await
    }

    /// Whether, and on whose order, an address is blocked.
    pub async fn explain(&self, address: IpAddr) -> Result<Explanation, ClientError> {
        self.get(with_query(path::EXPLAIN, "address", &address.to_string()))
            .await
    }

    /// Every order.
    pub async fn orders(&self) -> Result<Vec<OrderSummary>, ClientError> {
        self.get(path::ORDERS.to_owned()).await
    }

    /// One order.
    pub async fn order(&self, id: &OrderId) -> Result<OrderDetail, ClientError> {
        self.get(with_query(path::ORDER, "id", &id.to_string()))
            .await
    }

    /// What the appliance has stated of a bundle.
    pub async fn receipt(
        &self,
        feed: &FeedName,
        id: &ReceiptId,
    ) -> Result<SignedReceipt, ClientError> {
        let target = with_query(path::RECEIPTS, "feed", feed.as_str());
        self.get(format!("{target}&id={}", id.as_str())).await
    }

    /// What became of an order.
    pub async fn report(&self, id: &OrderId) -> Result<OrderReport, ClientError> {
        self.get(with_query(path::REPORT, "id", &id.to_string()))
            .await
    }

    /// Notes that the report on a letter was sent.
    pub async fn report_sent(&self, request: &ReportSent) -> Result<Changed, ClientError> {
        self.post(path::REPORT_SENT, request).await
    }

    /// What is never blocked.
    pub async fn exceptions(&self) -> Result<Vec<NeverBlockEntry>, ClientError> {
        self.get(path::EXCEPTIONS.to_owned()).await
    }

    /// Admits and enforces a bundle.
    pub async fn apply(&self, bundle: &Bundle<'_>) -> Result<ApplyReport, ClientError> {
        let target = match bundle.feed {
            Some(feed) => with_query(path::BUNDLES, "feed", feed.as_str()),
            None => path::BUNDLES.to_owned(),
        };
        let mut parts = vec![("bundle", bundle.bytes)];
        parts.extend(
            bundle
                .signatures
                .iter()
                .map(|bytes| ("signature", &**bytes)),
        );
        self.send(target, &parts).await
    }

    /// Enters an operator's order, with the list that came with the letter.
    pub async fn add_order(
        &self,
        request: &AddOrder,
        attachment: Option<&[u8]>,
    ) -> Result<ApplyReport, ClientError> {
        let Some(attachment) = attachment else {
            return self.post(path::ORDERS, request).await;
        };
        let order = document(request)?;
        let parts = [("order", &*order), ("attachment", attachment)];
        self.send(path::ORDERS.to_owned(), &parts).await
    }

    /// Stops enforcing an order or an entry.
    pub async fn withdraw(&self, request: &Withdraw) -> Result<Changed, ClientError> {
        self.post(path::WITHDRAW, request).await
    }

    /// Enforces it again.
    pub async fn reinstate(&self, request: &Withdraw) -> Result<Changed, ClientError> {
        self.post(path::REINSTATE, request).await
    }

    /// What waits for persons.
    pub async fn holds(&self) -> Result<Holds, ClientError> {
        self.get(path::HOLDS.to_owned()).await
    }

    /// Approves what waits.
    pub async fn approve(&self, request: &DecideHold) -> Result<Changed, ClientError> {
        self.post(path::APPROVE, request).await
    }

    /// Rejects what waits.
    pub async fn reject(&self, request: &DecideHold) -> Result<Changed, ClientError> {
        self.post(path::REJECT, request).await
    }

    /// Never blocks a prefix.
    pub async fn add_exception(&self, request: &AddException) -> Result<Changed, ClientError> {
        self.post(path::EXCEPTIONS, request).await
    }

    /// Drops an exception.
    pub async fn remove_exception(
        &self,
        request: &RemoveException,
    ) -> Result<Changed, ClientError> {
        self.post(path::EXCEPTIONS_REMOVE, request).await
    }

    /// The rules in force.
    pub async fn rules(&self) -> Result<Vec<RuleEntry>, ClientError> {
        self.get(path::RULES.to_owned()).await
    }

    /// Puts a rule into force.
    pub async fn add_rule(&self, request: &AddRule) -> Result<RuleAdded, ClientError> {
        self.post(path::RULES, request).await
    }

    /// Removes a rule.
    pub async fn remove_rule(&self, id: &RuleId) -> Result<Changed, ClientError> {
        self.ask(Ask {
            method: Method::DELETE,
            target: with_query(path::RULES, "id", id.as_str()),
            content_type: String::new(),
            body: Vec::new(),
            time_max: CHANGE_TIME_MAX,
        })
        .await
    }

    /// Puts the program on an interface.
    pub async fn attach(&self, request: &InterfaceRequest) -> Result<Changed, ClientError> {
        self.post(path::ATTACH, request).await
    }

    /// Takes it off.
    pub async fn detach(&self, request: &InterfaceRequest) -> Result<Changed, ClientError> {
        self.post(path::DETACH, request).await
    }

    /// Sets the kill switch.
    pub async fn panic(&self, request: &PanicRequest) -> Result<Changed, ClientError> {
        self.post_within(path::PANIC, request, PANIC_TIME_MAX).await
    }

    /// The trust file in force.
    pub async fn trust(&self) -> Result<TrustStatus, ClientError> {
        self.get(path::TRUST.to_owned()).await
    }

    /// Says that the clock is right.
    pub async fn accept_clock(&self, request: &AcceptClock) -> Result<Changed, ClientError> {
        self.post(path::CLOCK_ACCEPT, request).await
    }

    /// Reads the configuration again.
    pub async fn reload(&self) -> Result<Changed, ClientError> {
        self.post(path::RELOAD, &()).await
    }

    /// Pauses a feed where it is.
    pub async fn pause_feed(
        &self,
        feed: &FeedName,
        request: &PauseFeed,
    ) -> Result<Changed, ClientError> {
        let target = path::FEED_PAUSE.replace("{feed}", feed.as_str());
        self.post(&target, request).await
    }

    /// Takes a feed back to an earlier state, and pauses it there.
    pub async fn roll_back(
        &self,
        feed: &FeedName,
        request: &RollBack,
    ) -> Result<Changed, ClientError> {
        let target = path::FEED_ROLLBACK.replace("{feed}", feed.as_str());
        self.post(&target, request).await
    }

    /// Ends the pause of a feed, and fetches it now.
    pub async fn sync_feed(&self, request: &FeedRequest) -> Result<Changed, ClientError> {
        self.post(path::FEED_SYNC, request).await
    }

    /// Enforces the update of a list that is held.
    pub async fn approve_update(&self, request: &FeedRequest) -> Result<Changed, ClientError> {
        self.post(path::FEED_APPROVE, request).await
    }

    /// Never enforces it.
    pub async fn reject_update(&self, request: &FeedRequest) -> Result<Changed, ClientError> {
        self.post(path::FEED_REJECT, request).await
    }

    async fn send<T: DeserializeOwned>(
        &self,
        target: String,
        parts: &[(&str, &[u8])],
    ) -> Result<T, ClientError> {
        let (content_type, body) = multipart(parts);
        self.ask(Ask {
            method: Method::POST,
            target,
            content_type,
            body,
            time_max: CHANGE_TIME_MAX,
        })
        .await
    }

    async fn get<T: DeserializeOwned>(&self, target: String) -> Result<T, ClientError> {
        self.ask(Ask {
            method: Method::GET,
            target,
            content_type: String::new(),
            body: Vec::new(),
            time_max: READ_TIME_MAX,
        })
        .await
    }

    async fn post<T: DeserializeOwned>(
        &self,
        target: &str,
        request: &impl Serialize,
    ) -> Result<T, ClientError> {
        self.post_within(target, request, CHANGE_TIME_MAX).await
    }

    async fn post_within<T: DeserializeOwned>(
        &self,
        target: &str,
        request: &impl Serialize,
        time_max: Duration,
    ) -> Result<T, ClientError> {
        let body = document(request)?;
        self.ask(Ask {
            method: Method::POST,
            target: target.to_owned(),
            content_type: "application/json".to_owned(),
            body,
            time_max,
        })
        .await
    }

    async fn connect(&self) -> Result<UnixStream, ClientError> {
        let unreachable = |reason: String| ClientError::Unreachable {
            socket: self.socket.clone(),
            reason,
        };
        match timeout(CONNECT_TIME_MAX, UnixStream::connect(&self.socket)).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) if error.kind() == io::ErrorKind::PermissionDenied => {
                Err(ClientError::Denied(self.socket.clone()))
            }
            Ok(Err(error)) => Err(unreachable(error.to_string())),
            Err(_) => Err(unreachable("it takes no connection".to_owned())),
        }
    }

    async fn ask<T: DeserializeOwned>(&self, ask: Ask) -> Result<T, ClientError> {
        let stream = self.connect().await?;
        let (after, change) = (ask.time_max, ask.method != Method::GET);
        let (succeeded, bytes) = timeout(after, exchange(stream, ask))
            .await
            .map_err(|_| ClientError::Silent { after, change })?
            .map_err(|error| ClientError::Broken {
                reason: error.to_string(),
                change,
            })?;
        let foreign = |error: serde_json::Error| ClientError::Foreign {
            socket: self.socket.clone(),
            reason: error.to_string(),
        };
        if succeeded {
            serde_json::from_slice(&bytes).map_err(foreign)
        } else {
            Err(ClientError::Refused(
                serde_json::from_slice(&bytes).map_err(foreign)?,
            ))
        }
    }
}

fn document(request: &impl Serialize) -> Result<Vec<u8>, ClientError> {
    serde_json::to_vec(request).map_err(|error| ClientError::Broken {
        reason: error.to_string(),
        change: false,
    })
}

#[cfg(test)]
mod tests;
