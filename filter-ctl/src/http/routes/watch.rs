//! What is looked at while it happens: events, captures, meters.

use std::{
    convert::Infallible,
    fmt::Display,
    ops::RangeInclusive,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Extension,
    body::{Body as AnswerBody, Bytes},
    extract::{Query, State, rejection::QueryRejection},
    http::header::CONTENT_TYPE,
    response::{IntoResponse as _, Response},
};
use filter_common::verdict::Reason;
use hyper::body::Frame;
use jiff::Timestamp;
use serde::Deserialize;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until, timeout_at},
};

use super::{Answer, Reader, Service, allow, body::Body, invalid, refusal, refuse};
use crate::{
    capture::write::{Writer, Written},
    daemon::handle::WholeAddresses,
    events::{Addresses, Filter, Seen, Subscription, event::comment, frame::frame, hub},
    http::{
        peer::{Peer, Role},
        wire::{
            CAPTURE_PACKETS_MAX, CAPTURE_SECONDS_MAX, CaptureRequest, DESTINATIONS_LISTED_MAX,
            EventLine, Events, EventsLost, METER_SECONDS_MAX, Refusal, RefusalKind,
        },
    },
    observe::meters::{self, Wanted},
};

/// How long somebody may follow with one request; who wants to go on asks again from the last event on.
const FOLLOW_TIME_MAX: Duration = Duration::from_mins(9);
/// Destinations that are listed unless the request says how many.
const DESTINATIONS_LISTED: usize = 20;
/// Parts of an answer that wait for a slow reader; then samples wait in the subscription, and are lost past its
/// limit.
const PARTS_MAX: usize = 16;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EventsQuery {
    reason: Option<String>,
    after: Option<u64>,
    follow: Option<u8>,
}

pub(super) async fn events(
    _: Reader,
    State(service): State<Service>,
    query: Result<Query<EventsQuery>, QueryRejection>,
) -> Response {
    let Query(query) = match query {
        Ok(query) => query,
        Err(error) => return refuse(invalid(error.body_text())),
    };
    let follows = query.follow.unwrap_or(0) != 0;
    // Who follows without a place to begin at begins now.
    let nothing_before = if follows { u64::MAX } else { 0 };
    let filter = match reason(query.reason.as_deref()) {
        Ok(reason) => Filter {
            reason,
            after: query.after.unwrap_or(nothing_before),
        },
        Err(refusal) => return refuse(refusal),
    };
    let hub = service.handle.events();
    if !follows {
        let events = hub.recent(filter).into_iter();
        let tallies = service.handle.view().metrics.samples.tallies;
        return Answer(Ok(Events {
            per_second: hub.per_second(),
            total: hub.by_reason().values().sum(),
            suppressed: tallies.samples_over_rate,
            lost: tallies.samples_lost,
            events: events.map(|event| event.as_ref().clone()).collect(),
        }))
        .into_response();
    }
    let Some((before, subscription)) = hub.follow(filter, Addresses::Masked) else {
        return refuse(too_many());
    };
    let (parts, body) = Parts::channel();
    tokio::spawn(async move {
        let mut text = Vec::new();
        for event in before {
            write_line(
                &mut text,
                &EventLine::Event(Box::new(event.as_ref().clone())),
            );
        }
        if text.is_empty() || parts.send(text.into()).await.is_ok() {
            follow(subscription, parts).await;
        }
    });
    ([(CONTENT_TYPE, "application/x-ndjson")], body).into_response()
}

/// Sends a line for each event, until nobody reads them or the time is over.
async fn follow(mut subscription: Subscription, parts: mpsc::Sender<Bytes>) {
    let end = Instant::now() + FOLLOW_TIME_MAX;
    while let Some(Seen { event, .. }) = next(&mut subscription, &parts, end).await {
        let mut text = Vec::new();
        let lost = subscription.take_lost();
        if lost > 0 {
            write_line(&mut text, &EventLine::Lost(EventsLost { lost }));
        }
        write_line(
            &mut text,
            &EventLine::Event(Box::new(event.as_ref().clone())),
        );
        if parts.send(text.into()).await.is_err() {
            return;
        }
    }
}

/// The next sample; `None` once nobody wants it or the time is over.
async fn next(
    subscription: &mut Subscription,
    parts: &mpsc::Sender<Bytes>,
    end: Instant,
) -> Option<Seen> {
    tokio::select! {
        seen = subscription.next() => seen,
        () = parts.closed() => None,
        () = sleep_until(end) => None,
    }
}

fn write_line(text: &mut Vec<u8>, line: &EventLine) {
    // Writing to memory does not fail, and every field is text or a number.
    if serde_json::to_writer(&mut *text, line).is_ok() {
        text.push(b'\n');
    }
}

pub(super) async fn capture(
    _: Reader,
    Extension(peer): Extension<Peer>,
    State(service): State<Service>,
    Body(request): Body<CaptureRequest>,
) -> Response {
    match open_capture(peer, &service, request).await {
        Ok(body) => ([(CONTENT_TYPE, "application/x-pcapng")], body).into_response(),
        Err(refusal) => refuse(refusal),
    }
}

