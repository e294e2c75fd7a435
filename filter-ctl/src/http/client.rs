//! Asks the service.

mod error;
mod exchange;

use std::{
    io,
    net::IpAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use http_body_util::BodyExt as _;
use hyper::{Method, body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde::{Serialize, de::DeserializeOwned};
use tokio::{net::UnixStream, time::timeout};

use self::exchange::{Ask, drive, escaped, exchange, multipart, request, with_query};
pub use self::{error::ClientError, exchange::Bundle};
use super::{
    path,
    wire::{
        AcceptClock, AddException, AddOrder, AddRule, ApplyReport, CaptureRequest, Changed,
        DecideHold, DecideUpdate, Events, Explanation, FeedRequest, Holds, InterfaceRequest,
        Meters, NeverBlockEntry, OrderDetail, OrderReport, OrderSummary, PanicRequest, PauseFeed,
        RemoveException, ReportSent, RollBack, RuleAdded, RuleEntry, SignedReceipt, Stats, Status,
        TrustStatus, Withdraw,
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

    /// The last events; of one reason, if it is named.
    pub async fn events(&self, reason: Option<&str>) -> Result<Events, ClientError> {
        self.get(events_target(reason, "")).await
    }

    /// Hands over each part of the stream of events as it comes: from the event after that number on, or from now
    /// on. An error of `take` ends it.
    pub async fn follow(
        &self,
        reason: Option<&str>,
        after: Option<u64>,
        take: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<io::Result<()>, ClientError> {
        let after = after.map_or_else(String::new, |after| format!("&after={after}"));
        let ask = Ask {
            method: Method::GET,
            target: events_target(reason, &format!("follow=1{after}")),
            content_type: String::new(),
            body: Vec::new(),
            time_max: READ_TIME_MAX,
        };
        self.stream(ask, take).await
    }

    /// Hands over each part of a capture file as it comes. An error of `take` ends it.
    pub async fn capture(
        &self,
        request: &CaptureRequest,
        take: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<io::Result<()>, ClientError> {
        let ask = posted(path::CAPTURE, request, READ_TIME_MAX)?;
        self.stream(ask, take).await
    }

    /// What comes for protected destinations, over so many seconds.
    pub async fn meters(
        &self,
        seconds: u32,
        group: Option<&str>,
        limit: usize,
    ) -> Result<Meters, ClientError> {
        let mut target = with_query(path::METERS, "limit", &limit.to_string());
        target += "&seconds=";
        target += &seconds.to_string();
        if let Some(group) = group {
            target += "&group=";
            target += &escaped(group);
        }
        self.get(target).await
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
    pub async fn approve_update(&self, request: &DecideUpdate) -> Result<Changed, ClientError> {
        self.post(path::FEED_APPROVE, request).await
    }

    /// Never enforces it.
    pub async fn reject_update(&self, request: &DecideUpdate) -> Result<Changed, ClientError> {
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
        self.ask(posted(target, request, time_max)?).await
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
        if succeeded {
            self.document(&bytes)
        } else {
            Err(ClientError::Refused(self.document(&bytes)?))
        }
    }

    fn document<T: DeserializeOwned>(&self, bytes: &[u8]) -> Result<T, ClientError> {
        serde_json::from_slice(bytes).map_err(|error| ClientError::Foreign {
            socket: self.socket.clone(),
            reason: error.to_string(),
        })
    }

    /// Sends a request and hands over its answer part by part. The time is that until the answer begins.
    async fn stream(
        &self,
        ask: Ask,
        mut take: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<io::Result<()>, ClientError> {
        let broken = |error: hyper::Error| ClientError::Broken {
            reason: error.to_string(),
            change: false,
        };
        let after = ask.time_max;
        let silent = |_| ClientError::Silent {
            after,
            change: false,
        };
        let stream = TokioIo::new(self.connect().await?);
        let (mut sender, connection) = http1::handshake(stream).await.map_err(broken)?;
        let answered = async {
            let response = timeout(after, sender.send_request(request(ask))).await;
            let response = response.map_err(silent)?.map_err(broken)?;
            let succeeded = response.status().is_success();
            let mut body: Incoming = response.into_body();
            if !succeeded {
                let bytes = body.collect().await.map_err(broken)?.to_bytes();
                return Err(ClientError::Refused(self.document(&bytes)?));
            }
            while let Some(frame) = body.frame().await {
                if let Some(part) = frame.map_err(broken)?.data_ref()
                    && let Err(error) = take(part)
                {
                    return Ok(Err(error));
                }
            }
            Ok(Ok(()))
        };
        drive(connection, answered).await
    }
}

/// A change, to be asked for.
fn posted(target: &str, request: &impl Serialize, time_max: Duration) -> Result<Ask, ClientError> {
    Ok(Ask {
        method: Method::POST,
        target: target.to_owned(),
        content_type: "application/json".to_owned(),
        body: document(request)?,
        time_max,
    })
}

fn document(request: &impl Serialize) -> Result<Vec<u8>, ClientError> {
    serde_json::to_vec(request).map_err(|error| ClientError::Broken {
        reason: error.to_string(),
        change: false,
    })
}

fn events_target(reason: Option<&str>, rest: &str) -> String {
    match reason {
        Some(reason) => format!("{}&{rest}", with_query(path::EVENTS, "reason", reason)),
        None => format!("{}?{rest}", path::EVENTS),
    }
}

#[cfg(test)]
mod tests;