async fn open_capture(
    peer: Peer,
    service: &Service,
    request: CaptureRequest,
) -> Result<AnswerBody, Refusal> {
    let addresses = if request.whole_addresses {
        Addresses::Whole
    } else {
        Addresses::Masked
    };
    let actor = match addresses {
        Addresses::Whole => Some(allow(Some(&peer), Role::Admin, "see whole addresses")?),
        Addresses::Masked => None,
    };
    check_within("seconds", request.seconds, &(1..=CAPTURE_SECONDS_MAX))?;
    check_within("packets", request.packets, &(1..=CAPTURE_PACKETS_MAX))?;
    let filter = Filter {
        reason: reason(request.reason.as_deref())?,
        after: u64::MAX,
    };
    let hub = service.handle.events();
    if hub.per_second() == 0 {
        let error = "no samples are made: [samples] per_second is 0 in the configuration";
        return Err(refusal(RefusalKind::Refused, "samples_off", error));
    }
    let (_, subscription) = hub.follow(filter, addresses).ok_or_else(too_many)?;
    let capture = Capture {
        end: Instant::now() + Duration::from_secs(request.seconds.into()),
        packets: request.packets,
    };
    let whole = match actor {
        Some(actor) => Some(service.handle.open_whole(request, actor).await?),
        None => None,
    };
    let (parts, body) = Parts::channel();
    tokio::spawn(capture.run(subscription, whole, parts));
    Ok(body)
}

fn check_within<T: Copy + PartialOrd + Display>(
    name: &str,
    value: T,
    range: &RangeInclusive<T>,
) -> Result<(), Refusal> {
    if range.contains(&value) {
        return Ok(());
    }
    let (least, most) = (range.start(), range.end());
    Err(invalid(format!(
        "{name}: {value} is not between {least} and {most}"
    )))
}

/// A capture that is under way.
struct Capture {
    end: Instant,
    packets: u32,
}

impl Capture {
    /// Sends the file as it grows.
    async fn run(
        self,
        mut subscription: Subscription,
        whole: Option<WholeAddresses>,
        parts: mpsc::Sender<Bytes>,
    ) {
        let application = concat!("filter-ctl ", env!("CARGO_PKG_VERSION"));
        let (mut writer, header) = Writer::begin(application);
        if parts.send(header.into()).await.is_err() {
            return;
        }
        for _ in 0..self.packets {
            let Some(seen) = next(&mut subscription, &parts, self.end).await else {
                break;
            };
            let packet = writer.packet(&Written {
                interface: &seen.event.interface,
                time: seen.event.time,
                frame: &frame(&seen.sample),
                length: seen.sample.frame_length,
                comment: &comment(&seen.event),
            });
            match timeout_at(self.end, parts.send(packet.into())).await {
                Ok(Ok(())) => {}
                // The reader is gone, or so slow that the time is over.
                Ok(Err(_)) => return,
                Err(_) => break,
            }
        }
        drop(whole);
        let lost = subscription.take_lost();
        if lost > 0 {
            // Who is gone by now has all that could be had.
            let _gone = parts
                .send(writer.missing(lost, Timestamp::now()).into())
                .await;
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MetersQuery {
    seconds: Option<u32>,
    group: Option<String>,
    limit: Option<usize>,
}

pub(super) async fn meters(
    _: Reader,
    State(service): State<Service>,
    query: Result<Query<MetersQuery>, QueryRejection>,
) -> Response {
    match query {
        Ok(Query(query)) => Answer(measure(&service, query).await).into_response(),
        Err(error) => refuse(invalid(error.body_text())),
    }
}

async fn measure(
    service: &Service,
    query: MetersQuery,
) -> Result<crate::http::wire::Meters, Refusal> {
    let seconds = query.seconds.unwrap_or(1);
    check_within("seconds", seconds, &(1..=METER_SECONDS_MAX))?;
    let limit = query.limit.unwrap_or(DESTINATIONS_LISTED);
    check_within("limit", limit, &(1..=usize::from(DESTINATIONS_LISTED_MAX)))?;
    let groups = service.handle.host_groups();
    let group = query.group.as_deref();
    if let Some(group) = group
        && !groups.iter().any(|known| known == group)
    {
        let known = match groups.as_slice() {
            [] => "none is configured".to_owned(),
            known => format!("expected one of {}", known.join(", ")),
        };
        let error = format!("there is no host group `{group}`: {known}");
        return Err(refusal(RefusalKind::NotFound, "no_such_group", error));
    }
    let before = service.handle.read_meters().await?;
    let began = Instant::now();
    sleep_until(began + Duration::from_secs(seconds.into())).await;
    let now = service.handle.read_meters().await?;
    let wanted = Wanted {
        groups: &groups,
        group,
        limit,
    };
    let gains = meters::gains(&before, &now);
    Ok(meters::report(
        &gains,
        began.elapsed(),
        Timestamp::now(),
        &wanted,
    ))
}

/// A reason for which packets are dropped, by its name.
fn reason(name: Option<&str>) -> Result<Option<Reason>, Refusal> {
    let Some(name) = name else {
        return Ok(None);
    };
    let found = Reason::named(name).filter(|reason| reason.can_drop());
    found.map(Some).ok_or_else(|| {
        invalid(format!(
            "`{name}` is no reason for which packets are dropped; `filter-ctl stats` names those that were"
        ))
    })
}

fn too_many() -> Refusal {
    let most = hub::SUBSCRIPTIONS_MAX;
    let error = format!("{most} followers and captures are open already; end one, or try again");
    refusal(RefusalKind::Failed, "busy", error)
}

/// The body of an answer that is sent part by part.
struct Parts(mpsc::Receiver<Bytes>);

impl Parts {
    fn channel() -> (mpsc::Sender<Bytes>, AnswerBody) {
        let (sender, receiver) = mpsc::channel(PARTS_MAX);
        (sender, AnswerBody::new(Self(receiver)))
    }
}

impl hyper::body::Body for Parts {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let part = self.0.poll_recv(context);
        part.map(|part| part.map(|bytes| Ok(Frame::data(bytes))))
    }
}
